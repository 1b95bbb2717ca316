"""fsync: never on the event loop's thread, never again on a descriptor where it failed.

After a failed fsync Linux may have dropped the dirty pages, so that the next one on the same
descriptor succeeds without the data being anywhere (the PostgreSQL list's "fsyncgate", 2018).
"""

import asyncio
import ctypes
import os
from collections.abc import Sequence
from functools import partial

from backends.errors import Unavailable
from backends.local.opening import READABLE_DIRECTORY
from backends.local.threads import Descriptor, Pool

_libc = ctypes.CDLL(None, use_errno=True)
_begin_writing = getattr(_libc, "sync_file_range", None)
if _begin_writing is not None:
    _begin_writing.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
_WRITE = 2  # SYNC_FILE_RANGE_WRITE of linux/fs.h

_MOST_RUNS = 4
_MOST_FILES = 32
"""Of one run."""

_Waiting = Sequence[tuple[Descriptor, asyncio.Future[BaseException | None]]]


class FileSyncs:
    """fsync of files, many in one hop to a thread. Loop thread only.

    Not fdatasync: the modification time is the fingerprint, the attribute the description, and
    fdatasync promises neither (ext4 and XFS skip both when a longer write had its size committed
    before). Of several files the writing is begun for all before the first is waited for: then they
    share the file system's commits. Measured: 64 files in four threads take as long as in 32, for
    half the processor time.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._waiting: list[tuple[Descriptor, asyncio.Future[BaseException | None]]] = []
        self._runs = 0

    def begin(self, file: Descriptor) -> "asyncio.Future[BaseException | None]":
        """Force data, size, times and attributes of ``file`` to the medium; how that failed, or None.
        Unavailable if the storage is closed."""
        self._pool.check_open()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[BaseException | None] = loop.create_future()
        file.used_by(done)
        self._waiting.append((file, done))
        if len(self._waiting) == 1:
            loop.call_soon(self._run)  # with whatever else this turn of the loop brings
        return done

    def _run(self) -> None:
        if not self._waiting or self._runs == _MOST_RUNS:
            return
        mine, self._waiting = self._waiting[:_MOST_FILES], self._waiting[_MOST_FILES:]
        try:
            work = self._pool.start(_sync_each, [file.number for file, _ in mine])
        except Unavailable as error:
            _tell(mine, [error] * len(mine))
        else:
            self._runs += 1
            work.add_done_callback(partial(self._done, mine))
        self._run()

    def _done(self, mine: _Waiting, work: "asyncio.Future[list[BaseException | None]]") -> None:
        self._runs -= 1
        failure = work.exception()
        _tell(mine, work.result() if failure is None else [failure] * len(mine))
        self._run()


def _tell(waiting: _Waiting, outcomes: Sequence[BaseException | None]) -> None:
    for (_, done), outcome in zip(waiting, outcomes, strict=True):
        if not done.done():
            done.set_result(outcome)


def _sync_each(files: Sequence[int]) -> list[BaseException | None]:
    if len(files) > 1 and _begin_writing is not None:
        for file in files:
            _begin_writing(file, 0, 0, _WRITE)  # what fails here fails below
    return [_failure_of_sync(file) for file in files]


def _failure_of_sync(file: int) -> OSError | None:
    try:
        os.fsync(file)
    except OSError as error:
        return error
    return None


async def sync_data(file: Descriptor) -> None:
    """Force data and size of ``file`` to the medium. Unavailable if that fails."""
    try:
        await file.run(_fdatasync, file.number)
    except OSError as error:
        raise Unavailable(f"fdatasync failed, the bytes are lost: {error.strerror}") from error


class SharedSync:
    """fsync of one directory, shared by all that wait for it. Loop thread only.

    Each waiter gets a sync that began after it had asked, thus after its file was created; all who
    ask while one is running share the next.
    """

    def __init__(self, pool: Pool, parent: int, name: str) -> None:
        self._pool = pool
        self._parent = parent
        self._name = name
        self._running = False
        self._next: asyncio.Future[BaseException | None] | None = None

    async def wait(self) -> None:
        """Return when all names made before this call are durable. Unavailable if that fails."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        mine = self._next
        if not self._running:
            self._begin(mine)
        failure = await asyncio.shield(mine)
        if failure is not None:
            raise Unavailable(f"fsync of {self._name!r} failed: {failure}") from failure

    def _begin(self, waiting: asyncio.Future[BaseException | None]) -> None:
        self._next = None
        try:
            work = self._pool.start(sync_directory, self._parent, self._name)
        except Unavailable as error:
            waiting.set_result(error)
            return
        self._running = True

        def done(future: asyncio.Future[None]) -> None:
            self._running = False
            waiting.set_result(future.exception())
            if self._next is not None:
                self._begin(self._next)

        work.add_done_callback(done)


def sync_directory(parent: int, name: str) -> None:
    """fsync of a directory on a descriptor of its own. Blocks; raises OSError."""
    directory = os.open(name, READABLE_DIRECTORY, dir_fd=parent)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def sync_file_system(directory: int) -> None:
    """All that was written to the file system ``directory`` is on. Blocks; raises OSError.

    One call for many files. Linux has told of failed writes since 5.8 (syncfs(2)).
    """
    if not hasattr(_libc, "syncfs"):  # macOS
        os.sync()
    elif _libc.syncfs(directory):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _fdatasync(file: int) -> None:
    if hasattr(os, "fdatasync"):
        os.fdatasync(file)
    else:  # macOS
        os.fsync(file)

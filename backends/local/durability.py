"""fsync: never on the event loop's thread, never again on a descriptor where it failed.

After a failed fsync Linux may have dropped the dirty pages, so that the next one on the same
descriptor succeeds without the data being anywhere (the PostgreSQL list's "fsyncgate", 2018).
"""

import asyncio
import ctypes
import os

from backends.errors import Unavailable
from backends.local.opening import READABLE_DIRECTORY
from backends.local.threads import Descriptor, Pool

_libc = ctypes.CDLL(None, use_errno=True)


async def sync_file(file: Descriptor) -> None:
    """Force data, size, times and attributes of ``file`` to the medium. Unavailable if that fails.

    Not fdatasync: the modification time is the fingerprint, the attribute the description, and
    fdatasync promises neither (ext4 and XFS skip both when a longer write had its size committed
    before).
    """
    try:
        await file.run(_fsync, file.number)
    except OSError as error:
        raise Unavailable(f"fsync failed, the bytes are discarded: {error.strerror}") from error


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


def _fsync(file: int) -> None:
    os.fsync(file)


def _fdatasync(file: int) -> None:
    if hasattr(os, "fdatasync"):
        os.fdatasync(file)
    else:  # macOS
        os.fsync(file)

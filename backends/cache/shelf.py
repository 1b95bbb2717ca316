"""A directory of blocks that never takes more than it may. Everything here blocks but
``find_at_once``; from any thread."""

import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import apsw

from backends.cache import blocks, sweeping
from backends.cache.events import Count
from backends.cache.index import Displaced, Index
from backends.cache.naming import Block
from backends.cache.sizes import OVERHEAD, ROW

_ABANDONED_S = 60.0
_PAUSE_S = 10.0
_UNDROPPED = 10_000
_ALLOCATED = 4096
_BROKEN = frozenset({errno.EIO, errno.EBADMSG, errno.EUCLEAN})
"""What a file system says of a file whose bytes are lost."""


class Kept(Enum):
    """What became of a block that was to be kept."""

    KEPT = "kept"
    REFUSED = "refused"
    """What is there is asked for more often, or another process keeps it."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A block to be kept: its bytes, which began to be read at the moment ``begun`` of the system's
    monotonic clock, and how often they were asked for."""

    block: Block
    pieces: Sequence[bytes]
    modified_ns: int
    begun: int
    often: int


class Shelf:
    """Blocks in ``directory``, at most ``size`` bytes with all that goes with them.

    Processes may share a directory. ``often`` tells how often a block was asked for of late. What fails
    is told by ``complain``, once until it succeeds again; then nothing is kept for a while.
    """

    def __init__(
        self,
        directory: Path,
        size: int,
        *,
        often: Callable[[bytes], int],
        count: Count,
        complain: Callable[[str], None],
    ) -> None:
        self._directory = directory
        self._budget = size - OVERHEAD
        self._often = often
        self._count = count
        self._complain = complain
        self._lock = threading.Lock()
        self._joining = threading.Lock()
        self._index: Index | None = None
        self._alone: Index | None = None
        """The index while nobody else may join, and files that it does not know may be there."""
        self._spoilt = False
        self._held: int | None = None
        self._is_ours = False
        """Whether nobody else can have put blocks into the directory."""
        self._fits = False
        self._closed = False
        self._again = 0.0
        self._ails = False
        self._undropped: set[bytes] = set()
        self._out_of_use = False

    def open(self) -> None:
        """Make ready to keep blocks, but for a walk through the directory or for room, if that is due. What
        fails is complained of, and tried again later."""
        self._closed = False
        self._again = 0.0
        with self._joining, self._failing():
            self._join()

    def get_ready(self) -> bool:
        """Whether blocks can be kept now; what is due for it is done, as long as it takes. Whoever comes
        meanwhile is told that they cannot."""
        if self._closed or time.monotonic() < self._again:
            return False
        if self._index is not None and self._fits:
            return True
        if not self._joining.acquire(blocking=False):
            return False
        try:
            with self._failing():
                self._join()
                if self._alone is not None:
                    self._sweep(self._alone)
                self._shrink()
        finally:
            self._joining.release()
        return self._index is not None and self._fits

    def close(self) -> None:
        self._closed = True
        with self._joining, self._lock:
            self._leave()

    def find(self, block: Block, first: int, end: int) -> tuple[bytes, int] | None:
        """Bytes ``first`` to ``end`` of a block, and when its object was changed last. None if it is not
        there, or is damaged: then it is removed."""
        if not self._may_serve(block):
            return None
        path = self._file(block.name)
        try:
            return blocks.read(path, block, first, end)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno not in _BROKEN:
                self._count("failed", 1)
                return None
        except blocks.Torn:
            pass
        self._count("damaged", 1)
        with suppress(OSError):
            path.unlink()
        return None

    def find_at_once(self, block: Block) -> bytes | None:
        """All bytes of a small block, without waiting for the disk. None if that cannot be: ``find`` tells."""
        if not self._may_serve(block):
            return None
        try:
            return blocks.read_at_once(self._file(block.name), block)
        except (blocks.Torn, OSError):
            return None

    def holds(self, block: Block) -> bool:
        """Whether there is a file of it; nothing is proven."""
        try:
            return self._file(block.name).exists()
        except OSError:
            return False

    def _may_serve(self, block: Block) -> bool:
        return self._is_ours and not self._out_of_use and block.path not in self._undropped

    def keep(self, arrived: Arrived, touched: Mapping[bytes, int]) -> Kept:
        """Keep a block, if there is or can be made room for it; and note which were read meanwhile."""
        kept = Kept.FAILED
        with self._failing():
            if self.get_ready() and arrived.block.path not in self._undropped:
                kept = self._written(arrived) if self._reserved(arrived, touched) else Kept.REFUSED
            if kept is Kept.KEPT:
                self._ails = False
        return kept

    def touch(self, touched: Mapping[bytes, int]) -> None:
        """Note which blocks were read, and how often of late."""
        with self._failing():
            if self.get_ready():
                with self._changing() as index:
                    index.touch(touched, _now())

    def drop(self, path: bytes) -> None:
        """Remove all blocks of a path; what is being read of it is not kept. Never fails: what cannot
        be removed is not served by this process."""
        if self._out_of_use:
            return
        self._undropped.add(path)
        with self._failing():
            if self.get_ready():
                waiting = {path, *tuple(self._undropped)}
                with self._changing() as index:
                    for one in waiting:
                        self._drop(index, one)
                self._undropped -= waiting
                return
        self._undropped.add(path)  # who dropped it before may have taken it out in between
        if len(self._undropped) > _UNDROPPED:
            self._out_of_use = True
            self._complain("too much was written while it could not be changed")

    def _drop(self, index: Index, path: bytes) -> None:
        index.drop(path, time.monotonic_ns())
        for name, is_whole in index.of_path(path):
            if is_whole:
                self._remove(index, [name])
            else:  # whoever makes it finds that it was dropped
                self._file(name).unlink(missing_ok=True)

    def _reserved(self, arrived: Arrived, touched: Mapping[bytes, int]) -> bool:
        """Whether there is a row for a file that is to be made."""
        block = arrived.block
        with self._changing() as index:
            index.touch(touched, _now())
            if index.dropped(block.path) >= arrived.begun:
                return False
            state = index.state(block.name)
            if state is None:
                if not self._made_room(index, _allocated(block), arrived.often):
                    return False
            elif (state and self._file(block.name).exists()) or not self._abandoned(block.name):
                return False
            index.reserve(block, _allocated(block), _now(), arrived.often)
        return True

    def _made_room(self, index: Index, size: int, often: int) -> bool:
        if index.total() + size > self._budget:
            self._free_abandoned(index)
        needed = index.total() + size - self._budget
        if needed <= 0:
            return True
        victims = index.victims(needed, lambda name, before: max(before, self._often(name)) < often)
        if victims is None:
            return False
        self._remove(index, victims)
        self._count("evicted", len(victims))
        return True

    def _free_abandoned(self, index: Index) -> None:
        """Who was making these files was killed, while others have the directory."""
        for name in index.unfinished(_now() - int(_ABANDONED_S * 1e9)):
            if self._abandoned(name):
                self._remove(index, [name])

    def _shrink(self) -> None:
        """Make what is there, perhaps by a larger cache, fit."""
        while self._index is not None and not self._fits and not self._closed:
            with self._changing() as index:
                excess = index.total() - self._budget
                oldest = index.oldest(excess) if excess > 0 else []
                self._remove(index, oldest)
            if oldest:
                self._count("evicted", len(oldest))
            self._fits = not oldest

    def _abandoned(self, name: bytes) -> bool:
        """Whether nobody is making the file; what somebody left is removed."""
        made = self._made(name)
        try:
            if time.time() - made.stat().st_mtime < _ABANDONED_S:
                return False
            made.unlink()
        except FileNotFoundError:
            pass
        return True

    def _written(self, arrived: Arrived) -> Kept:
        block = arrived.block
        path, made = self._file(block.name), self._made(block.name)
        try:
            number = blocks.write(made, block, b"".join(arrived.pieces), arrived.modified_ns)
        except FileExistsError:
            return Kept.REFUSED
        except OSError:
            self._unmake(made)
            with self._changing() as index:
                self._remove(index, [block.name])
            raise
        try:
            return self._finished(arrived, path, made, number)
        except (OSError, apsw.Error):
            self._unmake(made)  # another index, which does not know of it, may be there by now
            raise

    def _finished(self, arrived: Arrived, path: Path, made: Path, number: int) -> Kept:
        block = arrived.block
        with self._changing() as index:
            if index.state(block.name) is None or index.dropped(block.path) >= arrived.begun:
                made.unlink(missing_ok=True)
                self._remove(index, [block.name])
                return Kept.REFUSED
            try:
                if made.stat().st_ino != number:
                    return Kept.REFUSED  # it took so long that another was made in its place
                made.rename(path)
            except FileNotFoundError:  # somebody who was to make it too has failed
                self._remove(index, [block.name])
                return Kept.REFUSED
            index.finish(block.name)
        return Kept.KEPT

    def _unmake(self, made: Path) -> None:
        with suppress(OSError):
            made.unlink()

    def _remove(self, index: Index, names: Sequence[bytes]) -> None:
        for name in names:
            self._file(name).unlink(missing_ok=True)
            self._made(name).unlink(missing_ok=True)
            index.free(name)

    @contextmanager
    def _changing(self) -> Iterator[Index]:
        with self._lock:
            if self._index is None:
                raise apsw.ConnectionClosedError("the cache is closed")
            with self._index.transaction():
                yield self._index

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """What fails is told once, and nothing is kept for a while."""
        try:
            yield
        except (OSError, apsw.Error) as error:
            self._again = time.monotonic() + _PAUSE_S
            if isinstance(error, apsw.CorruptError | apsw.NotADBError):
                self._spoilt = True
            if isinstance(error, apsw.CorruptError | apsw.NotADBError | Displaced):
                self._is_ours = False  # until it is looked at again
                with self._lock:
                    self._leave()
            if not self._ails and not self._closed:
                self._ails = True
                self._complain(f"{type(error).__name__}: {error}")

    # Joining those that use the directory. One thread at a time.

    def _join(self) -> None:
        if self._index is not None or self._alone is not None:
            return
        if self._held is None:
            self._is_ours = False
            self._held = sweeping.lock_of(self._directory)
            self._is_ours = True
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._join_others(self._held)
            return
        try:
            index, due = sweeping.opened_alone(self._directory, anew=self._spoilt)
        except BaseException:
            fcntl.flock(self._held, fcntl.LOCK_UN)
            raise
        self._spoilt = False
        if due:
            self._alone = index
        else:
            self._joined(index)

    def _join_others(self, held: int) -> None:
        if self._spoilt:
            raise apsw.CorruptError("others use the index still")
        try:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:  # somebody is alone there, and sweeps
            self._again = time.monotonic() + 1
            return
        self._joined(Index(self._directory / sweeping.INDEX, make=False))

    def _sweep(self, index: Index) -> None:
        if sweeping.swept(self._directory, index, lambda: self._closed):
            self._joined(index)

    def _joined(self, index: Index) -> None:
        assert self._held is not None
        fcntl.flock(self._held, fcntl.LOCK_SH)
        self._fits = False
        self._alone, self._index = None, index
        with index.transaction():
            self._fits = index.total() <= self._budget

    def _leave(self) -> None:
        for index in (self._index, self._alone):
            if index is not None:
                index.close()
        self._index = self._alone = None
        held, self._held = self._held, None
        if held is not None:
            os.close(held)

    def _file(self, name: bytes) -> Path:
        return sweeping.file_of(self._directory, name)

    def _made(self, name: bytes) -> Path:
        return sweeping.made_of(self._directory, name)


def _allocated(block: Block) -> int:
    """What a block takes on the disk, its row and name included."""
    return -(-blocks.file_bytes(block.size) // _ALLOCATED) * _ALLOCATED + ROW


def _now() -> int:
    return time.time_ns()

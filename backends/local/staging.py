"""Writing bytes that are not yet published."""

import asyncio
import errno
import os
import stat
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass

from backends.errors import Damaged, NameRefused, NotFound, Unavailable, Unsupported
from backends.interface import PIECE, Content, Fingerprint, Staged
from backends.local.attributes import Attributes, fingerprint, wrap
from backends.local.durability import FileSyncs, SharedSync, sync_data
from backends.local.faults import translated
from backends.local.making_room import make_room
from backends.local.reading import INLINE, LocalContent
from backends.local.stamping import Stamps
from backends.local.threads import Descriptor, Pool

_SLICE = 16 * 1024 * 1024  # one copy_file_range; bounds how long a thread is held
_LARGE = 1024 * 1024  # unlinking more than this frees many extents: not on the loop's thread
_NO_KERNEL_COPY = frozenset(
    {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.ETXTBSY}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What all staged writers of a storage share."""

    pool: Pool
    folder: int
    """Descriptor of the directory of staged names."""
    names: SharedSync
    """fsync of that directory."""
    files: FileSyncs
    """fsync of staged files."""
    attributes: Attributes
    stamps: Stamps
    durable: bool
    exact_times: bool
    """Modification times are kept as they are set, to the nanosecond."""


class LocalStaged(Staged):
    """A file under a staged name. Used by one task at a time, on the loop's thread.

    A failed or cancelled ``write`` or ``copy`` leaves it fit for ``discard`` only; a failed or
    cancelled ``seal`` or ``keep`` discards it.
    """

    def __init__(
        self,
        workshop: Workshop,
        name: str,
        *,
        offset: int,
        exclusive: bool,
        size: int | None = None,
    ) -> None:
        self.name = name
        self._shop = workshop
        self._exclusive = exclusive
        self._first = self._offset = offset
        self._alone = exclusive and offset == 0
        """The file holds what this writer wrote, and nothing else."""
        self._room = 0 if size is None or size < _LARGE else size
        """Bytes that room is still to be made for."""
        self._file: Descriptor | None = None
        self._beside: Fingerprint | None = None
        self._torn = False
        self._ended = False

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        file = self._begun()
        view = memoryview(data).cast("B")
        small = self._offset - self._first + len(view) <= INLINE
        self._torn = True
        try:
            if small:
                write_all(file.number, view, self._offset)
            else:
                await file.run(write_all, file.number, view, self._offset)
        except OSError as error:
            raise translated(error, f"write {self.name!r}") from error
        self._torn = False
        self._offset += len(view)

    async def take(self, give: Callable[[], Sequence[bytes | memoryview]], size: int) -> None:
        file = self._begun()
        room, self._room = self._room, 0
        small = not room and self._offset - self._first + size <= INLINE
        self._torn = True
        try:
            if small:
                self._offset += _given(file.number, give, self._offset)
            else:
                self._offset += await file.run(_given, file.number, give, self._offset, room)
        except OSError as error:
            raise translated(error, f"write {self.name!r}") from error
        self._torn = False

    async def copy(self, source: Content) -> None:
        if not isinstance(source, LocalContent):
            async for piece in source.chunks():
                await self.write(piece)
            return
        file = self._begun()
        position, end = source.first, source.first + source.length
        self._torn = True
        while position < end:
            want = min(_SLICE, end - position)
            number = source.file.number
            try:
                work = self._shop.pool.start(
                    copied, number, file.number, position, self._offset, want
                )
                file.used_by(work)
                source.file.used_by(work)
                moved = await asyncio.shield(work)
            except OSError as error:
                raise translated(error, f"copy into {self.name!r}") from error
            if not moved:
                raise Damaged(f"{source.stored.path!r} became shorter while it was copied")
            position += moved
            self._offset += moved
        source.check()
        self._torn = False

    async def keep(self) -> int:
        try:
            file = self._begun()
            if self._shop.durable:
                await _both(sync_data(file), self._shop.names.wait())
        except BaseException:
            await self.discard()
            raise
        self._ended = True
        await file.aclose()
        return self._offset - self._first

    async def seal(
        self, describe: Callable[[Fingerprint], bytes], *, size: int | None = None
    ) -> Fingerprint:
        return await self.fix(describe, size)

    async def fix(
        self,
        describe: Callable[[Fingerprint], bytes] | None,
        size: int | None,
        *,
        stamp: int | None = None,
    ) -> Fingerprint:
        """As ``seal``; without ``describe`` nothing is kept about the bytes. ``stamp`` is that of the
        bytes these are a replica of."""
        try:
            file = self._begun(create=self._exclusive)
            await self._cut(file, size)
            sealed = self._stamped(file.number, size, stamp)
            if describe is not None:
                await self._describe(file, sealed, describe(sealed))
            if self._shop.durable:
                await self._force(file)
        except BaseException:
            await self.discard()
            raise
        self._ended = True
        await file.aclose()
        return sealed

    async def _force(self, file: Descriptor) -> None:
        data = self._shop.files.begin(file)
        await self._shop.names.wait()
        failure = await asyncio.shield(data)
        if failure is not None:
            raise Unavailable(f"fsync failed, the bytes are discarded: {failure}") from failure

    async def discard(self) -> None:
        self._ended = True
        if self._file is None:
            return
        mine = False
        try:
            self._shop.pool.check_open()
            if not self._exclusive:  # shared bytes belong to all who write into them
                pass
            elif self._offset - self._first > _LARGE:
                mine = await self._shop.pool.run(unlink_staged, self._shop.folder, self.name)
            else:
                mine = unlink_staged(self._shop.folder, self.name)
        finally:
            await self._file.aclose()
        if mine and self._beside is not None:  # else they were placed and keep their description
            self._shop.attributes.forget(self._beside)

    def _begun(self, *, create: bool = True) -> Descriptor:
        if self._ended:
            raise Unsupported(f"the staged writer of {self.name!r} has ended")
        if self._torn:
            raise Damaged(f"an earlier write to {self.name!r} failed")
        self._shop.pool.check_open()
        if self._file is None:
            number = open_staged(
                self._shop.folder, self.name, exclusive=self._exclusive, create=create
            )
            self._file = Descriptor(self._shop.pool, number)
        return self._file

    async def _cut(self, file: Descriptor, size: int | None) -> None:
        if size is None:
            return
        there = self._offset if self._alone else os.fstat(file.number).st_size
        if there < size:
            raise Damaged(f"{self.name!r} holds {there} bytes, not {size}")
        if there > size:
            try:
                await file.run(os.ftruncate, file.number, size)
            except OSError as error:
                raise translated(error, f"truncate {self.name!r}") from error

    def _stamped(self, file: int, size: int | None, stamp: int | None) -> Fingerprint:
        if stamp is None:
            stamp = self._shop.stamps.next()
        try:
            os.utime(file, ns=(stamp, stamp))
            if size is not None and self._alone and self._shop.exact_times:
                return Fingerprint(size=size, stamp=str(stamp))
            return fingerprint(os.fstat(file))  # the file system may have rounded it
        except OSError as error:
            raise translated(error, f"stamp {self.name!r}") from error

    async def _describe(self, file: Descriptor, sealed: Fingerprint, description: bytes) -> None:
        record = wrap(sealed, description)
        attributes, durable = self._shop.attributes, self._shop.durable
        try:
            if not attributes.attach(file.number, record):
                self._beside = sealed
                await file.run(attributes.put_beside, sealed, record, durable=durable)
        except OSError as error:
            raise translated(error, f"describe {self.name!r}") from error


def open_staged(folder: int, name: str, *, exclusive: bool, create: bool) -> int:
    """A staged file for writing. Blocks briefly. NameRefused if an exclusive name is taken."""
    flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    if create:
        flags |= os.O_CREAT
    if exclusive:
        flags |= os.O_EXCL
    try:
        file = os.open(name, flags, 0o644, dir_fd=folder)
    except FileExistsError as error:
        raise NameRefused(f"the staged name {name!r} is taken") from error
    except OSError as error:
        raise translated(error, f"stage {name!r}") from error
    if not exclusive and not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise NotFound(f"staged {name!r} is not a regular file")
    return file


def unlink_staged(folder: int, name: str) -> bool:
    """Unlink a staged name. Blocks briefly. False if nothing was there."""
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise translated(error, f"discard {name!r}") from error
    return True


def _given(
    file: int, give: Callable[[], Sequence[bytes | memoryview]], offset: int, room: int = 0
) -> int:
    pieces = give()
    if room:
        make_room(file, offset, room)
    end = offset
    for piece in pieces:
        view = memoryview(piece)
        # No more at once, by pwritev neither: Linux 6.18 spends several times as much on folios of
        # 1 MiB.
        for at in range(0, len(view), PIECE):
            part = view[at : at + PIECE]
            write_all(file, part, end)
            end += len(part)
    return end - offset


def write_all(file: int, data: memoryview, offset: int) -> None:
    """All of ``data`` at ``offset``. Raises OSError."""
    while data:
        written = os.pwrite(file, data, offset)
        data = data[written:]
        offset += written


def copied(source: int, file: int, position: int, offset: int, want: int) -> int:
    """Copy up to ``want`` bytes, in the kernel if it can; how many were. Raises OSError."""
    if hasattr(os, "copy_file_range"):
        try:
            return os.copy_file_range(source, file, want, position, offset)
        except OSError as error:
            if error.errno not in _NO_KERNEL_COPY:
                raise
    piece = os.pread(source, min(want, PIECE), position)
    write_all(file, memoryview(piece), offset)
    return len(piece)


async def _both(first: Coroutine[None, None, None], second: Coroutine[None, None, None]) -> None:
    for failure in await asyncio.gather(first, second, return_exceptions=True):
        if failure is not None:
            raise failure

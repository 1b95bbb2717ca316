"""A storage in this process's memory: the reference, for tests and the pytest fixture.

It confuses no names and loses all when the process ends, but keeps the tree rule of file systems
(nothing under ``a`` while ``a`` holds bytes), so that whoever relies on ``prepare`` is tested.
"""

import asyncio
import secrets
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from backends import naming
from backends.bodies import stage_whole
from backends.errors import Damaged, NameRefused, NotFound, Unavailable, Unsupported
from backends.interface import (
    MAX_DESCRIPTION,
    PIECE,
    RESERVED,
    Can,
    Content,
    Fingerprint,
    Staged,
    Storage,
    Stored,
)


@dataclass(slots=True, eq=False)
class _Bytes:
    """What a file is elsewhere: bytes that may be renamed while they are read."""

    modified_ns: int
    data: bytearray = field(default_factory=bytearray)
    described: tuple[Fingerprint, bytes] | None = None

    def fingerprint(self) -> Fingerprint:
        return Fingerprint(size=len(self.data), stamp=str(self.modified_ns))

    def description(self) -> bytes | None:
        if self.described is not None and self.described[0] == self.fingerprint():
            return self.described[1]
        return None


class _Tree:
    """What a directory is elsewhere. Where a method does not take the lock, its caller has."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.paths: dict[str, _Bytes] = {}
        self.below: Counter[str] = Counter()
        """How many paths are under each directory."""
        self.folders: set[str] = set()
        self.bench: dict[str, _Bytes] = {}
        self._last_ns = 0

    def begun(self, name: str, *, exclusive: bool, create: bool) -> _Bytes:
        with self.lock:
            kept = self.bench.get(name)
            if kept is not None and exclusive:
                raise NameRefused(f"the staged name {name!r} is taken")
            if kept is None:
                if not create:
                    raise NotFound(f"nothing is staged as {name!r}")
                kept = self.bench[name] = _Bytes(self.now_ns())
            return kept

    def put(self, kept: _Bytes, offset: int, data: memoryview) -> None:
        with self.lock:
            if len(kept.data) < offset:
                kept.data.extend(bytes(offset - len(kept.data)))
            kept.data[offset : offset + len(data)] = data
            kept.modified_ns = self.now_ns()

    def sealed(
        self, kept: _Bytes, size: int | None, describe: Callable[[Fingerprint], bytes]
    ) -> Fingerprint:
        with self.lock:
            if size is not None:
                if len(kept.data) < size:
                    raise Damaged(f"there are {len(kept.data)} bytes, not {size}")
                del kept.data[size:]
            kept.modified_ns = self.now_ns()
            sealed = kept.fingerprint()
            description = describe(sealed)
            if len(description) > MAX_DESCRIPTION:
                raise Unsupported(f"a description of {len(description)} bytes")
            kept.described = sealed, description
            return sealed

    def drop(self, name: str, kept: _Bytes) -> None:
        with self.lock:
            if self.bench.get(name) is kept:
                del self.bench[name]

    def can_take(self, path: str) -> bool:
        if self.below[path] or path in self.folders:
            return False
        return not any(parent in self.paths for parent in _parents(path))

    def moved(self, name: str, path: str) -> bool:
        if name not in self.bench or not self.can_take(path):
            return False
        if path not in self.paths:
            parents = _parents(path)
            self.below.update(parents)
            if parents and not naming.looks_reserved(parents[0]):
                self.folders.add(parents[0])
        self.paths[path] = self.bench.pop(name)
        return True

    def published(self, name: str, path: str) -> _Bytes:
        with self.lock:
            kept = self.bench[name]
            kept.modified_ns = self.now_ns()
            if not self.moved(name, path):
                raise NameRefused(f"a directory or a file is in the way of {path!r}")
            return kept

    def now_ns(self) -> int:
        self._last_ns = max(time.time_ns(), self._last_ns + 1)
        return self._last_ns


class MemoryStorage(Storage):
    """Bytes in dictionaries. Contents survive ``aclose`` and a new ``open``."""

    can = Can.STAGE | Can.PARTS_IN_PLACE | Can.UNSIZED | Can.TREE | Can.UNIQUE | Can.OUTLIVE

    def __init__(self) -> None:
        self._tree = _Tree()
        self._is_open = False

    async def open(self) -> None:
        self._is_open = True

    async def aclose(self) -> None:
        self._is_open = False

    async def stat(self, path: str) -> Stored:
        self._check(path)
        kept = _found(self._tree.paths, path)
        return Stored(
            path=path,
            fingerprint=kept.fingerprint(),
            modified_ns=kept.modified_ns,
            description=kept.description(),
        )

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        self._check(path)
        return _content(_found(self._tree.paths, path), path, first, last, only_if)

    async def write(
        self,
        path: str,
        body: AsyncIterator[bytes],
        *,
        size: int | None,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        create: bool = False,
    ) -> Stored:
        if description is not None or headers is not None or create:
            raise Unsupported("descriptions, headers and conditions of a write")
        self._check(path)
        staged = self.stage(f"write-{secrets.token_hex(16)}")
        try:
            await stage_whole(staged, body, size)
            await staged.keep()
            kept = self._tree.published(staged.name, path)
        except BaseException:
            await staged.discard()
            raise
        return Stored(path=path, fingerprint=kept.fingerprint(), modified_ns=kept.modified_ns)

    async def delete(self, path: str) -> None:
        self.remove(path, only_if=None)

    async def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        self._check_open()
        ours = prefix.startswith(f"{RESERVED}/")
        with self._tree.lock:
            paths = [p for p in self._tree.paths if p.startswith(prefix) and p > after]
        for path in sorted(paths):
            kept = self._tree.paths.get(path)
            if kept is not None and (ours or not path.startswith(f"{RESERVED}/")):
                yield Stored(
                    path=path, fingerprint=kept.fingerprint(), modified_ns=kept.modified_ns
                )

    def natural(self, bucket: str, key: str) -> str | None:
        return naming.natural(bucket, key, self.limits)

    def stage(
        self, name: str, *, offset: int = 0, exclusive: bool = True, size: int | None = None
    ) -> Staged:
        self._check_open()
        return _MemoryStaged(
            self._tree, naming.staged_name(name), offset=offset, exclusive=exclusive
        )

    async def staged(
        self,
        name: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        self._check_open()
        naming.staged_name(name)
        return _content(_found(self._tree.bench, name), name, first, last, only_if)

    def staged_names(self) -> Sequence[str]:
        self._check_open()
        with self._tree.lock:
            return sorted(self._tree.bench)

    def staged_description(self, name: str) -> bytes | None:
        self._check_open()
        kept = self._tree.bench.get(naming.staged_name(name))
        return None if kept is None else kept.description()

    async def describe(self, path: str, description: bytes, *, only_if: Fingerprint) -> bool:
        self._check(path)
        if len(description) > MAX_DESCRIPTION:
            raise Unsupported(f"a description of {len(description)} bytes")
        kept = _found(self._tree.paths, path)
        with self._tree.lock:
            if kept.fingerprint() != only_if:
                return False
            kept.described = only_if, description
        return True

    def folders(self) -> Sequence[str]:
        self._check_open()
        with self._tree.lock:
            return sorted(self._tree.folders)

    def make_folder(self, name: str) -> None:
        self._check_open()
        naming.folder_name(name, self.limits)
        with self._tree.lock:
            if name in self._tree.paths:
                raise NameRefused(f"{name!r} is there and no directory")
            self._tree.folders.add(name)

    def drop_folder(self, name: str) -> None:
        self._check_open()
        naming.folder_name(name, self.limits)
        with self._tree.lock:
            if not self._tree.below[name]:
                self._tree.folders.discard(name)

    def prepare(self, path: str) -> bool:
        self._check(path)
        with self._tree.lock:
            return path not in self._tree.paths and self._tree.can_take(path)

    def place(self, name: str, path: str) -> bool:
        naming.staged_name(name)
        self._check(path)
        with self._tree.lock:
            return self._tree.moved(name, path)

    def remove(self, path: str, *, only_if: Fingerprint | None) -> bool:
        self._check(path)
        with self._tree.lock:
            kept = self._tree.paths.get(path)
            if kept is None:
                return not (self._tree.below[path] or path in self._tree.folders)
            if only_if is not None and kept.fingerprint() != only_if:
                return False
            del self._tree.paths[path]
            self._tree.below.subtract(_parents(path))
            return True

    def drop_staged(self, name: str) -> None:
        self._check_open()
        with self._tree.lock:
            self._tree.bench.pop(naming.staged_name(name), None)

    def _check(self, path: str) -> None:
        self._check_open()
        naming.segments(path, self.limits)

    def _check_open(self) -> None:
        if not self._is_open:
            raise Unavailable("the storage is not open")


class _MemoryContent(Content):
    def __init__(
        self, kept: _Bytes, stored: Stored, first: int, length: int, only_if: Fingerprint | None
    ) -> None:
        self.stored = stored
        self.first = first
        self.length = length
        self._kept = kept
        self._only_if = only_if

    async def chunks(self) -> AsyncIterator[bytes]:
        position, end = self.first, self.first + self.length
        while position < end:
            piece = bytes(self._kept.data[position : min(end, position + PIECE)])
            position += len(piece)
            changed = self._only_if is not None and self._kept.fingerprint() != self._only_if
            if not piece or (position == end and changed):
                raise Damaged(f"{self.stored.path!r} changed while it was read")
            yield piece

    async def aclose(self) -> None:
        pass


class _MemoryStaged(Staged):
    def __init__(self, tree: _Tree, name: str, *, offset: int, exclusive: bool) -> None:
        self.name = name
        self._tree = tree
        self._exclusive = exclusive
        self._first = self._offset = offset
        self._kept: _Bytes | None = None
        self._torn = False
        self._ended = False

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        view = memoryview(data).cast("B")
        self._tree.put(self._begun(), self._offset, view)
        self._offset += len(view)

    async def take(self, give: Callable[[], Sequence[bytes | memoryview]], size: int) -> None:
        self._begun()
        self._torn = True
        pieces = give() if size <= PIECE else await asyncio.to_thread(give)
        self._torn = False
        for piece in pieces:
            await self.write(piece)

    async def copy(self, source: Content) -> None:
        self._begun()
        self._torn = True
        async for piece in source.chunks():
            self._torn = False
            await self.write(piece)
            self._torn = True
        self._torn = False

    async def keep(self) -> int:
        self._begun()
        self._ended = True
        return self._offset - self._first

    async def seal(
        self, describe: Callable[[Fingerprint], bytes], *, size: int | None = None
    ) -> Fingerprint:
        try:
            sealed = self._tree.sealed(self._begun(create=self._exclusive), size, describe)
        except BaseException:
            await self.discard()
            raise
        self._ended = True
        return sealed

    async def discard(self) -> None:
        self._ended = True
        if self._kept is not None and self._exclusive:
            self._tree.drop(self.name, self._kept)

    def _begun(self, *, create: bool = True) -> _Bytes:
        if self._ended:
            raise Unsupported(f"the staged writer of {self.name!r} has ended")
        if self._torn:
            raise Damaged(f"an earlier write to {self.name!r} failed")
        if self._kept is None:
            self._kept = self._tree.begun(self.name, exclusive=self._exclusive, create=create)
        return self._kept


def _content(
    kept: _Bytes, path: str, first: int, last: int | None, only_if: Fingerprint | None
) -> Content:
    of = kept.fingerprint()
    if only_if is not None and of != only_if:
        raise Damaged(f"{path!r} holds other bytes than those that were stored")
    end = of.size if last is None else min(of.size, last + 1)
    stored = Stored(path=path, fingerprint=of, modified_ns=kept.modified_ns)
    return _MemoryContent(kept, stored, first, max(0, end - first), only_if)


def _found(where: dict[str, _Bytes], name: str) -> _Bytes:
    kept = where.get(name)
    if kept is None:
        raise NotFound(f"nothing is stored as {name!r}")
    return kept


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]

"""A storage in this process's memory that behaves as one behind a network: the reference, for tests.

It renames nothing inside a commit, awaits in every verb, before and after it acts, and declares what
it is told to: ``AS_S3`` plays an object store, ``AS_WEBDAV`` a file server.
"""

import asyncio
import hashlib
import secrets
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from backends import naming
from backends.declaring import Declaring
from backends.errors import Damaged, Exists, NameRefused, NotFound, Unavailable, Unsupported
from backends.interface import (
    PIECE,
    RESERVED,
    Begun,
    Can,
    Content,
    Fingerprint,
    Limits,
    Stored,
)

AS_S3 = (
    Can.CREATE | Can.DESCRIBE | Can.HEADERS | Can.COPY
    | Can.PARTS | Can.COPY_PARTS | Can.OPEN_PARTS | Can.ETAGS
)  # fmt: skip
AS_WEBDAV = Can.MOVE | Can.TREE

S3_LIMITS = Limits(
    max_segment=1024,
    max_path=1024,
    max_write=5 * 1024**3,
    min_part=5 * 1024**2,
    max_description=2048,
)


@dataclass(frozen=True, slots=True, eq=False)
class _Bytes:
    data: bytes
    modified_ns: int
    stamp: str
    description: bytes | None
    headers: Mapping[str, str] | None

    def stored(self, path: str, *, described: bool = False) -> Stored:
        return Stored(
            path=path,
            fingerprint=Fingerprint(size=len(self.data), stamp=self.stamp),
            modified_ns=self.modified_ns,
            description=self.description if described else None,
            headers=self.headers if described else None,
        )


@dataclass(slots=True)
class _Upload:
    path: str
    description: bytes | None
    headers: Mapping[str, str] | None
    begun_ns: int
    parts: dict[int, tuple[str, bytes]] = field(default_factory=dict)


class RemoteMemoryStorage(Declaring):
    """Bytes in a dictionary. Contents survive ``aclose`` and a new ``open``.

    May be told to declare UNSIZED, TREE, UNIQUE, OUTLIVE, CREATE, DESCRIBE, HEADERS, COPY, MOVE,
    PARTS, COPY_PARTS, OPEN_PARTS and ETAGS.
    Without UNIQUE, the same bytes have the same fingerprint.
    """

    def __init__(self, can: Can = AS_S3, limits: Limits = S3_LIMITS) -> None:
        self.can = can
        self.limits = limits
        self._paths: dict[str, _Bytes] = {}
        self._below: Counter[str] = Counter()
        """How many paths are under each folder, where there are folders."""
        self._uploads: dict[str, _Upload] = {}
        self._last_ns = 0
        self._is_open = False

    async def open(self) -> None:
        self._is_open = True

    async def aclose(self) -> None:
        self._is_open = False

    def check(self) -> None:
        if not self._is_open:
            raise Unavailable("the storage is not open")

    async def stat(self, path: str) -> Stored:
        await self._asked(path)
        return self._found(path).stored(path, described=True)

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        await self._asked(path)
        kept = self._found(path, only_if)
        size = len(kept.data)
        end = size if last is None else min(size, last + 1)
        return _RemoteContent(self, kept, kept.stored(path), first, max(0, end - first))

    def holds(self, path: str, kept: object) -> bool:
        """Whether these very bytes are still under ``path``."""
        return self._paths.get(path) is kept

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
        self._may(description, headers, create=create)
        if size is None:
            self._need(Can.UNSIZED)
        await self._asked(path)
        data = await self._whole(body, size)
        self._put(path, data, _tag(data), description, headers, create=create)
        return await self._told(path)

    async def delete(self, path: str) -> None:
        await self._asked(path)
        if self._paths.pop(path, None) is not None:
            self._below.subtract(_parents(path))
        await asyncio.sleep(0)

    async def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        self.check()
        ours = prefix.startswith(f"{RESERVED}/")
        for path in sorted(p for p in self._paths if p.startswith(prefix) and p > after):
            await asyncio.sleep(0)
            kept = self._paths.get(path)
            if kept is not None and (ours or not path.startswith(f"{RESERVED}/")):
                yield kept.stored(path)

    def natural(self, bucket: str, key: str) -> str | None:
        return naming.natural(bucket, key, self.limits)

    async def copy(
        self,
        source: str,
        path: str,
        *,
        only_if: Fingerprint,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        create: bool = False,
    ) -> Stored:
        self._need(Can.COPY)
        self._may(description, headers, create=create)
        await self._asked(source)
        await self._asked(path)
        kept = self._found(source, only_if)
        if description is None:
            description = kept.description
        if headers is None:
            headers = kept.headers
        self._put(path, kept.data, kept.stamp, description, headers, create=create)
        return await self._told(path)

    async def move(self, source: str, path: str, *, only_if: Fingerprint) -> Stored:
        self._need(Can.MOVE)
        await self._asked(source)
        await self._asked(path)
        kept = self._found(source, only_if)
        if path in self._paths:
            raise Exists(f"something is stored as {path!r}")
        del self._paths[source]
        self._below.subtract(_parents(source))
        try:
            self._put(path, kept.data, kept.stamp, kept.description, kept.headers)
        except NameRefused:
            self._paths[source] = kept
            self._below.update(_parents(source))
            raise
        return await self._told(path)

    async def begin_parts(
        self,
        path: str,
        *,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        self._need(Can.PARTS)
        self._may(description, headers)
        await self._asked(path)
        upload = secrets.token_hex(16)
        self._uploads[upload] = _Upload(path, description, headers, time.time_ns())
        await asyncio.sleep(0)
        return upload

    async def write_part(
        self, path: str, upload: str, number: int, body: AsyncIterator[bytes], *, size: int
    ) -> str:
        await self._parts(path, upload)
        data = await self._whole(body, size)
        return await self._keep_part(path, upload, number, data)

    async def copy_part(
        self,
        path: str,
        upload: str,
        number: int,
        source: str,
        *,
        first: int,
        last: int,
        only_if: Fingerprint,
    ) -> str:
        self._need(Can.COPY_PARTS)
        await self._parts(path, upload)
        await self._asked(source)
        data = self._found(source, only_if).data[first : last + 1]
        return await self._keep_part(path, upload, number, data)

    async def complete_parts(
        self, path: str, upload: str, parts: Sequence[tuple[int, str]], *, create: bool = False
    ) -> Stored:
        self._may(create=create)
        begun = await self._parts(path, upload)
        pieces: list[bytes] = []
        for number, tag in parts:
            kept_tag, data = begun.parts.get(number, ("", b""))
            if kept_tag != tag:
                raise Damaged(f"part {number} of {path!r} is not the one that is named")
            pieces.append(data)
        if any(len(data) < self.limits.min_part for data in pieces[:-1]):
            raise Unsupported("parts that are so small")
        stamp = f"{_tag(b''.join(_tag(data).encode() for data in pieces))}-{len(pieces)}"
        self._put(path, b"".join(pieces), stamp, begun.description, begun.headers, create=create)
        del self._uploads[upload]
        return await self._told(path)

    async def abort_parts(self, path: str, upload: str) -> None:
        self._need(Can.PARTS)
        await self._asked(path)
        self._uploads.pop(upload, None)
        await asyncio.sleep(0)

    async def open_parts(self) -> AsyncGenerator[Begun, None]:
        self._need(Can.OPEN_PARTS)
        self.check()
        for upload, begun in list(self._uploads.items()):
            await asyncio.sleep(0)
            yield Begun(path=begun.path, upload=upload, begun_ns=begun.begun_ns)

    async def _parts(self, path: str, upload: str) -> _Upload:
        self._need(Can.PARTS)
        await self._asked(path)
        begun = self._uploads.get(upload)
        if begun is None or begun.path != path:
            raise NotFound(f"no such upload of {path!r}")
        return begun

    async def _keep_part(self, path: str, upload: str, number: int, data: bytes) -> str:
        begun = await self._parts(path, upload)
        tag = _tag(data)
        begun.parts[number] = tag, data
        await asyncio.sleep(0)
        return tag

    async def _whole(self, body: AsyncIterator[bytes], size: int | None) -> bytes:
        whole = bytearray()
        most = self.limits.max_write if size is None else size
        if most > self.limits.max_write:
            raise Unsupported(f"a body of {size} bytes")
        async for piece in body:
            whole += piece
            if len(whole) > most:
                raise Damaged(f"the body is longer than {most} bytes")
        if size is not None and len(whole) < size:
            raise Damaged(f"the body ended after {len(whole)} of {size} bytes")
        return bytes(whole)

    def _put(
        self,
        path: str,
        data: bytes,
        stamp: str,
        description: bytes | None,
        headers: Mapping[str, str] | None,
        *,
        create: bool = False,
    ) -> None:
        self.check()
        there = path in self._paths
        if create and there:
            raise Exists(f"something is stored as {path!r}")
        if not there and Can.TREE in self.can:
            parents = _parents(path)
            if self._below[path] or any(parent in self._paths for parent in parents):
                raise NameRefused(f"a folder or a file is in the way of {path!r}")
            self._below.update(parents)
        self._last_ns = max(time.time_ns(), self._last_ns + 1)
        if Can.UNIQUE in self.can:
            stamp = str(self._last_ns)
        self._paths[path] = _Bytes(data, self._last_ns, stamp, description, headers or self._unsaid)

    async def _told(self, path: str) -> Stored:
        stored = self._paths[path].stored(path)
        await asyncio.sleep(0)
        return stored

    def _found(self, path: str, only_if: Fingerprint | None = None) -> _Bytes:
        kept = self._paths.get(path)
        if kept is None:
            raise NotFound(f"nothing is stored as {path!r}")
        if only_if is not None and kept.stored(path).fingerprint != only_if:
            raise Damaged(f"{path!r} holds other bytes than those that were stored")
        return kept

    async def _asked(self, path: str) -> None:
        self.check()
        naming.segments(path, self.limits)
        await asyncio.sleep(0)
        self.check()

    @property
    def _unsaid(self) -> Mapping[str, str] | None:
        return {} if Can.HEADERS in self.can else None


class _RemoteContent(Content):
    def __init__(
        self, storage: RemoteMemoryStorage, kept: _Bytes, stored: Stored, first: int, length: int
    ) -> None:
        self.stored = stored
        self.first = first
        self.length = length
        self._storage = storage
        self._kept = kept

    async def chunks(self) -> AsyncIterator[bytes]:
        position, end = self.first, self.first + self.length
        while position < end:
            await asyncio.sleep(0)
            self.check()
            piece = self._kept.data[position : min(end, position + PIECE)]
            position += len(piece)
            yield piece

    def check(self) -> None:
        outlives = Can.OUTLIVE in self._storage.can
        if not outlives and not self._storage.holds(self.stored.path, self._kept):
            raise Damaged(f"{self.stored.path!r} changed while it was read")

    async def aclose(self) -> None:
        pass


def _tag(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]

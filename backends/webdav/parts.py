"""Parts (Can.PARTS): chunks of an upload of Nextcloud's, chosen by their tags and published as one file."""

import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

from backends.errors import Damaged, Exists, NameRefused, NotFound, StorageError, Unavailable
from backends.interface import RESERVED, Begun, Stored
from backends.webdav.afterwards import Afterwards
from backends.webdav.asking import Dav
from backends.webdav.chunking import Uploads, size_of
from backends.webdav.describing import Descriptions
from backends.webdav.folders import Folders
from backends.webdav.hrefs import decoded
from backends.webdav.publishing import INCOMING, Incoming, Publisher
from backends.webdav.records import packed, unpacked
from backends.webdav.refusals import refusal

BEGUN = f"{RESERVED}/uploads"
"""The folder of what is noted of uploads that were begun."""


MOST_NOTED = 8192
"""Bytes that a record has besides a description."""


@dataclass(frozen=True, slots=True)
class _Record:
    """What is noted of an upload when it begins."""

    path: str
    begun_ns: int
    description: bytes | None

    def written(self) -> bytes:
        described = b"" if self.description is None else b"+" + self.description
        return f"{self.begun_ns} {self.path}\n".encode() + described


class Parts:
    """The verbs for parts. Paths have been checked."""

    def __init__(
        self,
        *,
        uploads: Uploads,
        dav: Dav,
        folders: Folders,
        descriptions: Descriptions,
        publisher: Publisher,
        afterwards: Afterwards,
    ) -> None:
        self._uploads = uploads
        self._dav = dav
        self._folders = folders
        self._descriptions = descriptions
        self._publisher = publisher
        self._afterwards = afterwards

    async def begin(self, path: str, description: bytes | None) -> str:
        """As ``Storage.begin_parts``."""
        upload = self._uploads.new_id(path)
        try:
            await self._folders.make(BEGUN)
            record = _Record(path, time.time_ns(), description)
            await self._dav.must("PUT", _about(upload), body=packed(upload, record.written()))
            await self._uploads.begin(upload, _to(upload))
        except BaseException:
            self._folders.forget_for(_about(upload))
            self._afterwards.do(self._given_up(upload))
            raise
        return upload

    async def write(
        self, path: str, upload: str, number: int, body: AsyncIterator[bytes], size: int
    ) -> str:
        """As ``Storage.write_part``."""
        self._check(path, upload)
        to = _to(upload)
        try:
            return await self._uploads.put_part(upload, number, body, size=size, to=to)
        except NotFound:
            if not await self._uploads.has_begun(upload):
                raise
        # Nextcloud looks for the folder of what the chunks will be, too: somebody has removed it.
        self._folders.forget_for(to)
        await self._folders.make_for(to)
        raise Unavailable(f"{self._dav.where}: {INCOMING!r} was not there, and is now")

    async def complete(
        self, path: str, upload: str, parts: Sequence[tuple[int, str]], *, create: bool
    ) -> Stored:
        """As ``Storage.complete_parts``.

        Parts are put together under a name that tells which they were: what is there from an attempt
        before this one, of which nobody knew how it ended, are these very parts.
        """
        self._check(path, upload)
        size = sum(size_of(tag) for _, tag in parts)
        incoming = Incoming(f"{_to(upload)}-{_digest(parts)}", left=True)
        await self._join(upload, parts, incoming, size)
        record = await self._record(upload)
        try:
            stored = await self._publisher.publish(
                incoming,
                await self._publisher.arrived(incoming, size),
                path,
                description=None if record is None else record.description,
                create=create,
            )
        except (Exists, NameRefused):
            await self._publisher.remove(incoming)
            raise
        self._afterwards.do(self._forgotten(upload))
        return stored

    async def abort(self, path: str, upload: str) -> None:
        """As ``Storage.abort_parts``."""
        if not self._uploads.is_of(upload, path):
            return
        await self._uploads.remove(upload)
        await self._forgotten(upload)
        async with aclosing(self._dav.members(INCOMING)) as members:
            joined = [
                name
                async for resource in members
                if (name := (decoded(resource.href) or "").rpartition("/")[2]).startswith(upload)
            ]
        for name in joined:
            await self._publisher.remove(Incoming(f"{INCOMING}/{name}"))

    def _check(self, path: str, upload: str) -> None:
        if not self._uploads.is_of(upload, path):
            raise NotFound(f"no such upload of {path!r}")

    async def _join(
        self, upload: str, parts: Sequence[tuple[int, str]], incoming: Incoming, size: int
    ) -> None:
        if await self._has_arrived(incoming, size):
            return
        if await self._choose(upload, parts):
            await self._folders.make_for(incoming.path)
            try:
                await self._uploads.assemble(upload, incoming, size)
            except StorageError:
                self._folders.forget_for(incoming.path)
                raise
        elif not await self._has_arrived(incoming, size):
            # Nor was it put together meanwhile, by a MOVE that was late.
            raise NotFound(f"no such upload: {upload!r}")

    async def _has_arrived(self, incoming: Incoming, size: int) -> bool:
        found = await self._dav.look(incoming.path)
        return found is not None and not found.is_folder and found.size == size

    async def _choose(self, upload: str, parts: Sequence[tuple[int, str]]) -> bool:
        """Have these parts be all there is. False if there is no such upload; Damaged."""
        there = await self._uploads.listed(upload)
        if there is None:
            return False
        for number, tag in parts:
            if there.get(number) != tag:
                raise Damaged(f"part {number} is not the one that is named")
        for number in sorted(there.keys() - {number for number, _ in parts}):
            await self._uploads.drop(upload, number)
        return True

    async def open(self) -> AsyncGenerator[Begun, None]:
        """As ``Storage.open_parts``."""
        async with aclosing(self._uploads.open()) as uploads:
            async for upload in uploads:
                record = await self._record(upload)
                if record is not None:
                    yield Begun(path=record.path, upload=upload, begun_ns=record.begun_ns)

    async def _record(self, upload: str) -> "_Record | None":
        """What was noted when it began; None if that is not to be known any more."""
        about = _about(upload)
        answer = await self._dav.send("GET", about)
        if answer.status == 200:
            record = await answer.document(self._descriptions.most + MOST_NOTED)
            with suppress(Damaged):
                return _read(unpacked(record, upload))
            return None
        await answer.excerpt()
        if answer.status in {404, 409, 410}:
            return None
        raise refusal(self._dav.where, f"GET {about!r}", answer.status, answer.headers)

    async def _given_up(self, upload: str) -> None:
        with suppress(StorageError):  # what stays is removed for its age
            await self._uploads.remove(upload)
        await self._forgotten(upload)

    async def _forgotten(self, upload: str) -> None:
        await self._publisher.remove(Incoming(_about(upload)))


def _read(written: bytes | None) -> _Record | None:
    if written is None:
        return None
    noted, _, described = written.partition(b"\n")
    begun_ns, _, path = noted.decode().partition(" ")
    return _Record(path, int(begun_ns), described[1:] if described else None)


def _to(upload: str) -> str:
    return f"{INCOMING}/{upload}"


def _about(upload: str) -> str:
    return f"{BEGUN}/{upload}"


def _digest(parts: Sequence[tuple[int, str]]) -> str:
    return hashlib.sha256(repr(list(parts)).encode()).hexdigest()[:16]

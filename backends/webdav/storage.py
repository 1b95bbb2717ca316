"""The verbs of ``backends.interface`` over a WebDAV server."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from backends import naming
from backends.errors import (
    Damaged,
    Exists,
    NameRefused,
    NotFound,
    Unavailable,
    Unsupported,
)
from backends.http.client import Client, Timeouts
from backends.interface import PIECE, Begun, Can, Content, Fingerprint, Limits, Storage, Stored
from backends.webdav import names
from backends.webdav.afterwards import Afterwards
from backends.webdav.chunking import (
    LARGEST,
    MOST,
    SMALLEST,
    chunk_size,
    size_of,
    uploads_of,
)
from backends.webdav.dialect import Dialect
from backends.webdav.hrefs import encoded
from backends.webdav.leftovers import Leftovers
from backends.webdav.multistatus import Resource
from backends.webdav.opened import Opened, opened
from backends.webdav.parts import Parts
from backends.webdav.publishing import PAUSES_S, Incoming
from backends.webdav.refusals import refusal
from backends.webdav.settings import WebDavSettings
from backends.webdav.states import State, state_of, stored_as
from backends.webdav.walking import Walk

_COARSE_S: Final = 1.05  # the clock of files may be some milliseconds behind
_FINE_S: Final = 0.02
_MOST_WAITED_S: Final = 2.0


class WebDavStorage(Storage):
    """A folder of a WebDAV server. See ``backends.webdav`` for the layout.

    What it can is known once it is open: it depends on the server. ``dialect``: what was found of
    the same server before; otherwise it is found out at ``open``, or remembered from the last day
    unless it is to be found out ``anew``.
    """

    can = Can.TREE
    limits = Limits(max_path=2048, max_description=0)

    def __init__(
        self,
        settings: WebDavSettings,
        *,
        dialect: Dialect | None = None,
        anew: bool = False,
        timeouts: Timeouts | None = None,
        pauses_s: tuple[float, ...] = PAUSES_S,
    ) -> None:
        self._settings = settings
        self._client = Client(
            settings.origin, allow_private=settings.allow_private, timeouts=timeouts
        )
        self._uploads: Client | None = None
        uploads = uploads_of(settings.origin)
        if uploads is not None:
            self._uploads = Client(uploads, allow_private=settings.allow_private, timeouts=timeouts)
        self._pauses_s = pauses_s
        self._afterwards = Afterwards()
        self._opened: Opened | None = None
        self._anew = anew
        self.dialect = dialect

    async def open(self) -> None:
        """Find the server out. Denied, Unavailable or Unsupported with cause and remedy."""
        try:
            for client in self._clients():
                await client.open()
            self._opened = await opened(
                self._settings,
                self._client,
                self._uploads,
                dialect=self.dialect,
                anew=self._anew,
                afterwards=self._afterwards,
                pauses_s=self._pauses_s,
            )
        except BaseException:
            for client in self._clients():
                await client.aclose()
            raise
        self.dialect = self._opened.dialect
        self.can = self._opened.can
        if self._settings.links is not None:
            self.can |= Can.LINK
        self.limits = replace(
            self.limits,
            max_description=self._opened.descriptions.most,
            min_part=SMALLEST if Can.PARTS in self.can else 0,
        )

    def _clients(self) -> Sequence[Client]:
        return [self._client] if self._uploads is None else [self._client, self._uploads]

    async def aclose(self) -> None:
        self._opened = None
        await self._afterwards.aclose()
        for client in self._clients():
            await client.aclose()

    async def tidy(self) -> None:
        opened = self._ready()
        await Leftovers(opened.dav, opened.uploads, opened.descriptions).remove()

    def about(self) -> str:
        return "" if self.dialect is None else str(self.dialect)

    def check(self) -> None:
        self._ready()

    def claim(self, path: str) -> str:
        folds = self.dialect is not None and self.dialect.folds
        return naming.coarse(path) if folds else path

    def natural(self, bucket: str, key: str) -> str | None:
        path = naming.natural(bucket, key, self.limits)
        if path is None or self.dialect is None:
            return path
        try:
            names.check_target(path, self.limits, self.dialect)
        except NameRefused:
            return None
        return path

    async def stat(self, path: str) -> Stored:
        opened = self._asked(path)
        there = await opened.dav.find(path, kept=opened.descriptions.properties)
        if there is None or there.is_folder:
            raise NotFound(f"nothing is stored as {path!r}")
        stored = stored_as(path, there, opened.dialect.validator)
        try:
            state = state_of(there, opened.dialect.validator)
            description = await opened.descriptions.told(path, there, state)
        except Damaged:
            return replace(stored, description_damaged=True)
        return replace(stored, description=description)

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        return await self._asked(path).reader.open(path, first, last, only_if)

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
        if size is None or size > self.limits.max_write:
            raise Unsupported("a body of unknown size" if size is None else f"{size} bytes")
        opened = self._target(path)
        await opened.folders.make_for(path)
        await self._precede(opened, path, size, create=create)
        async with opened.publisher.incoming() as incoming:
            state = await self._received(opened, incoming, body, size)
            return await opened.publisher.publish(
                incoming, state, path, description=description, create=create
            )

    async def delete(self, path: str) -> None:
        await self._asked(path).deleter.delete(path)

    async def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        opened = self._ready()
        walk = Walk(
            opened.dav,
            opened.dialect,
            opened.descriptions,
            self.limits,
            prefix=prefix,
            after=after,
            pass_over_closed=pass_over_closed,
        )
        async with aclosing(walk.stored()) as found:
            async for stored in found:
                yield stored

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
        self._may(description, headers, create=create)
        if Can.COPY not in self.can:
            raise Unsupported("the server does not copy")
        opened = self._asked(source)
        self._target(path)
        if description is None and Can.DESCRIBE in self.can:
            description = (await self.stat(source)).description
        await self._meant(opened, source, only_if)
        await opened.folders.make_for(path)
        await self._precede(opened, path, only_if.size, create=create)
        async with opened.publisher.incoming() as incoming:
            await self._copied(opened, source, incoming)
            # What was copied is what was there before and after.
            await self._meant(opened, source, only_if)
            state = await opened.publisher.arrived(incoming, only_if.size)
            return await opened.publisher.publish(
                incoming, state, path, description=description, create=create
            )

    async def move(self, source: str, path: str, *, only_if: Fingerprint) -> Stored:
        if Can.MOVE not in self.can:
            raise Unsupported("the server does not move without replacing")
        opened = self._asked(source)
        self._target(path)
        there = await self._meant(opened, source, only_if)
        await opened.folders.make_for(path)
        state = state_of(there, opened.dialect.validator)
        return await opened.publisher.move(source, state, path)

    async def begin_parts(
        self,
        path: str,
        *,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        self._may(description, headers, create=False)
        parts = self._parts(path)
        self._target(path)
        return await parts.begin(path, description)

    async def write_part(
        self, path: str, upload: str, number: int, body: AsyncIterator[bytes], *, size: int
    ) -> str:
        parts = self._parts(path)
        if not 1 <= number <= MOST or size > LARGEST:
            raise Unsupported(f"part {number} of {size} bytes")
        return await parts.write(path, upload, number, body, size)

    async def complete_parts(
        self, path: str, upload: str, parts: Sequence[tuple[int, str]], *, create: bool = False
    ) -> Stored:
        self._may(None, None, create=create)
        verbs, opened = self._parts(path), self._target(path)
        await opened.folders.make_for(path)
        size = sum(size_of(tag) for _, tag in parts)
        await self._precede(opened, path, size, create=create)
        return await verbs.complete(path, upload, parts, create=create)

    async def abort_parts(self, path: str, upload: str) -> None:
        await self._parts(path).abort(path, upload)

    async def open_parts(self) -> AsyncGenerator[Begun, None]:
        parts = self._ready().parts
        if parts is None:
            raise Unsupported("telling what was begun in parts")
        async with aclosing(parts.open()) as found:
            async for begun in found:
                yield begun

    def link(self, stored: Stored, *, seconds: int, answer_with: Mapping[str, str]) -> str:
        names.check(stored.path, self.limits)
        links = self._settings.links
        if links is None:
            raise Unsupported('links; they need url and link_mode = "direct"')
        if answer_with:
            raise Unsupported("links whose answer has other headers")
        return f"{links}/{encoded(stored.path)}"

    async def _received(
        self, opened: Opened, incoming: Incoming, body: AsyncIterator[bytes], size: int
    ) -> State:
        await opened.folders.make_for(incoming.path)
        chunk = chunk_size(size, self._settings.chunk_size)
        try:
            if opened.uploads is not None and size > chunk:
                await opened.uploads.write(incoming, body, size=size, chunk=chunk)
            else:
                await opened.dav.put(incoming.path, body, size=size)
        except Unavailable:
            opened.folders.forget_for(incoming.path)
            raise
        return await opened.publisher.arrived(incoming, size)

    async def _precede(self, opened: Opened, path: str, size: int, *, create: bool) -> None:
        """Say early what will not be, and let time pass until bytes written now have a state of
        their own, where nothing but time tells it."""
        if size <= PIECE if create else opened.dialect.properties:
            # Too little to be spared; or a state that is its own anyhow.
            return
        there = await opened.publisher.replaceable(path)
        if there is None:
            return
        if create:
            raise Exists(f"something is stored as {path!r}")
        now_s = opened.dav.now_s
        if there.size == size and there.modified_s is not None and now_s is not None:
            ahead_s = there.modified_s - now_s
            if ahead_s >= 0:
                wait_s = _FINE_S if opened.dialect.at_once else ahead_s + _COARSE_S
                await asyncio.sleep(min(wait_s, _MOST_WAITED_S))

    async def _copied(self, opened: Opened, source: str, incoming: Incoming) -> None:
        await opened.folders.make_for(incoming.path)
        status = await opened.dav.transfer("COPY", source, incoming.path, replace=False)
        if status in {404, 410}:
            raise NotFound(f"nothing is stored as {source!r}")
        if status not in {201, 204}:
            opened.folders.forget_for(incoming.path)
            raise refusal(opened.dav.where, f"COPY {source!r}", status, {})

    async def _meant(self, opened: Opened, path: str, only_if: Fingerprint) -> Resource:
        """The file under ``path``. NotFound; Damaged unless it has that fingerprint."""
        there = await opened.reader.found(path)
        if state_of(there, opened.dialect.validator).fingerprint != only_if:
            raise Damaged(f"{path!r} holds other bytes than those that were stored")
        return there

    def _parts(self, path: str) -> Parts:
        parts = self._asked(path).parts
        if parts is None:
            raise Unsupported("parts")
        return parts

    def _ready(self) -> Opened:
        if self._opened is None:
            raise Unavailable("the storage is not open")
        return self._opened

    def _asked(self, path: str) -> Opened:
        opened = self._ready()
        names.check(path, self.limits)
        return opened

    def _target(self, path: str) -> Opened:
        opened = self._ready()
        names.check_target(path, self.limits, opened.dialect)
        return opened

    def _may(
        self, description: bytes | None, headers: Mapping[str, str] | None, *, create: bool
    ) -> None:
        if headers is not None:
            raise Unsupported("headers to be answered with")
        if create and Can.CREATE not in self.can:
            raise Unsupported("writing without replacing")
        if description is not None:
            if Can.DESCRIBE not in self.can:
                raise Unsupported("descriptions")
            if len(description) > self.limits.max_description:
                raise Unsupported(f"a description of {len(description)} bytes")

"""The verbs of ``backends.interface`` over a WebDAV server."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Final

from backends import naming
from backends.errors import (
    Damaged,
    Exists,
    NameRefused,
    NotFound,
    StorageError,
    Unavailable,
    Unsupported,
)
from backends.http.client import Client, Timeouts
from backends.interface import Begun, Can, Content, Fingerprint, Limits, Storage, Stored
from backends.webdav import names
from backends.webdav.afterwards import Afterwards
from backends.webdav.asking import Dav
from backends.webdav.chunking import (
    LARGEST,
    MOST,
    SMALLEST,
    Uploads,
    chunk_size,
    size_of,
    uploads_of,
)
from backends.webdav.describing import Descriptions, descriptions
from backends.webdav.dialect import Chunks, Dialect
from backends.webdav.folders import Folders, Locks
from backends.webdav.hrefs import encoded
from backends.webdav.leftovers import Leftovers
from backends.webdav.multistatus import Resource
from backends.webdav.parts import Parts
from backends.webdav.probing import probe
from backends.webdav.publishing import INCOMING, PAUSES_S, Incoming, Publisher, outcome_unknown
from backends.webdav.reading import Reader
from backends.webdav.refusals import refusal
from backends.webdav.remembering import remember, remembered
from backends.webdav.settings import WebDavSettings
from backends.webdav.states import State, state_of, stored_as
from backends.webdav.walking import Walk

_GONE: Final = frozenset({200, 204, 404, 409, 410})
_COARSE_S: Final = 1.05  # the clock of files may be some milliseconds behind
_FINE_S: Final = 0.02
_MOST_WAITED_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """What there is while a storage is open."""

    dav: Dav
    dialect: Dialect
    folders: Folders
    descriptions: Descriptions
    publisher: Publisher
    reader: Reader
    uploads: Uploads | None
    """Where large bodies go."""
    parts: Parts | None


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
        self._opened: _Opened | None = None
        self._anew = anew
        self.dialect = dialect

    async def open(self) -> None:
        """Find the server out. Denied, Unavailable or Unsupported with cause and remedy."""
        try:
            for client in self._clients():
                await client.open()
            self._opened = await self._begun()
        except BaseException:
            for client in self._clients():
                await client.aclose()
            raise

    def _clients(self) -> Sequence[Client]:
        return [self._client] if self._uploads is None else [self._client, self._uploads]

    async def _begun(self) -> _Opened:
        settings, locks = self._settings, Locks()
        top = Dav(self._client, settings.authorizer)
        await _is_webdav(top)
        if settings.prefix:
            await Folders(top, locks).make(settings.prefix)
        dav = Dav(self._client, settings.authorizer, settings.prefix)
        folders = Folders(dav, locks)
        await folders.make(INCOMING)
        uploads = None
        if self._uploads is not None:
            home = Dav(self._uploads, settings.authorizer)
            uploads = Uploads(home, dav, self._afterwards, pauses_s=self._pauses_s)
        if self.dialect is None and not self._anew:
            self.dialect = await remembered(dav)
        if self.dialect is None:
            self.dialect = await probe(dav, folders, uploads)
            await remember(dav, self.dialect)
        dialect = self.dialect
        if uploads is not None:
            uploads.keeps_times = dialect.chunk_times
        dav.destination = dialect.destination
        dav.base = f"{dialect.base}{settings.prefix}/" if settings.prefix else dialect.base
        kept = descriptions(dav, dialect, folders)
        self.can = _can(dialect, kept, links=settings.links is not None)
        self.limits = replace(
            self.limits,
            max_description=kept.most,
            min_part=SMALLEST if Can.PARTS in self.can else 0,
        )
        publisher = Publisher(
            dav=dav,
            dialect=dialect,
            folders=folders,
            descriptions=kept,
            locks=locks,
            afterwards=self._afterwards,
            pauses_s=self._pauses_s,
        )
        parts = None
        if uploads is not None and dialect.chunks is Chunks.CHOSEN:
            parts = Parts(
                uploads=uploads,
                dav=dav,
                folders=folders,
                descriptions=kept,
                publisher=publisher,
                afterwards=self._afterwards,
            )
        return _Opened(
            dav=dav,
            dialect=dialect,
            folders=folders,
            descriptions=kept,
            publisher=publisher,
            reader=Reader(dav, dialect, kept),
            uploads=None if dialect.chunks is Chunks.NONE else uploads,
            parts=parts,
        )

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
        there = await opened.dav.look(path, kept=opened.descriptions.properties)
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
        opened = self._asked(path)
        there = await opened.dav.look(path, kept=opened.descriptions.marks)
        if there is None or there.is_folder:
            return
        if opened.dialect.spares_folders:
            await self._delete_file(opened, path)
        else:
            await self._delete_aside(opened, path)
        with suppress(StorageError):  # what it describes is gone: it harms nobody
            await opened.descriptions.forget(path, state_of(there, opened.dialect.validator))

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

    def link(self, path: str, *, seconds: int, answer_with: Mapping[str, str]) -> str:
        names.check(path, self.limits)
        links = self._settings.links
        if links is None:
            raise Unsupported('links; they need url and link_mode = "direct"')
        if answer_with:
            raise Unsupported("links whose answer has other headers")
        return f"{links}/{encoded(path)}"

    async def _received(
        self, opened: _Opened, incoming: Incoming, body: AsyncIterator[bytes], size: int
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

    async def _precede(self, opened: _Opened, path: str, size: int, *, create: bool) -> None:
        """Say early what will not be, and let time pass until bytes written now have a state of
        their own, where nothing but time tells it."""
        if not create and opened.dialect.properties:
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

    async def _copied(self, opened: _Opened, source: str, incoming: Incoming) -> None:
        await opened.folders.make_for(incoming.path)
        status = await opened.dav.transfer("COPY", source, incoming.path, replace=False)
        if status in {404, 410}:
            raise NotFound(f"nothing is stored as {source!r}")
        if status not in {201, 204}:
            opened.folders.forget_for(incoming.path)
            raise refusal(opened.dav.where, f"COPY {source!r}", status, {})

    async def _meant(self, opened: _Opened, path: str, only_if: Fingerprint) -> Resource:
        """The file under ``path``. NotFound; Damaged unless it has that fingerprint."""
        there = await opened.reader.found(path)
        if state_of(there, opened.dialect.validator).fingerprint != only_if:
            raise Damaged(f"{path!r} holds other bytes than those that were stored")
        return there

    async def _delete_file(self, opened: _Opened, path: str) -> None:
        """DELETE that no folder is deleted by, should it be one by now."""
        status = await opened.dav.ask("DELETE", path, {"Depth": "0"})
        if status not in _GONE:
            there = await opened.dav.look(path)
            if there is not None and not there.is_folder:
                raise refusal(opened.dav.where, f"DELETE {path!r}", status, {})

    async def _delete_aside(self, opened: _Opened, path: str) -> None:
        """Move it away first: what turns out to be a folder goes back."""
        async with opened.publisher.incoming() as aside:
            aside.left = True
            await opened.folders.make_for(aside.path)
            status = await opened.dav.transfer("MOVE", path, aside.path, replace=False)
            with outcome_unknown():
                moved = await opened.dav.look(aside.path)
                there = await opened.dav.look(path) if moved is None else None
                if moved is not None and moved.is_folder:
                    back = await opened.dav.transfer("MOVE", aside.path, path, replace=False)
                    if back not in {201, 204}:
                        raise Unavailable(f"the folder {path!r} has become {aside.path!r}")
            if there is not None and not there.is_folder:
                opened.folders.forget_for(aside.path)
                raise refusal(opened.dav.where, f"MOVE {path!r}", status, {})
            # What stays under a name of ours is removed for its age.
            aside.left = moved is None or moved.is_folder

    def _parts(self, path: str) -> Parts:
        parts = self._asked(path).parts
        if parts is None:
            raise Unsupported("parts")
        return parts

    def _ready(self) -> _Opened:
        if self._opened is None:
            raise Unavailable("the storage is not open")
        return self._opened

    def _asked(self, path: str) -> _Opened:
        opened = self._ready()
        names.check(path, self.limits)
        return opened

    def _target(self, path: str) -> _Opened:
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


async def _is_webdav(top: Dav) -> None:
    answer = await top.propfind("", 0, folder=True)
    await answer.excerpt()
    match answer.status:
        case 207:
            return
        case 404 | 409 | 410:
            raise Unavailable(f"{top.where}: there is no such folder: correct the endpoint")
        case 405 | 501 | 200:
            raise Unsupported(
                f"{top.where}: PROPFIND was answered {answer.status}: this is no WebDAV server, or not"
                " the URL of its files (nginx needs dav-ext)"
            )
        case _:
            raise refusal(top.where, "PROPFIND", answer.status, answer.headers)


def _can(dialect: Dialect, kept: Descriptions, *, links: bool) -> Can:
    can = Can.TREE
    if dialect.creates and dialect.renames:
        can |= Can.CREATE | Can.MOVE
    if dialect.copies:
        can |= Can.COPY
    if kept.most:
        can |= Can.DESCRIBE
    if dialect.properties:
        can |= Can.UNIQUE
    if dialect.chunks is Chunks.CHOSEN:
        can |= Can.PARTS | Can.OPEN_PARTS
    if links:
        can |= Can.LINK
    return can

"""Bytes on their way to a path of a storage that cannot rename inside the commit.

The path is owned by an intent before the first byte is sent (``gateway.catalog.intents``). It is the
natural one if nobody owns it and nothing is there, in one of these ways, else the shadow path:

- CREATE: written there, unless something is there by then;
- ASIDE: written to the shadow path and moved, unless something is there by then; where the storage
  can CREATE, too, only bodies that are too long to be kept are;
- LOOK: written there if nothing was there before (what comes in between is replaced).

A body that was too long to be kept, and is refused there after all, is to be sent again: the process
remembers where.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from backends.errors import Damaged, Exists, NameRefused, NotFound, Unavailable
from backends.interface import PIECE, Can, Content, Storage, Stored
from gateway.catalog.intents import Intent, Written
from gateway.catalog.placing import shadow_path
from gateway.catalog.records import Bucket, Location
from gateway.service.context import Services
from gateway.service.removing import GivenUp
from gateway.service.sending import REFUSALS, Sending, pieces_of

_INLINE = 64 * 1024
_KEPT = 1024 * 1024
"""Bodies up to this many bytes are kept until they are written: another path may be needed."""


class Way(Enum):
    """How a natural path is come by."""

    CREATE = "create"
    ASIDE = "aside"
    LOOK = "look"
    NEVER = "never"


def way_of(storage: Storage) -> Way:
    """The safest that the storage can. Where a folder or a file of others may be in the way, which
    only a write finds out, the bytes had better be somewhere already."""
    can = storage.can
    if Can.MOVE in can and (Can.TREE in can or Can.CREATE not in can):
        return Way.ASIDE
    return Way.CREATE if Can.CREATE in can else Way.LOOK


async def is_taken(storage: Storage, path: str) -> bool:
    """Whether anything is there, or can be. StorageError."""
    try:
        await storage.stat(path)
    except NotFound:
        return False
    except NameRefused:
        return True
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is to be written: ``size`` bytes of a key, their self-description and what others are told.

    ``name`` is the intent's. Not ``natural``: under the shadow path in any case. ``upload``: of which it
    is a part.
    """

    bucket: Bucket
    key: str
    storage: str
    name: str
    size: int
    description: bytes | None = None
    headers: Mapping[str, str] | None = None
    natural: bool = True
    upload: str | None = None


class RemoteArriving:
    """``gateway.service.publishing.Arriving``."""

    def __init__(self, services: Services, storage: Storage, target: Target) -> None:
        self._services = services
        self._storage = storage
        self._target = target
        self._way = way_of(storage) if target.natural else Way.NEVER
        self._names: list[str] = []
        """Of the intents begun, the last one in use."""
        self._intent: Intent | None = None
        self._sending: Sending[Stored] | None = None
        self._kept: list[bytes] | None = [] if target.size <= _KEPT else None
        if self._way is Way.ASIDE and self._kept is not None and Can.CREATE in storage.can:
            # What is kept can go elsewhere after all: it need not be anywhere before.
            self._way = Way.CREATE
        self._is_sent_whole = target.size <= PIECE
        """Nothing of it is sent before all of it is there."""
        self._copies = False
        """By the storage itself, which may do that in parts."""
        self._stored: Stored | None = None
        self._doubtful: Sequence[str] = ()
        """Paths where something is being done by the storage itself."""

    @property
    def name(self) -> str:
        """Of the intent whose path the bytes have."""
        return self._names[-1]

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._names:
            await self._own()
        for piece in pieces_of(data):
            if self._kept is not None:
                self._kept.append(piece)
            if self._is_sent_whole:
                continue  # once all of it is there
            if self._sending is None:
                self._sending = self._begun()
            await self._sending.write(piece)

    async def take(self, give: Callable[[], Sequence[bytes | memoryview]], size: int) -> None:
        for piece in await taken(give, size):
            await self.write(piece)

    async def copy(self, source: Content) -> None:
        stored = source.stored
        if (
            Can.COPY in self._storage.can
            and (source.first, source.length) == (0, stored.fingerprint.size)
            and source.length == self._target.size <= self._storage.limits.max_write
            and (self._target.description is not None or Can.DESCRIBE not in self._storage.can)
        ):
            self._copies = True
            await self._own()
            try:
                await self._copy(stored)
            except (Exists, NameRefused):
                await self._own_shadow()
                await self._copy(stored)
            return
        async for piece in source.chunks():
            await self.write(piece)

    async def finish(self) -> Location:
        """All bytes are there. Returns where; ``publish`` is to make the intent that location."""
        if self._stored is None:
            self._stored = await self._finished()
        if self._stored.fingerprint.size != self._target.size:
            raise Damaged(f"{self._stored.path!r} has not the size of what was written there")
        intent = self._owned()
        path = self._stored.path
        if intent.aside is not None and path == intent.aside:
            path = await self._move(intent, self._stored)
        return Location(
            storage=intent.storage,
            path=path,
            staged=None,
            fingerprint=self._stored.fingerprint,
            natural=intent.natural and path == intent.path,
        )

    async def discard(self) -> None:
        """Give up what was begun, beside the request: it may have been cancelled."""
        if self._names:
            self._services.remover.leave(self._given_up())

    async def _finished(self) -> Stored:
        if not self._names:
            await self._own()
        if self._sending is None:
            self._sending = self._begun()
        try:
            return await self._sending.finish()
        except (Exists, NameRefused) as error:
            if not self._owned().natural:
                raise
            if self._kept is None:
                self._services.refused.add(self._owned().path)
                raise Unavailable(f"{error}: when it is tried again, it goes elsewhere") from error
        await self._own_shadow()
        self._sending = self._begun()
        if not self._is_sent_whole:
            for piece in self._kept:
                await self._sending.write(piece)
        return await self._sending.finish()

    async def _own(self) -> None:
        """Own a path, and be as certain as need be that nothing is there."""
        target, way = self._target, self._way
        natural = None
        if way is not Way.NEVER:
            natural = self._storage.natural(target.bucket.name, target.key)
            if natural in self._services.refused:
                natural = None
        intent = await self._intend(target.name, natural)
        looks = way is Way.LOOK or (way is Way.CREATE and self._kept is None)
        if looks and intent.natural and await is_taken(self._storage, intent.path):
            await self._own_shadow()

    async def _own_shadow(self) -> None:
        """In place of the natural path, at which nothing was done."""
        await self._services.catalog.give_up(self.name)
        self._intent = None
        await self._intend(f"put-{self._services.process}-{self._services.new_id()}", None)

    async def _intend(self, name: str, natural: str | None) -> Intent:
        target = self._target
        self._names.append(name)
        shadow = shadow_path(name)
        self._intent = await self._services.catalog.intend(
            target.bucket,
            target.key,
            Intent(
                name=name,
                process=self._services.process,
                storage=target.storage,
                path=shadow if natural is None else natural,
                natural=natural is not None,
                aside=shadow if natural is not None and self._way is Way.ASIDE else None,
                size=target.size,
                upload=target.upload,
                begins_ns=self._services.now_ns() if self._copies else None,
            ),
        )
        return self._intent

    def _owned(self) -> Intent:
        if self._intent is None:
            raise AssertionError("no path is owned")
        return self._intent

    @property
    def _first_path(self) -> str:
        intent = self._owned()
        return intent.path if intent.aside is None else intent.aside

    @property
    def _creates(self) -> bool:
        return self._way is Way.CREATE and self._owned().natural

    def _begun(self) -> Sending[Stored]:
        path, creates = self._first_path, self._creates

        async def send(pieces: AsyncIterator[bytes]) -> Stored:
            return await self._storage.write(
                path,
                pieces,
                size=self._target.size,
                description=self._target.description,
                headers=self._target.headers,
                create=creates,
            )

        return Sending(send, self._kept if self._is_sent_whole else None)

    async def _copy(self, source: Stored) -> None:
        self._doubtful = (self._first_path,)
        try:
            self._stored = await self._storage.copy(
                source.path,
                self._first_path,
                only_if=source.fingerprint,
                description=self._target.description,
                headers=self._target.headers,
                create=self._creates,
            )
        except REFUSALS:
            self._doubtful = ()
            raise
        self._doubtful = ()

    async def _move(self, intent: Intent, stored: Stored) -> str:
        self._doubtful = (intent.path, stored.path)
        with contextlib.suppress(Exists, NameRefused):  # then they stay where they are
            stored = await self._storage.move(stored.path, intent.path, only_if=stored.fingerprint)
        self._stored, self._doubtful = stored, ()
        return stored.path

    async def _given_up(self) -> GivenUp:
        written: Written | None = None
        unknown = self._doubtful
        if not unknown and self._stored is not None:
            written = _written(self._stored)
        elif not unknown and self._sending is not None:
            ended = await self._sending.end()
            if ended.result is not None:
                written = _written(ended.result)
            elif ended.unknown:
                unknown = (self._first_path,)
        return GivenUp(names=tuple(self._names), written=written, unknown=tuple(unknown))


def _written(stored: Stored) -> Written:
    return Written(path=stored.path, fingerprint=stored.fingerprint)


async def taken(
    give: Callable[[], Sequence[bytes | memoryview]], size: int
) -> Sequence[bytes | memoryview]:
    """What ``give`` returns: many bytes are asked for in a thread, since they are hashed there."""
    return give() if size <= _INLINE else await asyncio.to_thread(give)

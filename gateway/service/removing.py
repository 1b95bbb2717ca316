"""Removing bytes from storages that cannot do so inside the commit.

What a process has doomed it removes itself, soon after the commit. What it could not, and what dead
processes were writing or removing, is the janitor's: something that was asked of the storage may still
be on its way, so it must be seen gone in two rounds before the path is free.
"""

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from backends.errors import NotFound, StorageError
from backends.interface import RESERVED, Can, Fingerprint, Storage, Stored
from gateway.catalog.errors import CatalogError
from gateway.catalog.intents import Removal, Removed, Written
from gateway.catalog.interface import Catalog
from gateway.service.description import decode

_log = structlog.get_logger("s3front.removing")
_AT_ONCE = 16
_PAUSE_S = 5.0
"""After the catalog has failed."""
_OURS = f"{RESERVED}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """Intents that have come to nothing, and what they have left. See ``Catalog.give_up``."""

    names: Sequence[str]
    written: Written | None = None
    unknown: Sequence[str] = ()
    parts: str | None = None
    begun: bool = False


class Remover:
    """What a process removes beside its requests."""

    def __init__(self, catalog: Catalog, storages: Mapping[str, Storage], process: str) -> None:
        self._catalog = catalog
        self._storages = storages
        self._process = process
        self._leaving: set[asyncio.Task[None]] = set()
        self._given_up: list[GivenUp] = []
        self._removing: asyncio.Task[None] | None = None
        self._again = False
        self._closing = asyncio.Event()

    def leave(self, ending: Coroutine[Any, Any, GivenUp]) -> None:
        """Have that ended and given up, whatever becomes of the request."""
        task = asyncio.create_task(self._leave(ending))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def poke(self) -> None:
        """There is something to give up or to remove."""
        self._again = True
        if (self._removing is None or self._removing.done()) and not self._closing.is_set():
            self._removing = asyncio.create_task(self._remove())

    async def settled(self) -> None:
        """Wait until nothing is left to do."""
        while True:
            waited_for = {*self._leaving, *filter(None, [self._removing])}
            if all(task.done() for task in waited_for):
                return
            await asyncio.wait(waited_for)

    async def aclose(self) -> None:
        """Begin nothing more, and wait for what was begun. What is left is the next start's."""
        self._closing.set()
        await self.settled()

    async def _leave(self, ending: Coroutine[Any, Any, GivenUp]) -> None:
        self._given_up.append(await ending)
        if self._closing.is_set():
            with contextlib.suppress(CatalogError):
                await self._give_up()
        self.poke()

    async def _remove(self) -> None:
        while self._again and not self._closing.is_set():
            self._again = False
            try:
                await self._give_up()
                await self._remove_some()
            except CatalogError as error:
                _log.warning("bytes not removed", cause=str(error))
                self._again = True
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), _PAUSE_S)

    async def _give_up(self) -> None:
        while self._given_up:
            given_up = self._given_up.pop()
            try:
                for name in given_up.names:
                    await self._catalog.give_up(
                        name,
                        written=given_up.written,
                        unknown=given_up.unknown,
                        parts=given_up.parts,
                        begun=given_up.begun,
                    )
            except BaseException:
                self._given_up.append(given_up)
                raise

    async def _remove_some(self) -> None:
        while not self._closing.is_set():
            removals = await self._catalog.removals(self._process, limit=_AT_ONCE)
            if not removals:
                return
            await self._catalog.settle_removals(await _removed(self._storages, removals))


async def sweep(catalog: Catalog, storages: Mapping[str, Storage]) -> int:
    """The janitor's round. Returns how many paths still hold what is to be removed."""
    after, left = ("", ""), 0
    while removals := await catalog.removals("", after=after, limit=_AT_ONCE):
        outcomes = await _removed(storages, removals)
        left += sum(not outcome.gone for outcome in outcomes)
        await catalog.settle_removals(outcomes)
        after = removals[-1].storage, removals[-1].claim
    return left


async def _removed(
    storages: Mapping[str, Storage], removals: Sequence[Removal]
) -> Sequence[Removed]:
    gone = await asyncio.gather(*(_is_gone(storages.get(one.storage), one) for one in removals))
    return [
        Removed(removal=removal, gone=is_gone)
        for removal, is_gone in zip(removals, gone, strict=True)
    ]


async def _is_gone(storage: Storage | None, removal: Removal) -> bool:
    """Remove it. Whether nothing of ours is there, nor can come to be there."""
    if storage is None:
        return False
    try:
        if removal.parts is not None and Can.PARTS in storage.can:
            await storage.abort_parts(removal.path, removal.parts)
        # Under a path of ours that only this process knows there is no need to look first.
        known = removal.process and removal.path.startswith(_OURS)
        if not known and not _is_ours(removal, await storage.stat(removal.path)):
            return True
        await storage.delete(removal.path)
        await storage.stat(removal.path)
    except NotFound:
        return _stays_gone(storage, removal)
    except StorageError as error:
        _log.info("not removed", storage=removal.storage, path=removal.path, cause=str(error))
    return False


def _stays_gone(storage: Storage, removal: Removal) -> bool:
    """Whether a write that is still on its way could replace no bytes of others."""
    return (
        removal.stamp is not None
        or removal.path.startswith(_OURS)
        or bool(storage.can & (Can.CREATE | Can.MOVE))
    )


def _is_ours(removal: Removal, stored: Stored) -> bool:
    """Others may have put something under a natural path meanwhile."""
    if removal.path.startswith(_OURS):
        return True
    if removal.stamp is not None:
        of = Fingerprint(size=removal.size or 0, stamp=removal.stamp)
        return stored.fingerprint == of
    said = None if stored.description is None else decode(stored.description)
    if said is not None:
        return f"{said.bucket}/{said.key}" == removal.path
    return stored.fingerprint.size == removal.size

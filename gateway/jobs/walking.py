"""Walks: all that lies under a part of a storage, compared with the rows; paced."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from backends.interface import Nature, Storage, Stored
from gateway.catalog.errors import TooManyMissing
from gateway.catalog.outside import Lying
from gateway.catalog.records import Bucket
from gateway.service.context import Services
from gateway.service.finding import Outcome
from gateway.service.outside import AT_ONCE, alarm, settled

_PAGE = 500
_MOST_KEPT = 10_000
"""Keys that are still being written, of which more are met: the rest is left to its own events."""


class Pace:
    """Rests as long as was worked, so that requests come first."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    async def rest(self) -> None:
        """Give way to others."""
        await asyncio.sleep(time.monotonic() - self._since)
        self._since = time.monotonic()


async def walk(services: Services, storage: Storage, bucket: Bucket, prefix: str = "") -> Outcome:
    """Bring every key of ``bucket`` that begins with ``prefix`` into line with what is there.

    Memory is bounded, whatever there is. What is there is adopted as it is met. What is gone is
    counted first; if it is more than the limit's count it is marked in a second walk, unless it is
    more than its share of the bucket as well: then nothing is marked and the alarm is raised.
    Raises StorageError, CatalogError.
    """
    work = _Walk(services, storage, bucket, prefix)
    try:
        await work.run()
    except TooManyMissing as error:
        alarm(services, bucket, error)
    return work.outcome


_Row = tuple[Lying, bool]
"""A row, and whether its bytes are gone unless a file lies under the key's natural path."""


@dataclass(slots=True)
class _Walk:
    services: Services
    storage: Storage
    bucket: Bucket
    prefix: str
    outcome: Outcome = field(default_factory=Outcome)
    pace: Pace = field(default_factory=Pace)

    async def run(self) -> None:
        watching = self.services.watching
        most = 0 if watching is None else watching.missing.count
        there: list[str] = []
        gone: list[str] = []
        count = 0
        async for key, is_gone in self._differing():
            if not is_gone:
                there.append(key)
                await self._settle(there, AT_ONCE)
                continue
            count += 1
            if count <= most:
                gone.append(key)
        await self._settle(there, 1)
        if count > most:
            await self._mark(count)
        else:
            while gone:
                some, gone = gone[:AT_ONCE], gone[AT_ONCE:]
                await self._settle(some, 1)

    async def _mark(self, expected: int) -> None:
        gone: list[str] = []
        async for key, is_gone in self._differing():
            if is_gone:
                gone.append(key)
                await self._settle(gone, AT_ONCE, expected)
        await self._settle(gone, 1, expected)

    async def _settle(self, keys: list[str], least: int, expected: int = 0) -> None:
        """Settle and forget ``keys`` if there are that many."""
        if len(keys) < least:
            return
        outcome = await settled(self.services, self.bucket, keys, expected=expected)
        room = _MOST_KEPT - len(self.outcome.busy)
        del outcome.busy[max(0, room) :]
        del outcome.again[max(0, room) :]
        self.outcome.add(outcome)
        keys.clear()
        await self.pace.rest()

    async def _differing(self) -> AsyncIterator[tuple[str, bool]]:
        """Keys whose row and bytes disagree, in order, and whether the bytes are gone."""
        begins = len(self.bucket.name) + 1
        # What lies in a folder that may not be read seems gone here; looked at, it is closed.
        files = self.storage.list(f"{self.bucket.name}/{self.prefix}", pass_over_closed=True)
        async for row, stored in merged(self._rows(), files, begins):
            if row is None:
                if stored is not None:
                    yield stored.path[begins:], False
                continue
            lying, gone = row
            if stored is not None and lying.path == stored.path:
                if lying.fingerprint != stored.fingerprint:
                    yield lying.key, False
            elif gone:
                yield lying.key, True

    async def _rows(self) -> AsyncIterator[_Row]:
        """Rows in order."""
        after = ""
        while True:
            page = await self.services.catalog.lying(
                self.bucket, prefix=self.prefix, after=after, limit=_PAGE
            )
            elsewhere = [lying.path for lying in page if not lying.natural]
            there = await asyncio.to_thread(self._there, elsewhere) if elsewhere else frozenset()
            for lying in page:
                yield lying, lying.path not in there
            if len(page) < _PAGE:
                return
            after = page[-1].key
            await self.pace.rest()

    def _there(self, paths: list[str]) -> frozenset[str]:
        glance = self.storage.glance
        gone = {Nature.NOTHING, Nature.OTHER, Nature.FOLDER}
        return frozenset(path for path in paths if glance(path).nature not in gone)


async def merged(
    rows: AsyncIterator[_Row], files: AsyncIterator[Stored], begins: int
) -> AsyncIterator[tuple[_Row | None, Stored | None]]:
    """Rows beside the files under the paths of their keys; both come in the order of keys."""
    row, file = await anext(rows, None), await anext(files, None)
    while row is not None or file is not None:
        key = None if file is None else file.path[begins:]
        if key is None or (row is not None and row[0].key < key):
            yield row, None
            row = await anext(rows, None)
        elif row is None or key < row[0].key:
            yield None, file
            file = await anext(files, None)
        else:
            yield row, file
            row, file = await anext(rows, None), await anext(files, None)

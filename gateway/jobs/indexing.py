"""Indexing: a row for each object that others put into a bucket on a storage behind a network.

Where it is, is noted after each batch: a later run, in any process, goes on from there. It may run
beside itself and beside requests: what is known already is passed over.
"""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from backends.interface import Stored
from gateway.catalog.errors import TooManyMissing
from gateway.catalog.records import Bucket
from gateway.jobs.walking import Pace
from gateway.service.finding import Outcome
from gateway.service.looking import Listed, Looking, is_an_object

BATCH = 200
"""Keys adopted in one transaction."""
_MOST_AGAIN = 10_000


def silent(_count: int) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class Indexing:
    """Of one bucket. ``seen`` counts the names that were listed; ``told`` is called with how many more."""

    look: Looking
    bucket: Bucket
    pace: Pace | None = None
    told: Callable[[int], None] = silent
    seen: int = 0
    outcome: Outcome = field(default_factory=Outcome)

    async def run(self) -> Outcome:
        """Raises StorageError, NoSuchBucket, CatalogError; what was done by then stays."""
        catalog, begins = self.look.catalog, len(self.bucket.name) + 1
        after = await catalog.note(self._note) or ""
        batch: dict[str, Stored] = {}
        freed = await catalog.freed()
        files = self.look.storage.list(
            f"{self.bucket.name}/",
            after=f"{self.bucket.name}/{after}" if after else "",
            pass_over_closed=True,
        )
        async with aclosing(files):
            async for stored in files:
                key = stored.path[begins:]
                batch[key] = stored
                if len(batch) == BATCH:
                    await self._settle(batch, freed)
                    await catalog.set_note(self._note, key)
                    batch = {}
        await self._settle(batch, freed)
        again, self.outcome.again = self.outcome.again, []
        for first in range(0, len(again), BATCH):
            self.outcome.add(await self._settled(again[first : first + BATCH], None))
        await catalog.set_indexed(self.bucket)
        await catalog.set_note(self._note, "")
        return self.outcome

    @property
    def _note(self) -> str:
        return f"indexing of bucket {self.bucket.id}"

    async def _settle(self, batch: dict[str, Stored], freed: int) -> None:
        self.seen += len(batch)
        self.told(len(batch))
        storage = self.look.storage
        keys = [key for key in batch if is_an_object(storage, self.bucket, key)]
        if keys:
            self.outcome.add(await self._settled(keys, Listed(stored=batch, freed=freed)))
            del self.outcome.again[_MOST_AGAIN:]
        if self.pace is not None:
            await self.pace.rest()

    async def _settled(self, keys: list[str], listed: Listed | None) -> Outcome:
        try:
            return await self.look.settled(self.bucket, keys, listed=listed, passes_over=True)
        except TooManyMissing:
            return Outcome()  # which the poller tells

"""Polling: what others did to an indexed bucket on a storage behind a network, from time to time.

The listing and the rows are read side by side in order, in bounded memory. What differs is looked at
directly before it counts: rows and names were not read at one moment.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field

import structlog

from backends.interface import Fingerprint, Stored
from gateway.catalog.errors import TooManyMissing
from gateway.catalog.outside import Lying
from gateway.catalog.records import Bucket
from gateway.jobs.walking import Pace, merged
from gateway.service.certainty import certain
from gateway.service.context import Services
from gateway.service.finding import Outcome
from gateway.service.looking import Listed, Looking, is_an_object
from gateway.service.outside import alarm

_PAGE = 500
_BATCH = 200
_MOST_KEPT = 10_000
"""Keys of one kind that a poll remembers for the next: others wait for one more."""
_log = structlog.get_logger("s3front.polling")

_Seen = dict[str, Fingerprint]


@dataclass(slots=True)
class Polling:
    """Of one bucket: remembers what must be seen twice."""

    services: Services
    look: Looking
    poll_s: float
    _fresh: _Seen = field(default_factory=dict)
    """Of the last poll: new or changed, and so lately that it may still be written."""
    _gone: _Seen = field(default_factory=dict)
    """Of the last poll: rows of which the listing told nothing."""
    _left: dict[tuple[str, bool], Fingerprint] = field(default_factory=dict)
    """Told and left alone: in the way of an object that has a row, or refused without one."""

    async def poll(self, bucket: Bucket) -> Outcome:
        """Raises StorageError, NoSuchBucket, CatalogError; then nothing is taken for gone."""
        one = _Poll(self, bucket)
        await one.run()
        self._fresh, self._gone = one.fresh, one.gone
        return one.outcome

    def is_news(self, key: str, of: Fingerprint, *, has_row: bool) -> bool:
        """Whether it is to be told that this is left alone: it has not been."""
        if self._left.get((key, has_row)) == of:
            return False
        if len(self._left) >= _MOST_KEPT:
            del self._left[next(iter(self._left))]
        self._left[key, has_row] = of
        return True

    def was_fresh(self, key: str, of: Fingerprint) -> bool:
        """Whether the last poll saw the same."""
        return self._fresh.get(key) == of

    def was_gone(self, key: str, of: Fingerprint) -> bool:
        """Whether the last poll missed the same."""
        return self._gone.get(key) == of


@dataclass(slots=True)
class _Poll:
    polling: Polling
    bucket: Bucket
    outcome: Outcome = field(default_factory=Outcome)
    fresh: _Seen = field(default_factory=dict)
    gone: _Seen = field(default_factory=dict)
    _there: dict[str, Stored] = field(default_factory=dict)
    _absent: list[str] = field(default_factory=list)
    _freed: int = 0
    _missed: int = 0
    _pace: Pace = field(default_factory=Pace)

    @property
    def _look(self) -> Looking:
        return self.polling.look

    async def run(self) -> None:
        begins = len(self.bucket.name) + 1
        self._freed = await self._look.catalog.freed()
        old_ns = self._look.now_ns() - int(self.polling.poll_s * 1e9)
        # What lies in a folder that may not be read seems gone here; looked at, it is an error.
        files = self._look.storage.list(f"{self.bucket.name}/", pass_over_closed=True)
        async with aclosing(files):
            async for row, stored in merged(self._rows(), files, begins):
                lying = None if row is None else row[0]
                if stored is not None:
                    self._take(stored.path[begins:], lying, stored, old_ns)
                    if len(self._there) == _BATCH:
                        await self._settle()
                elif lying is not None and lying.natural:
                    self._miss(lying)
        await self._settle()
        await self._mark()

    def _take(self, key: str, lying: Lying | None, stored: Stored, old_ns: int) -> None:
        of, polling = stored.fingerprint, self.polling
        if not is_an_object(self._look.storage, self.bucket, key):
            return
        if lying is not None and lying.path != stored.path:
            self.outcome.refused += polling.is_news(key, of, has_row=True)
        elif lying is not None and lying.fingerprint == of:
            return
        elif stored.modified_ns <= old_ns or polling.was_fresh(key, of):
            self._there[key] = stored
        elif len(self.fresh) < _MOST_KEPT:
            self.fresh[key] = of

    def _miss(self, lying: Lying) -> None:
        self._missed += 1
        if len(self.gone) < _MOST_KEPT:
            self.gone[lying.key] = lying.fingerprint
            if self.polling.was_gone(lying.key, lying.fingerprint):
                self._absent.append(lying.key)

    async def _settle(self) -> None:
        there, self._there = self._there, {}
        if there:
            listed = Listed(stored=there, freed=self._freed)
            try:
                outcome = await self._look.settled(
                    self.bucket, list(there), listed=listed, passes_over=True
                )
            except TooManyMissing as error:
                alarm(self.polling.services, self.bucket, error)
                return
            for key in outcome.left:
                is_news = self.polling.is_news(key, there[key].fingerprint, has_row=False)
                outcome.refused -= not is_news
            outcome.again.clear()  # the next poll sees it
            self.outcome.add(outcome)
        await self._pace.rest()

    async def _mark(self) -> None:
        """What two polls have missed is looked at, and is missing if it is not there."""
        if not self._absent:
            return
        look = self._look
        if not await certain(look.catalog, look.name, look.storage):
            self.polling.services.tally.disbelieved()
            _log.error(
                "objects are gone, but the storage is not known to be the one it was",
                storage=look.name,
                bucket=self.bucket.name,
                fix="look at its address, prefix and credentials; if it is the right one, run "
                f"s3front index {self.bucket.name}",
            )
            return
        expected = self._missed if len(self.gone) == _MOST_KEPT else len(self._absent)
        for first in range(0, len(self._absent), _BATCH):
            some = self._absent[first : first + _BATCH]
            try:
                outcome = await look.settled(self.bucket, some, expected=expected, passes_over=True)
            except TooManyMissing as error:
                alarm(self.polling.services, self.bucket, error)
                return
            outcome.again.clear()
            self.outcome.add(outcome)
            await self._pace.rest()

    async def _rows(self) -> AsyncIterator[tuple[Lying, bool]]:
        after = ""
        while True:
            page = await self._look.catalog.lying(self.bucket, after=after, limit=_PAGE)
            for lying in page:
                yield lying, False
            if len(page) < _PAGE:
                return
            after = page[-1].key
            await self._pace.rest()

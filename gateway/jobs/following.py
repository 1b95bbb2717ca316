"""Follows what others do on a storage behind a network: the elected worker's part of it.

Buckets over existing content are indexed, indexed ones are polled.
"""

import asyncio
from collections.abc import AsyncIterator

import structlog

from backends.errors import StorageError
from gateway.catalog.errors import CatalogError, NoSuchBucket
from gateway.catalog.records import Bucket
from gateway.jobs.indexing import Indexing
from gateway.jobs.polling import Polling
from gateway.jobs.telling import tell
from gateway.jobs.walking import Pace
from gateway.service.certainty import identify
from gateway.service.context import Services
from gateway.service.looking import Looking, looking_at

_log = structlog.get_logger("s3front.following")
_TICK_S = 5.0
"""Between looks for buckets that are to be indexed, and after a failure."""
_PAGE = 1_000


async def run(services: Services, name: str) -> None:
    """Keep the rows of the storage ``name`` in line with what is there, until cancelled."""
    look, watching = looking_at(services, name), services.watching
    if look is None or watching is None:
        return
    following = Following(services, look, watching.poll_s)
    failed = ""
    while True:
        try:
            await following.round()
            if failed:
                _log.info("the storage can be followed again", storage=name)
            failed = ""
        except (StorageError, CatalogError) as error:
            if str(error) != failed:
                _log.error("the storage cannot be followed", storage=name, cause=str(error))
            failed = str(error)
        await asyncio.sleep(_TICK_S)


class Following:
    """Of one storage."""

    def __init__(self, services: Services, look: Looking, poll_s: float) -> None:
        """``poll_s``: between polls; 0: none."""
        self._services = services
        self._look = look
        self._poll_s = poll_s
        self._polls: dict[int, Polling] = {}
        self._due = 0.0
        self._is_identified = False

    async def round(self) -> None:
        """Index what is to be indexed; poll the others, if it is time. StorageError, CatalogError."""
        if not self._is_identified:
            look = self._look
            await identify(look.catalog, look.name, look.storage, self._services.new_id)
            self._is_identified = True
        now = asyncio.get_running_loop().time()
        polls = self._poll_s > 0 and now >= self._due
        met: set[int] = set()
        async for bucket in self._buckets():
            met.add(bucket.id)
            try:
                await self._follow(bucket, polls=polls)
            except NoSuchBucket:
                continue
        for id in self._polls.keys() - met:
            del self._polls[id]
        if polls:
            self._due = now + self._poll_s

    async def _follow(self, bucket: Bucket, *, polls: bool) -> None:
        if not bucket.indexes:
            return
        is_new = not bucket.indexed
        if is_new:
            indexing = Indexing(self._look, bucket, Pace())
            tell(self._services, bucket, await indexing.run())
            _log.info("bucket indexed", bucket=bucket.name, names=indexing.seen)
        if polls or (is_new and self._poll_s > 0):
            polling = self._polls.setdefault(
                bucket.id, Polling(self._services, self._look, self._poll_s)
            )
            tell(self._services, bucket, await polling.poll(bucket))

    async def _buckets(self) -> AsyncIterator[Bucket]:
        after = ""
        while True:
            page = await self._look.catalog.buckets(after=after, limit=_PAGE)
            for bucket in page:
                if bucket.storage == self._look.name:
                    yield bucket
            if len(page) < _PAGE:
                return
            after = page[-1].name

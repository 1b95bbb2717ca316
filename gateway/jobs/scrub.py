"""Reads all that is stored, slowly, and compares it with what the rows state.

One worker runs it. A round reads the catalog's file, then every current object in the order of
buckets and keys; where it is, is noted in the catalog, so that a restart goes on from there. What was
overwritten or deleted while it was read is left to the next round. A round begins ``interval_s``
after the last one began, or when that ends, whichever is later.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import structlog

from backends.errors import StorageError
from gateway.catalog.errors import CatalogDamaged
from gateway.catalog.records import Bucket, Entry, Version
from gateway.service.context import Services
from gateway.service.findings import report
from gateway.service.verifying import Verified, Verifier

_log = structlog.get_logger("s3front.scrub")
_NS = 1_000_000_000
_PAGE = 500
_NOTE = "scrub"
_OBJECT = 64 * 1024
"""Bytes that looking at an object counts for, beside its own."""
_BURST_S = 0.05
_MOST_FOUND = 10_000
"""Findings of one round that are kept. More is no damage but a storage that is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrubRules:
    """Pace and times, in seconds."""

    bytes_per_s: int = 16 * 1024 * 1024
    interval_s: float = 30 * 86_400
    settle_s: float = 60
    """After the start, and after a failure, before anything is read."""
    note_s: float = 30
    """Between two notes of where it is."""


@dataclass(slots=True, kw_only=True)
class Progress:
    """Where a round is: after ``key`` of ``bucket``."""

    started_ns: int = 0
    finished_ns: int = 0
    """0 while it goes on."""
    last_finished_ns: int = 0
    """Of the latest whole round."""
    bucket: str = ""
    key: str = ""
    objects: int = 0
    bytes: int = 0
    found: int = 0


class Pace:
    """Keeps a rate on average, without bursts of more than a moment."""

    def __init__(
        self,
        bytes_per_s: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rate = bytes_per_s
        self._clock = clock
        self._sleep = sleep
        self._due = 0.0

    async def __call__(self, size: int) -> None:
        """Wait until ``size`` more bytes may be read."""
        now = self._clock()
        self._due = max(now, self._due) + size / self._rate
        if self._due - now > _BURST_S:
            await self._sleep(self._due - now)


class Scrub:
    """Rounds over one catalog."""

    def __init__(self, services: Services, rules: ScrubRules, pool: ThreadPoolExecutor) -> None:
        self._services = services
        self._catalog = services.catalog
        self._rules = rules
        self._pace = Pace(rules.bytes_per_s)
        self._verifier = Verifier(
            catalog=services.catalog, storages=services.storages, pool=pool, paced=self._pace
        )
        self._noted = 0.0
        self._known: set[tuple[str, str]] = set()

    async def due_in(self) -> float:
        """Seconds until there is something to do."""
        at = await self._progress()
        if not at.finished_ns:
            return 0
        since_s = max(0, self._services.now_ns() - at.started_ns) / _NS
        return max(0, self._rules.interval_s - since_s)

    async def round(self) -> Progress:
        """Go on with the round that was interrupted, or make a new one. Raises CatalogError."""
        at = await self._progress()
        if at.finished_ns or not at.started_ns:
            at = Progress(started_ns=self._services.now_ns(), last_finished_ns=at.last_finished_ns)
            await self._look_at_the_catalog()
        await self._remember_known()
        for bucket in await self._buckets():
            if bucket.name >= at.bucket:
                await self._scrub(bucket, at)
        await self._catalog.forget_void_findings()
        at.finished_ns = at.last_finished_ns = self._services.now_ns()
        at.bucket = at.key = ""
        await self._note(at)
        self._services.tally.stands(await self._remember_known(), at.last_finished_ns)
        _log.info("scrub round finished", objects=at.objects, bytes=at.bytes, found=at.found)
        return at

    async def _progress(self) -> Progress:
        text = await self._catalog.note(_NOTE)
        try:
            return Progress() if text is None else Progress(**json.loads(text))
        except (ValueError, TypeError):  # of another version
            return Progress()

    async def _note(self, at: Progress) -> None:
        self._noted = time.monotonic()
        await self._catalog.set_note(_NOTE, json.dumps(asdict(at)))

    async def _remember_known(self) -> int:
        """Keys about which something was found; returns how many findings hold."""
        self._known = set()
        count, after = 0, ("", "", "")
        while page := await self._catalog.findings(after=after, limit=_PAGE):
            self._known.update((one.bucket, one.key) for one in page)
            count += len(page)
            after = page[-1].bucket, page[-1].key, page[-1].kind
        return count

    async def _look_at_the_catalog(self) -> None:
        problems = await self._catalog.problems()
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            await report(self._services, "catalog", problems[0] + more)
        else:
            await self._catalog.clear_findings("", "")

    async def _buckets(self) -> list[Bucket]:
        buckets: list[Bucket] = []
        while page := await self._catalog.buckets(
            after=buckets[-1].name if buckets else "", limit=_PAGE
        ):
            buckets += page
        return buckets

    async def _scrub(self, bucket: Bucket, at: Progress) -> None:
        if bucket.name != at.bucket:
            at.bucket, at.key = bucket.name, ""
        more = True
        while more:
            try:
                page = await self._catalog.list(bucket, after=at.key, limit=_PAGE)
            except CatalogDamaged as error:
                # What comes behind the damage cannot be reached in order.
                await report(self._services, "catalog", f"in bucket {bucket.name!r}: {error}")
                return
            for item in page.items:
                if isinstance(item, Entry):
                    await self._look_at(bucket, item.key, at)
            more = page.more

    async def _look_at(self, bucket: Bucket, key: str, at: Progress) -> None:
        await self._pace(_OBJECT)
        outcome, read = await self._outcome(bucket, key, at)
        self._services.tally.scrubbed(outcome, read)
        at.key = key
        at.objects += 1
        at.bytes += read
        if time.monotonic() - self._noted > self._rules.note_s:
            await self._note(at)

    async def _outcome(self, bucket: Bucket, key: str, at: Progress) -> tuple[str, int]:
        try:
            version = await self._catalog.get(bucket, key)
        except CatalogDamaged as error:
            await report(self._services, "catalog", f"in bucket {bucket.name!r}: {error}")
            return "catalog", 0
        if version is None:
            return "changed", 0
        try:
            verified = await self._verifier.verify(bucket, version)
        except StorageError as error:
            await self._found(at, "unreadable", str(error), bucket, version)
            return "unreadable", 0
        if verified.wrong:
            await self._found(at, verified.verdict.value, verified.detail, bucket, version)
        else:
            await self._well(bucket, key, verified)
        return verified.verdict.value, verified.read

    async def _found(
        self, at: Progress, kind: str, detail: str, bucket: Bucket, version: Version
    ) -> None:
        at.found += 1
        if at.found <= _MOST_FOUND:
            await report(
                self._services,
                kind,
                detail,
                bucket=bucket.name,
                key=version.key,
                sequence=version.sequence,
            )
        if at.found == _MOST_FOUND:
            _log.error("more is found than is kept: has the storage gone?", kept=_MOST_FOUND)

    async def _well(self, bucket: Bucket, key: str, verified: Verified) -> None:
        if (bucket.name, key) in self._known and verified.read:
            await self._catalog.clear_findings(bucket.name, key)


async def run(services: Services, rules: ScrubRules) -> None:
    """Rounds until cancelled. A failing round is logged, and goes on from its last note."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="s3front-scrub")
    try:
        scrub = Scrub(services, rules, pool)
        while True:
            await asyncio.sleep(rules.settle_s)
            try:
                await asyncio.sleep(await scrub.due_in())
                await scrub.round()
            except Exception:  # noqa: BLE001 - one round must not end the scrub
                _log.exception("scrub round failed")
    finally:
        pool.shutdown(wait=False)

"""What others did to the bytes of objects: rows are brought into line with what is under the paths.

Idempotent and without memory: a key's row is compared with what lies under its paths now, whoever
asked. So our own changes need no filter, events may come twice or late, and any worker may do it. The
catalog looks again inside its transaction and has the last word.
"""

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from backends.errors import StorageError
from backends.interface import Can, Nature, Sight, Storage
from gateway.catalog.errors import TooManyMissing
from gateway.catalog.outside import Absence, Found, Lying
from gateway.catalog.records import Bucket, Version
from gateway.s3.errors import S3Error
from gateway.service.context import Services, Watching
from gateway.service.description import Description
from gateway.service.finding import Outcome, described, found, provisional
from gateway.service.looking import looking, looking_at

_log = structlog.get_logger("s3front.outside")

AT_ONCE = 200
"""Keys brought into line in one transaction: some ten milliseconds of the catalog's lock."""


async def unknown(services: Services, bucket: Bucket, key: str) -> Version | None:
    """The object of a key that has no row: what lies under its natural path, if that can be one."""
    look = looking(services, bucket)
    if look is not None:
        return await look.unknown(bucket, key)
    storage = watched(services, bucket)
    path = None if storage is None else storage.natural(bucket.name, key)
    if storage is None or path is None or storage.glance(path).nature is not Nature.BYTES:
        return None
    await settled(services, bucket, [key])
    return await services.catalog.get(bucket, key)


async def unlike(
    services: Services, bucket: Bucket, before: Version
) -> tuple[Version | None, bool]:
    """The object whose bytes were not those of its row, as it is by now; and whether that is in
    doubt: the path changes while it is looked at, or an absence cannot be believed.

    S3Error ServiceUnavailable while its file is being written.
    """
    look = looking(services, bucket)
    if look is not None:
        return await look.unlike(bucket, before)
    doubtful = False
    if watched(services, bucket) is not None:
        outcome = await settled(services, bucket, [before.key])
        doubtful = bool(outcome.again)
        if outcome.busy:
            raise S3Error("ServiceUnavailable", "The file of this object is being written.")
    return await services.catalog.get(bucket, before.key), doubtful


async def first_found(services: Services, bucket: Bucket) -> None:
    """Bring the first keys that lie in the bucket's folder into line: if anything is there that can
    be an object, the bucket has one after this."""
    look, storage = looking(services, bucket), watched(services, bucket)
    if look is None and storage is None:
        return
    begins = len(bucket.name) + 1
    keys: list[str] = []
    files = services.storages[bucket.storage].list(f"{bucket.name}/")
    async with contextlib.aclosing(files):
        async for stored in files:
            keys.append(stored.path[begins:])
            if len(keys) == AT_ONCE:
                break
    await (
        settled(services, bucket, keys)
        if look is None
        else look.settled(bucket, keys, passes_over=True)
    )


async def is_empty(services: Services, storage: str, bucket: str) -> bool:
    """Whether nothing lies where a bucket is to be made, on a storage behind a network."""
    look = looking_at(services, storage)
    if look is None:
        return False
    try:
        async with contextlib.aclosing(look.storage.list(f"{bucket}/")) as files:
            return await anext(files, None) is None
    except StorageError:
        return False  # then it is found out later


def watched(services: Services, bucket: Bucket) -> Storage | None:
    """The bucket's storage, if what others do there counts."""
    storage = services.storages.get(bucket.storage)
    if services.watching is None or storage is None or Can.WATCH not in storage.can:
        return None
    return storage


async def settled(
    services: Services,
    bucket: Bucket,
    keys: Sequence[str],
    *,
    closed: Collection[str] = (),
    expected: int = 0,
) -> Outcome:
    """Bring the rows of ``keys``, at most AT_ONCE, into line with what is there.

    ``closed``: those of them whose writer was seen to finish; ``expected``: how many of the bucket
    are known to be gone in all.

    Raises TooManyMissing, after what was found was adopted; NoSuchBucket; StorageError.
    """
    storage, watching = watched(services, bucket), services.watching
    if storage is None or watching is None:
        return Outcome()
    rows = await services.catalog.lying_at(bucket, keys)
    work = _Work(storage=storage, watching=watching, bucket=bucket, closed=frozenset(closed))
    seen = await asyncio.to_thread(work.look, [(key, rows.get(key)) for key in keys])
    outcome = Outcome(busy=seen.busy, refused=seen.refused)
    if seen.found:
        adoptions = await services.catalog.adopt(bucket, seen.found, now_ns=services.now_ns())
        for one, adoption in zip(seen.found, adoptions, strict=True):
            outcome.count(one.key, adoption)
    if seen.gone:
        absences = await services.catalog.mark_missing(
            bucket,
            seen.gone,
            limit=watching.missing,
            expected=expected,
            now_ns=services.now_ns(),
        )
        outcome.missing += absences.count(Absence.MISSING)
        outcome.again += [
            key
            for key, absence in zip(seen.gone, absences, strict=True)
            if absence is Absence.THERE
        ]
    return outcome


def alarm(services: Services, bucket: Bucket, error: TooManyMissing) -> None:
    """Say that absences of this bucket are not believed."""
    services.tally.disbelieved()
    _log.error(
        "so many files are gone that none is marked missing",
        bucket=bucket.name,
        count=error.args[1] if len(error.args) > 1 else None,
        fix="bring the files back, or raise missing_limit or missing_share if they were removed "
        "on purpose",
    )


@dataclass(slots=True, kw_only=True)
class _Seen:
    found: list[Found] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)
    refused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """Looking at paths, in a thread."""

    storage: Storage
    watching: Watching
    bucket: Bucket
    closed: Collection[str]

    def look(self, rows: Iterable[tuple[str, Lying | None]]) -> _Seen:
        seen = _Seen()
        for key, row in rows:
            self._look(seen, key, row)
        return seen

    def _look(self, seen: _Seen, key: str, row: Lying | None) -> None:
        path = self.storage.natural(self.bucket.name, key)
        if row is not None and row.path != path:
            own = self.storage.glance(row.path).nature
            if own not in {Nature.BYTES, Nature.CLOSED}:
                seen.gone.append(key)
            if path is not None and self.storage.glance(path).nature is Nature.BYTES:
                seen.refused += 1
            return
        if path is None:
            return
        glance = self.storage.glance(path)
        if glance.nature is Nature.CLOSED or (row is None and glance.nature is Nature.OTHER):
            seen.refused += 1
        elif glance.nature is not Nature.BYTES:
            if row is not None:
                seen.gone.append(key)
        elif row is None or glance.fingerprint != row.fingerprint:
            self._examine(seen, key, path)

    def _examine(self, seen: _Seen, key: str, path: str) -> None:
        sight = self.storage.examine(path, closed=key in self.closed)
        if sight.nature is Nature.BUSY:
            seen.busy.append(key)
        elif sight.nature in {Nature.OTHER, Nature.CLOSED}:
            seen.refused += 1
        elif sight.stored is not None:
            seen.found.append(self._found(key, path, sight))

    def _was_ours(self, key: str, description: Description | None, sight: Sight) -> bool:
        """Bytes of this very key, from before we began: a power cut may have undone a removal, or
        the catalog was lost. Neither makes an object: what was deleted stays so."""
        return (
            description is not None
            and (description.bucket, description.key) == (self.bucket.name, key)
            and sight.touched_ns < self.watching.since_ns
        )

    def _found(self, key: str, path: str, sight: Sight) -> Found:
        stored = sight.stored
        if stored is None:
            raise ValueError("nothing is stored there")
        description = described(stored)
        return found(
            self.bucket,
            key,
            stored,
            etag=provisional(path, stored.fingerprint),
            description=description,
            stale=self._was_ours(key, description, sight),
        )

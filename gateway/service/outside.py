"""What others did to the bytes of objects: rows are brought into line with what is under the paths.

Idempotent and without memory: a key's row is compared with what lies under its paths now, whoever
asked. So our own changes need no filter, events may come twice or late, and any worker may do it. The
catalog looks again inside its transaction and has the last word.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from backends.interface import Can, Fingerprint, Nature, Sight, Storage
from gateway.catalog.errors import TooManyMissing
from gateway.catalog.outside import UNDIGESTED, Absence, Adoption, Found
from gateway.catalog.records import Bucket, Location, Version
from gateway.s3.content_types import guessed
from gateway.s3.errors import S3Error
from gateway.service.context import Services, Watching
from gateway.service.description import Description, decode

_log = structlog.get_logger("s3front.outside")

AT_ONCE = 200
"""Keys brought into line in one transaction: some ten milliseconds of the catalog's lock."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What was found and done. Counts, and the keys to be looked at again."""

    adopted: int = 0
    changed: int = 0
    restored: int = 0
    missing: int = 0
    refused: int = 0
    """Lies where an object would, but is none: in the way of one, a link, a pipe, not ours to read."""
    busy: list[str] = field(default_factory=list)
    """Still being written."""
    again: list[str] = field(default_factory=list)
    """Changed while it was looked at."""

    def add(self, other: "Outcome") -> None:
        """Take in what another piece of the same work did."""
        self.adopted += other.adopted
        self.changed += other.changed
        self.restored += other.restored
        self.missing += other.missing
        self.refused += other.refused
        self.busy += other.busy
        self.again += other.again

    @property
    def anything(self) -> bool:
        """Whether any row was changed."""
        return bool(self.adopted or self.changed or self.restored or self.missing)


async def unknown(services: Services, bucket: Bucket, key: str) -> Version | None:
    """The object of a key that has no row: what lies under its natural path, if that can be one."""
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
    storage = watched(services, bucket)
    if storage is None:
        return
    begins = len(bucket.name) + 1
    keys: list[str] = []
    async with contextlib.aclosing(storage.list(f"{bucket.name}/")) as files:
        async for stored in files:
            keys.append(stored.path[begins:])
            if len(keys) == AT_ONCE:
                break
    await settled(services, bucket, keys)


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
    rows = {key: await services.catalog.get(bucket, key) for key in keys}
    work = _Work(storage=storage, watching=watching, bucket=bucket, closed=frozenset(closed))
    seen = await asyncio.to_thread(work.look, rows.items())
    outcome = Outcome(busy=seen.busy, refused=seen.refused)
    if seen.found:
        adoptions = await services.catalog.adopt(bucket, seen.found, now_ns=services.now_ns())
        for found, adoption in zip(seen.found, adoptions, strict=True):
            _count(outcome, found.key, adoption)
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


def _count(outcome: Outcome, key: str, adoption: Adoption) -> None:
    match adoption:
        case Adoption.NEW:
            outcome.adopted += 1
        case Adoption.CHANGED:
            outcome.changed += 1
        case Adoption.RESTORED:
            outcome.restored += 1
        case Adoption.IN_THE_WAY | Adoption.OWNED:
            outcome.refused += 1
        case Adoption.GONE:
            outcome.again.append(key)
        case Adoption.SAME:
            pass


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

    def look(self, rows: Iterable[tuple[str, Version | None]]) -> _Seen:
        seen = _Seen()
        for key, row in rows:
            self._look(seen, key, row)
        return seen

    def _look(self, seen: _Seen, key: str, row: Version | None) -> None:
        path = self.storage.natural(self.bucket.name, key)
        if row is not None and row.location.path != path:
            own = self.storage.glance(row.location.path).nature
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
        elif row is None or glance.fingerprint != row.location.fingerprint:
            self._examine(seen, key, path, row)

    def _examine(self, seen: _Seen, key: str, path: str, row: Version | None) -> None:
        sight = self.storage.examine(path, closed=key in self.closed)
        if sight.nature is Nature.BUSY:
            seen.busy.append(key)
        elif sight.nature in {Nature.OTHER, Nature.CLOSED}:
            seen.refused += 1
        elif sight.stored is not None:
            seen.found.append(self._found(key, path, _described(sight), sight))

    def _was_ours(self, key: str, description: Description | None, sight: Sight) -> bool:
        """Bytes of this very key, from before we began: a power cut may have undone a removal, or
        the catalog was lost. Neither makes an object: what was deleted stays so."""
        return (
            description is not None
            and (description.bucket, description.key) == (self.bucket.name, key)
            and sight.touched_ns < self.watching.since_ns
        )

    def _found(self, key: str, path: str, description: Description | None, sight: Sight) -> Found:
        stored = sight.stored
        if stored is None:
            raise ValueError("nothing is stored there")
        type = guessed(key)
        was = None if description is None else (description.bucket, description.key)
        return Found(
            key=key,
            path=path,
            fingerprint=stored.fingerprint,
            modified_ns=max(0, stored.modified_ns),
            etag=provisional(path, stored.fingerprint) if description is None else description.etag,
            headers={} if type is None else {"content-type": type},
            stale=self._was_ours(key, description, sight),
            was=None if was == (self.bucket.name, key) else was,
            described=None
            if description is None
            else description.version(
                Location(storage="", path=path, staged=None, fingerprint=stored.fingerprint),
                modified_ns=max(0, stored.modified_ns),
            ),
        )


def _described(sight: Sight) -> Description | None:
    stored = sight.stored
    if stored is None or stored.description is None:
        return None
    description = decode(stored.description)
    return description if description and description.size == stored.fingerprint.size else None


def provisional(path: str, of: Fingerprint) -> str:
    """An ETag for bytes that nobody has read yet: another one whenever they are changed."""
    text = f"{path}\0{of.size}\0{of.stamp}"
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() + UNDIGESTED

"""Looking at what others did on storages behind a network.

No transaction can look there. So what is known of a key is asked for first, then its path is looked at, and
the catalog believes what was seen if nothing it knows has changed in between.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from backends.errors import Damaged, Denied, NameRefused, NotFound
from backends.interface import Can, Storage, Stored
from gateway.catalog.errors import TooManyMissing
from gateway.catalog.interface import Catalog
from gateway.catalog.outside import Absence, Found, MissingLimit, Standing
from gateway.catalog.records import Bucket, Version
from gateway.s3.errors import S3Error
from gateway.s3.target import MAX_KEY_BYTES
from gateway.service.certainty import certain
from gateway.service.context import Services
from gateway.service.finding import Outcome, described_before, etag_of, found

_LOOKS = 5
_SIDE_BY_SIDE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Some of a listing, by key, and ``Catalog.freed`` of before it was begun."""

    stored: Mapping[str, Stored]
    freed: int


@dataclass(slots=True)
class _Seen:
    found: list[Found] = field(default_factory=list)
    gone: dict[str, Standing] = field(default_factory=dict)
    refused: int = 0
    closed: list[str] = field(default_factory=list)
    """Without a row, and not ours to look at."""
    passes_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """At one storage, under its ``name``."""

    catalog: Catalog
    storage: Storage
    name: str
    missing: MissingLimit
    now_ns: Callable[[], int]

    async def unknown(self, bucket: Bucket, key: str) -> Version | None:
        """The object of a key that had no row: what lies under its natural path, if that can be one.

        S3Error ServiceUnavailable if it changes whenever it is looked at; StorageError.
        """
        for _ in range(_LOOKS):
            version = await self.catalog.get(bucket, key)
            if version is not None:
                return version
            outcome = await self.settled(bucket, [key])
            if not outcome.again:
                return await self.catalog.get(bucket, key)
        raise S3Error(
            "ServiceUnavailable", "This object is changed so often that it cannot be read now."
        )

    async def unlike(self, bucket: Bucket, before: Version) -> tuple[Version | None, bool]:
        """As ``gateway.service.outside.unlike``."""
        outcome = await self.settled(bucket, [before.key])
        return await self.catalog.get(bucket, before.key), bool(outcome.again)

    async def compared(self, bucket: Bucket, version: Version) -> Version | None:
        """The object as it is by now, if others may have changed it."""
        try:
            stored = await self.storage.stat(version.location.path)
        except NotFound:
            pass
        else:
            if stored.fingerprint == version.location.fingerprint:
                return version
        now, doubtful = await self.unlike(bucket, version)
        if doubtful:
            raise S3Error("ServiceUnavailable", "What became of this object cannot be told now.")
        return now

    async def settled(
        self,
        bucket: Bucket,
        keys: Sequence[str],
        *,
        listed: Listed | None = None,
        expected: int = 0,
        passes_over: bool = False,
    ) -> Outcome:
        """Bring the rows of some keys into line with what is there. ``expected``: how many of the bucket
        are known to be gone in all.

        What is ``listed`` is not looked at again where nothing more can be learnt of it. Absence that is not to
        be believed leaves its key ``again``. ``passes_over``: what we may not look at is refused, and no
        error. Raises TooManyMissing, after what was found was adopted; NoSuchBucket; StorageError:
        NameRefused, too, where an object was, for a name that is refused by now is no sign that it has gone.
        """
        seen = _Seen(passes_over=passes_over)
        for first in range(0, len(keys), _SIDE_BY_SIDE):
            some = keys[first : first + _SIDE_BY_SIDE]
            await asyncio.gather(*(self._look(seen, bucket, key, listed) for key in some))
        outcome = Outcome(refused=seen.refused + len(seen.closed), left=seen.closed)
        if seen.found:
            adoptions = await self.catalog.adopt(bucket, seen.found, now_ns=self.now_ns())
            for one, adoption in zip(seen.found, adoptions, strict=True):
                outcome.count(one.key, adoption)
        if listed is not None and outcome.again:
            again, outcome.again = outcome.again, []
            outcome.add(await self.settled(bucket, again, passes_over=passes_over))
        if seen.gone:
            outcome.add(await self._mark_missing(bucket, seen.gone, expected))
        return outcome

    async def _mark_missing(
        self, bucket: Bucket, gone: Mapping[str, Standing], expected: int
    ) -> Outcome:
        if not await certain(self.catalog, self.name, self.storage):
            return Outcome(again=list(gone))
        absences = await self.catalog.mark_missing(
            bucket,
            list(gone),
            limit=self.missing,
            expected=expected,
            now_ns=self.now_ns(),
            standings=gone,
        )
        outcome = Outcome(missing=absences.count(Absence.MISSING))
        outcome.again += [
            key for key, one in zip(gone, absences, strict=True) if one is Absence.THERE
        ]
        return outcome

    async def _look(self, seen: _Seen, bucket: Bucket, key: str, listed: Listed | None) -> None:
        path = self.storage.natural(bucket.name, key)
        standing = await self.catalog.standing(bucket, key, path)
        try:
            await self._look_at(seen, bucket, key, standing, listed)
        except (Denied, Damaged, NameRefused):
            if not seen.passes_over:
                raise
            if standing.version is None:
                seen.closed.append(key)

    async def _look_at(
        self,
        seen: _Seen,
        bucket: Bucket,
        key: str,
        standing: Standing,
        listed: Listed | None,
    ) -> None:
        path = self.storage.natural(bucket.name, key)
        row, told = standing.version, None if listed is None else listed.stored.get(key)
        if row is None:
            if path is not None and not standing.owned:
                new, standing = await self._new(path, standing, listed, told)
                if new is not None:
                    seen.found.append(self._found(bucket, key, new, standing))
            return
        location = row.location
        if location.storage != self.name:
            return
        is_natural = location.path == path
        if told is not None:
            seen.refused += not is_natural
            if not is_natural or told.fingerprint == location.fingerprint:
                return
        try:
            stored = await self.storage.stat(location.path)
        except NotFound:
            seen.gone[key] = standing
            return
        if stored.fingerprint != location.fingerprint:
            seen.found.append(self._found(bucket, key, stored, standing))

    async def _new(
        self, path: str, standing: Standing, listed: Listed | None, told: Stored | None
    ) -> tuple[Stored | None, Standing]:
        """What is at a path without a row, and what was known before it was seen."""
        if listed is not None and told is not None and Can.DESCRIBE not in self.storage.can:
            # It says nothing of itself.
            return told, replace(standing, freed=listed.freed)
        try:
            return await self.storage.stat(path), standing
        except (NotFound, NameRefused):
            return None, standing

    def _found(self, bucket: Bucket, key: str, stored: Stored, standing: Standing) -> Found:
        description = described_before(self.storage, stored)
        # Bytes of this very key that no row knows: a write that was given up and came late, or the
        # catalog is not the one that they were written with. Neither makes an object.
        stale = description is not None and (description.bucket, description.key) == (
            bucket.name,
            key,
        )
        return found(
            bucket,
            key,
            stored,
            etag=etag_of(self.storage, stored.path, stored.fingerprint),
            description=description,
            stale=stale,
            standing=standing,
        )


def is_an_object(storage: Storage, bucket: Bucket, key: str) -> bool:
    """Whether what lies under the key's name in the bucket's folder can be its object."""
    if not key or storage.natural(bucket.name, key) is None:
        return False
    return len(key) * 4 <= MAX_KEY_BYTES or len(key.encode()) <= MAX_KEY_BYTES


def looking(services: Services, bucket: Bucket) -> Looking | None:
    """At the bucket's storage, if it is behind a network and what others do there counts."""
    return looking_at(services, bucket.storage)


def looking_at(services: Services, name: str) -> Looking | None:
    """The same of a storage."""
    storage, watching = services.storages.get(name), services.watching
    if watching is None or storage is None or Can.STAGE in storage.can:
        return None
    return Looking(
        catalog=services.catalog,
        storage=storage,
        name=name,
        missing=watching.missing,
        now_ns=services.now_ns,
    )


async def brought_into_line(services: Services, bucket: Bucket, key: str) -> None:
    """Have the row of a key tell what is there now, on a storage behind a network."""
    look = looking(services, bucket)
    if look is not None:
        with contextlib.suppress(TooManyMissing):  # which says nothing against what is asked for
            await look.settled(bucket, [key])


async def as_it_is(services: Services, bucket: Bucket, version: Version) -> Version | None:
    """The object of a row, as it is by now where nothing else tells: in a bucket that is not ``indexed``.

    StorageError, S3Error ServiceUnavailable if that cannot be told.
    """
    if bucket.indexed or version.location.storage != bucket.storage:
        return version
    look = looking(services, bucket)
    return version if look is None else await look.compared(bucket, version)

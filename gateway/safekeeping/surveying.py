"""The part of a rebuild that is done on storages behind a network.

All is listed first. Rows whose bytes the listing shows are kept, others are looked at directly. Then
everything that no row knows, and what may be a newer version of the same bytes, is asked what it says
of itself. Who it was written for is in its description; its size and ETag are the storage's where
that was written before them.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from backends.errors import Denied, NameRefused, NotFound
from backends.interface import RESERVED, Can, Fingerprint, Storage
from gateway.catalog.records import Bucket, Location, Version
from gateway.catalog.sqlite.drafting import Draft
from gateway.jobs.depositing import FOLDER
from gateway.safekeeping.outcome import Outcome
from gateway.safekeeping.sightings import Sighting, Sightings
from gateway.safekeeping.steps import Steps
from gateway.service.certainty import MARK
from gateway.service.description import Description
from gateway.service.finding import GENERIC_TYPES, described_before, etag_of

_SHADOWS = f"{RESERVED}/o/"
AT_ONCE = 32
"""Paths that are asked for at a time."""
_CLOCKS_NS = 86_400 * 10**9
"""How far the clocks of a storage and of a server may differ."""

Put = Callable[[Bucket, Version], None]


class Surveying:
    """Of one rebuild. ``bucket_of`` gives the bucket of a name, made on that storage if it is new;
    ``buckets`` are those by now."""

    def __init__(
        self,
        draft: Draft,
        storages: Mapping[str, Storage],
        sightings: Sightings,
        outcome: Outcome,
        *,
        buckets: Mapping[str, Bucket],
        bucket_of: Callable[[str, str], Bucket | None],
        put: Put,
        steps: Steps,
    ) -> None:
        self._draft = draft
        self._storages = storages
        self._sightings = sightings
        self._outcome = outcome
        self._buckets = buckets
        self._bucket_of = bucket_of
        self._put = put
        self._steps = steps
        self._newest_ns = draft.newest_ns()

    async def list_all(self) -> None:
        """See what is there. StorageError."""
        for name, storage in self._storages.items():
            self._steps.begin(f"listing {name}")
            for prefix in ("", _SHADOWS):
                async with aclosing(storage.list(prefix, pass_over_closed=True)) as files:
                    async for stored in files:
                        self._steps.advance()
                        if stored.path != MARK and not stored.path.startswith(FOLDER):
                            self._sightings.see(name, stored)

    def stays_doomed(self, storage: str, path: str, fingerprint: Fingerprint | None) -> bool:
        """Whether what was to be removed there when the base was made still is.

        A path of our own is never used again. A natural one may be another object's by now, unless
        each write can be told from every other.
        """
        if storage not in self._storages:
            return False
        if path.startswith(_SHADOWS):
            return True
        if fingerprint is None or Can.UNIQUE not in self._storages[storage].can:
            return False
        seen = self._sightings.at(storage, path)
        return seen is not None and seen.fingerprint == fingerprint

    async def are_there(self, versions: Sequence[Version]) -> Sequence[bool]:
        """Of each, whether its bytes are. StorageError."""
        return await asyncio.gather(*(self._is_there(version.location) for version in versions))

    async def adopt_all(self) -> None:
        """Make objects of what says that it is one. StorageError, CatalogError."""
        since_ns = self._newest_ns - _CLOCKS_NS
        for name, storage in self._storages.items():
            # Where each write has a fingerprint of its own a row that has it is the newest.
            since = 2**62 if Can.UNIQUE in storage.can else since_ns
            self._steps.begin(f"objects on {name}", self._sightings.unknown(name, since))
            after = ""
            while page := self._sightings.page(name, since, after=after, limit=AT_ONCE):
                after = page[-1].path
                for one in await asyncio.gather(*(self._asked(name, storage, one) for one in page)):
                    self._steps.advance()
                    if one is not None:
                        self._take(name, storage, one)

    async def _is_there(self, location: Location) -> bool:
        name, path = location.storage, location.path
        seen = self._sightings.at(name, path)
        if seen is None or seen.fingerprint != location.fingerprint:
            # A listing may be late, or leave something out.
            try:
                stored = await self._storages[name].stat(path)
            except NotFound:
                return False
            except (Denied, NameRefused):
                return True  # what cannot be looked at is not lost
            self._sightings.tell(name, stored)
            if stored.fingerprint != location.fingerprint:
                return False
        self._sightings.know(name, path)
        return True

    async def _asked(self, name: str, storage: Storage, seen: Sighting) -> Sighting | None:
        if seen.asked or Can.DESCRIBE not in storage.can:
            return seen
        try:
            stored = await storage.stat(seen.path)
        except NotFound:
            self._sightings.lose(name, seen.path)
            return None
        except (Denied, NameRefused):
            return seen
        self._sightings.tell(name, stored)
        return Sighting(
            path=seen.path,
            fingerprint=stored.fingerprint,
            modified_ns=stored.modified_ns,
            record=stored.description,
            headers=stored.headers,
            asked=True,
        )

    def _take(self, name: str, storage: Storage, seen: Sighting) -> None:
        described = described_before(storage, seen.stored())
        if described is None or not self._is_its_own(described, seen.path):
            self._outcome.strangers += not self._is_known(name, seen)
            return
        bucket = self._bucket_of(described.bucket, name)
        if bucket is None:
            self._outcome.strangers += 1
            return
        if self._draft.is_being_removed(name, storage.claim(seen.path)):
            return
        known = self._draft.get(bucket, described.key)
        if known is not None and known.sequence >= described.sequence:
            self._outcome.superseded += not _is_at(known, name, seen)
            return
        if known is not None:
            self._outcome.superseded += not _is_at(known, name, seen)
        location = Location(
            storage=name,
            path=seen.path,
            staged=None,
            fingerprint=seen.fingerprint,
            natural=seen.path == f"{bucket.name}/{described.key}",
        )
        version = _version(storage, described, seen, location)
        lost = self._draft.missing(bucket, described.key)
        if lost is not None and known is None:
            self._outcome.missing -= 1
            if _is_moved(lost, described, version):
                # The same version elsewhere: what was changed since it was written is in its row.
                version = replace(lost, location=location)
        self._put(bucket, version)

    def _is_its_own(self, described: Description, path: str) -> bool:
        """Under a path of ours lies what it says it is; elsewhere it may be a copy of others."""
        return path.startswith(_SHADOWS) or path == f"{described.bucket}/{described.key}"

    def _is_known(self, name: str, seen: Sighting) -> bool:
        """Whether it is an object that others made, of which there is a row."""
        folder, _, key = seen.path.partition("/")
        bucket = self._buckets.get(folder)
        known = None if bucket is None else self._draft.get(bucket, key)
        return known is not None and _is_at(known, name, seen)


def _version(
    storage: Storage, described: Description, seen: Sighting, location: Location
) -> Version:
    of = seen.fingerprint
    version = described.version(location, modified_ns=seen.modified_ns)
    version.size = of.size
    version.etag = described.etag or etag_of(storage, seen.path, of)
    # A description that had no room for them has none; the storage may have kept them.
    version.headers = described.headers or _served(seen.headers)
    return version


def _served(headers: Mapping[str, str] | None) -> Mapping[str, str]:
    found = {name: value for name, value in (headers or {}).items() if value}
    if found.get("content-type") in GENERIC_TYPES:
        del found["content-type"]
    return found


def _is_at(version: Version, storage: str, seen: Sighting) -> bool:
    location = version.location
    at = location.storage, location.path, location.fingerprint
    return at == (storage, seen.path, seen.fingerprint)


def _is_moved(lost: Version, described: Description, found: Version) -> bool:
    """Whether bytes that were found elsewhere are those of a row that has lost them: objects come back
    under their own names. What a description tells was known before the row was written."""
    return (
        described.sequence <= lost.sequence
        and lost.size == found.size
        and described.etag in {"", lost.etag}
        and (described.modified_ns or 0) <= lost.modified_ns
        and ("-" in lost.etag or "-" in found.etag or lost.etag == found.etag)
    )

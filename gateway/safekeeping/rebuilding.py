"""A catalog that is right about the storages: rows whose bytes are there, bytes that have a row.

First the rows: an object whose bytes are gone is missing, out of sight with all that is known of it. Then the bytes: what describes itself as a version
that the catalog does not know, or as a newer one than it knows, gets a row. What does not describe
itself, or as something that lies elsewhere, was put there by others and is left to the server, which
finds it as it finds any file of others. Nothing on a storage is changed. On storages behind a network
``surveying`` does this, in its own order.
"""

from collections.abc import Mapping, Sequence

from backends.errors import Damaged, NameRefused, NotFound
from backends.interface import RESERVED, Can, Fingerprint, Storage
from gateway.catalog.placing import part_file, shadow_path, upload_file
from gateway.catalog.records import Bucket, Location, Part, Upload, Version
from gateway.catalog.sqlite.drafting import Draft
from gateway.catalog.sqlite.ledger import SPELLINGS
from gateway.s3.names import can_be_a_bucket
from gateway.safekeeping.outcome import Outcome
from gateway.safekeeping.sightings import Sightings
from gateway.safekeeping.steps import Steps
from gateway.safekeeping.surveying import AT_ONCE, Surveying
from gateway.service.description import Description, decode

_SHADOWS = f"{RESERVED}/o/"
_FEW = 100


class MostAreMissing(Exception):
    """More rows than not have no bytes: rather is the storage not what it should be."""


class Rebuild:
    """One run over all storages; the draft is changed in place and not finished."""

    def __init__(
        self,
        draft: Draft,
        storages: Mapping[str, Storage],
        *,
        home: str,
        region: str,
        now_ns: int,
        steps: Steps,
        sightings: Sightings,
        accept_missing: bool = False,
    ) -> None:
        """``storages`` are open; ``home`` names that of buckets that only descriptions tell of."""
        self._draft = draft
        self._storages = {name: one for name, one in storages.items() if Can.WATCH in one.can}
        self._home = home
        self._region = region
        self._now_ns = now_ns
        self._steps = steps
        self._accept_missing = accept_missing
        self._all = storages
        self._folds = {name: one.claim(SPELLINGS) != SPELLINGS for name, one in storages.items()}
        self._buckets = {bucket.name: bucket for bucket in draft.buckets()}
        self.outcome = Outcome()
        self._behind = {name: one for name, one in storages.items() if Can.STAGE not in one.can}
        self._surveying = Surveying(
            draft,
            self._behind,
            sightings,
            self.outcome,
            buckets=self._buckets,
            bucket_of=self._bucket,
            put=self._store,
            steps=steps,
        )

    async def run(self) -> Outcome:
        """Raises MostAreMissing, StorageError, CatalogError; then the draft is good for nothing."""
        await self._surveying.list_all()
        self._draft.forget_remote(self._surveying.stays_doomed)
        await self._check_rows()
        folders = {name: set(one.folders()) for name, one in self._storages.items()}
        for name in sorted(folders, key=lambda name: name != self._home):
            for folder in sorted(filter(can_be_a_bucket, folders[name])):
                self._bucket(folder, name)
        self._steps.begin("files")
        for name, storage in self._storages.items():
            await self._walk(name, storage)
        await self._surveying.adopt_all()
        self._refuse_emptiness()
        self._drop_buckets(folders)
        self._check_uploads()
        self.outcome.found = self._draft.count() - self.outcome.kept
        return self.outcome

    # Rows

    async def _check_rows(self) -> None:
        self._steps.begin("objects of the catalog", self._draft.count())
        for bucket in self._buckets.values():
            waiting: list[Version] = []
            for version in self._draft.versions(bucket):
                self._steps.advance()
                if version.location.storage in self._behind:
                    waiting.append(version)
                    if len(waiting) == AT_ONCE:
                        self._judge(bucket, waiting, await self._surveying.are_there(waiting))
                        waiting = []
                else:
                    self._judge(bucket, [version], [self._is_there(version.location)])
            self._judge(bucket, waiting, await self._surveying.are_there(waiting))
        if not self._behind:
            self._refuse_emptiness()

    def _judge(self, bucket: Bucket, versions: Sequence[Version], there: Sequence[bool]) -> None:
        for version, is_there in zip(versions, there, strict=True):
            if is_there:
                self.outcome.kept += 1
            else:
                self._draft.miss(bucket, version.key, now_ns=self._now_ns)
                self.outcome.missing += 1

    def _refuse_emptiness(self) -> None:
        outcome = self.outcome
        if outcome.missing > max(outcome.kept, _FEW) and not self._accept_missing:
            raise MostAreMissing(
                f"the bytes of {outcome.missing} of {outcome.missing + outcome.kept} objects are "
                "not there"
            )

    def _is_there(self, location: Location) -> bool:
        storage = self._storages.get(location.storage)
        if storage is None or storage.glance(location.path).fingerprint == location.fingerprint:
            return True  # what cannot be looked at is not lost
        staged = location.staged
        return (
            staged is not None and storage.glance_staged(staged).fingerprint == location.fingerprint
        )

    # Bytes

    async def _walk(self, name: str, storage: Storage) -> None:
        async for stored in storage.list():
            self._steps.advance()
            bucket, slash, key = stored.path.partition("/")
            if not slash or not self._knows(name, bucket, key, stored.path, stored.fingerprint):
                described = await self._described(storage, stored.path)
                if described is None or (described.bucket, described.key) != (bucket, key):
                    self.outcome.strangers += 1
                else:
                    self._adopt(name, described, stored.path, stored.fingerprint)
        async for stored in storage.list(_SHADOWS):
            self._steps.advance()
            described = await self._described(storage, stored.path)
            if described is None:
                self.outcome.strangers += 1
            else:
                self._adopt(name, described, stored.path, stored.fingerprint)
        for staged in storage.staged_names():
            described = _sealed_as(storage, staged)
            fingerprint = storage.glance_staged(staged).fingerprint
            if described is not None and fingerprint is not None:
                self._adopt_staged(name, storage, described, staged, fingerprint)

    def _knows(
        self, storage: str, bucket: str, key: str, path: str, fingerprint: Fingerprint
    ) -> bool:
        known = self._buckets.get(bucket)
        version = None if known is None else self._draft.get(known, key)
        return version is not None and _is_at(version, storage, path, fingerprint)

    async def _described(self, storage: Storage, path: str) -> Description | None:
        try:
            record = (await storage.stat(path)).description
        except (NotFound, NameRefused):
            return None
        return None if record is None else decode(record)

    def _adopt(
        self, storage: str, described: Description, path: str, fingerprint: Fingerprint
    ) -> None:
        place = self._storages[storage]
        bucket = self._bucket(described.bucket, storage)
        if bucket is None or described.size != fingerprint.size:
            self.outcome.strangers += 1
            return
        known = self._draft.get(bucket, described.key)
        if known is not None and _is_at(known, storage, path, fingerprint):
            return
        if self._draft.is_doomed(storage, place.claim(path), fingerprint):
            return
        if known is not None and known.sequence >= described.sequence:
            self.outcome.superseded += 1
            return
        if known is not None:
            self.outcome.superseded += 1
        natural = path == f"{bucket.name}/{described.key}"
        location = Location(
            storage=storage, path=path, staged=None, fingerprint=fingerprint, natural=natural
        )
        self._put(bucket, described, location)

    def _adopt_staged(
        self,
        name: str,
        storage: Storage,
        described: Description,
        staged: str,
        fingerprint: Fingerprint,
    ) -> None:
        """Sealed, but not placed when the program ended: perhaps acknowledged, certainly whole."""
        bucket = self._bucket(described.bucket, name)
        if bucket is None or described.size != fingerprint.size:
            return
        known = self._draft.get(bucket, described.key)
        if known is not None and known.sequence >= described.sequence:
            return  # it is that, or older than that
        path = storage.natural(bucket.name, described.key)
        replaces = known is not None and known.location.path == path
        if path is None or not (replaces or storage.prepare(path)):
            path = shadow_path(staged)
        location = Location(
            storage=name,
            path=path,
            staged=staged,
            fingerprint=fingerprint,
            natural=path == f"{bucket.name}/{described.key}",
        )
        self._put(bucket, described, location)
        kind, _, upload = staged.partition("-")
        if kind == "upload":
            self._draft.drop_upload(upload)

    def _put(self, bucket: Bucket, described: Description, location: Location) -> None:
        # Of bytes that were sealed by us the stamp is a time.
        modified_ns = int(location.fingerprint.stamp)
        self._store(bucket, described.version(location, modified_ns=modified_ns))

    def _store(self, bucket: Bucket, version: Version) -> None:
        location, claim = version.location, None
        if location.natural and self._folds[location.storage]:
            claim = self._all[location.storage].claim(location.path)
        self._draft.put(bucket, version, claim=claim)

    # Buckets

    def _bucket(self, name: str, storage: str) -> Bucket | None:
        bucket = self._buckets.get(name)
        if bucket is None and can_be_a_bucket(name):
            bucket = self._buckets[name] = self._draft.create_bucket(
                name, region=self._region, storage=storage, now_ns=self._now_ns
            )
            self.outcome.buckets_found.append(name)
        return bucket

    def _drop_buckets(self, folders: Mapping[str, set[str]]) -> None:
        """A bucket has a folder from the beginning to the end."""
        for bucket in list(self._buckets.values()):
            there = folders.get(bucket.storage)
            if there is not None and bucket.name not in there and self._draft.is_empty(bucket):
                self._draft.drop_bucket(bucket)
                del self._buckets[bucket.name]
                self.outcome.buckets_dropped.append(bucket.name)

    # Uploads

    def _check_uploads(self) -> None:
        ids = {bucket.id for bucket in self._buckets.values()}
        for upload in self._draft.uploads():
            if upload.storage not in self._storages:
                # It may have become an object since, under the path that was its own.
                self._draft.drop_upload(upload.id)
                self.outcome.uploads_dropped += 1
                continue
            parts = self._draft.parts(upload)
            left = len(parts)
            for part in parts:
                if not self._has(upload, part):
                    self._draft.drop_part(upload, part)
                    left -= 1
            if upload.bucket_id not in ids or (parts and not left):
                # It had parts and has none: it was completed or aborted since.
                self._draft.drop_upload(upload.id)
                self.outcome.uploads_dropped += 1
            else:
                self.outcome.uploads_kept += 1

    def _has(self, upload: Upload, part: Part) -> bool:
        storage = self._storages.get(upload.storage)
        if storage is None:
            return True
        if part.offset is None:
            name, end = part_file(upload.id, part.number, part.attempt), part.size
        else:
            name, end = upload_file(upload.id), part.offset + part.size
        found = storage.glance_staged(name).fingerprint
        return found is not None and found.size >= end


def _is_at(version: Version, storage: str, path: str, fingerprint: Fingerprint) -> bool:
    location = version.location
    return (location.storage, location.path, location.fingerprint) == (storage, path, fingerprint)


def _sealed_as(storage: Storage, name: str) -> Description | None:
    try:
        record = storage.staged_description(name)
    except Damaged:
        return None
    return None if record is None else decode(record)

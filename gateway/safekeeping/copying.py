"""A second storage that holds what the first does, and a draft of its catalog, while others write.

The draft begins as a copy of the first one's catalog at one moment. For each of its rows the bytes
are staged in the second storage, unless they are there already. Bytes that are no longer what the row
says were overwritten or deleted meanwhile: then the row is looked up again, and the draft gets what is
true now. So each object of the copy is whole, and as it was at that moment or later.

Bytes are staged under the fingerprint they have, and the draft's rows name them: once the draft has become
the catalog of the second storage, recovery places them, and removes what is no longer owned. Until
then the second storage holds what it held, whatever happens.
"""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from backends.errors import Damaged, NotFound
from backends.interface import RESERVED, Storage, Stored
from gateway.catalog.placing import shadow_path
from gateway.catalog.records import Bucket, Location, Version
from gateway.catalog.sqlite.drafting import Draft
from gateway.catalog.sqlite.ledger import SPELLINGS
from gateway.catalog.sqlite.looking import Look
from gateway.safekeeping.steps import Steps
from gateway.service.description import decode, describe, encode
from gateway.service.verifying import opened

_SHADOWS = f"{RESERVED}/o/"
_LOOKS = 20
_PAUSE_S = 0.25
_MOST_NAMED = 20


@dataclass(slots=True, kw_only=True)
class Outcome:
    """How many objects were copied, were there already, were overwritten or deleted meanwhile."""

    copied: int = 0
    copied_bytes: int = 0
    unchanged: int = 0
    changed: int = 0
    deleted: int = 0
    removed: int = 0
    """Files of the second storage that nobody owns any more."""
    failed: int = 0
    """Objects whose bytes are not those of their row, and not because they were changed by us."""
    failures: list[str] = field(default_factory=list)
    """Some of these, for people."""

    @property
    def objects(self) -> int:
        return self.copied + self.unchanged


class Copying:
    """One run. The draft is changed in place and not finished."""

    def __init__(
        self,
        draft: Draft,
        sources: Mapping[str, Storage],
        live: Look,
        target: Storage,
        *,
        name: str,
        now_ns: int,
        steps: Steps,
        patience_s: float = 5.0,
    ) -> None:
        """``sources`` and ``target`` are open; ``name`` is what ``target`` is called in its catalog;
        ``patience_s`` is how long is waited in all for a server to follow changes of others."""
        self._draft = draft
        self._sources = sources
        self._live = live
        self._target = target
        self._name = name
        self._now_ns = now_ns
        self._steps = steps
        self._patience_s = patience_s
        self._folds = target.claim(SPELLINGS) != SPELLINGS
        self.outcome = Outcome()

    async def run(self) -> Outcome:
        """Raises StorageError, CatalogError; then the draft is good for nothing."""
        self._draft.move(self._name)
        buckets = self._draft.buckets()
        self._steps.begin("objects", self._draft.count())
        for bucket in buckets:
            self._target.make_folder(bucket.name)
            for version in self._draft.versions(bucket):
                await self._copy(bucket, version)
                self._steps.advance()
        await self._doom_what_nobody_owns({bucket.name: bucket for bucket in buckets})
        return self.outcome

    async def _copy(self, bucket: Bucket, version: Version) -> None:
        outcome = self.outcome
        trouble = "it changes faster than it can be copied"
        for look in range(_LOOKS):
            if await self._brought(bucket, version):
                outcome.changed += look > 0
                return
            now = self._live.current(bucket, version.key)
            if now is None:
                self._draft.drop(bucket, version.key)
                outcome.deleted += 1
                return
            unchanged = (now.sequence, now.location) == (version.sequence, version.location)
            if look and unchanged:
                trouble = "its bytes are not those that were stored"
                if self._patience_s <= 0:
                    break
                # Perhaps others have just changed them, and the server is about to see it.
                self._patience_s -= _PAUSE_S
                await asyncio.sleep(_PAUSE_S)
            version = now
        self._put(bucket, version, version.location.path, None)
        self._draft.miss(bucket, version.key, now_ns=self._now_ns)
        outcome.failed += 1
        if len(outcome.failures) < _MOST_NAMED:
            outcome.failures.append(f"{bucket.name}/{version.key}: {trouble}")

    async def _brought(self, bucket: Bucket, version: Version) -> bool:
        """Whether the bytes of ``version`` are in the second storage now, with a row."""
        location = version.location
        staged = f"put-copy-{secrets.token_hex(16)}"
        path = self._path(bucket, version, staged)
        if self._target.glance(path).fingerprint == location.fingerprint:
            self._put(bucket, version, path, None)
            self.outcome.unchanged += 1
            return True
        storage = self._sources.get(location.storage)
        if storage is None:
            raise Damaged(f"the storage {location.storage!r} is not configured")
        content, _ = await opened(storage, location)
        if content is None:
            return False
        try:
            record = encode(describe(bucket.name, version))
            await self._target.replicate(content, staged, record)
        except Damaged:
            return False
        finally:
            await content.aclose()
        self._put(bucket, version, path, staged)
        self.outcome.copied += 1
        self.outcome.copied_bytes += version.size
        return True

    def _path(self, bucket: Bucket, version: Version, staged: str) -> str:
        path = version.location.path
        if not version.location.natural:
            return path
        return path if self._target.natural(bucket.name, version.key) else shadow_path(staged)

    def _put(self, bucket: Bucket, version: Version, path: str, staged: str | None) -> None:
        natural = path == version.location.path and version.location.natural
        location = Location(
            storage=self._name,
            path=path,
            staged=staged,
            fingerprint=version.location.fingerprint,
            natural=natural,
        )
        claim = self._target.claim(path) if natural and self._folds else None
        self._draft.put(bucket, replace(version, location=location), claim=claim)

    async def _doom_what_nobody_owns(self, buckets: Mapping[str, Bucket]) -> None:
        self._steps.begin("files of the copy")
        async for stored in self._target.list():
            self._steps.advance()
            bucket, _, key = stored.path.partition("/")
            self._doom_unless_owned(stored, buckets.get(bucket), key)
        async for stored in self._target.list(_SHADOWS):
            self._steps.advance()
            described = None
            try:
                record = (await self._target.stat(stored.path)).description
                described = None if record is None else decode(record)
            except NotFound:
                continue
            bucket = "" if described is None else described.bucket
            key = "" if described is None else described.key
            self._doom_unless_owned(stored, buckets.get(bucket), key)

    def _doom_unless_owned(self, stored: Stored, bucket: Bucket | None, key: str) -> None:
        version = None if bucket is None else self._draft.get(bucket, key)
        if version is None or version.location.path != stored.path:
            claim = self._target.claim(stored.path)
            self._draft.doom(self._name, claim, stored.path, stored.fingerprint)
            self.outcome.removed += 1

"""What a crash left behind, put right before the first request.

Publishing commits first and moves the bytes to their path after (``gateway.catalog.interface``). Bytes
that are still staged at start belong to an object whose row names them (they are placed now), to an
open multipart upload (they stay), or to nobody (they are dropped: nothing acknowledged them, be it
an object or an attempt at a part).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from backends.errors import Damaged
from backends.interface import Can, Storage
from gateway.catalog.errors import NoSuchBucket
from gateway.catalog.interface import Catalog
from gateway.catalog.placing import part_file, upload_file
from gateway.catalog.records import Version
from gateway.service.description import decode

_log = structlog.get_logger("s3front.recovery")
_ALL_TIME_NS = 2**62


@dataclass(slots=True)
class Recovered:
    """How many staged names were placed, kept for open uploads, dropped."""

    placed: int = 0
    kept: int = 0
    dropped: int = 0


async def recover(
    catalog: Catalog, storages: Mapping[str, Storage], *, expected: bool = False
) -> Recovered:
    """Finish or undo what was interrupted. No writer may run yet. ``expected``: no word of it."""
    await catalog.recover()
    uploads = Uploads(catalog)
    outcome = Recovered()
    for name, storage in storages.items():
        if Can.STAGE in storage.can:
            await _recover_storage(catalog, name, storage, uploads, outcome)
    if not expected and (outcome.placed or outcome.dropped):
        _log.info(
            "recovered from an interrupted run", placed=outcome.placed, dropped=outcome.dropped
        )
    return outcome


class Uploads:
    """The staged names of open uploads: asked for once for each upload that has any."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._names: dict[str, frozenset[str]] = {}
        self._open: frozenset[str] | None = None

    async def own(self, name: str) -> bool:
        """Whether those are the bytes of an open upload: of acknowledged parts, or where parts lie
        in place."""
        kind, _, rest = name.partition("-")
        if kind not in {"upload", "part"}:
            return False
        id = rest.partition("-")[0]
        if id not in await self._ids():
            return False
        if id not in self._names:
            parts = await self._catalog.parts(id)
            files = (part_file(id, p.number, p.attempt) for p in parts if p.offset is None)
            self._names[id] = frozenset((upload_file(id), *files))
        return name in self._names[id]

    async def _ids(self) -> frozenset[str]:
        if self._open is None:
            stale = await self._catalog.stale_uploads(before_ns=_ALL_TIME_NS, limit=2**31)
            self._open = frozenset(upload.id for _, upload in stale)
        return self._open


async def _recover_storage(
    catalog: Catalog,
    storage_name: str,
    storage: Storage,
    uploads: Uploads,
    outcome: Recovered,
) -> None:
    for name in storage.staged_names():
        version = await owner_of(catalog, storage_name, storage, name)
        if version is not None:
            storage.place(name, version.location.path)
            outcome.placed += 1
        elif await uploads.own(name):
            outcome.kept += 1
        else:
            storage.drop_staged(name)
            outcome.dropped += 1


async def owner_of(
    catalog: Catalog, storage_name: str, storage: Storage, name: str
) -> Version | None:
    """The version whose row names those staged bytes, None if there is none (any more)."""
    try:
        record = storage.staged_description(name)
    except Damaged:
        # What the bytes say of themselves cannot be believed: only the rows know whose they are.
        return await catalog.owner_of_staged(storage_name, name)
    description = decode(record) if record is not None else None
    if description is None:
        return None
    try:
        bucket = await catalog.bucket(description.bucket)
    except NoSuchBucket:
        return None
    version = await catalog.get(bucket, description.key)
    if version is None or version.location.staged != name:
        return None
    return version

"""What a crash left behind, put right before the first request.

Publishing commits first and moves the bytes to their path after (``gateway.catalog.interface``). Bytes
that are still staged at start belong to an object whose row names them (they are placed now), to an
open multipart upload (they stay), or to nobody (they are dropped: nothing acknowledged them).
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import structlog

from backends.errors import Damaged
from backends.interface import Can, Storage
from gateway.catalog.errors import NoSuchBucket
from gateway.catalog.interface import Catalog
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


async def recover(catalog: Catalog, storages: Mapping[str, Storage]) -> Recovered:
    """Finish or undo what was interrupted. No writer may run yet."""
    await catalog.recover()
    uploads = await _open_uploads(catalog)
    outcome = Recovered()
    for name, storage in storages.items():
        if Can.STAGE in storage.can:
            await _recover_storage(catalog, name, storage, uploads, outcome)
    if outcome.placed or outcome.dropped:
        _log.info(
            "recovered from an interrupted run", placed=outcome.placed, dropped=outcome.dropped
        )
    return outcome


async def _open_uploads(catalog: Catalog) -> set[str | None]:
    return {
        upload.id for _, upload in await catalog.stale_uploads(before_ns=_ALL_TIME_NS, limit=2**31)
    }


async def _recover_storage(
    catalog: Catalog,
    storage_name: str,
    storage: Storage,
    uploads: AbstractSet[str | None],
    outcome: Recovered,
) -> None:
    for name in storage.staged_names():
        version = await _owner(catalog, storage_name, storage, name)
        if version is not None:
            storage.place(name, version.location.path)
            outcome.placed += 1
        elif _upload_of(name) in uploads:
            outcome.kept += 1
        else:
            storage.drop_staged(name)
            outcome.dropped += 1


async def _owner(
    catalog: Catalog, storage_name: str, storage: Storage, name: str
) -> Version | None:
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


def _upload_of(name: str) -> str | None:
    kind, _, rest = name.partition("-")
    return rest.partition("-")[0] if kind in {"upload", "part"} else None

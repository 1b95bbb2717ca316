"""What must be there before the first request: buckets of the settings, buckets of the folders."""

from collections.abc import Collection

import structlog

from backends.interface import Can
from gateway.catalog.errors import BucketExists, NoSuchBucket
from gateway.s3.names import can_be_a_bucket
from gateway.service.context import Services
from gateway.service.outside import is_empty
from gateway.settings.model import Settings

_log = structlog.get_logger("s3front.bootstrap")
_MOST_NAMED = 20


async def bootstrap(
    services: Services, settings: Settings, *, absent: Collection[str] = ()
) -> None:
    """Create the buckets of the settings, and one for each first-level folder of the default
    storage that has none and whose name is legal. Others are reported in one line. Those on storages
    that are ``absent`` have to wait."""
    for bucket in settings.buckets:
        storage = bucket.storage or services.default_storage
        if storage not in absent and await _create(services, bucket.name, storage):
            _log.info("bucket created", bucket=bucket.name, storage=storage)
        await services.catalog.set_indexing(bucket.name, indexes=bucket.index == "on")
    await _adopt_folders(services)


async def _adopt_folders(services: Services) -> None:
    home = services.storages[services.default_storage]
    if Can.STAGE not in home.can:
        return
    illegal = []
    adopted = []
    for folder in home.folders():
        if not can_be_a_bucket(folder):
            illegal.append(folder)
        elif not await _is_bucket(services, folder):
            await _create(services, folder, services.default_storage)
            adopted.append(folder)
    if adopted:
        _log.info("folders became buckets", **_named(adopted))
    if illegal:
        _log.warning("folders whose names no bucket can have are left alone", **_named(illegal))


async def _is_bucket(services: Services, name: str) -> bool:
    try:
        await services.catalog.bucket(name)
    except NoSuchBucket:
        return False
    return True


async def _create(services: Services, name: str, storage: str) -> bool:
    try:
        await services.catalog.create_bucket(
            name,
            region=services.region,
            storage=storage,
            now_ns=services.now_ns(),
            indexed=await is_empty(services, storage, name),
        )
    except BucketExists:
        return False
    return True


def _named(folders: list[str]) -> dict[str, object]:
    return {"folders": len(folders), "names": ", ".join(folders[:_MOST_NAMED])}

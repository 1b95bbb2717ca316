"""Has storages remove what writers that ended badly have left under names of ours."""

import asyncio

import structlog

from backends.errors import StorageError
from gateway.service.context import Services

INTERVAL_S = 6 * 3600.0
_log = structlog.get_logger("s3front.tidying")


async def tidy(services: Services) -> None:
    """One round over all storages."""
    for name, storage in services.storages.items():
        try:
            await storage.tidy()
        except StorageError as error:
            _log.info("not tidied", storage=name, cause=str(error))


async def run(services: Services, *, interval_s: float = INTERVAL_S) -> None:
    """Rounds until cancelled."""
    while True:
        await tidy(services)
        await asyncio.sleep(interval_s)

"""Drops the staged bytes of workers that died while others went on.

A start drops all that nobody owns (``recovery``). A worker that is killed while others live is
replaced without one, and what it had begun would stay until the next. Paths that it owned on storages
that have no staged bytes become the janitor's.
"""

import asyncio

import structlog

from backends.errors import StorageError
from backends.interface import Can, Storage
from gateway.catalog.errors import CatalogError
from gateway.jobs.recovery import Uploads, owner_of
from gateway.jobs.roll import Roll
from gateway.service.context import Services

_log = structlog.get_logger("s3front.leavings")
_INTERVAL_S = 30.0
_PROCESS_DIGITS = 8


async def clear(services: Services, roll: Roll) -> int:
    """One round. Returns how many staged names were dropped.

    Bytes that a row names stay, placed or not: readers find them, the next start places them.
    """
    dropped = 0
    for storage_name, storage in services.storages.items():
        if Can.STAGE not in storage.can:
            continue
        # The names first: a process that begins later is not in them.
        for name in await asyncio.to_thread(storage.staged_names):
            process = _process_of(name)
            if process is None or await asyncio.to_thread(roll.lives, process):
                continue
            if await _is_nobodys(services, storage_name, storage, name):
                await asyncio.to_thread(storage.drop_staged, name)
                dropped += 1
    for process in await services.catalog.writers():
        if not await asyncio.to_thread(roll.lives, process):
            await services.catalog.abandon(process)
    await asyncio.to_thread(roll.clear)
    if dropped:
        _log.info("dropped what dead workers had begun", staged=dropped)
    return dropped


async def run(services: Services, roll: Roll, *, interval_s: float = _INTERVAL_S) -> None:
    """Rounds until cancelled. A failing round is logged; the next one tries again."""
    while True:
        try:
            await clear(services, roll)
        except (StorageError, CatalogError, OSError) as error:
            _log.warning("leavings not cleared", cause=str(error))
        await asyncio.sleep(interval_s)


async def _is_nobodys(services: Services, storage_name: str, storage: Storage, name: str) -> bool:
    # Asked after the process was found dead, thus after all that it may have committed. An upload
    # ends by becoming an object: asked in this order, its bytes are found to be one's.
    if await Uploads(services.catalog).own(name):
        return False
    return await owner_of(services.catalog, storage_name, storage, name) is None


def _process_of(name: str) -> str | None:
    """The process that alone may still do something with the bytes of that staged name.

    None for what is not made by one process alone: the file in which parts lie in place.
    """
    match name.split("-"):
        case ["put", process, _]:
            return process
        case ["part", _, _, attempt]:
            return attempt[:_PROCESS_DIGITS]
        case _:
            return None

"""Ends what was begun in parts on a storage behind a network and never became known.

When the answer to the beginning of an upload is lost, or the process dies before it has noted it, the
storage keeps an upload of which nobody here has the id. What the storage tells of that is older than
a day, and that nobody of us goes on with, is aborted if it is ours: under a path of our own, or where and when
we may have begun one (``Catalog.may_have_begun``). Uploads of others are left alone.
"""

import asyncio
from contextlib import aclosing

import structlog

from backends.errors import StorageError
from backends.interface import RESERVED, Begun, Can, Storage
from gateway.catalog.errors import CatalogError
from gateway.catalog.interface import Catalog
from gateway.service.certainty import certain
from gateway.service.context import Services

INTERVAL_S = 3600.0
AGE_S = 86_400
CLOCKS_S = 3600
"""How far the storage's time of a beginning may be from ours."""
REMEMBERED_S = 9 * 86_400
"""Longer than an upload that is known, and has the same path, stays open."""
_NS = 1_000_000_000
_log = structlog.get_logger("s3front.unfinished")


async def sweep(services: Services, *, age_s: int = AGE_S) -> int:
    """One round over all storages. Returns how many uploads were aborted."""
    before_ns = services.now_ns() - age_s * _NS
    aborted = 0
    for name, storage in services.storages.items():
        if Can.OPEN_PARTS not in storage.can:
            continue
        try:
            aborted += await _sweep_one(services, name, storage, before_ns)
        except StorageError as error:
            _log.warning("unfinished uploads not looked for", storage=name, cause=str(error))
    await services.catalog.forget_begun(before_ns=services.now_ns() - REMEMBERED_S * _NS)
    if aborted:
        _log.info("unfinished uploads aborted", uploads=aborted)
    return aborted


async def run(services: Services, *, interval_s: float = INTERVAL_S) -> None:
    """Rounds until cancelled. A failing round is logged; the next one tries again."""
    while True:
        try:
            await sweep(services)
        except CatalogError as error:
            _log.warning("unfinished uploads not looked for", cause=str(error))
        await asyncio.sleep(interval_s)


async def _sweep_one(services: Services, name: str, storage: Storage, before_ns: int) -> int:
    # Another storage than it was, or a catalog that is not its own: then nothing is ours to abort.
    if not await certain(services.catalog, name, storage):
        return 0
    aborted = 0
    async with aclosing(storage.open_parts()) as found:
        async for begun in found:
            if begun.begun_ns < before_ns and await _is_forgotten(services.catalog, name, begun):
                await storage.abort_parts(begun.path, begun.upload)
                aborted += 1
    return aborted


async def _is_forgotten(catalog: Catalog, storage: str, begun: Begun) -> bool:
    """Whether it is ours, and nobody's. An open upload, one that is being completed or copied into, and one
    to be removed own their path."""
    if not begun.path.startswith(f"{RESERVED}/") and not await catalog.may_have_begun(
        storage,
        begun.path,
        from_ns=begun.begun_ns - CLOCKS_S * _NS,
        to_ns=begun.begun_ns + CLOCKS_S * _NS,
    ):
        return False
    return not await catalog.is_owned(storage, begun.path)

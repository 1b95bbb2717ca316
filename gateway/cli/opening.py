"""The catalog and the storages of a server's settings, for commands that work beside it."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from backends.interface import Storage
from gateway.catalog.sqlite import SqliteCatalog
from gateway.server.storages import storages_of
from gateway.settings.model import Settings


@contextlib.asynccontextmanager
async def opened(
    settings: Settings, file: Path
) -> AsyncIterator[tuple[SqliteCatalog, dict[str, Storage]]]:
    """Both, until the block ends. StorageError, CatalogError."""
    async with contextlib.AsyncExitStack() as stack:
        storages = storages_of(settings)
        for storage in storages.values():
            await storage.open()
            stack.push_async_callback(storage.aclose)
        catalog = SqliteCatalog(str(file), placings=storages, durable=settings.durability == "full")
        await catalog.open()
        stack.push_async_callback(catalog.aclose)
        yield catalog, storages

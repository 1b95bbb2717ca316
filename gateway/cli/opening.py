"""The catalog and the storages of a server's settings, for commands that work beside it."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from backends.interface import RESERVED, Storage
from gateway.catalog.sqlite import SqliteCatalog
from gateway.server.failure import Exit, StartError
from gateway.server.storages import storages_of
from gateway.settings.model import Settings


def catalog_file(settings: Settings, *, purpose: str) -> Path:
    """Where the catalog of a server with these settings is. StartError if there is none for ``purpose``."""
    home = settings.storages[settings.home]
    if settings.catalog is not None:
        catalog = Path(settings.catalog)
    elif "root" in home.options:
        catalog = Path(str(home.options["root"])) / RESERVED / "catalog.db"
    else:
        raise StartError(
            f"storages.{settings.home} outlives no server: there is nothing to {purpose}.",
            exit=Exit.BAD_CONFIGURATION,
        )
    if not catalog.is_file():
        raise StartError(
            f"There is no catalog at {catalog}. Name what `s3front serve` was given; if the "
            "catalog is lost, make it anew: s3front rebuild.",
            exit=Exit.STORAGE_FAILED,
        )
    return catalog


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

"""Storages at the start: opened, tried, and tried again where they are not there yet."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from backends import registry
from backends.errors import StorageError
from backends.interface import Can, Storage
from backends.trying import Grade
from gateway.catalog.errors import CatalogError
from gateway.server.failure import Exit, StartError
from gateway.settings.model import Settings

_log = structlog.get_logger("s3front.storages")
_AGAIN_S = 5.0
_LONGEST_S = 60.0


class Openings:
    """Opens storages. One in a directory must be there; one behind a network may come later, unless
    ``fail_fast`` is set."""

    def __init__(self, storages: Mapping[str, Storage], settings: Settings) -> None:
        self._storages = storages
        self._settings = settings
        self.absent: set[str] = set()
        """Those that could not be opened yet."""

    async def open_all(self) -> None:
        """Open what can be. Raises StartError; then those that were opened are to be closed."""
        for name, storage in self._storages.items():
            try:
                await storage.open()
            except StorageError as error:
                if self._settings.fail_fast or Can.STAGE in storage.can:
                    raise StartError(
                        f"storages.{name}: it cannot be used: {error}. Try it with: "
                        f"s3front storage test {name}",
                        exit=Exit.STORAGE_FAILED,
                    ) from None
                _log.error("a storage cannot be used yet", storage=name, cause=str(error))
                self.absent.add(name)
            else:
                self._tell(name)

    async def keep_trying(self, opened: Callable[[], Awaitable[None]]) -> None:
        """Until all are open. ``opened`` is called whenever one more is."""
        pause_s = _AGAIN_S
        while self.absent:
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_S)
            for name in sorted(self.absent):
                try:
                    await self._storages[name].open()
                except StorageError as error:
                    _log.info("a storage cannot be used yet", storage=name, cause=str(error))
                    continue
                self.absent.discard(name)
                self._tell(name)
                try:
                    await opened()
                except (CatalogError, StorageError) as error:
                    _log.error("buckets not made", storage=name, cause=str(error))

    async def try_all(self) -> None:
        """Try all that are behind a network, and log what is found. StartError if one does not work
        and ``fail_fast`` is set."""
        mirrors = self._settings.mirrors
        for name, storage in self._storages.items():
            if name in mirrors:
                for member in mirrors[name].storages:
                    if self._settings.storages[member].type != "local":
                        await self._try(member)
            elif Can.STAGE not in storage.can and name not in self.absent:
                await self._try(name)

    async def _try(self, name: str) -> None:
        one = self._settings.storages[name]
        for finding in await registry.probe(one.type, one.options):
            if finding.grade is Grade.WRONG:
                if self._settings.fail_fast:
                    raise StartError(
                        f"storages.{name}: {finding.tried}: {finding.text}. Try it with: "
                        f"s3front storage test {name}",
                        exit=Exit.STORAGE_FAILED,
                    )
                _log.error(
                    "a storage does not do what it should",
                    storage=name,
                    tried=finding.tried,
                    cause=finding.text,
                )
            elif finding.grade is Grade.NOTE:
                _log.info("tried", storage=name, tried=finding.tried, found=finding.text)

    def _tell(self, name: str) -> None:
        about, _, more = self._storages[name].about().partition("\n")
        if about:
            _log.info("storage opened", storage=name, kind=about)
        if more and name in self._settings.mirrors:
            _log.warning("a mirror was put together again", storage=name, found=more)

"""An application on an empty storage, and what it takes away with it."""

import asyncio
import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from gateway.access.credentials import Credentials
from gateway.catalog.errors import BucketExists
from gateway.observe.event import RequestEvent
from gateway.s3.errors import S3Error
from gateway.s3.message import Request, Response
from gateway.s3.names import new_bucket_name
from gateway.server.build import S3, build
from gateway.settings.model import Settings

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - only a folder with a random name is made there
_ROOM = 256 * 1024 * 1024


class Stage:
    """Answers requests until it is retired. A reset puts another one in its place, so nothing that an
    earlier test left under way can touch the next."""

    def __init__(self, application: S3, folder: str) -> None:
        self._application = application
        self._folder = folder
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.touched = False
        """Something may be in it."""
        self.released = asyncio.Event()
        """Nobody is to be kept waiting any more."""

    @classmethod
    async def opened(cls, settings: Settings, credentials: Credentials) -> "Stage":
        """A new one, which holds nothing. Raises StartError."""
        folder = await asyncio.to_thread(_new_folder)
        application = build(
            settings, credentials, str(Path(folder) / "catalog.db"), runs_jobs=False
        )
        stage = cls(application, folder)
        try:
            await application.open(first=True)
        except BaseException:
            await stage.retire(0.0)
            raise
        return stage

    async def answer(self, request: Request, event: RequestEvent) -> Response:
        """As the application does."""
        self.touched = True
        self._in_flight += 1
        self._idle.clear()
        try:
            return await self._application.answer(request, event)
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    async def create_bucket(self, name: str) -> None:
        """ValueError if no bucket can have that name, or one has it."""
        self.touched = True
        services = self._application.services
        try:
            await services.catalog.create_bucket(
                new_bucket_name(name),
                region=services.region,
                storage=services.default_storage,
                now_ns=services.now_ns(),
            )
        except S3Error:
            raise ValueError(f"No bucket can be named {name!r}.") from None
        except BucketExists:
            raise ValueError(f"There is a bucket {name!r} already.") from None

    async def probe(self) -> None:
        """Raises if requests could not be answered now."""
        await self._application.probe()

    async def bucket_exists(self, name: str) -> bool:
        """Whether there is a bucket of that name."""
        return await self._application.bucket_exists(name)

    async def retire(self, deadline_s: float) -> None:
        """Let what is under way finish, at most that long; then close all and remove the catalog."""
        self.released.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                await self._idle.wait()
        try:
            await self._application.aclose()
        finally:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)


def _new_folder() -> str:
    """On memory if there is room: a catalog that nobody keeps need not go to a disk."""
    parent = None
    with contextlib.suppress(OSError):
        if os.access(_SHARED_MEMORY, os.W_OK | os.X_OK):
            free = shutil.disk_usage(_SHARED_MEMORY).free
            parent = str(_SHARED_MEMORY) if free >= _ROOM else None
    return tempfile.mkdtemp(prefix="s3front-", dir=parent)

"""A small application for tests of processes: it answers, waits and dies on command."""

import asyncio
import os
from pathlib import Path

from gateway.access.credentials import Credentials
from gateway.observe.event import RequestEvent
from gateway.s3.message import Request, Response
from gateway.server.failure import Exit, StartError
from gateway.settings.model import Settings

FACTORY = "tests.server.tiny_application:build"


class Tiny:
    """``/pid`` its process; ``/first`` whether it bootstrapped; ``/wait`` answers when the file
    ``go`` beside the catalog is there, and makes ``waiting`` meanwhile; ``/die`` ends the process."""

    def __init__(self, folder: Path, region: str) -> None:
        self._folder = folder
        self._region = region
        self._first = False

    async def open(self, *, first: bool) -> None:
        self._first = first
        with (self._folder / "tried").open("a") as log:
            log.write(f"{os.getpid()}\n")
        if self._region == "refuse":
            raise StartError("storages.disk: refused. Fix it.", exit=Exit.STORAGE_FAILED)
        with (self._folder / "opened").open("a") as log:
            log.write(f"{os.getpid()} {first}\n")

    async def answer(self, request: Request, event: RequestEvent) -> Response:
        event.operation = "Tiny"
        if request.path == "/pid":
            return Response(body=str(os.getpid()).encode())
        if request.path == "/first":
            return Response(body=str(self._first).encode())
        if request.path == "/wait":
            (self._folder / "waiting").touch()
            while not (self._folder / "go").exists():
                await asyncio.sleep(0.01)
            return Response(body=b"waited")
        if request.path == "/die":
            os._exit(7)
        return Response(status=404, body=b"nothing")

    async def probe(self) -> None:
        if (self._folder / "broken").exists():
            raise OSError("broken")

    async def bucket_exists(self, name: str) -> bool:
        return (self._folder / f"bucket-{name}").exists()

    def reload(self, settings: Settings) -> None:
        (self._folder / "reloaded").touch()

    async def aclose(self) -> None:
        (self._folder / "closed").touch()


def build(settings: Settings, credentials: Credentials, catalog: str, number: int) -> Tiny:
    """The application of one worker."""
    assert credentials.secret(credentials.root_access_key)
    assert number < settings.workers
    return Tiny(Path(catalog).parent, settings.region)

"""What a worker serves."""

from collections.abc import Callable
from typing import Protocol

from gateway.access.credentials import Credentials
from gateway.observe.event import RequestEvent
from gateway.s3.message import Request, Response
from gateway.settings.model import Settings


class Application(Protocol):
    """Composed once in each worker, opened before it listens, closed after the last answer."""

    async def open(self, *, first: bool) -> None:
        """Open catalog and storages; with ``first`` (no other worker lives) recover and bootstrap.

        Raises StartError.
        """

    async def answer(self, request: Request, event: RequestEvent) -> Response:
        """Answer one request. Never raises on purpose."""

    async def probe(self) -> None:
        """Raises if requests could not be answered now."""

    async def bucket_exists(self, name: str) -> bool:
        """Whether there is a bucket of that name."""

    def reload(self, settings: Settings) -> None:
        """Take over what can be of new settings."""

    async def aclose(self) -> None:
        """Finish what was accepted, release everything."""


Factory = Callable[[Settings, Credentials, str, int], Application]
"""Settings, credentials, path of the catalog, number of the worker."""

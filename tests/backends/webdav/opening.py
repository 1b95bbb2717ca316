"""A storage over a server that lies, and small words for what the tests do with both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from backends.http.client import Timeouts
from backends.webdav.dialect import Destination, Dialect, Kind, Validator
from backends.webdav.settings import webdav_settings
from backends.webdav.storage import WebDavStorage
from tests.backends.making import body
from tests.backends.webdav.lying import Lying

HONEST = Dialect(
    kind=Kind.GENERIC,
    base="/",
    destination=Destination.URL,
    creates=True,
    copies=True,
    validator=Validator.STRONG,
    renames=True,
    at_once=True,
    properties=True,
    ranges=True,
    if_match=True,
    spares_folders=True,
    hides_dots=False,
    folds=False,
    heads=True,
    yields=True,
)
"""What such a server is found to do as long as it does not lie."""


def over(
    server: Lying,
    *,
    dialect: Dialect | None = None,
    timeouts: Timeouts | None = None,
    **settings: object,
) -> WebDavStorage:
    """A storage on the server, not yet opened."""
    return WebDavStorage(
        webdav_settings({"endpoint": server.url, "allow_private": True, **settings}),
        dialect=dialect,
        timeouts=timeouts,
        pauses_s=(0.0, 0.01, 0.02),
    )


@asynccontextmanager
async def opened(storage: WebDavStorage) -> AsyncIterator[WebDavStorage]:
    """The storage, open."""
    await storage.open()
    try:
        yield storage
    finally:
        await storage.aclose()


async def put(storage: WebDavStorage, path: str, data: bytes) -> None:
    """Write it."""
    await storage.write(path, body(data), size=len(data))


async def nothing_is_left(storage: WebDavStorage, server: Lying) -> bool:
    """Once what is being removed is removed, whether nothing lies under a name of ours."""
    await storage.aclose()
    return not server.below(".s3front/incoming")

"""Copying on a server where things change meanwhile."""

from contextlib import suppress

import pytest
from aiohttp import web

from backends.errors import (
    Damaged,
    StorageError,
)
from backends.webdav.storage import WebDavStorage
from tests.backends.making import body
from tests.backends.webdav.lying import Lying, on
from tests.backends.webdav.opening import nothing_is_left


async def test_a_copy_of_what_changed_meanwhile_is_not_published(
    storage: WebDavStorage, server: Lying
) -> None:
    of = (await storage.write("b/k", body(b"one"), size=3)).fingerprint

    async def replaced(_: web.Request) -> web.StreamResponse | None:
        server.put("b/k", b"two")
        return None

    server.lies.append(on("COPY", replaced))
    with pytest.raises(Damaged):
        await storage.copy("b/k", "b/l", only_if=of)
    assert server.below("b") == {"b/k"}
    assert await nothing_is_left(storage, server)


async def test_a_copy_onto_itself_is_never_sent(storage: WebDavStorage, server: Lying) -> None:
    assert storage._opened is not None
    with pytest.raises(ValueError, match="onto itself"):
        await storage._opened.dav.transfer("COPY", "b/k", "b/k", replace=True)
    of = (await storage.write("b/k", body(b"one"), size=3)).fingerprint
    with suppress(StorageError):
        await storage.copy("b/k", "b/k", only_if=of)
    assert server.files["b/k"].data == b"one"
    for (method, path), headers in zip(server.asked, server.headers, strict=True):
        assert method not in {"COPY", "MOVE"} or not headers["Destination"].endswith(f"/{path}")

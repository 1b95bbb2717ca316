"""A server that stops to answer."""

from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from backends.errors import (
    Unavailable,
)
from backends.http.client import Timeouts
from backends.webdav import asking
from tests.backends.making import bytes_at
from tests.backends.webdav.lying import Lying, on
from tests.backends.webdav.opening import HONEST, opened, over, put

LONG = bytes(range(256)) * 4000


@pytest.mark.parametrize("method", ["PROPFIND", "GET", "PUT", "MOVE", "DELETE"])
async def test_a_server_that_stalls_is_unavailable(
    server: Lying, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(asking, "LONG_S", 0.2)

    async def stall(_: web.Request) -> web.StreamResponse:
        await server.over.wait()
        return web.Response(status=500)

    quick = Timeouts(connect_s=5, connection_s=5, stall_s=0.2, answer_s=0.2)
    async with opened(over(server, dialect=HONEST, timeouts=quick)) as storage:
        acts: dict[str, Callable[[], Awaitable[object]]] = {
            "PROPFIND": lambda: storage.stat("b/k"),
            "GET": lambda: storage.read("b/k"),
            "PUT": lambda: put(storage, "b/k", b"new!"),
            "MOVE": lambda: put(storage, "b/k", b"new!"),
            "DELETE": lambda: storage.delete("b/k"),
        }
        await put(storage, "b/k", b"data")
        server.lies.append(on(method, stall, times=99))
        with pytest.raises(Unavailable):
            await acts[method]()
        server.lies.clear()
        if method != "DELETE":
            assert await bytes_at(storage, "b/k") == b"data"

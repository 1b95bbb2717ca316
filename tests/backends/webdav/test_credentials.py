"""Who we say we are, to whom, and where it is not to be seen."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web

from backends.errors import Denied, StorageError, Unavailable
from backends.interface import PIECE
from tests.backends.making import bytes_at, paths
from tests.backends.webdav.lying import Lying, lying, on, status
from tests.backends.webdav.opening import HONEST, opened, over, put


async def test_credentials_follow_no_redirect(server: Lying) -> None:
    async with lying() as other, opened(over(server, dialect=HONEST, token="t0k3n")) as storage:
        await put(storage, "b/k", b"data")

        async def elsewhere(request: web.Request) -> web.StreamResponse:
            return web.Response(status=307, headers={"Location": f"{other.url}{request.path}"})

        acts: list[Callable[[], Awaitable[object]]] = [
            lambda: storage.stat("b/k"),
            lambda: storage.read("b/k"),
            lambda: put(storage, "b/l", b"data"),
            lambda: storage.delete("b/k"),
            lambda: paths(storage),
        ]
        for act in acts:
            for method in ("PROPFIND", "GET", "PUT", "MOVE", "DELETE"):
                server.lies[:] = [on(method, elsewhere, times=99)]
                with suppress(StorageError):
                    await act()
                server.lies.clear()
                if "b/k" not in server.files:
                    await put(storage, "b/k", b"data")
        assert other.asked == []
    assert {headers.get("Authorization") for headers in server.headers} == {"Bearer t0k3n"}


async def test_a_server_that_asks_who_we_are_is_told_by_what_is_set(server: Lying) -> None:
    told: list[tuple[dict[str, Any], str]] = [
        ({}, "asks who we are: set username and password, or token$"),
        ({"token": "t0k3n"}, "not for this: correct username and password, or token, or give"),
    ]
    for given, text in told:
        server.lies[:] = [on("PROPFIND", status(401, WWW_Authenticate='Basic realm="x"'), times=9)]
        with pytest.raises(Denied, match=text):
            await over(server, **given).open()


async def test_a_secret_is_in_no_error(server: Lying) -> None:
    for number in (401, 403, 500):
        server.lies[:] = [
            on("PROPFIND", status(number, WWW_Authenticate='Basic realm="x"'), times=9)
        ]
        given: list[dict[str, Any]] = [
            {"token": "s3cret"},
            {"username": "ann", "password": "s3cret"},
        ]
        for secrets in given:
            with pytest.raises(StorageError) as failed:
                await over(server, **secrets).open()
            assert "s3cret" not in f"{failed.value!r} {failed.value.__context__!r}"
            assert "czNjcmV0" not in str(failed.value)


async def test_a_body_that_met_a_401_was_not_written_and_the_next_one_is(server: Lying) -> None:
    data = bytes(PIECE + 1)  # more than is kept to be sent again

    async def who(request: web.Request) -> web.StreamResponse | None:
        if "Authorization" in request.headers:
            return None
        return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})

    server.lies.append(who)
    async with opened(over(server, username="ann", password="pw")) as storage:
        await put(storage, "b/k", b"old")
        refused = on("PUT", status(401, WWW_Authenticate='Basic realm="x"'))
        server.lies.insert(0, refused)
        with pytest.raises(Unavailable, match="password"):
            await put(storage, "b/k", data)
        assert await bytes_at(storage, "b/k") == b"old"
        await put(storage, "b/k", data)
        assert await bytes_at(storage, "b/k") == data

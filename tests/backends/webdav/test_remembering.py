"""What a server was found to do is remembered for a day, and never of another server."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from aiohttp import web

from backends import registry
from backends.webdav import remembering
from backends.webdav.dialect import Destination, Dialect, Validator
from backends.webdav.storage import WebDavStorage
from tests.backends.making import bytes_at
from tests.backends.webdav.cloud import IN_CHUNKS
from tests.backends.webdav.lying import Lying, on, status
from tests.backends.webdav.opening import HONEST, opened, over, put
from tests.backends.webdav.test_dialects import SEEN

KEPT = ".s3front/dialect"


async def is_found_out(server: Lying, storage: WebDavStorage) -> bool:
    """Whether opening the storage finds the server out, and not from memory."""
    server.asked.clear()
    async with opened(storage):
        assert storage.dialect == HONEST
        await put(storage, "b/k", b"data")
        assert await bytes_at(storage, "b/k") == b"data"
    return any(path.startswith(".s3front/probe-") for _, path in server.asked)


async def test_a_server_is_found_out_once(server: Lying) -> None:
    assert await is_found_out(server, over(server))
    assert not await is_found_out(server, over(server))
    assert len([path for _, path in server.asked if path != "b/k"]) < 20


def of_a_day_ago(server: Lying) -> None:
    server.files[KEPT] = replace(server.files[KEPT], modified_s=int(time.time()) - 86_500)


def of_tomorrow(server: Lying) -> None:
    server.files[KEPT] = replace(server.files[KEPT], modified_s=int(time.time()) + 86_500)


def cut(server: Lying) -> None:
    server.files[KEPT] = replace(server.files[KEPT], data=server.files[KEPT].data[:-1])


def changed(server: Lying) -> None:
    data = server.files[KEPT].data.replace(b'"creates": true', b'"creates": false')
    assert data != server.files[KEPT].data
    server.files[KEPT] = replace(server.files[KEPT], data=data)


def nonsense(server: Lying) -> None:
    server.put(KEPT, b"nonsense" * 10_000)


def gone(server: Lying) -> None:
    del server.files[KEPT]


def of_another(server: Lying) -> None:
    async def greeting(_: web.Request) -> web.StreamResponse:
        return web.Response(headers={"DAV": "1", "X-Powered-By": "PHP/8.4"})

    server.lies.append(on("OPTIONS", greeting, times=99))


def untold(server: Lying) -> None:
    server.lies.append(on("GET", status(500), path=KEPT))


@pytest.mark.parametrize(
    "happens", [of_a_day_ago, of_tomorrow, cut, changed, nonsense, gone, of_another, untold]
)
async def test_a_server_is_found_out_again_when_that_may_be_wrong(
    server: Lying, happens: Callable[[Lying], None]
) -> None:
    assert await is_found_out(server, over(server))
    happens(server)
    assert await is_found_out(server, over(server))
    assert not await is_found_out(server, over(server))


async def test_another_version_finds_out_for_itself(
    server: Lying, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await is_found_out(server, over(server))
    monkeypatch.setattr(remembering, "_version", lambda: "another")
    assert await is_found_out(server, over(server))


async def test_another_way_to_the_server_is_found_out_for_itself(server: Lying) -> None:
    assert await is_found_out(server, over(server))
    endpoint = server.url.replace("127.0.0.1", "localhost")
    assert await is_found_out(server, over(server, endpoint=endpoint))


async def test_a_server_that_keeps_no_memory_is_found_out_each_time(server: Lying) -> None:
    server.lies.append(on("PUT", status(403), path=KEPT, times=99))
    assert await is_found_out(server, over(server))
    assert await is_found_out(server, over(server))


async def test_who_tries_a_storage_finds_it_out_anew(server: Lying) -> None:
    settings = {"endpoint": server.url, "allow_private": True}
    assert await is_found_out(server, over(server))
    server.ranges = False
    told = [finding.text for finding in await registry.probe("webdav", settings)]
    assert any("yes answers ranges" in text for text in told)
    told = [finding.text for finding in await registry.probe("webdav", settings, anew=True)]
    assert any("no  answers ranges" in text for text in told)
    async with opened(over(server)) as storage:
        assert storage.dialect is not None
        assert not storage.dialect.ranges


ALL = {
    **SEEN,
    "in chunks": IN_CHUNKS,
    "odd": replace(
        HONEST,
        base="/é d/",
        destination=Destination.OTHER_SCHEME,
        validator=Validator.WEAK,
        cannot=frozenset('"\\<'),
        strips=True,
    ),
}


@pytest.mark.parametrize("dialect", ALL.values(), ids=ALL.keys())
async def test_all_of_it_is_remembered(server: Lying, dialect: Dialect) -> None:
    async with opened(over(server, dialect=HONEST)) as storage:
        assert storage._opened is not None
        await remembering.remember(storage._opened.dav, dialect)
        assert await remembering.remembered(storage._opened.dav) == dialect

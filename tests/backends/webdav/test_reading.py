"""Reading from a server that lies: the right bytes, or an error."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import pytest
from aiohttp import web

from backends.errors import (
    Damaged,
    Denied,
    NotFound,
    Throttled,
    Unavailable,
)
from backends.webdav import reading
from backends.webdav.storage import WebDavStorage
from tests.backends.making import body, bytes_at, drained
from tests.backends.webdav.lying import Lie, Lying, on, status
from tests.backends.webdav.opening import HONEST, opened, over, put

LONG = bytes(range(256)) * 4000


def whole(data: bytes, **headers: str) -> Lie:
    return ranged(200, data, **headers)


def ranged(number: int, data: bytes, **headers: str) -> Lie:
    async def answer(_: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=number, body=data, headers=named)

    return answer


def cut(length: int, sent: bytes, number: int = 200, **headers: str) -> Lie:
    async def answer(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = web.StreamResponse(status=number, headers=named)
        response.content_length = length
        await response.prepare(request)
        await response.write(sent)
        assert request.transport is not None
        request.transport.close()
        return response

    return answer


ANSWERS = {
    "all": whole(LONG),
    "all, without a length": whole(LONG, Transfer_Encoding="chunked"),
    "another range": ranged(206, LONG[:50], Content_Range=f"bytes 0-49/{len(LONG)}"),
    "a wider range": ranged(206, LONG[50:300], Content_Range=f"bytes 50-299/{len(LONG)}"),
    "a range without bounds": ranged(206, LONG[100:201]),
    "a range that is none": ranged(206, LONG[100:201], Content_Range="bytes 200-100/x"),
    "a lie about the range": ranged(206, LONG[:101], Content_Range=f"bytes 100-201/{len(LONG)}"),
    "the range of another file": ranged(
        206, LONG[::-1][100:201], Content_Range=f"bytes 100-200/{len(LONG) + 1}"
    ),
    "a shorter file": whole(LONG[:-1]),
    "a longer file": whole(LONG + b"x"),
    "another ETag": whole(LONG[::-1], ETag='"another"'),
    "another time": whole(LONG[::-1], Last_Modified="Thu, 26 Nov 2020 19:17:38 GMT"),
    "a cut answer": cut(len(LONG), LONG[:150]),
    "a cut range": cut(101, LONG[100:150], 206, Content_Range=f"bytes 100-200/{len(LONG)}"),
    "too few bytes": cut(101, LONG[100:150], 206, Content_Range=f"bytes 100-200/{len(LONG)}"),
    "a page": whole(b"<html>log in</html>"),
    "not satisfiable": status(416),
    "a redirect": status(302, Location="http://127.0.0.1:1/"),
    "forbidden": status(403),
    "busy": status(503, Retry_After="1"),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.parametrize(("first", "last"), [(0, None), (100, 200), (0, 200)])
async def test_a_reading_gives_the_right_bytes_or_fails(
    storage: WebDavStorage, server: Lying, answer: Lie, first: int, last: int | None
) -> None:
    await put(storage, "b/k", LONG)
    server.lies.append(on("GET", answer, times=99))
    wanted = LONG[first:] if last is None else LONG[first : last + 1]
    with suppress(Unavailable, Damaged, Denied, Throttled):
        assert await drained(await storage.read("b/k", first=first, last=last)) == wanted
    server.lies.clear()
    assert await drained(await storage.read("b/k", first=first, last=last)) == wanted


async def test_a_server_without_ranges_is_read_from_the_start_if_not_too_far(
    server: Lying, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.ranges = False
    async with opened(over(server)) as storage:
        assert storage.dialect is not None
        assert not storage.dialect.ranges
        await put(storage, "b/k", LONG)
        assert (
            await drained(await storage.read("b/k", first=500_000, last=500_001))
            == LONG[500_000:500_002]
        )
        monkeypatch.setattr(reading, "MOST_SKIPPED", 400_000)
        with pytest.raises(Unavailable, match="range"):
            await storage.read("b/k", first=500_000, last=500_001)


async def test_what_changes_while_a_reading_begins_is_seen_though_its_etag_stays(
    storage: WebDavStorage, server: Lying
) -> None:
    first = await storage.write("b/k", body(b"one"), size=3)

    async def replaced(_: web.Request) -> web.StreamResponse | None:
        server.lies.clear()
        before = server.files["b/k"]
        await put(storage, "b/k", b"two")
        # Same second, same size, and a server that makes its ETags of nothing else.
        object.__setattr__(server.files["b/k"], "etag", before.etag)
        return None

    server.lies.append(on("GET", replaced))
    with pytest.raises(Damaged):
        await storage.read("b/k", only_if=first.fingerprint)
    server.lies.append(on("GET", replaced))
    assert await bytes_at(storage, "b/k") == b"two"


async def test_what_vanishes_while_a_reading_begins_is_not_found(
    storage: WebDavStorage, server: Lying
) -> None:
    async def vanish(_: web.Request) -> web.StreamResponse | None:
        server.files.pop("b/k", None)
        return None

    await put(storage, "b/k", b"data")
    server.lies.append(on("GET", vanish))
    with pytest.raises(NotFound):
        await storage.read("b/k")


@pytest.fixture
async def plain(server: Lying) -> AsyncIterator[WebDavStorage]:
    """Over a server that keeps no properties: the state of a file is in every answer."""
    server.properties = False
    async with opened(over(server, dialect=replace(HONEST, properties=False))) as storage:
        yield storage


def asked(server: Lying) -> list[str]:
    told = [method for method, path in server.asked if path == "b/k"]
    server.asked.clear()
    return told


@pytest.mark.parametrize(("first", "last"), [(0, None), (1, 2), (0, 99), (3, None)])
async def test_where_the_answer_tells_the_state_nobody_looks_before(
    plain: WebDavStorage, server: Lying, first: int, last: int | None
) -> None:
    stored = await plain.write("b/k", body(b"data"), size=4)
    asked(server)
    content = await plain.read("b/k", first=first, last=last, only_if=stored.fingerprint)
    assert content.stored.fingerprint == stored.fingerprint
    assert await drained(content) == b"data"[first : None if last is None else last + 1]
    assert asked(server) == ["GET"]


async def test_an_answer_of_another_state_is_not_taken(plain: WebDavStorage, server: Lying) -> None:
    stored = await plain.write("b/k", body(b"data"), size=4)
    await plain.write("b/k", body(b"atad"), size=4)
    asked(server)
    with pytest.raises(Damaged):
        await plain.read("b/k", only_if=stored.fingerprint)
    server.files.clear()
    with pytest.raises(NotFound):
        await plain.read("b/k", only_if=stored.fingerprint)


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.parametrize(("first", "last"), [(0, None), (100, 200), (0, 200)])
async def test_an_answer_that_should_tell_the_state_is_right_or_fails(
    plain: WebDavStorage, server: Lying, answer: Lie, first: int, last: int | None
) -> None:
    stored = await plain.write("b/k", body(LONG), size=len(LONG))
    wanted = LONG[first : None if last is None else last + 1]
    server.lies.append(on("GET", answer, times=100))
    with suppress(Unavailable, Damaged, Denied, Throttled):
        content = await plain.read("b/k", first=first, last=last, only_if=stored.fingerprint)
        assert await drained(content) == wanted
    server.lies.clear()
    content = await plain.read("b/k", first=first, last=last, only_if=stored.fingerprint)
    assert await drained(content) == wanted


async def test_a_server_whose_answers_do_not_tell_is_looked_at_first_from_then_on(
    plain: WebDavStorage, server: Lying
) -> None:
    stored = await plain.write("b/k", body(b"data"), size=4)
    server.lies.append(on("GET", whole(b"data"), times=100))
    for requests in (["GET", "PROPFIND", "GET"], ["PROPFIND", "GET"]):
        asked(server)
        content = await plain.read("b/k", only_if=stored.fingerprint)
        assert await drained(content) == b"data"
        assert asked(server) == requests

"""What a write asks a server that was seen to tell much and to spare folders, and what it still finds."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from aiohttp import web

from backends.errors import Exists, NameRefused
from backends.webdav.dialect import Dialect
from backends.webdav.storage import WebDavStorage
from tests.backends.making import body, bytes_at
from tests.backends.webdav.lying import Lie, Lying, on, status
from tests.backends.webdav.opening import HONEST, nothing_is_left, opened, over

BESIDE = replace(HONEST, properties=False)
DIALECTS = {
    "beside": (BESIDE, ["PUT", "HEAD", "HEAD", "PUT", "MOVE", "HEAD"]),
    "properties": (HONEST, ["PUT", "PROPFIND", "PROPPATCH", "MOVE", "PROPFIND"]),
    "not by HEAD": (
        replace(BESIDE, heads=False),
        ["PUT", "PROPFIND", "PROPFIND", "PUT", "MOVE", "PROPFIND"],
    ),
    "not sparing": (
        replace(HONEST, yields=False),
        ["PUT", "PROPFIND", "PROPFIND", "PROPPATCH", "MOVE", "PROPFIND"],
    ),
}


async def create(storage: WebDavStorage, path: str, data: bytes = b"data") -> None:
    about = b"about what was written"
    await storage.write(path, body(data), size=len(data), description=about, create=True)


each = pytest.mark.parametrize(
    "dialect", [dialect for dialect, _ in DIALECTS.values()], ids=list(DIALECTS)
)


@pytest.mark.parametrize(("dialect", "methods"), list(DIALECTS.values()), ids=list(DIALECTS))
async def test_what_is_asked_to_create(server: Lying, dialect: Dialect, methods: list[str]) -> None:
    async with opened(over(server, dialect=dialect)) as storage:
        await create(storage, "b/k")
        await storage.delete("b/k")
        server.asked.clear()
        await create(storage, "b/k")
        assert [method for method, _ in server.asked] == methods
        stored = await storage.stat("b/k")
        assert stored.description == b"about what was written"
        assert await bytes_at(storage, "b/k") == b"data"


@each
async def test_a_file_in_the_way_stays_with_its_description(
    server: Lying, dialect: Dialect
) -> None:
    """Of the same size and time: it has the state that the new one would have."""
    server.etags = dialect.properties
    async with opened(over(server, dialect=dialect)) as storage:
        await storage.write("b/k", body(b"mine"), size=4, description=b"mine", create=True)
        file = server.files["b/k"]

        async def at_that_time(request: web.Request) -> web.StreamResponse | None:
            if request.method != "PUT":
                return None
            server.put(request.path.strip("/"), await request.read(), modified_s=file.modified_s)
            return web.Response(status=201)

        server.lies.append(at_that_time)
        with pytest.raises(Exists):
            await create(storage, "b/k")
        server.lies.clear()
        stored = await storage.stat("b/k")
        assert (stored.description, stored.description_damaged) == (b"mine", False)
        assert await bytes_at(storage, "b/k") == b"mine"
        assert await nothing_is_left(storage, server)


@each
@pytest.mark.parametrize("way", ["write", "move"])
async def test_a_folder_in_the_way_stays(server: Lying, dialect: Dialect, way: str) -> None:
    async with opened(over(server, dialect=dialect)) as storage:
        of = (await storage.write("b/from", body(b"data"), size=4)).fingerprint
        server.put("b/k/theirs", b"theirs")
        with pytest.raises(NameRefused):
            await (
                create(storage, "b/k")
                if way == "write"
                else storage.move("b/from", "b/k", only_if=of)
            )
        assert server.below("b") == {"b/from", "b/k/theirs"}
        assert await nothing_is_left(storage, server)


@each
async def test_a_file_that_comes_in_the_last_moment_stays(server: Lying, dialect: Dialect) -> None:
    async def first(_: web.Request) -> None:
        server.put("b/k", b"theirs")

    async with opened(over(server, dialect=dialect)) as storage:
        server.lies.append(on("MOVE", first))
        with pytest.raises(Exists):
            await create(storage, "b/k")
        assert server.files["b/k"].data == b"theirs"


async def test_an_answer_to_head_that_tells_half_is_followed_by_a_look(server: Lying) -> None:
    async with opened(over(server, dialect=BESIDE)) as storage:
        await create(storage, "b/k")
        stored = await storage.stat("b/k")
        for answer in (status(405), status(200), status(200, ETag='"x"'), status(301)):
            server.lies[:] = [on("HEAD", answer, times=99)]
            assert await storage.stat("b/k") == stored
            path = f"b/another {len(server.files)}"
            await create(storage, path)
            assert await bytes_at(storage, path) == b"data"


# What is found out.


def altered(alter: Callable[[web.Request, web.StreamResponse], None]) -> Callable[[Lying], Lie]:
    """The answers to HEAD, each altered."""

    def lies(server: Lying) -> Lie:
        async def lie(request: web.Request) -> web.StreamResponse | None:
            if request.method != "HEAD":
                return None
            answer = await server.honest(request)
            alter(request, answer)
            return answer

        return lie

    return lies


def another_time(_: web.Request, answer: web.StreamResponse) -> None:
    answer.headers["Last-Modified"] = "Sun, 06 Nov 1994 08:49:37 GMT"


def another_etag(_: web.Request, answer: web.StreamResponse) -> None:
    answer.headers["ETag"] = '"another"'


def another_length(_: web.Request, answer: web.StreamResponse) -> None:
    if answer.status == 200:
        answer.headers["Content-Length"] = "3"


def files_everywhere(_: web.Request, answer: web.StreamResponse) -> None:
    if answer.status == 404:
        answer.set_status(200)
        answer.headers.update({"ETag": '"x"', "Content-Length": "0"})


def nothing_is_missing(_: web.Request, answer: web.StreamResponse) -> None:
    if answer.status == 404:
        answer.set_status(403)


@pytest.mark.parametrize(
    "alter",
    [another_time, another_etag, another_length, files_everywhere, nothing_is_missing],
)
async def test_a_server_that_tells_another_state_by_head_is_not_asked_so(
    server: Lying, alter: Callable[[web.Request, web.StreamResponse], None]
) -> None:
    server.lies.append(altered(alter)(server))
    async with opened(over(server)) as storage:
        assert storage.dialect == replace(HONEST, heads=False)


def replacing(server: Lying) -> Callable[[web.Request, str], Awaitable[None]]:
    async def act(request: web.Request, to: str) -> None:
        server.folders.discard(to)
        for path in server.below(to):
            del server.files[path]
        server.files[to] = server.files.pop(request.path.strip("/"))

    return act


def copying_over(server: Lying) -> Callable[[web.Request, str], Awaitable[None]]:
    async def act(request: web.Request, to: str) -> None:
        file = server.files[request.path.strip("/")]
        await replacing(server)(request, to)
        server.files[request.path.strip("/")] = file

    return act


def putting_into(server: Lying) -> Callable[[web.Request, str], Awaitable[None]]:
    async def act(request: web.Request, to: str) -> None:
        source = request.path.strip("/")
        server.files[f"{to}/{source.rpartition('/')[2]}"] = server.files.pop(source)

    return act


@pytest.mark.parametrize("does", [replacing, copying_over, putting_into])
async def test_a_server_that_does_not_spare_a_folder_is_looked_at_first(
    server: Lying, does: Callable[[Lying], Callable[[web.Request, str], Awaitable[None]]]
) -> None:
    async def to_a_folder(request: web.Request) -> web.StreamResponse | None:
        to = request.headers.get("Destination", "").removeprefix(server.url).strip("/")
        if request.method != "MOVE" or to not in server.folders:
            return None
        await does(server)(request, to)
        return web.Response(status=201)

    server.lies.append(to_a_folder)
    async with opened(over(server)) as storage:
        assert storage.dialect == replace(HONEST, yields=False)
        server.put("b/k/theirs", b"theirs")
        with pytest.raises(NameRefused):
            await create(storage, "b/k")
        assert server.below("b") == {"b/k/theirs"}

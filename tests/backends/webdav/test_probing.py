"""What is found out of a server when a storage is opened."""

from collections.abc import Callable

import pytest
from aiohttp import web

from backends.errors import (
    Damaged,
    Denied,
    Full,
    StorageError,
    Unavailable,
    Unsupported,
)
from backends.interface import Can
from backends.webdav.dialect import Destination, Validator
from tests.backends.making import body, bytes_at, paths
from tests.backends.webdav.lying import Lie, Lying, on, status
from tests.backends.webdav.opening import HONEST, opened, over, put


async def test_an_honest_server_can_do_everything(server: Lying) -> None:
    async with opened(over(server)) as storage:
        assert storage.dialect == HONEST
        declared = Can.TREE | Can.UNIQUE | Can.CREATE | Can.DESCRIBE | Can.COPY | Can.MOVE
        assert storage.can == declared
    assert set(server.files) == {".s3front/dialect"}
    assert server.folders == {"", ".s3front", ".s3front/incoming"}


@pytest.mark.parametrize(
    ("lie", "error", "told"),
    [
        (on("PROPFIND", status(405)), Unsupported, "no WebDAV server"),
        (on("PROPFIND", status(404)), Unavailable, "correct the endpoint"),
        (on("PROPFIND", status(301)), Unavailable, "correct the endpoint"),
        (on("PROPFIND", status(403)), Denied, "right to read and write"),
        (on("MOVE", status(405), times=99), Unsupported, "MOVE"),
        (on("MOVE", status(403), times=99), Denied, "right to move"),
        (on("MKCOL", status(403), times=99), Denied, "right to read and write"),
        (on("PUT", status(507), times=99), Full, "quota"),
    ],
)
async def test_a_server_that_cannot_be_a_storage_is_refused_with_the_reason(
    server: Lying, lie: Lie, error: type[StorageError], told: str
) -> None:
    server.lies.append(lie)
    storage = over(server)
    with pytest.raises(error, match=told):
        await storage.open()
    with pytest.raises(Unavailable):
        await storage.stat("b/k")


def ignoring(method: str, header: str) -> Callable[[Lying], Lie]:
    """As if the header was not there."""

    def lies(server: Lying) -> Lie:
        async def lie(request: web.Request) -> web.StreamResponse | None:
            if request.method != method or header not in request.headers:
                return None
            headers = request.headers.copy()
            del headers[header]
            return await server.honest(request.clone(headers=headers))

        return lie

    return lies


async def test_a_server_that_replaces_what_it_should_not_creates_nothing(server: Lying) -> None:
    server.lies.append(ignoring("MOVE", "Overwrite")(server))
    async with opened(over(server)) as storage:
        assert Can.CREATE not in storage.can
        assert Can.MOVE not in storage.can
        await put(storage, "b/k", b"data")
        await put(storage, "b/k", b"more")
        assert await bytes_at(storage, "b/k") == b"more"


async def test_a_server_that_refuses_to_replace_in_other_words_creates_nothing(
    server: Lying,
) -> None:
    async def conflict(request: web.Request) -> web.StreamResponse | None:
        if request.method != "MOVE" or request.headers["Overwrite"] == "T":
            return None
        told = await server.honest(request)
        return web.Response(status=409) if told.status == 412 else told

    server.lies.append(conflict)
    async with opened(over(server)) as storage:
        assert Can.CREATE not in storage.can


async def test_properties_that_a_move_leaves_behind_are_not_relied_on(server: Lying) -> None:
    async def forget(request: web.Request) -> web.StreamResponse | None:
        if request.method == "MOVE":
            server.files[request.path.strip("/")].kept.clear()
        return None

    server.lies.append(forget)
    async with opened(over(server)) as storage:
        assert Can.UNIQUE not in storage.can
        await storage.write("b/k", body(b"data"), size=4, description=b"about")
        assert (await storage.stat("b/k")).description == b"about"
        await storage.move("b/k", "b/l", only_if=(await storage.stat("b/k")).fingerprint)
        assert (await storage.stat("b/l")).description == b"about"


async def test_a_server_that_only_says_it_keeps_properties_gets_descriptions_beside(
    server: Lying,
) -> None:
    server.lies.append(on("PROPPATCH", status(200), times=999))
    async with opened(over(server)) as storage:
        assert Can.UNIQUE not in storage.can
        await storage.write("b/k", body(b"data"), size=4, description=b"about")
        assert (await storage.stat("b/k")).description == b"about"
        (beside,) = server.below(".s3front/about")
        data = server.files[beside].data
        server.put(beside, data[:-1])
        assert (await storage.stat("b/k")).description_damaged
        server.put(beside, data)
        await storage.delete("b/k")
        assert server.below(".s3front/about") == set()


async def test_a_server_without_etags_is_known_by_its_times(server: Lying) -> None:
    server.etags = False
    server.properties = False
    async with opened(over(server)) as storage:
        assert storage.dialect is not None
        assert storage.dialect.validator is Validator.MODIFIED
        assert not storage.dialect.at_once
        first = await storage.write("b/k", body(b"one"), size=3)
        second = await storage.write("b/k", body(b"two"), size=3)
        assert first.fingerprint != second.fingerprint
        with pytest.raises(Damaged):
            await storage.read("b/k", only_if=first.fingerprint)


@pytest.mark.parametrize(
    ("wants", "destination"),
    [
        (lambda text: text.startswith("/"), Destination.PATH),
        (lambda text: text.startswith("https:"), Destination.OTHER_SCHEME),
    ],
)
async def test_a_destination_is_named_as_the_server_wants_it(
    server: Lying, wants: Callable[[str], bool], destination: Destination
) -> None:
    server.wants = wants
    async with opened(over(server)) as storage:
        assert storage.dialect is not None
        assert storage.dialect.destination is destination
        await put(storage, "b/k", b"data")
        assert await bytes_at(storage, "b/k") == b"data"


async def test_names_that_are_one_to_the_server_have_one_claim(server: Lying) -> None:
    server.folds = True
    async with opened(over(server)) as storage:
        assert storage.claim("b/K") == storage.claim("b/k")
    server.folds = False
    server.files.clear()
    async with opened(over(server)) as storage:
        assert storage.claim("b/K") != storage.claim("b/k")


async def test_hrefs_may_have_another_base_than_the_endpoint(server: Lying) -> None:
    server.href_base = "/behind/the proxy/"
    async with opened(over(server, prefix="p/q")) as storage:
        await put(storage, "b/k", b"data")
        assert await paths(storage) == ["b/k"]
        assert "p/q/b/k" in server.files

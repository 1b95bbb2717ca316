"""Folders where a file should be: never replaced and never deleted."""

from dataclasses import replace

import pytest
from aiohttp import web

from backends.errors import (
    Denied,
    NameRefused,
    Throttled,
    Unavailable,
)
from backends.webdav.storage import WebDavStorage
from tests.backends.making import body
from tests.backends.webdav.lying import Lying, on, status
from tests.backends.webdav.opening import HONEST, nothing_is_left, opened, over, put


async def test_a_folder_in_place_of_a_file_is_not_replaced(
    storage: WebDavStorage, server: Lying
) -> None:
    server.put("b/k/inside", b"theirs")
    for create in (False, True):
        with pytest.raises(NameRefused):
            await storage.write("b/k", body(b"data"), size=4, create=create)
    assert server.files["b/k/inside"].data == b"theirs"
    assert await nothing_is_left(storage, server)


async def test_what_a_server_put_into_a_folder_is_taken_out_again(
    storage: WebDavStorage, server: Lying
) -> None:
    async def into(request: web.Request) -> web.StreamResponse:
        source = request.path.strip("/")
        server.put("b/k/theirs", b"theirs")
        server.files[f"b/k/{source.rpartition('/')[2]}"] = server.files.pop(source)
        return web.Response(status=204)

    server.lies.append(on("MOVE", into))
    with pytest.raises(NameRefused):
        await put(storage, "b/k", b"data")
    assert server.below("b") == {"b/k/theirs"}


@pytest.mark.parametrize("spares", [True, False])
async def test_a_folder_that_comes_in_the_last_moment_is_not_deleted(
    server: Lying, spares: bool
) -> None:
    server.spares_folders = spares
    async with opened(over(server)) as storage:
        assert storage.dialect is not None
        assert storage.dialect.spares_folders is spares

        async def replaced(request: web.Request) -> web.StreamResponse | None:
            if request.method in {"DELETE", "MOVE"} and request.path == "/b/k":
                server.files.pop("b/k", None)
                server.put("b/k/theirs", b"theirs")
                server.lies.clear()
            return None

        await put(storage, "b/k", b"data")
        server.lies.append(replaced)
        await storage.delete("b/k")
        assert server.files["b/k/theirs"].data == b"theirs"
        await put(storage, "b/l", b"data")
        await storage.delete("b/l")
        assert server.below("b") == {"b/k/theirs"}


async def test_a_move_without_a_sign_of_its_own_is_done_only_once_ours_is_gone(
    server: Lying,
) -> None:
    async with opened(over(server, dialect=replace(HONEST, properties=False, renames=False))) as it:
        await put(it, "b/k", b"old")
        server.lies.append(on("MOVE", status(500)))
        # As long as what is there: nothing but a name of ours tells that it was not moved.
        stored = await it.write("b/k", body(b"new"), size=3)
        assert server.files["b/k"].data == b"new"
        assert stored == await it.stat("b/k")


async def test_a_folder_that_cannot_be_moved_back_is_kept_and_told_of(server: Lying) -> None:
    async def replaced(request: web.Request) -> web.StreamResponse | None:
        if request.method == "MOVE" and request.path == "/b/k":
            del server.files["b/k"]
            server.put("b/k/theirs", b"theirs")
        return None

    async with opened(over(server, dialect=replace(HONEST, spares_folders=False))) as storage:
        await put(storage, "b/k", b"data")
        server.lies += [replaced, on("MOVE", status(500), path=".s3front/incoming")]
        with pytest.raises(Unavailable, match=r"has become '\.s3front/incoming/"):
            await storage.delete("b/k")
    (left,) = server.files
    assert left.startswith(".s3front/incoming/")
    assert left.endswith("/theirs")


async def test_a_delete_that_fails_says_so(storage: WebDavStorage, server: Lying) -> None:
    await put(storage, "b/k", b"data")
    for number, error in ((403, Denied), (423, Throttled), (500, Unavailable)):
        server.lies.append(on("DELETE", status(number)))
        with pytest.raises(error):
            await storage.delete("b/k")
    await storage.delete("b/k")
    assert server.below("b") == set()

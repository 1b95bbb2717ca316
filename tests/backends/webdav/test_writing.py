"""Writing to a server that fails, lies or changes its mind: all of the bytes, or an error."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from backends.errors import (
    Denied,
    Exists,
    Full,
    NameRefused,
    StorageError,
    Throttled,
    Unavailable,
    Unsupported,
)
from backends.interface import PIECE
from backends.webdav.storage import WebDavStorage
from tests.backends.making import body, bytes_at
from tests.backends.webdav.lying import Lying, on, status
from tests.backends.webdav.opening import nothing_is_left, put

LONG = bytes(range(256)) * 4000


@pytest.mark.parametrize("half", [b"", b"da", b"data and more"])
async def test_bytes_that_were_not_kept_are_not_published(
    storage: WebDavStorage, server: Lying, half: bytes
) -> None:
    async def keep_half(request: web.Request) -> web.StreamResponse:
        await request.read()
        server.put(request.path.strip("/"), half)
        return web.Response(status=201)

    await put(storage, "b/k", b"old")
    server.lies.append(on("PUT", keep_half))
    with pytest.raises(Unavailable, match="of 4 bytes"):
        await put(storage, "b/k", b"data")
    assert server.files["b/k"].data == b"old"
    assert await nothing_is_left(storage, server)


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (301, Unavailable),
        (403, Denied),
        (404, Unavailable),
        (409, Unavailable),
        (413, Unsupported),
        (423, Throttled),
        (429, Throttled),
        (500, Unavailable),
        (502, Unavailable),
        (503, Unavailable),
        (507, Full),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "PROPPATCH", "MOVE"])
async def test_a_refused_write_changes_nothing(
    storage: WebDavStorage, server: Lying, method: str, number: int, error: type[StorageError]
) -> None:
    await put(storage, "b/k", b"old")
    server.lies.append(on(method, status(number), times=9))
    if method == "PROPPATCH":
        error = Unavailable
    elif method == "MOVE":
        error = {404: NameRefused, 409: NameRefused, 413: Unsupported}.get(number, error)
        if number in {423, 502}:
            error = Unavailable  # it may be running still
    with pytest.raises(error):
        await put(storage, "b/k", b"data")
    assert server.files["b/k"].data == b"old"
    if error is not Unavailable or method != "MOVE":
        assert await nothing_is_left(storage, server)


async def test_a_server_that_stumbles_over_a_file_is_asked_again(
    storage: WebDavStorage, server: Lying
) -> None:
    await put(storage, "b/k", LONG)
    server.lies.append(on("PROPFIND", status(500), path="b/k", times=2))
    assert (await storage.stat("b/k")).fingerprint.size == len(LONG)
    server.lies.append(on("PROPFIND", status(500), path="b/k", times=3))
    with pytest.raises(Unavailable, match="answered 500"):
        await storage.stat("b/k")


@pytest.mark.parametrize(
    "told", ["", "<getetag>x</getetag>", "<getcontentlength>4</getcontentlength>"]
)
async def test_a_server_that_tells_half_of_a_file_is_asked_again(
    storage: WebDavStorage, server: Lying, told: str
) -> None:
    """As one does that opens it while it is replaced."""

    async def half(_: web.Request) -> web.StreamResponse:
        text = (
            '<multistatus xmlns="DAV:"><response><href>/b/k</href><propstat><prop><resourcetype/>'
            f"{told}</prop><status>HTTP/1.1 200 OK</status></propstat></response></multistatus>"
        )
        return web.Response(status=207, text=text)

    await put(storage, "b/k", b"data")
    server.lies.append(on("PROPFIND", half, path="b/k", times=2))
    assert (await storage.stat("b/k")).fingerprint.size == 4
    server.lies.append(on("PROPFIND", half, path="b/k", times=3))
    with pytest.raises(Unavailable, match=r"does not tell|neither ETag nor time"):
        await storage.stat("b/k")
    assert await bytes_at(storage, "b/k") == b"data"


async def test_a_pause_that_is_asked_for_is_told(storage: WebDavStorage, server: Lying) -> None:
    server.lies.append(on("PUT", status(503, Retry_After="7")))
    with pytest.raises(Throttled) as throttled:
        await put(storage, "b/k", b"data")
    assert throttled.value.after_s == 7.0


async def test_a_move_that_was_done_is_done_whatever_is_answered(
    storage: WebDavStorage, server: Lying
) -> None:
    for number in (404, 423, 500, 502, 503, 504):

        async def move(request: web.Request, number: int = number) -> web.StreamResponse:
            server.transfer(request.path.strip("/"), request)
            return web.Response(status=number)

        server.lies[:] = [on("MOVE", move)]
        data = f"data {number}".encode()
        stored = await storage.write("b/k", body(data), size=len(data))
        assert await storage.stat("b/k") == stored
        assert await bytes_at(storage, "b/k") == data
    assert await nothing_is_left(storage, server)


async def test_a_move_whose_answer_is_cut_off_is_looked_for(
    storage: WebDavStorage, server: Lying
) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        server.transfer(request.path.strip("/"), request)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    server.lies.append(on("MOVE", cut))
    await put(storage, "b/k", b"data")
    assert await bytes_at(storage, "b/k") == b"data"


async def test_a_move_that_is_still_running_is_waited_for(
    storage: WebDavStorage, server: Lying
) -> None:
    looks = 0

    async def later(request: web.Request) -> web.StreamResponse:
        async def done(_: web.Request) -> web.StreamResponse | None:
            nonlocal looks
            looks += 1
            if looks == 4:
                server.transfer(request.path.strip("/"), request)
            return None

        server.lies.append(on("PROPFIND", done, times=100))
        return web.Response(status=504)

    server.lies.append(on("MOVE", later))
    await put(storage, "b/k", b"data")
    assert await bytes_at(storage, "b/k") == b"data"


@pytest.mark.parametrize("number", [504, 524])
async def test_what_may_still_be_moved_is_left_alone(
    storage: WebDavStorage, server: Lying, number: int
) -> None:
    server.asked.clear()
    server.lies.append(on("MOVE", status(number)))
    with pytest.raises(Unavailable):
        await put(storage, "b/k", b"data")
    assert not await nothing_is_left(storage, server)
    assert "DELETE" not in {method for method, _ in server.asked}


async def test_a_move_that_lost_the_bytes_is_no_success(
    storage: WebDavStorage, server: Lying
) -> None:
    async def lose(request: web.Request) -> web.StreamResponse:
        del server.files[request.path.strip("/")]
        return web.Response(status=201)

    server.lies.append(on("MOVE", lose))
    with pytest.raises(Unavailable):
        await put(storage, "b/k", b"data")


async def test_a_folder_that_is_gone_is_made_again(storage: WebDavStorage, server: Lying) -> None:
    await put(storage, "b/d/k", b"data")
    server.files.clear()
    server.folders -= {"b", "b/d"}
    await put(storage, "b/d/k", b"again")
    assert await bytes_at(storage, "b/d/k") == b"again"


async def test_a_server_that_stops_to_keep_properties_is_found_out(
    storage: WebDavStorage, server: Lying
) -> None:
    async def agree(_: web.Request) -> web.StreamResponse:
        return web.Response(status=200)

    server.lies.append(on("PROPPATCH", agree))
    with pytest.raises(Unavailable):
        await storage.write("b/k", body(b"data"), size=4, description=b"about")


async def test_a_description_that_was_changed_is_damaged_and_one_of_others_void(
    storage: WebDavStorage, server: Lying
) -> None:
    await storage.write("b/k", body(b"data"), size=4, description=b"about")
    file = server.files["b/k"]
    record = file.kept["description"]
    for changed in (record[:-4], "A" * 8 + record[8:], "?"):
        file.kept["description"] = changed
        stored = await storage.stat("b/k")
        assert (stored.description, stored.description_damaged) == (None, True)
    file.kept["description"] = record
    assert (await storage.stat("b/k")).description == b"about"
    kept = dict(file.kept)
    server.put("b/k", b"atad")
    server.files["b/k"].kept.update(kept)
    stored = await storage.stat("b/k")
    assert (stored.description, stored.description_damaged) == (None, False)


async def test_creating_is_decided_before_a_large_body_is_read(storage: WebDavStorage) -> None:
    await put(storage, "b/k", b"data")
    asked = False

    async def never() -> AsyncIterator[bytes]:
        nonlocal asked
        asked = True
        yield b"x"

    with pytest.raises(Exists):
        await storage.write("b/k", never(), size=PIECE + 1, create=True)
    assert not asked

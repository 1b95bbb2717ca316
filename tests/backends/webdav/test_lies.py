"""A server that fails, lies or changes its mind: an error that says so, and never wrong bytes."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from backends.errors import (
    Damaged,
    Denied,
    Exists,
    Full,
    NameRefused,
    NotFound,
    StorageError,
    Throttled,
    Unavailable,
    Unsupported,
)
from backends.http.client import Timeouts
from backends.interface import Can
from backends.webdav import asking, reading, walking
from backends.webdav.dialect import Destination, Dialect, Kind, Validator
from backends.webdav.settings import webdav_settings
from backends.webdav.storage import WebDavStorage
from tests.backends.making import body, bytes_at, drained, paths
from tests.backends.webdav.lying import Lie, Lying, lying, on, status

LONG = bytes(range(256)) * 4000


@pytest.fixture
async def server() -> AsyncIterator[Lying]:
    async with lying() as server:
        yield server


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
    await storage.open()
    try:
        yield storage
    finally:
        await storage.aclose()


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
)


@pytest.fixture
async def storage(server: Lying) -> AsyncIterator[WebDavStorage]:
    """Over a server that has been found out already: it was honest then."""
    async with opened(over(server, dialect=HONEST)) as storage:
        yield storage


async def put(storage: WebDavStorage, path: str, data: bytes) -> None:
    await storage.write(path, body(data), size=len(data))


async def nothing_is_left(storage: WebDavStorage, server: Lying) -> bool:
    """Once what is being removed is removed, whether nothing lies under a name of ours."""
    await storage.aclose()
    return not server.below(".s3front/incoming")


# Writing.


async def test_an_honest_server_can_do_everything(server: Lying) -> None:
    async with opened(over(server)) as storage:
        assert storage.dialect == HONEST
        declared = Can.TREE | Can.UNIQUE | Can.CREATE | Can.DESCRIBE | Can.COPY | Can.MOVE
        assert storage.can == declared
    assert server.files == {}
    assert server.folders == {"", ".s3front", ".s3front/incoming"}


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


async def test_what_may_still_be_moved_is_left_alone(storage: WebDavStorage, server: Lying) -> None:
    server.asked.clear()
    server.lies.append(on("MOVE", status(504)))
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


# Folders.


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


# Reading.


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


# Copying and moving.


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


# Listing.


async def test_a_listing_that_tells_of_other_places_is_refused(
    storage: WebDavStorage, server: Lying
) -> None:
    await put(storage, "b/k", b"data")

    async def elsewhere(_: web.Request) -> web.StreamResponse:
        text = (
            '<multistatus xmlns="DAV:"><response><href>/../etc/passwd</href><propstat><prop>'
            "<getcontentlength>1</getcontentlength></prop></propstat></response></multistatus>"
        )
        return web.Response(status=207, text=text)

    server.href_base = "/other/"
    with pytest.raises(Unavailable):
        await paths(storage)
    server.href_base = "/"
    server.lies.append(on("PROPFIND", elsewhere))
    with pytest.raises(Unavailable):
        await paths(storage)
    assert await paths(storage) == ["b/k"]


async def test_a_listing_that_is_cut_off_is_no_listing(
    storage: WebDavStorage, server: Lying
) -> None:
    for n in range(5):
        await put(storage, f"b/{n}", b"data")

    async def less(request: web.Request) -> web.StreamResponse:
        told = await server.honest(request)
        assert isinstance(told, web.Response)
        assert isinstance(told.body, bytes)
        return web.Response(status=207, body=told.body[: len(told.body) * 2 // 3])

    server.lies.append(on("PROPFIND", less, path="/b"))
    with pytest.raises(Unavailable):
        await paths(storage, "b/")


async def test_large_folders_and_deep_trees_are_listed_in_parts(
    storage: WebDavStorage, server: Lying, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "NAMES", 3)
    monkeypatch.setattr(walking, "ALL_NAMES", 7)
    wanted = [f"b/{'/'.join(n)}/{k}" for n in ("", "x", "xy", "xyz", "wxyz") for k in range(10)]
    wanted = [path.replace("//", "/") for path in wanted]
    for path in wanted:
        server.put(path, b"x")
    wanted.sort(key=str.encode)
    assert await paths(storage) == wanted
    for after in (wanted[0], wanted[17], "b/x", "b/x/", "b/x/y/z/5x"):
        assert await paths(storage, after=after) == [p for p in wanted if p > after]
    assert await paths(storage, "b/x/y/") == [p for p in wanted if p.startswith("b/x/y/")]


async def test_a_folder_that_may_not_be_read_is_denied_or_passed_over(
    storage: WebDavStorage, server: Lying
) -> None:
    for path in ("b/a", "b/c/k", "b/d"):
        server.put(path, b"x")
    server.lies.append(on("PROPFIND", status(403), path="/b/c", times=99))
    with pytest.raises(Denied):
        await paths(storage)
    found = [stored.path async for stored in storage.list(pass_over_closed=True)]
    assert found == ["b/a", "b/d"]


async def test_a_storage_whose_folder_is_gone_is_not_an_empty_one(
    storage: WebDavStorage, server: Lying
) -> None:
    await put(storage, "b/k", b"data")
    server.files.clear()
    server.folders.clear()
    with pytest.raises(Unavailable):
        await paths(storage)


async def test_names_that_are_no_paths_are_left_out(storage: WebDavStorage, server: Lying) -> None:
    for path in ("b/k", "b/c\x7fd", "b/e\x85", "b/" + "x" * 300, ".S3Front/k", "b/f/.../k"):
        server.put(path, b"x")
    assert await paths(storage) == ["b/f/.../k", "b/k"]


# Finding out, at open.


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
    async with opened(over(server)) as storage:
        assert storage.claim("b/K") != storage.claim("b/k")


async def test_hrefs_may_have_another_base_than_the_endpoint(server: Lying) -> None:
    server.href_base = "/behind/the proxy/"
    async with opened(over(server, prefix="p/q")) as storage:
        await put(storage, "b/k", b"data")
        assert await paths(storage) == ["b/k"]
        assert "p/q/b/k" in server.files


async def test_what_the_dead_left_is_removed_for_its_age(server: Lying) -> None:
    now_s = int(time.time())
    server.put(".s3front/incoming/old", b"x", modified_s=now_s - 90_000)
    server.put(".s3front/incoming/young", b"x", modified_s=now_s - 3_000)
    server.put(".s3front/o/xx/old", b"x", modified_s=now_s - 90_000)
    server.put("b/k", b"x", modified_s=now_s - 90_000)
    async with opened(over(server)):
        assert set(server.files) == {".s3front/incoming/young", ".s3front/o/xx/old", "b/k"}


# Who we are, and where to.


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
            await put(storage, "b/k", b"data")
        assert await bytes_at(storage, "b/k") == b"old"
        await put(storage, "b/k", b"data")
        assert await bytes_at(storage, "b/k") == b"data"


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


async def test_creating_is_decided_before_a_body_is_read(storage: WebDavStorage) -> None:
    await put(storage, "b/k", b"data")
    asked = False

    async def never() -> AsyncIterator[bytes]:
        nonlocal asked
        asked = True
        yield b"x"

    with pytest.raises(Exists):
        await storage.write("b/k", never(), size=1, create=True)
    assert not asked

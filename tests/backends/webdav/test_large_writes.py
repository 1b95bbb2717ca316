"""Large bodies on a server that takes uploads in chunks."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from backends.errors import Damaged, StorageError, Throttled, Unavailable, Unsupported
from backends.interface import PIECE
from backends.webdav.chunking import MOST, Cuts, Uploads, chunk_size, uploads_of
from backends.webdav.settings import CHUNK_SIZE, webdav_settings
from backends.webdav.storage import WebDavStorage
from tests.backends.making import body
from tests.backends.webdav.cloud import CHUNK, FILES, UPLOADS, Cloud, clouds, in_chunks
from tests.backends.webdav.lying import on, status
from tests.backends.webdav.opening import opened, put

LARGE = bytes(range(251)) * 50_000
assert 2 * CHUNK < len(LARGE) < 3 * CHUNK


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with clouds() as server:
        yield server


@pytest.fixture
async def storage(cloud: Cloud) -> AsyncIterator[WebDavStorage]:
    async with opened(in_chunks(cloud)) as storage:
        yield storage


def pieces(data: bytes, size: int = PIECE) -> AsyncIterator[bytes]:
    return body(*(data[at : at + size] for at in range(0, len(data), size)))


async def write(storage: WebDavStorage, data: bytes = LARGE) -> None:
    await storage.write("b/k", pieces(data), size=len(data), description=b"about")


async def nothing_is_left(storage: WebDavStorage, cloud: Cloud) -> bool:
    await storage.aclose()
    return not cloud.uploads() and not cloud.ours()


async def test_what_no_proxy_would_take_whole_goes_in_chunks(
    storage: WebDavStorage, cloud: Cloud
) -> None:
    sizes = []

    async def cap(request: web.Request) -> web.StreamResponse | None:
        assert request.content_length is not None
        sizes.append(request.content_length)
        return web.Response(status=413) if request.content_length > CHUNK else None

    cloud.lies.append(on("PUT", cap, times=99))
    await write(storage)
    assert cloud.kept() == {"b/k": LARGE}
    assert sizes == [CHUNK, CHUNK, len(LARGE) - 2 * CHUNK]
    totals = {
        headers.get("OC-Total-Length")
        for (method, path), headers in zip(cloud.asked, cloud.headers, strict=True)
        if method in {"PUT", "MOVE"} and path.startswith(UPLOADS)
    }
    assert totals == {str(len(LARGE))}
    assert (await storage.stat("b/k")).description == b"about"
    assert await nothing_is_left(storage, cloud)


@pytest.mark.parametrize("size", [0, 1, CHUNK])
async def test_what_fits_into_one_chunk_is_one_put(
    storage: WebDavStorage, cloud: Cloud, size: int
) -> None:
    await write(storage, bytes(size))
    assert cloud.kept() == {"b/k": bytes(size)}
    assert not any(path.startswith(UPLOADS) for _, path in cloud.asked)


@pytest.mark.parametrize("size", [CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1])
@pytest.mark.parametrize("piece", [PIECE, 1_000_003, 4 * CHUNK])
async def test_chunks_are_cut_where_they_must_be(
    storage: WebDavStorage, cloud: Cloud, size: int, piece: int
) -> None:
    data = (LARGE * 2)[:size]
    await storage.write("b/k", pieces(data, piece), size=size)
    assert cloud.kept() == {"b/k": data}


@pytest.mark.parametrize("said", [-1, 1, -CHUNK, CHUNK])
async def test_a_body_of_another_size_leaves_what_was_there(
    storage: WebDavStorage, cloud: Cloud, said: int
) -> None:
    await put(storage, "b/k", b"old")
    with pytest.raises(Damaged):
        await storage.write("b/k", pieces(LARGE), size=len(LARGE) + said)
    assert cloud.kept() == {"b/k": b"old"}
    assert await nothing_is_left(storage, cloud)


async def test_a_body_that_fails_in_the_midst_fails_with_its_own_error(
    storage: WebDavStorage, cloud: Cloud
) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield LARGE[: CHUNK + 5]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await storage.write("b/k", failing(), size=len(LARGE))
    assert cloud.kept() == {}
    assert await nothing_is_left(storage, cloud)


async def test_a_write_that_is_cancelled_leaves_nothing(
    storage: WebDavStorage, cloud: Cloud
) -> None:
    reached = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield LARGE[: CHUNK + 5]
        reached.set()
        await asyncio.Event().wait()

    writing = asyncio.create_task(storage.write("b/k", endless(), size=len(LARGE)))
    await reached.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await nothing_is_left(storage, cloud)


@pytest.mark.parametrize(
    ("number", "error"),
    [(404, Unavailable), (413, Unsupported), (423, Throttled), (500, Unavailable)],
)
@pytest.mark.parametrize("which", ["MKCOL", "00001", "00003", "MOVE"])
async def test_what_is_refused_leaves_nothing(
    storage: WebDavStorage, cloud: Cloud, which: str, number: int, error: type[StorageError]
) -> None:
    await put(storage, "b/k", b"old")
    method, path = (which, "") if which.isalpha() else ("PUT", which)
    cloud.lies.append(on(method, status(number), path=f"{UPLOADS}/", times=99))
    if path:
        cloud.lies[:] = [on(method, status(number), path=path, times=99)]
    if which == "MOVE" and number in {404, 423}:
        error = Unavailable  # it may be running still
    with pytest.raises(error):
        await write(storage)
    cloud.lies.clear()
    assert cloud.kept() == {"b/k": b"old"}
    if which != "MOVE" or number not in {404, 423}:
        assert await nothing_is_left(storage, cloud)


async def test_a_chunk_is_sent_again_as_long_as_nothing_of_it_was_taken(
    storage: WebDavStorage, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when no connection comes about."""
    sent: list[int] = []
    whole = Uploads.put

    async def once_refused(
        self: Uploads, upload: str, number: int, *given: Any, **named: Any
    ) -> None:
        sent.append(number)
        if sent.count(number) == 1:
            raise Unavailable("no connection")
        await whole(self, upload, number, *given, **named)

    monkeypatch.setattr(Uploads, "put", once_refused)
    await write(storage)
    assert sent == [1, 1, 2, 2, 3, 3]
    assert cloud.kept() == {"b/k": LARGE}


async def test_a_chunk_of_which_some_was_taken_is_not_sent_again(
    storage: WebDavStorage, cloud: Cloud
) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        await request.content.read(1)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    cloud.lies.append(on("PUT", cut, path="00002"))
    with pytest.raises(Unavailable):
        await write(storage)
    numbers = [path[-5:] for method, path in cloud.asked if method == "PUT"]
    assert numbers == ["00001", "00002"]
    assert cloud.kept() == {}
    assert await nothing_is_left(storage, cloud)


async def test_chunks_that_were_joined_are_published_whatever_is_answered(
    storage: WebDavStorage, cloud: Cloud
) -> None:
    for number in (404, 423, 500, 502, 504):

        async def join(request: web.Request, number: int = number) -> web.StreamResponse:
            cloud.join(request.path.strip("/").removesuffix("/.file"), request)
            return web.Response(status=number)

        cloud.lies[:] = [on("MOVE", join, path=UPLOADS)]
        data = LARGE + str(number).encode()
        await write(storage, data)
        assert cloud.kept() == {"b/k": data}
    assert await nothing_is_left(storage, cloud)


@pytest.mark.parametrize("number", [504, 524])
async def test_what_may_still_be_joined_is_left_alone(
    storage: WebDavStorage, cloud: Cloud, number: int
) -> None:
    cloud.lies.append(on("MOVE", status(number), path=UPLOADS))
    cloud.asked.clear()
    with pytest.raises(Unavailable, match="not known"):
        await write(storage)
    assert cloud.kept() == {}
    assert not await nothing_is_left(storage, cloud)
    assert not any(method == "DELETE" for method, _ in cloud.asked)


async def test_a_large_body_is_never_held(storage: WebDavStorage, cloud: Cloud) -> None:
    given = received = most = 0

    async def taken(request: web.Request) -> web.StreamResponse:
        nonlocal received
        data = bytearray()
        async for piece in request.content.iter_any():
            received += len(piece)
            data += piece
        cloud.put(request.path.strip("/"), bytes(data))
        return web.Response(status=201)

    async def source() -> AsyncIterator[bytes]:
        nonlocal given, most
        for _ in range(160):
            most = max(most, given - received)
            given += PIECE
            yield bytes(PIECE)

    cloud.lies.append(on("PUT", taken, path=UPLOADS, times=99))
    await storage.write("b/k", source(), size=160 * PIECE)
    assert len(cloud.kept()["b/k"]) == 160 * PIECE
    # What is on its way lies in the buffers of both sides of the connection.
    assert most < 16 * 1024**2


async def test_the_body_is_cut_even_in_empty_pieces() -> None:
    cuts = Cuts(body(b"", b"ab", b"", b"cdefg", b"h"))
    found = []
    for size, last in ((3, False), (3, False), (2, True)):
        found.append(b"".join([piece async for piece in cuts.next(size, last=last)]))
    assert found == [b"abc", b"def", b"gh"]


def test_chunks_are_never_too_many() -> None:
    assert chunk_size(1, CHUNK_SIZE) == CHUNK_SIZE
    for size in (MOST * CHUNK_SIZE, MOST * CHUNK_SIZE + 1, 5 * 1024**4):
        chunk = chunk_size(size, CHUNK_SIZE)
        assert chunk >= CHUNK_SIZE
        assert -(-size // chunk) <= MOST


@pytest.mark.parametrize(
    ("endpoint", "uploads"),
    [
        ("https://c/remote.php/dav/files/ann", "https://c/remote.php/dav/uploads/ann"),
        ("https://c/remote.php/dav/files/ann/", "https://c/remote.php/dav/uploads/ann"),
        (
            "https://c:8/x/remote.php/dav/files/a%40b/d/e",
            "https://c:8/x/remote.php/dav/uploads/a%40b",
        ),
        ("https://c/remote.php/webdav", None),
        ("https://c/remote.php/dav/files", None),
        ("https://c/dav/files/ann", None),
        ("https://c/remote.php/dav/filesystem/ann", None),
    ],
)
def test_where_uploads_go(endpoint: str, uploads: str | None) -> None:
    found = uploads_of(webdav_settings({"endpoint": endpoint}).origin)
    assert (None if found is None else str(found)) == uploads


@pytest.mark.parametrize("size", ["5242880", 5242880, 5 * 1000**3])
def test_the_size_of_a_chunk_can_be_set(size: object) -> None:
    settings = webdav_settings({"endpoint": f"https://c/{FILES}", "chunk_size": size})
    assert settings.chunk_size == int(str(size))


@pytest.mark.parametrize("size", ["5MB", "", -1, 0, 5242879, 5 * 1000**3 + 1, True, 1e9, "٥" * 8])
def test_a_size_that_no_chunk_can_have_is_refused(size: object) -> None:
    with pytest.raises(ValueError, match="chunk_size"):
        webdav_settings({"endpoint": f"https://c/{FILES}", "chunk_size": size})

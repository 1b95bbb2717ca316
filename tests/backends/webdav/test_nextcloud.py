"""A storage on Nextcloud as others have written it down: an emulator, which knows nothing of ours."""

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest

from backends.errors import NotFound, StorageError, Throttled, Unavailable, Unsupported
from backends.interface import PIECE, Can
from backends.webdav.dialect import Chunks, Dialect
from backends.webdav.settings import webdav_settings
from backends.webdav.storage import WebDavStorage
from tests.backends.making import body, bytes_at, paths
from tests.backends.webdav.nextcloud.control import Control
from tests.backends.webdav.opening import opened
from tests.backends.webdav.servers import SERVERS, Running

CHUNK = 5 * 1024**2
LARGE = bytes(range(251)) * 50_000
assert 2 * CHUNK < len(LARGE) < 3 * CHUNK


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with SERVERS["nextcloud"]() as running:
        yield running


@pytest.fixture
def control(server: Running) -> Iterator[Control]:
    """The server as it is by itself, and so again for the next test."""
    control = Control(server.url)
    control.asked()
    yield control
    control.reset()
    control.release()
    control.expire()


@pytest.fixture(scope="module")
def found() -> dict[str, Dialect]:
    """What was found out of it before."""
    return {}


def over(server: Running, dialect: Dialect | None = None) -> WebDavStorage:
    settings = {
        "endpoint": server.url,
        "prefix": f"test {secrets.token_hex(8)}",
        "allow_private": True,
        "chunk_size": CHUNK,
        **server.settings,
    }
    return WebDavStorage(webdav_settings(settings), dialect=dialect, pauses_s=(0.0, 0.01, 0.02))


@pytest.fixture
async def storage(
    server: Running, control: Control, found: dict[str, Dialect]
) -> AsyncIterator[WebDavStorage]:
    assert control.uploads() == {}
    async with opened(over(server, found.get("as it is"))) as storage:
        assert storage.dialect is not None
        found["as it is"] = storage.dialect
        control.asked()
        yield storage


async def write(storage: WebDavStorage, data: bytes = LARGE) -> None:
    pieces = body(*(data[at : at + PIECE] for at in range(0, len(data), PIECE)))
    await storage.write("b/k", pieces, size=len(data), description=b"about")


async def begun(storage: WebDavStorage) -> tuple[str, list[tuple[int, str]]]:
    """An upload that is to become b/k: three chunks of LARGE."""
    upload = await storage.begin_parts("b/k", description=b"about")
    parts = [LARGE[at : at + CHUNK] for at in range(0, len(LARGE), CHUNK)]
    return upload, [
        (n, await storage.write_part("b/k", upload, n, body(part), size=len(part)))
        for n, part in enumerate(parts, start=1)
    ]


def joins(control: Control) -> int:
    """How many MOVEs of chunks there were since this was asked last."""
    asked = control.asked()
    return sum(
        1 for one in asked if one["method"] == "MOVE" and str(one["path"]).endswith("/.file")
    )


async def test_a_large_object_passes_a_proxy_that_takes_no_large_body(
    storage: WebDavStorage, control: Control
) -> None:
    control.set(max_body=CHUNK)
    await write(storage)
    assert await bytes_at(storage, "b/k") == LARGE
    assert (await storage.stat("b/k")).description == b"about"
    await storage.aclose()
    assert control.uploads() == {}


async def test_a_chunk_that_the_proxy_refuses_is_told_with_the_remedy(
    storage: WebDavStorage, control: Control
) -> None:
    control.set(max_body=CHUNK - 1)
    with pytest.raises(Unsupported, match="raise its limit"):
        await write(storage)
    await storage.aclose()
    assert control.uploads() == {}


@pytest.mark.parametrize("status", [404, 423, 500, 502, 504])
async def test_parts_that_were_joined_are_published_whatever_is_answered(
    storage: WebDavStorage, control: Control, status: int
) -> None:
    upload, tags = await begun(storage)
    lie = {"method": "MOVE", "path": "/.file", "status": status, "done": True}
    control.set(lies=[lie])
    await storage.complete_parts("b/k", upload, tags)
    assert joins(control) == 1
    assert await bytes_at(storage, "b/k") == LARGE
    assert (await storage.stat("b/k")).description == b"about"


@pytest.mark.parametrize("status", [504, 524])
async def test_a_join_that_the_proxy_gave_up_is_waited_for(
    storage: WebDavStorage, control: Control, status: int
) -> None:
    upload, tags = await begun(storage)
    control.set(moves_that_time_out=1, timed_out_with=status)
    await storage.complete_parts("b/k", upload, tags)
    assert joins(control) == 1
    assert await bytes_at(storage, "b/k") == LARGE


async def test_a_join_that_takes_too_long_is_published_when_it_is_asked_for_again(
    storage: WebDavStorage, control: Control
) -> None:
    upload, tags = await begun(storage)
    control.set(moves_that_time_out=1, assembly_held=True)
    with pytest.raises(Unavailable, match="not known"):
        await storage.complete_parts("b/k", upload, tags)
    assert await paths(storage) == []
    control.release()
    await storage.complete_parts("b/k", upload, tags)
    assert joins(control) == 1
    assert await bytes_at(storage, "b/k") == LARGE


async def test_what_is_asked_for_again_while_it_is_joined_is_not_published_twice(
    storage: WebDavStorage, control: Control
) -> None:
    upload, tags = await begun(storage)
    control.set(moves_that_time_out=1, assembly_held=True)
    for _ in range(2):
        with pytest.raises(StorageError):
            await storage.complete_parts("b/k", upload, tags)
    assert await paths(storage) == []
    control.release()
    await storage.complete_parts("b/k", upload, tags)
    stored = await storage.stat("b/k")
    with pytest.raises(NotFound):
        await storage.complete_parts("b/k", upload, tags)
    assert await storage.stat("b/k") == stored
    assert await paths(storage, ".s3front/incoming/") == []


@pytest.mark.parametrize("status", [504, 524])
async def test_a_large_object_whose_join_takes_too_long_is_not_published(
    storage: WebDavStorage, control: Control, status: int
) -> None:
    control.set(moves_that_time_out=1, timed_out_with=status, assembly_held=True)
    with pytest.raises(Unavailable, match="not known"):
        await write(storage)
    control.release()
    assert await paths(storage) == []


async def test_an_upload_goes_on_when_the_folder_for_what_it_becomes_was_removed(
    storage: WebDavStorage,
) -> None:
    upload, tags = await begun(storage)
    assert storage._opened is not None
    await storage._opened.dav.must("DELETE", ".s3front/incoming", folder=True)
    with pytest.raises(Unavailable, match="is now"):
        await storage.write_part("b/k", upload, 4, body(b"x"), size=1)
    tags.append((4, await storage.write_part("b/k", upload, 4, body(b"x"), size=1)))
    await storage.complete_parts("b/k", upload, tags)
    assert await bytes_at(storage, "b/k") == LARGE + b"x"


async def test_an_upload_that_expired_is_none(storage: WebDavStorage, control: Control) -> None:
    upload, tags = await begun(storage)
    control.expire()
    with pytest.raises(NotFound):
        await storage.write_part("b/k", upload, 4, body(b"x"), size=1)
    with pytest.raises(NotFound):
        await storage.complete_parts("b/k", upload, tags)
    assert await paths(storage) == []


@pytest.mark.parametrize("method", ["MKCOL", "PUT", "PROPFIND", "MOVE", "PROPPATCH", "DELETE"])
async def test_somebody_who_holds_a_lock_for_a_moment_costs_an_attempt_at_most(
    storage: WebDavStorage, control: Control, method: str
) -> None:
    upload, tags = await begun(storage)
    control.set(lies=[{"method": method, "status": 423}])
    try:
        await storage.complete_parts("b/k", upload, tags[1:])
    except (Throttled, Unavailable):
        await storage.complete_parts("b/k", upload, tags[1:])
    assert await bytes_at(storage, "b/k") == LARGE[CHUNK:]


async def test_on_an_object_store_large_files_go_in_chunks_and_parts_are_staged(
    server: Running, control: Control
) -> None:
    control.set(store="object")
    async with opened(over(server)) as storage:
        assert storage.dialect is not None
        assert storage.dialect.chunks is Chunks.ALL
        assert Can.PARTS not in storage.can
        control.asked()
        await write(storage)
        assert joins(control) == 1
        assert await bytes_at(storage, "b/k") == LARGE
    assert control.uploads() == {}


async def test_a_user_without_room_is_told_so_and_nothing_is_left(
    storage: WebDavStorage, control: Control
) -> None:
    control.set(quota=CHUNK)
    with pytest.raises(StorageError):
        await write(storage)
    await storage.aclose()
    assert control.uploads() == {}

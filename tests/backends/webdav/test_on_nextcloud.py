"""What Nextcloud is known to do wrong, and a storage on it that neither loses nor invents anything."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from backends.errors import Damaged, Denied, Full, StorageError, Throttled, Unavailable, Unsupported
from backends.webdav.settings import webdav_settings
from backends.webdav.storage import WebDavStorage
from tests.backends.making import body, bytes_at, drained, paths
from tests.backends.webdav.nextcloud.control import Control
from tests.backends.webdav.serving import running, settings_of

MIB = 1024**2


@pytest.fixture
def control() -> Control:
    return Control(running("nextcloud").url)


@pytest.fixture
async def storage(control: Control) -> AsyncIterator[WebDavStorage]:
    storage = WebDavStorage(webdav_settings(settings_of("nextcloud")))
    await storage.open()
    try:
        await storage.write("b/k", body(b"old"), size=3, description=b"about")
        yield storage
    finally:
        control.reset()
        await storage.aclose()


async def written(storage: WebDavStorage, data: bytes = b"new!") -> None:
    await storage.write("b/k", body(data), size=len(data))


@pytest.mark.parametrize("status", [404, 423, 500, 504])
async def test_a_move_that_is_done_though_it_says_it_is_not_is_done(
    storage: WebDavStorage, control: Control, status: int
) -> None:
    control.set(lies=[{"method": "MOVE", "status": status, "done": True}])
    await written(storage)
    assert await bytes_at(storage, "b/k") == b"new!"
    assert await paths(storage) == ["b/k"]


@pytest.mark.parametrize(
    ("method", "status", "error"),
    [
        # It may be one of ours that still runs.
        ("MOVE", 423, Unavailable),
        ("MOVE", 403, StorageError),
        ("PUT", 423, Throttled),
        ("PUT", 507, Full),
        ("PUT", 500, Unavailable),
    ],
)
async def test_what_is_refused_changes_nothing_and_can_be_done_again(
    storage: WebDavStorage, control: Control, method: str, status: int, error: type[StorageError]
) -> None:
    control.set(lies=[{"method": method, "status": status, "times": 9}])
    with pytest.raises(error):
        await written(storage)
    control.reset()
    assert await bytes_at(storage, "b/k") == b"old"
    await written(storage)
    assert await bytes_at(storage, "b/k") == b"new!"
    assert await paths(storage) == ["b/k"]


async def test_maintenance_is_not_taken_for_absence(
    storage: WebDavStorage, control: Control
) -> None:
    control.set(maintenance=True)
    for act in (storage.stat("b/k"), storage.stat("b/none"), storage.read("b/k"), written(storage)):
        with pytest.raises((Unavailable, Throttled)):
            await act
    with pytest.raises((Unavailable, Throttled)):
        await paths(storage)
    control.reset()
    assert await bytes_at(storage, "b/k") == b"old"


async def test_who_is_throttled_is_told_so(storage: WebDavStorage, control: Control) -> None:
    control.set(throttled_after=0)
    for act in (storage.stat("b/k"), storage.read("b/k"), written(storage)):
        with pytest.raises(Throttled):
            await act
    control.reset()
    assert await bytes_at(storage, "b/k") == b"old"


async def test_a_wrong_password_is_not_tried_again_and_again(control: Control) -> None:
    """Or the server shuts its door to the right one, too."""
    control.set(throttled_after=3)
    storage = WebDavStorage(webdav_settings({**settings_of("nextcloud"), "password": "wrong"}))
    with pytest.raises(Denied):
        await storage.open()
    await storage.aclose()
    right = WebDavStorage(webdav_settings(settings_of("nextcloud")))
    await right.open()
    await right.aclose()
    control.reset()


async def test_a_full_account_says_so(storage: WebDavStorage, control: Control) -> None:
    control.set(quota=10)
    with pytest.raises(Full):
        await written(storage, b"x" * 100)
    assert await bytes_at(storage, "b/k") == b"old"


async def test_what_has_another_etag_is_not_known_to_be_the_same(
    storage: WebDavStorage, control: Control
) -> None:
    before = await storage.stat("b/k")
    control.change_etags()
    with pytest.raises(Damaged):
        await storage.read("b/k", only_if=before.fingerprint)
    after = await storage.stat("b/k")
    # What is said of bytes is not believed of others.
    assert (after.fingerprint.size, after.description) == (3, None)
    assert await drained(await storage.read("b/k", only_if=after.fingerprint)) == b"old"


async def test_all_bodies_tell_their_length(storage: WebDavStorage, control: Control) -> None:
    control.set(empties_chunked_bodies=True)
    for data in (b"", b"x", b"y" * MIB):
        await written(storage, data)
        assert await bytes_at(storage, "b/k") == data


async def test_writes_of_one_second_are_told_apart(storage: WebDavStorage) -> None:
    """Of one size: Nextcloud gives them one ETag where a file is written over in place."""
    seen = set()
    for number in range(8):
        stored = await storage.write("b/k", body(b"%d" % number), size=1)
        seen.add(stored.fingerprint)
        assert (
            await drained(await storage.read("b/k", only_if=stored.fingerprint)) == b"%d" % number
        )
    assert len(seen) == 8


async def test_one_reads_while_another_writes(storage: WebDavStorage) -> None:
    """A MOVE deletes what is there first: readers meet one state or the other, or none for a moment."""
    bodies = [bytes([number]) * 5000 for number in range(20)]
    await storage.write("b/k", body(bodies[0]), size=5000)

    async def write() -> None:
        for data in bodies:
            await storage.write("b/k", body(data), size=5000)

    async def read() -> None:
        for _ in range(60):
            try:
                assert await bytes_at(storage, "b/k") in bodies
            except StorageError:
                continue

    await asyncio.gather(write(), read(), read())
    assert await bytes_at(storage, "b/k") == bodies[-1]


async def test_a_cap_on_bodies_is_met_or_told(storage: WebDavStorage, control: Control) -> None:
    control.set(max_body=MIB)
    data = bytes(range(256)) * 4 * 1025
    try:
        await written(storage, data)
    except Unsupported:
        assert await bytes_at(storage, "b/k") == b"old"
    else:
        assert await bytes_at(storage, "b/k") == data

"""A cache around a mirror: what was read is of the version that is asked for, whichever member it came from."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.cache.sizes import BLOCK, LEAST
from backends.errors import Damaged, Unavailable
from backends.interface import Can, Fingerprint, Storage
from backends.layers.caching import Caching
from backends.mirror.storage import Mirror
from backends.remote_memory import AS_S3, S3_LIMITS, RemoteMemoryStorage
from tests.backends.making import drained
from tests.backends.mirror.members import Shaky, Time, memories, mirror_of
from tests.backends.mirror.mirrors import LONG, put, repaired

BEFORE = LONG * (3 * BLOCK // len(LONG))
AFTER = BEFORE[::-1]


class Stand:
    """A cached mirror, its members and their time."""

    def __init__(self, folder: Path, members: dict[str, Shaky]) -> None:
        self.folder = folder
        self.members = members
        self.time = Time()
        self.mirror = mirror_of(members, time=self.time)
        self.storage = Caching(self.mirror, folder / "cache", LEAST, complain=pytest.fail)
        self.mirror.declared = self.storage.declare_anew

    async def read(self, of: Fingerprint, first: int = 0) -> bytes:
        read = await drained(await self.storage.read("b/k", first=first, only_if=of))
        await self.storage.cache.settled()
        return read

    async def put(self, data: bytes) -> Fingerprint:
        """On both members."""
        await put(self.storage, "b/k", data)
        await repaired(self.mirror)
        return (await self.storage.stat("b/k")).fingerprint


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    stand = Stand(tmp_path, memories())
    await stand.storage.open()
    yield stand
    await stand.storage.aclose()


async def test_what_was_read_is_there_when_no_member_is(stand: Stand) -> None:
    of = await stand.put(BEFORE)
    assert await stand.read(of) == BEFORE
    for member in stand.members.values():
        member.is_down = True
    assert await stand.read(of) == BEFORE
    assert await stand.read(of, first=BLOCK + 5) == BEFORE[BLOCK + 5 :]


async def test_what_another_member_went_on_with_is_kept_as_what_it_is(stand: Stand) -> None:
    before = await stand.put(BEFORE)
    given = 0

    def after_a_block(verb: str) -> bool:
        nonlocal given
        given += verb == "piece"
        return given > 5

    stand.members["nas"].fails = after_a_block
    assert await stand.read(before) == BEFORE
    after = await stand.put(AFTER)
    assert await stand.read(after) == AFTER
    for member in stand.members.values():
        member.is_down = True
    assert await stand.read(after) == AFTER
    with pytest.raises((Unavailable, Damaged)):
        await stand.read(before)


async def test_a_reading_that_was_begun_never_gets_blocks_of_what_replaced_it(stand: Stand) -> None:
    before = await stand.put(BEFORE)
    content = await stand.storage.read("b/k", only_if=before)
    pieces = content.chunks()
    read = await anext(pieces)
    stand.members["nas"].is_down = True
    await put(stand.storage, "b/k", AFTER)
    after = (await stand.storage.stat("b/k")).fingerprint
    assert await stand.read(after) == AFTER
    read += await until_it_breaks_off(pieces)
    await content.aclose()
    assert BEFORE.startswith(read)


async def until_it_breaks_off(pieces: AsyncIterator[bytes]) -> bytes:
    got = b""
    try:
        async for piece in pieces:
            got += piece
    except (Unavailable, Damaged):
        return got
    raise AssertionError("it ended as if nothing had happened")


async def test_a_member_that_is_back_with_old_bytes_is_not_believed(stand: Stand) -> None:
    await stand.put(BEFORE)
    old = stand.members["nas"].inner
    stand.members["nas"].inner = await copied(old)
    after = await stand.put(AFTER)
    stand.members["nas"].inner = old  # as when it was set back to a snapshot
    assert await stand.read(after) == AFTER
    assert await stand.read(after, first=BLOCK) == AFTER[BLOCK:]
    await repaired(stand.mirror)
    assert await drained(await old.read("b/k")) == AFTER


async def copied(storage: Storage) -> Storage:
    copy = RemoteMemoryStorage(AS_S3, S3_LIMITS)
    await copy.open()
    for prefix in ("", ".s3front/"):
        async for stored in storage.list(prefix):
            told = await storage.stat(stored.path)
            data = await drained(await storage.read(stored.path))
            await put(copy, stored.path, data, description=told.description or b"")
    return copy


class Late(RemoteMemoryStorage):
    """Knows what it can when it has been opened, which it can once it is there."""

    def __init__(self) -> None:
        super().__init__(Can.NOTHING, S3_LIMITS)
        self.is_there = False

    async def open(self) -> None:
        if not self.is_there:
            raise Unavailable("it is not there yet")
        await super().open()
        self.can = AS_S3


async def test_what_a_late_member_can_is_known_around_the_mirror(stand: Stand) -> None:
    await stand.storage.aclose()
    late = Late()
    stand.members["nas"] = Shaky(late)
    mirror = Mirror(stand.members, stand.mirror.ledger, refill=["nas"])
    cached = Caching(mirror, stand.folder / "other", LEAST)
    mirror.declared = cached.declare_anew
    await cached.open()
    assert Can.CREATE not in cached.can
    late.is_there = True
    await mirror.members["nas"].open()
    assert Can.CREATE in cached.can
    await cached.aclose()

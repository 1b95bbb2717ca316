"""What a cache in front of a storage does beyond being one, which the behaviour suite holds it to."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backends.cache import blocks
from backends.cache.flights import MOST
from backends.cache.naming import Block
from backends.cache.sizes import BLOCK
from backends.errors import Damaged, NotFound, StorageError, Unavailable
from backends.interface import PIECE, Can, Content, Fingerprint, Stored
from backends.layers.around import AroundContent
from backends.layers.caching import Caching
from backends.remote_memory import AS_S3, AS_WEBDAV, S3_LIMITS, RemoteMemoryStorage
from tests.backends.making import CACHE_SIZE, body, drained

LONG = b"".join(bytes([n]) * 1000 for n in range(256)) * 22  # over five blocks, no multiple of one


class Upstream(RemoteMemoryStorage):
    """Writes down what is read of it; fails, and holds pieces back, as it is told."""

    def __init__(self, *, as_webdav: bool = False) -> None:
        super().__init__(AS_WEBDAV if as_webdav else AS_S3, S3_LIMITS)
        self.asked: list[tuple[int, int | None]] = []
        self.given = 0
        self.down: StorageError | None = None
        self.gate: asyncio.Semaphore | None = None
        """Each piece needs a permit."""

    async def open(self) -> None:
        self.fail()
        await super().open()

    def fail(self) -> None:
        if self.down is not None:
            raise self.down

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        self.asked.append((first, last))
        self.fail()
        return _Gated(await super().read(path, first=first, last=last, only_if=only_if), self)


class _Gated(AroundContent):
    def __init__(self, inner: Content, upstream: Upstream) -> None:
        super().__init__(inner)
        self._upstream = upstream

    async def chunks(self) -> AsyncIterator[bytes]:
        async for piece in self.inner.chunks():
            if self._upstream.gate is not None:
                await self._upstream.gate.acquire()
            self._upstream.fail()
            self._upstream.given += len(piece)
            yield piece


@dataclass(kw_only=True)
class Bench:
    storage: Caching
    upstream: Upstream
    directory: Path
    counts: Counter[str] = field(default_factory=Counter)

    async def put(self, data: bytes = LONG, path: str = "b/k") -> Fingerprint:
        return (await self.storage.write(path, body(data), size=len(data))).fingerprint

    async def get(
        self, of: Fingerprint, *, first: int = 0, last: int | None = None, path: str = "b/k"
    ) -> bytes:
        """As asked for; then all that came is kept."""
        data = await drained(await self.storage.read(path, first=first, last=last, only_if=of))
        await self.storage.cache.settled()
        return data

    def hold(self) -> None:
        """Let no piece through from now on."""
        self.upstream.gate = asyncio.Semaphore(0)

    def let_through(self, pieces: int = 1000) -> None:
        assert self.upstream.gate is not None
        for _ in range(pieces):
            self.upstream.gate.release()

    def readers(self) -> int:
        """How many follow some reading of the storage."""
        return sum(len(flight._readers) for flight in self.storage.cache._flying)

    def files(self) -> list[Path]:
        return sorted(self.directory.glob("??/*"))


@asynccontextmanager
async def benched(tmp_path: Path, *, as_webdav: bool = False) -> AsyncIterator[Bench]:
    upstream = Upstream(as_webdav=as_webdav)
    counts: Counter[str] = Counter()
    directory = tmp_path / "cache"
    storage = Caching(
        upstream,
        directory,
        CACHE_SIZE,
        name="nas",
        count=lambda event, number: counts.update({event: number}),
        complain=pytest.fail,
    )
    await storage.open()
    yield Bench(storage=storage, upstream=upstream, directory=directory, counts=counts)
    await storage.aclose()
    assert not storage.cache._flying
    assert not storage.cache._jobs
    assert not storage.cache._arrived


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with benched(tmp_path) as bench:
        yield bench


async def test_what_was_read_is_read_from_the_disk(bench: Bench) -> None:
    of = await bench.put()
    assert await bench.get(of) == LONG
    assert bench.upstream.asked == [(0, len(LONG) - 1)]
    assert await bench.get(of) == LONG
    assert (
        await bench.get(of, first=BLOCK - 5, last=3 * BLOCK + 5) == LONG[BLOCK - 5 : 3 * BLOCK + 6]
    )
    assert len(bench.upstream.asked) == 1
    assert bench.counts["kept"] == bench.counts["miss"] == len(bench.files()) == 6
    assert bench.counts["hit"] == 6 + 4
    assert bench.counts["hit bytes"] >= len(LONG) + 2 * BLOCK
    assert bench.counts["miss bytes"] == len(LONG)


async def test_what_is_cached_is_told_like_what_is_read(bench: Bench) -> None:
    of = await bench.put()
    for _ in range(2):
        content = await bench.storage.read("b/k", first=5, last=99, only_if=of)
        told = content.stored
        assert (content.first, content.length) == (5, 95)
        assert told == Stored(path="b/k", fingerprint=of, modified_ns=told.modified_ns)
        assert told.modified_ns == (await bench.storage.stat("b/k")).modified_ns
        assert content.descriptor() is None
        await drained(content)
        await bench.storage.cache.settled()
    assert len(bench.upstream.asked) == 1


async def test_a_storage_that_is_down_still_serves_what_is_cached(bench: Bench) -> None:
    of = await bench.put()
    await bench.get(of, last=10)
    bench.upstream.down = Unavailable("no route")
    assert await bench.get(of, first=5, last=BLOCK - 1) == LONG[5:BLOCK]
    with pytest.raises(Unavailable):
        await bench.get(of, first=BLOCK)
    with pytest.raises(Unavailable):
        await drained(await bench.storage.read("b/k"))
    content = await bench.storage.read("b/k", only_if=of)
    with pytest.raises(Unavailable):
        await drained(content)  # as far as it is cached
    bench.upstream.down = None
    assert await bench.get(of) == LONG


async def test_it_need_not_even_come_up(tmp_path: Path) -> None:
    async with benched(tmp_path) as bench:
        of = await bench.put(b"data")
        await bench.get(of)
    down = Upstream()
    down.down = Unavailable("no route")
    storage = Caching(down, tmp_path / "cache", CACHE_SIZE, name="nas")
    with pytest.raises(Unavailable):
        await storage.open()
    with pytest.raises(Unavailable):
        storage.check()
    storage.check_readable()
    assert await drained(await storage.read("b/k", only_if=of)) == b"data"
    await storage.aclose()
    with pytest.raises(Unavailable):
        storage.check_readable()
    with pytest.raises(Unavailable):
        await storage.read("b/k", only_if=of)


async def test_a_range_brings_its_blocks_whole(bench: Bench) -> None:
    of = await bench.put()
    assert await bench.get(of, first=BLOCK + 10, last=BLOCK + 19) == LONG[BLOCK + 10 : BLOCK + 20]
    assert bench.upstream.asked == [(BLOCK, 2 * BLOCK - 1)]
    assert await bench.get(of, first=2 * BLOCK - 9, last=2 * BLOCK - 1) == LONG[: 2 * BLOCK][-9:]
    assert len(bench.upstream.asked) == 1
    await bench.get(of, first=4 * BLOCK, last=4 * BLOCK)
    bench.upstream.asked.clear()
    assert await bench.get(of) == LONG
    end = len(LONG) - 1
    assert bench.upstream.asked == [(0, BLOCK - 1), (2 * BLOCK, 4 * BLOCK - 1), (5 * BLOCK, end)]


async def test_many_readers_make_one_upstream_reading(bench: Bench) -> None:
    of = await bench.put()
    bench.hold()
    reading = [asyncio.create_task(bench.get(of)) for _ in range(100)]
    await until(lambda: bench.readers() == 100)
    bench.let_through(2)
    await until(lambda: bench.upstream.given > PIECE)
    reading += [asyncio.create_task(bench.get(of)) for _ in range(100)]
    await until(lambda: bench.readers() == 200)
    bench.let_through()
    assert set(await asyncio.gather(*reading)) == {LONG}
    assert bench.upstream.asked == [(0, len(LONG) - 1)]


async def test_first_bytes_come_while_the_block_still_arrives(bench: Bench) -> None:
    of = await bench.put()
    bench.hold()
    bench.let_through(1)
    content = await bench.storage.read("b/k", only_if=of)
    assert await anext(content.chunks()) == LONG[:PIECE]
    assert bench.upstream.given == PIECE
    bench.let_through()
    await content.aclose()


async def test_who_began_a_reading_may_leave_it(bench: Bench) -> None:
    of = await bench.put()
    bench.hold()
    leader = asyncio.create_task(bench.get(of))
    await until(lambda: bench.readers() == 1)
    followers = [asyncio.create_task(bench.get(of)) for _ in range(5)]
    await until(lambda: bench.readers() == 6)
    bench.let_through(2)
    await until(lambda: bench.upstream.given == 2 * PIECE)
    leader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leader
    bench.let_through()
    assert set(await asyncio.gather(*followers)) == {LONG}
    assert len(bench.upstream.asked) == 1


async def test_a_reading_that_all_have_left_ends_with_its_block(bench: Bench) -> None:
    of = await bench.put()
    bench.hold()
    bench.let_through(1)
    content = await bench.storage.read("b/k", only_if=of)
    await anext(content.chunks())
    await content.aclose()
    bench.let_through()
    await until(lambda: not bench.storage.cache._flying)
    assert bench.upstream.given == BLOCK
    await bench.storage.cache.settled()
    assert bench.counts["kept"] == 1


async def test_a_slow_reader_holds_nobody_else(bench: Bench) -> None:
    of = await bench.put()
    slow = await bench.storage.read("b/k", only_if=of)
    pieces = slow.chunks()
    got = await anext(pieces)
    assert await bench.get(of) == LONG
    assert len(bench.upstream.asked) == 1
    got += b"".join([piece async for piece in pieces])
    assert got == LONG
    assert len(bench.upstream.asked) == 1  # what it missed was on the disk
    await slow.aclose()


async def test_what_a_slow_reader_missed_is_read_again_if_it_was_not_kept(bench: Bench) -> None:
    of = await bench.put()
    bench.storage.cache._shelf._closed = True  # it keeps nothing
    slow = await bench.storage.read("b/k", only_if=of)
    pieces = slow.chunks()
    got = await anext(pieces)
    assert await bench.get(of) == LONG
    got += b"".join([piece async for piece in pieces])
    assert got == LONG
    assert len(bench.upstream.asked) == 2
    await slow.aclose()
    bench.storage.cache._shelf._closed = False


async def test_nothing_is_read_far_ahead_of_the_fastest(bench: Bench) -> None:
    of = await bench.put()
    content = await bench.storage.read("b/k", only_if=of)
    pieces = content.chunks()
    position = 0
    async for piece in pieces:
        position += len(piece)
        for _ in range(50):
            await asyncio.sleep(0)
        assert bench.upstream.given <= position + BLOCK + PIECE
        flight = next(iter(bench.storage.cache._flying), None)
        if flight is not None:
            assert sum(map(len, flight._pieces)) <= 2 * BLOCK + PIECE
    assert position == len(LONG)
    await content.aclose()


async def test_a_new_reader_of_what_waits_for_a_slow_one_goes_on(bench: Bench) -> None:
    of = await bench.put()
    slow = await bench.storage.read("b/k", only_if=of)
    await anext(slow.chunks())
    ahead = BLOCK + PIECE
    await until(lambda: bench.upstream.given == ahead)
    assert await bench.get(of, first=ahead) == LONG[ahead:]
    assert bench.upstream.asked == [(0, len(LONG) - 1)]
    await slow.aclose()


async def test_what_fails_fails_for_all_who_wait_for_it_and_not_for_ever(bench: Bench) -> None:
    of = await bench.put()
    bench.hold()
    bench.let_through(6)
    reading = [asyncio.create_task(bench.get(of)) for _ in range(5)]
    await until(lambda: bench.readers() == 5 and bench.upstream.given == 6 * PIECE)
    bench.upstream.down = Unavailable("cut")
    bench.let_through()
    failed = await asyncio.gather(*reading, return_exceptions=True)
    assert {type(error) for error in failed} == {Unavailable}
    bench.upstream.down = None
    assert await bench.get(of) == LONG
    assert bench.upstream.asked == [(0, len(LONG) - 1), (BLOCK, len(LONG) - 1)]


async def test_what_is_damaged_is_read_again_in_the_middle_of_a_reading(bench: Bench) -> None:
    of = await bench.put()
    await bench.get(of)
    content = await bench.storage.read("b/k", only_if=of)
    pieces = content.chunks()
    got = await anext(pieces)
    for file in bench.files():
        raw = bytearray(file.read_bytes())
        raw[-1] ^= 1
        file.write_bytes(raw)
    got += b"".join([piece async for piece in pieces])
    assert got == LONG
    await content.aclose()
    await bench.storage.cache.settled()
    assert bench.counts["damaged"] == 6
    bench.upstream.asked.clear()
    assert await bench.get(of) == LONG
    assert not bench.upstream.asked


async def changed(bench: Bench, how: str, of: Fingerprint) -> None:
    storage = bench.storage
    match how:
        case "write":
            await bench.put(LONG[::-1])
        case "delete":
            await storage.delete("b/k")
        case "move":
            await storage.move("b/k", "b/elsewhere", only_if=of)
        case "copy":
            other = await bench.put(LONG[::-1], "b/other")
            await storage.copy("b/other", "b/k", only_if=other)
        case _:
            upload = await storage.begin_parts("b/k")
            tag = await storage.write_part("b/k", upload, 1, body(b"parts"), size=5)
            await storage.complete_parts("b/k", upload, [(1, tag)])


@pytest.mark.parametrize("how", ["write", "delete", "move", "copy", "complete_parts"])
async def test_what_is_changed_is_dropped(tmp_path: Path, how: str) -> None:
    async with benched(tmp_path, as_webdav=how == "move") as bench:
        of = await bench.put()
        kept = await bench.put(LONG, "b/beside")
        await bench.get(of)
        await bench.get(kept, path="b/beside")
        assert len(bench.files()) == 12
        await changed(bench, how, of)
        assert len(bench.files()) == 6
        with pytest.raises((Damaged, NotFound)):
            await bench.get(of)
        bench.upstream.down = Unavailable("no route")
        assert await bench.get(kept, path="b/beside") == LONG


async def test_what_fails_to_be_changed_is_dropped_as_well(bench: Bench) -> None:
    of = await bench.put()
    await bench.get(of)
    with pytest.raises(Damaged):
        await bench.storage.write("b/k", body(b"short"), size=6)
    assert not bench.files()


@pytest.mark.parametrize("how", ["write", "delete"])
async def test_nobody_follows_a_reading_of_what_was_changed(bench: Bench, how: str) -> None:
    of = await bench.put()
    bench.hold()
    reading = asyncio.create_task(bench.get(of))
    bench.let_through(1)
    await until(lambda: bench.upstream.given == PIECE)
    await changed(bench, how, of)
    with pytest.raises((Damaged, NotFound)):
        await bench.storage.read("b/k", only_if=of)
    bench.let_through()
    with pytest.raises(Damaged):
        await reading
    await bench.storage.cache.settled()
    assert not bench.files()


async def test_a_reading_of_what_is_gone_is_damaged(bench: Bench) -> None:
    assert Can.OUTLIVE not in bench.storage.can
    of = await bench.put()
    await bench.get(of)
    content = await bench.storage.read("b/k", only_if=of)
    await bench.storage.delete("b/k")
    with pytest.raises(Damaged):
        await drained(content)


async def test_what_came_while_it_was_looked_for_is_not_fetched_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = await bench.put(b"data")
    shelf = bench.storage.cache._shelf
    find, looked, go = shelf.find, threading.Event(), threading.Event()

    def slow(block: Block, first: int, end: int) -> tuple[bytes, int] | None:
        found = find(block, first, end)
        looked.set()
        go.wait()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(shelf, "find", slow)
        late = asyncio.create_task(bench.get(of))
        await asyncio.to_thread(looked.wait)
    assert await bench.get(of) == b"data"
    go.set()
    assert await late == b"data"
    assert len(bench.upstream.asked) == 1


async def test_more_readings_than_can_be_followed_go_their_own_way(bench: Bench) -> None:
    bench.hold()
    of = [await bench.put(b"%05d" % n, f"b/{n}") for n in range(MOST + 10)]
    reading = [asyncio.create_task(bench.get(one, path=f"b/{n}")) for n, one in enumerate(of)]
    await until(lambda: len(bench.upstream.asked) == MOST + 10)
    assert len(bench.storage.cache._flying) == MOST
    bench.let_through()
    assert await asyncio.gather(*reading) == [b"%05d" % n for n in range(MOST + 10)]


async def test_small_objects_are_had_at_once(bench: Bench) -> None:
    data = LONG[: blocks.AT_ONCE]
    for size in (1, 1000, len(data)):
        of = await bench.put(data[:size])
        last = size - 1

        def at_once(first: int, last: int, of: Fingerprint = of) -> bytes | None:
            return bench.storage.read_at_once("b/k", first=first, last=last, only_if=of)

        assert at_once(0, last) is None
        await bench.get(of)
        bench.counts.clear()
        assert at_once(0, last) == data[:size]
        assert at_once(last, last + 10) == data[last:size]
        assert at_once(size, size) is None
        assert bench.counts == {"hit": 2, "hit bytes": size + 1}
        (file,) = bench.files()
        for raw in (b"", file.read_bytes()[:-1], file.read_bytes() + b"x", bytes(size + 100)):
            whole = file.read_bytes()
            file.write_bytes(raw)
            assert at_once(0, last) is None
            file.write_bytes(whole)
        assert at_once(0, last) == data[:size]
        await bench.storage.delete("b/k")
        assert at_once(0, last) is None


async def test_large_objects_are_not_had_at_once(bench: Bench) -> None:
    of = await bench.put(LONG[: blocks.AT_ONCE + 1])
    await bench.get(of)
    assert bench.storage.read_at_once("b/k", first=0, last=0, only_if=of) is None


async def test_closing_ends_what_is_read(tmp_path: Path) -> None:
    async with benched(tmp_path) as bench:
        of = await bench.put()
        bench.hold()
        reading = asyncio.create_task(bench.get(of))
        await until(lambda: bench.readers() == 1)
    with pytest.raises(Unavailable):
        await reading


async def test_what_is_verified_is_the_storage_itself(bench: Bench) -> None:
    of = await bench.put()
    await bench.get(of)
    assert bench.storage.itself() is bench.upstream
    assert bench.upstream.itself() is bench.upstream


async def test_without_a_directory_all_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    complaints: list[str] = []
    storage = Caching(Upstream(), tmp_path / "file", CACHE_SIZE, complain=complaints.append)
    await storage.open()
    stored = await storage.write("b/k", body(LONG), size=len(LONG))
    for _ in range(2):
        content = await storage.read("b/k", first=7, only_if=stored.fingerprint)
        assert await drained(content) == LONG[7:]
    await storage.delete("b/k")
    await storage.aclose()
    assert len(complaints) == 1


async def test_storages_that_share_a_directory_share_no_bytes(tmp_path: Path) -> None:
    async with benched(tmp_path) as bench:
        await bench.get(await bench.put(b"mine"))
        upstream = Upstream()
        other = Caching(upstream, tmp_path / "cache", CACHE_SIZE, name="cloud")
        await other.open()
        of = (await other.write("b/k", body(b"mine"), size=4)).fingerprint
        upstream.down = Unavailable("no route")
        with pytest.raises(Unavailable):
            await other.read("b/k", only_if=of)
        await other.aclose()
        assert len(bench.files()) == 1

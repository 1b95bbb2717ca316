"""Bodies whose clients take their time: they keep nobody from a storage, and make room when there is none."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from backends.errors import Displaced, Unavailable
from backends.http.content import ContentAtHand
from backends.interface import PIECE, Content, Fingerprint, Storage, Stored
from backends.layers import places
from backends.layers.around import Around
from backends.layers.limiting import Limiting
from backends.layers.places import PATIENT_S, SLOW, Place, Places
from backends.layers.retrying import Retrying
from tests.backends.layers.flaky import DATA, flaky
from tests.backends.making import body, bytes_at, drained

LARGE = 2 * PIECE
SOON_S = 10.0


class Slow:
    """A body of LARGE bytes: ``first`` of them at once, the others when it is told to go on."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.waited_for = asyncio.Event()
        self.go_on = asyncio.Event()

    async def pieces(self) -> AsyncIterator[bytes]:
        if self.first:
            yield bytes(self.first)
        self.waited_for.set()
        await self.go_on.wait()
        yield bytes(LARGE - self.first)


Writing = asyncio.Task[object]


def of_a_file(storage: Storage, path: str, slow: Slow) -> Writing:
    return asyncio.create_task(storage.write(path, slow.pieces(), size=LARGE))


def of_a_part(storage: Storage, path: str, slow: Slow) -> Writing:
    async def write() -> object:
        upload = await storage.begin_parts(path)
        return await storage.write_part(path, upload, 1, slow.pieces(), size=LARGE)

    return asyncio.create_task(write())


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "PATIENT_S", 0.0)
    monkeypatch.setattr(places, "_AGAIN_S", 0.01)


@pytest.mark.parametrize("begin", [of_a_file, of_a_part])
async def test_while_a_client_is_waited_for_others_are_served(
    begin: Callable[[Storage, str, Slow], Writing],
) -> None:
    inner, *_ = await flaky()
    storage = Limiting(inner, readings=1, writings=1)
    slow = [Slow(number) for number in range(5)]
    writing = [begin(storage, f"b/{one.first}", one) for one in slow]
    async with asyncio.timeout(SOON_S):
        for one in slow:
            await one.waited_for.wait()
        await storage.delete("b/none")
        await storage.write("b/quick", body(bytes(LARGE)), size=LARGE)
        for one in slow:
            one.go_on.set()
        await asyncio.gather(*writing)
    if begin is of_a_file:
        for one in slow:
            assert await bytes_at(storage, f"b/{one.first}") == bytes(LARGE)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("begin", [of_a_file, of_a_part])
async def test_the_slowest_makes_room(begin: Callable[[Storage, str, Slow], Writing]) -> None:
    inner, *_ = await flaky()
    storage = Limiting(inner, bodies=3)
    slow = [Slow(1000), Slow(10), Slow(500)]
    writing = [begin(storage, f"b/{one.first}", one) for one in slow]
    async with asyncio.timeout(SOON_S):
        for one in slow:
            await one.waited_for.wait()
        await storage.write("b/quick", body(bytes(LARGE)), size=LARGE)
        with pytest.raises(Displaced, match="others needed its place"):
            await writing[1]
        slow[0].go_on.set()
        slow[2].go_on.set()
        await asyncio.gather(writing[0], writing[2])
        # Its place is free, and so is its turn.
        again = [Slow(number) for number in range(3)]
        writing = [begin(storage, f"b/again-{one.first}", one) for one in again]
        for one in again:
            await one.waited_for.wait()
            one.go_on.set()
        await asyncio.gather(*writing)


@pytest.mark.usefixtures("hasty")
async def test_a_body_of_one_piece_needs_no_place() -> None:
    inner, *_ = await flaky()
    storage = Limiting(inner, bodies=1)
    slow = Slow(1)
    writing = of_a_file(storage, "b/slow", slow)
    await slow.waited_for.wait()
    for number in range(3):
        await storage.write(f"b/{number}", body(bytes(PIECE)), size=PIECE)
        assert len(await bytes_at(storage, f"b/{number}")) == PIECE
    slow.go_on.set()
    await writing


@pytest.mark.usefixtures("hasty")
async def test_a_slow_reading_makes_room_and_goes_on_later() -> None:
    inner, of, _ = await flaky()
    storage = Retrying(Limiting(inner, bodies=1))
    slow = await storage.read("b/k")
    pieces = slow.chunks()
    taken = [await anext(pieces)]
    async with asyncio.timeout(SOON_S):
        assert await bytes_at(storage, "b/k") == DATA
        calls = inner.calls["read"]
        taken += [piece async for piece in pieces]
    assert b"".join(taken) == DATA
    assert inner.calls["read"] == calls + 1
    await slow.aclose()
    async with asyncio.timeout(SOON_S):
        await (await storage.read("b/k", only_if=of)).aclose()


@pytest.mark.usefixtures("hasty")
async def test_what_was_let_go_gives_nothing_more() -> None:
    inner, *_ = await flaky()
    storage = Limiting(inner, bodies=1)
    slow = await storage.read("b/k")
    other = await storage.read("b/k")
    with pytest.raises(Unavailable, match="others needed its place"):
        await drained(slow)
    await slow.aclose()
    assert await drained(other) == DATA
    await other.aclose()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_who_must_make_room() -> None:
    clock, ended = Clock(), list[str]()
    fast, slow, slower = (Place(lambda: ended.append("it"), clock) for _ in range(3))
    for place in (fast, slow, slower):
        place.waits()
    clock.now = PATIENT_S - 0.1
    assert [place.slowness() for place in (fast, slow, slower)] == [0, 0, 0]
    clock.now = PATIENT_S
    fast.goes_on(int(SLOW * PATIENT_S))
    slow.goes_on(1000)
    slower.goes_on(10)
    assert [place.slowness() for place in (fast, slow, slower)] == [0, 0, 0], "they get on"
    for place in (fast, slow, slower):
        place.waits()
    assert 0 == fast.slowness() < slow.slowness() < slower.slowness()
    slower.make_room()
    assert (slower.slowness(), ended) == (0, ["it"])


async def test_the_time_of_others_is_not_the_clients() -> None:
    clock = Clock()
    place = Place(lambda: None, clock)
    place.waits()
    clock.now = 1.0
    place.goes_on(10)
    clock.now = 100.0  # the storage took it
    place.waits()
    assert place.slowness() == 0
    clock.now = 100.0 + PATIENT_S
    assert place.slowness() > 0


async def test_who_waits_and_goes_takes_nothing() -> None:
    free = Places(1)
    first = await free.take(lambda: None)
    waiting = [asyncio.create_task(free.take(lambda: None)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    free.leave(first)
    free.leave(first)
    waiting[1].cancel()  # it may have been its turn
    async with asyncio.timeout(SOON_S):
        second = await waiting[2]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await free.take(lambda: None)
    free.leave(second)
    async with asyncio.timeout(SOON_S):
        await free.take(lambda: None)


async def test_nobody_makes_room_who_need_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_AGAIN_S", 0.01)
    clock, ended = Clock(), list[int]()
    free = Places(2, now=clock)
    held = [await free.take(lambda number=number: ended.append(number)) for number in range(2)]  # type: ignore[misc]
    for place in held:
        place.waits()
    held[0].goes_on(5)
    held[0].waits()
    waiting = asyncio.create_task(free.take(lambda: None))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await asyncio.shield(waiting)
    assert ended == []
    clock.now = PATIENT_S + 1
    async with asyncio.timeout(SOON_S):
        while not ended:
            await asyncio.sleep(0)
        assert ended == [1]
        free.leave(held[1])
        await waiting
    assert ended == [1]


async def test_what_has_come_whole_with_its_answer_holds_no_place() -> None:
    class AtHand(Around):
        async def read(self, *_given: object, **_named: object) -> Content:
            stored = Stored(
                path="b/k", fingerprint=Fingerprint(size=LARGE, stamp="x"), modified_ns=0
            )
            return ContentAtHand(stored, 0, bytes(LARGE))

    inner, *_ = await flaky()
    storage = Limiting(AtHand(inner), bodies=1)
    async with asyncio.timeout(SOON_S):
        for _ in range(3):
            assert await drained(await storage.read("b/k")) == bytes(LARGE)

"""A body that arrives: what is read is what was put, and no more is kept than may be."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.s3.errors import S3Error
from gateway.wire.arriving import ArrivingBody
from gateway.wire.buffers import Buffers
from gateway.wire.limits import Limits

LIMITS = Limits(receive_buffer=1000, body_stall_s=60, min_rate=0)


class Told:
    """A connection that remembers what it was told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._held = False

    def is_held(self) -> bool:
        return self._held

    def say_continue(self) -> None:
        self.said.append("100")

    def hold(self) -> None:
        assert not self._held
        self._held = True

    def release(self) -> None:
        assert self._held
        self._held = False

    def expect(self, seconds: float) -> None:
        self.said.append(f"within {seconds:g}")

    def expect_nothing(self) -> None:
        self.said.append("came")


def body_of(
    flow: Told,
    length: int | None = None,
    *,
    awaited: bool = False,
    buffers: Buffers | None = None,
) -> ArrivingBody:
    return ArrivingBody(flow, length, LIMITS, buffers or Buffers(), awaited=awaited)


async def all_of(body: ArrivingBody) -> bytes:
    whole = b""
    while piece := await body.read():
        whole += piece
        if isinstance(piece, memoryview):
            # It is the reader's, to write into.
            piece[:] = bytes(len(piece))
    return whole


async def received(body: ArrivingBody, flow: Told, data: bytes, *, directly: bool) -> None:
    """As a connection does it, which may be held."""
    while data:
        while flow.is_held():
            await asyncio.sleep(0)
        room = body.room() if directly else None
        if room is None:
            body.put(memoryview(data)[:3])
            data = data[3:]
        else:
            count = min(len(room), len(data))
            room[:count] = data[:count]
            body.fill(count)
            data = data[count:]


def small(most: int = 1) -> Buffers:
    return Buffers(batch=10, size=14, worth=100, most=most)


@given(st.lists(st.binary(min_size=1, max_size=400), max_size=30), st.integers(0, 30))
def test_what_is_read_is_what_was_put(pieces: list[bytes], before: int) -> None:
    async def main() -> None:
        flow = Told()
        body = body_of(flow)
        for piece in pieces[:before]:
            body.put(piece)
        reading = asyncio.create_task(all_of(body))
        await asyncio.sleep(0)
        assert not flow.is_held()
        for piece in pieces[before:]:
            body.put(piece)
        body.end()
        assert await reading == b"".join(pieces)
        assert body.received == len(b"".join(pieces))
        assert not flow.is_held()

    asyncio.run(main())


@given(
    st.lists(st.tuples(st.binary(min_size=1, max_size=30), st.booleans()), max_size=20),
    st.booleans(),
    st.integers(0, 1),
    st.integers(0, 20),
)
def test_it_is_the_same_however_it_is_received(
    pieces: list[tuple[bytes, bool]], is_sized: bool, most: int, turns: int
) -> None:
    whole = b"".join(piece for piece, _ in pieces)

    async def main() -> None:
        flow, buffers = Told(), small(most)
        body = body_of(flow, len(whole) if is_sized else None, buffers=buffers)
        reading = asyncio.create_task(all_of(body))
        for number, (piece, directly) in enumerate(pieces):
            await received(body, flow, piece, directly=directly)
            if number % 3 == turns % 3:
                for _ in range(turns):
                    await asyncio.sleep(0)
        body.end()
        assert await reading == whole
        assert body.received == len(whole)
        assert buffers.lent == 0
        assert not flow.is_held()

    asyncio.run(main())


async def test_who_reads_gets_much_at_once() -> None:
    flow = Told()
    body = body_of(flow, 34, buffers=small())
    reading = asyncio.create_task(body.read())
    await asyncio.sleep(0)
    assert body.room() is None
    body.put(b"1")
    body.put(b"2")
    room = body.room()
    assert room is not None
    assert len(room) == 8
    room[:] = b"34567890"
    body.fill(5)
    await asyncio.sleep(0)
    assert not reading.done()
    body.fill(3)
    assert flow.is_held()
    assert body.room() is None
    assert await reading == b"1234567890"
    assert flow.is_held()
    reading = asyncio.create_task(body.read())
    await asyncio.sleep(0)
    assert not flow.is_held()
    # Another buffer of this size would hold little.
    body.put(b"abcdefghij" + b"more")
    assert await reading == b"abcdefghij"
    reading = asyncio.create_task(body.read())
    await asyncio.sleep(0)
    room = body.room()
    assert room is not None
    assert len(room) == 10
    body.fill(10)
    body.end()
    assert not flow.is_held()
    assert bytes(await reading)[:4] == b"more"
    assert await body.read() == b""


async def test_little_needs_no_buffer() -> None:
    buffers = small()
    body = body_of(Told(), 15, buffers=buffers)
    reading = asyncio.create_task(body.read())
    await asyncio.sleep(0)
    body.put(b"x" * 15)
    assert buffers.lent == 0
    body.end()
    assert await reading == b"x" * 15


async def test_who_wants_what_comes_first_gets_it() -> None:
    buffers = small()
    body = body_of(Told(), buffers=buffers)
    for piece in (b"x", b"y" * 200):
        reading = asyncio.create_task(body.read(at_once=True))
        await asyncio.sleep(0)
        body.put(piece)
        assert await reading == piece
    assert buffers.lent == 0


async def test_without_a_buffer_what_comes_is_handed_on() -> None:
    buffers = small(most=0)
    body = body_of(Told(), 100, buffers=buffers)
    reading = asyncio.create_task(body.read())
    await asyncio.sleep(0)
    body.put(b"x" * 15)
    await asyncio.sleep(0)
    assert not reading.done()
    body.put(b"y" * 15)
    assert await reading == b"x" * 15 + b"y" * 15


async def test_a_buffer_that_a_thread_may_use_is_not_lent_again() -> None:
    buffers = small()
    body = body_of(Told(), 100, buffers=buffers)
    body.put(b"x" * 40)
    piece = await body.read()
    assert isinstance(piece, memoryview)
    body.leave()
    body.leave()
    assert buffers.lent == 0
    other = buffers.take()
    assert other is not None
    other[:] = bytes(len(other))
    assert piece == b"x" * 10


async def test_a_buffer_is_lent_again_when_the_body_was_read_to_its_end() -> None:
    buffers = small()
    body = body_of(Told(), 40, buffers=buffers)
    body.put(b"x" * 40)
    first = await body.read()
    body.end()
    assert await all_of(body) == b"x" * 30
    assert buffers.lent == 0
    other = buffers.take()
    assert other is not None
    assert isinstance(first, memoryview)
    assert first.obj is other.obj


async def test_each_arrival_gives_new_patience() -> None:
    flow = Told()
    body = body_of(flow, 100)
    reading = asyncio.create_task(body.read())
    await asyncio.sleep(0)
    body.put(b"x")
    assert flow.said == ["within 60", "within 60"]
    body.stall()
    with pytest.raises(S3Error):
        await reading


async def test_more_than_may_be_kept_holds_the_client_back() -> None:
    flow = Told()
    body = body_of(flow)
    for _ in range(4):
        body.put(b"x" * 400)
    assert not flow.is_held()
    body.put(b"x" * 400)
    assert flow.is_held()
    reading = asyncio.create_task(all_of(body))
    await asyncio.sleep(0)
    assert not flow.is_held()
    body.end()
    assert len(await reading) == 2000


async def test_who_has_sent_all_is_not_held() -> None:
    flow = Told()
    body = body_of(flow, 3000)
    body.put(b"x" * 2500)
    assert flow.is_held()
    flow.release()
    body = body_of(flow, 3000)
    body.put(b"x" * 3000)
    assert not flow.is_held()


async def test_tiny_pieces_count_for_what_they_cost() -> None:
    flow = Told()
    body = body_of(flow)
    for _ in range(40):
        body.put(b"x")
    assert flow.is_held()
    body.end()
    assert await body.read() == b"x" * 40
    assert not flow.is_held()


async def test_a_body_that_breaks_off_is_read_up_to_there() -> None:
    body = body_of(Told(), 10)
    body.put(b"12345")
    body.break_off()
    assert await body.read() == b"12345"
    with pytest.raises(S3Error) as refused:
        await body.read()
    assert refused.value.code == "IncompleteBody"


async def test_who_waits_is_told_that_it_breaks_off_or_stalls() -> None:
    for said, code in (("break_off", "IncompleteBody"), ("stall", "RequestTimeout")):
        flow = Told()
        body = body_of(flow, 10)
        reading = asyncio.create_task(body.read())
        await asyncio.sleep(0)
        assert flow.said == ["within 60"]
        getattr(body, said)()
        with pytest.raises(S3Error) as refused:
            await reading
        assert refused.value.code == code
        assert flow.said[-1] == "came"


async def test_100_is_said_once_and_only_if_it_is_awaited() -> None:
    flow = Told()
    body = body_of(flow, 3, awaited=True)
    before = body.unsent
    body.put(b"abc")
    body.end()
    assert await all_of(body) == b"abc"
    assert (before, body.unsent) == (True, False)
    assert flow.said == ["100"]
    assert not body_of(flow, 0, awaited=True).unsent


async def test_what_is_dropped_is_not_kept() -> None:
    flow = Told()
    body = body_of(flow)
    for _ in range(5):
        body.put(b"x" * 400)
    assert flow.is_held()
    body.drop()
    assert not flow.is_held()
    for _ in range(5):
        body.put(b"x" * 400)
    assert not flow.is_held()

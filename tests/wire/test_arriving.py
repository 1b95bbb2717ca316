"""A body that arrives: what is read is what was put, and no more is kept than may be."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.s3.errors import S3Error
from gateway.wire.arriving import ArrivingBody
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


def body_of(flow: Told, length: int | None = None, *, awaited: bool = False) -> ArrivingBody:
    return ArrivingBody(flow, length, LIMITS, awaited=awaited)


async def all_of(body: ArrivingBody) -> bytes:
    whole = b""
    while piece := await body.read():
        whole += piece
    return whole


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


async def test_more_than_may_be_kept_holds_the_client_back() -> None:
    flow = Told()
    body = body_of(flow)
    for _ in range(4):
        body.put(b"x" * 400)
    assert not flow.is_held()
    body.put(b"x" * 400)
    assert flow.is_held()
    assert len(await body.read()) == 2000
    assert not flow.is_held()


async def test_tiny_pieces_count_for_what_they_cost() -> None:
    flow = Told()
    body = body_of(flow)
    for _ in range(40):
        body.put(b"x")
    assert flow.is_held()
    assert await body.read() == b"x" * 40


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

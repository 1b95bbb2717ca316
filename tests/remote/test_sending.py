"""A body that is pushed on one side and pulled on the other."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from backends.errors import Damaged, Denied, Exists, Full, NameRefused, Throttled, Unavailable
from gateway.service.sending import Ended, Sending


class Taker:
    """Takes pieces as a storage would, and keeps them."""

    def __init__(self, *, error: Exception | None = None, after: int = 0) -> None:
        self.pieces: list[bytes] = []
        self.cancelled = False
        self._error = error
        self._after = after

    async def take(self, body: AsyncIterator[bytes]) -> bytes:
        try:
            async for piece in body:
                self.pieces.append(piece)
                if self._error is not None and len(self.pieces) >= self._after:
                    raise self._error
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        if self._error is not None:
            raise self._error
        return b"".join(self.pieces)


async def turns() -> None:
    """Let others go on as far as they can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def write_some(sending: Sending[bytes]) -> None:
    for _ in range(5):
        await sending.write(b"piece")
        await turns()


@pytest.mark.parametrize("pieces", [[], [b""], [b"a"], [b"a", b"", b"bc"], [b"x" * 10] * 50])
async def test_what_is_written_is_taken_in_order(pieces: list[bytes]) -> None:
    taker = Taker()
    sending = Sending(taker.take)
    for piece in pieces:
        await sending.write(piece)
    assert await sending.finish() == b"".join(pieces)
    assert taker.pieces == [piece for piece in pieces if piece]


async def test_the_last_piece_is_held_back_until_all_is_known_to_be_right() -> None:
    taker = Taker()
    sending = Sending(taker.take)
    for piece in (b"a", b"b", b"c"):
        await sending.write(piece)
    await turns()
    assert taker.pieces == [b"a", b"b"]
    assert await sending.end() == Ended()
    assert taker.cancelled
    assert taker.pieces == [b"a", b"b"]


async def test_who_writes_waits_for_who_takes() -> None:
    going = asyncio.Event()

    async def slow(body: AsyncIterator[bytes]) -> int:
        await going.wait()
        return len([piece async for piece in body])

    sending = Sending(slow)
    await sending.write(b"one")
    await sending.write(b"two")
    third = asyncio.create_task(sending.write(b"three"))
    await turns()
    assert not third.done()
    going.set()
    await third
    assert await sending.finish() == 3


@pytest.mark.parametrize("after", [1, 2])
async def test_what_ends_the_taker_is_raised_where_it_is_noticed(after: int) -> None:
    sending = Sending(Taker(error=Full("no room"), after=after).take)
    with pytest.raises(Full):
        await write_some(sending)
    assert await sending.end() == Ended()


async def test_a_taker_that_leaves_bytes_is_no_success() -> None:
    async def hasty(body: AsyncIterator[bytes]) -> bytes:
        return await anext(aiter(body))

    sending = Sending(hasty)
    with pytest.raises(Damaged):
        await write_some(sending)


@pytest.mark.parametrize(
    ("error", "unknown"),
    [
        (Exists("x"), False),
        (NameRefused("x"), False),
        (Full("x"), False),
        (Denied("x"), False),
        (Damaged("x"), True),
        (Unavailable("x"), True),
        (Throttled("x"), True),
        (ZeroDivisionError(), True),
    ],
)
async def test_it_is_known_whether_it_is_known(error: Exception, *, unknown: bool) -> None:
    sending = Sending(Taker(error=error).take)
    await sending.write(b"piece")
    with pytest.raises(type(error)):
        await sending.finish()
    assert await sending.end() == Ended(unknown=unknown)


async def test_a_whole_body_that_is_cancelled_may_have_been_taken() -> None:
    asked = asyncio.Event()

    async def endless(body: AsyncIterator[bytes]) -> None:
        async for _ in body:
            pass
        asked.set()
        await asyncio.Event().wait()

    sending = Sending(endless)
    await sending.write(b"piece")
    finishing = asyncio.create_task(sending.finish())
    await asked.wait()
    finishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finishing
    assert await sending.end() == Ended(unknown=True)


async def test_what_was_done_is_told_by_ending() -> None:
    sending = Sending(Taker().take)
    await sending.write(b"piece")
    await sending.finish()
    assert await sending.end() == Ended(result=b"piece")

"""A body that is pushed on one side and pulled on the other, a piece at a time.

Checks of a body end after its last byte, and an upstream that has all bytes may keep them. So the last
piece is held back until ``finish``: what is given up before was never whole anywhere.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from backends.errors import Damaged, Denied, Exists, Full, NameRefused, NotFound, Unsupported
from backends.interface import PIECE

T = TypeVar("T")

REFUSALS = (NotFound, NameRefused, Exists, Unsupported, Denied, Full)
"""After these it is certain that a storage has done nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(Generic[T]):
    """``result`` if it was done after all; else whether it is ``unknown`` what was done."""

    result: T | None = None
    unknown: bool = False


def pieces_of(data: bytes | bytearray | memoryview) -> Iterator[bytes]:
    """A copy of it in pieces that are small, for several are held on their way."""
    whole = memoryview(data)
    for at in range(0, len(whole), PIECE):
        yield bytes(whole[at : at + PIECE])


class Sending(Generic[T]):
    """Runs ``send`` with an iterator over what is written. One task writes and finishes or ends it.

    ``whole``: all of the body, where it is there already. Nothing more is written then.
    """

    def __init__(
        self,
        send: Callable[[AsyncIterator[bytes]], Coroutine[Any, Any, T]],
        whole: Sequence[bytes] | None = None,
    ) -> None:
        self._piece: bytes | None = None
        self._held: bytes | None = None
        self._is_whole = whole is not None
        self._turn: asyncio.Future[None] | None = None
        """Of whoever waits for the other side."""
        pieces = self._pieces() if whole is None else _given(whole)
        self._task = asyncio.create_task(send(pieces))
        self._task.add_done_callback(lambda _: self._wake())

    async def write(self, piece: bytes) -> None:
        """Append. Raises what ended ``send``."""
        if not piece:
            return
        if self._held is not None:
            await self._hand_over(self._held)
        self._held = piece

    async def finish(self) -> T:
        """The body is whole: what ``send`` returns or raises. If cancelled, it is to be ended."""
        if self._held is not None:
            await self._hand_over(self._held)
            self._held = None
        self._is_whole = True
        self._wake()
        return await asyncio.shield(self._task)

    async def end(self) -> Ended[T]:
        """Give up, and tell what is known of it. May be called after ``finish``, too."""
        self._task.cancel()
        await asyncio.wait([self._task])
        if self._task.cancelled():
            return Ended(unknown=self._is_whole)
        error = self._task.exception()
        if error is not None:
            return Ended(unknown=not isinstance(error, REFUSALS))
        return Ended(result=self._task.result())

    async def _hand_over(self, piece: bytes) -> None:
        while self._piece is not None and not self._task.done():
            await self._wait()
        if self._task.done():
            await self._task
            raise Damaged("the storage has not taken all of a body")
        self._piece = piece
        self._wake()

    async def _pieces(self) -> AsyncIterator[bytes]:
        while True:
            while self._piece is None and not self._is_whole:
                await self._wait()
            piece, self._piece = self._piece, None
            if piece is None:
                return
            self._wake()
            yield piece

    async def _wait(self) -> None:
        # Never both sides: one waits for room, the other for a piece.
        self._turn = asyncio.get_running_loop().create_future()
        await self._turn

    def _wake(self) -> None:
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)


async def _given(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece

"""The body of a request while it arrives."""

import asyncio
import time
from collections import deque
from typing import Protocol

from gateway.s3.errors import S3Error
from gateway.wire.limits import Limits
from gateway.wire.pace import Pace

_TINY = 16 * 1024
_TOGETHER = 64 * 1024
_OF_A_PIECE = 64
"""Bytes that each costs beside its own."""


class Flow(Protocol):
    """The connection a body comes from."""

    def say_continue(self) -> None:
        """Send 100 Continue."""

    def hold(self) -> None:
        """Take no more bytes from the client."""

    def release(self) -> None:
        """Take them again."""

    def expect(self, seconds: float) -> None:
        """Call the body's ``stall`` unless ``expect_nothing`` is said within so many seconds."""

    def expect_nothing(self) -> None:
        """It came."""


class ArrivingBody:
    """``gateway.s3.message.Body`` of one request. Loop thread only.

    The parser gives it pieces, which are kept until they are read: the connection is held when they
    are more than twice ``receive_buffer``. What is dropped is not kept.
    """

    __slots__ = (
        "_awaited",
        "_dropped",
        "_flow",
        "_held",
        "_kept",
        "_length",
        "_limits",
        "_pace",
        "_pieces",
        "_waiter",
        "broken",
        "ended",
        "received",
    )

    def __init__(self, flow: Flow, length: int | None, limits: Limits, *, awaited: bool) -> None:
        """``awaited``: the client waits for 100 Continue before it sends the body."""
        self._flow = flow
        self._length = length
        self._awaited = awaited and length != 0
        self._limits = limits
        self._pace: Pace | None = None
        self._pieces: deque[bytes] = deque()
        self._kept = 0
        self._held = False
        self._dropped = False
        self._waiter: asyncio.Future[None] | None = None
        self.received = 0
        """Bytes that were read."""
        self.ended = False
        self.broken = False

    @property
    def length(self) -> int | None:
        return self._length

    @property
    def unsent(self) -> bool:
        """The client was never told to send its body; if it came nevertheless, that is not known to
        be what it was."""
        return self._awaited

    async def read(self) -> bytes:
        if self._awaited:
            self._awaited = False
            self._flow.say_continue()
        while not self._pieces:
            if self.ended:
                return b""
            if self.broken:
                raise S3Error("IncompleteBody")
            await self._wait()
        piece = self._next()
        self.received += len(piece)
        if self._held and self._kept <= self._limits.receive_buffer:
            self._held = False
            self._flow.release()
        return piece

    def _next(self) -> bytes:
        pieces = self._pieces
        piece = pieces.popleft()
        self._kept -= len(piece) + _OF_A_PIECE
        if not pieces or len(piece) > _TINY:
            return piece
        together, size = [piece], len(piece)
        while pieces and size + len(pieces[0]) <= _TOGETHER:
            piece = pieces.popleft()
            self._kept -= len(piece) + _OF_A_PIECE
            size += len(piece)
            together.append(piece)
        return b"".join(together)

    async def _wait(self) -> None:
        pace = self._pace
        if pace is None:
            limits = self._limits
            pace = self._pace = Pace(stall_s=limits.body_stall_s, rate=limits.min_rate)
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        started = time.monotonic()
        self._flow.expect(pace.patience(self.received))
        try:
            await waiter
        except TimeoutError:
            raise S3Error("RequestTimeout", headers={"connection": "close"}) from None
        finally:
            self._waiter = None
            self._flow.expect_nothing()
        pace.waited(time.monotonic() - started)

    # What the connection says.

    def put(self, piece: bytes) -> None:
        """The next bytes of the body."""
        if self._dropped:
            return
        self._pieces.append(piece)
        self._kept += len(piece) + _OF_A_PIECE
        if self._kept > 2 * self._limits.receive_buffer and not self._held:
            self._held = True
            self._flow.hold()
        self._wake()

    def end(self) -> None:
        """There are no more."""
        self.ended = True
        self._wake()

    def break_off(self) -> None:
        """There were to be more, and will not: what is here already can be read still."""
        if not self.ended:
            self.broken = True
            self._wake()

    def stall(self) -> None:
        """Nothing came in the time there was."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(TimeoutError())

    def drop(self) -> None:
        """Nobody will read it."""
        self._dropped = True
        self._pieces.clear()
        self._kept = 0
        if self._held:
            self._held = False
            self._flow.release()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

"""The body of a request while it arrives."""

import asyncio
import time
from collections import deque
from typing import Protocol

from gateway.s3.errors import S3Error
from gateway.wire.buffers import Buffers
from gateway.wire.limits import Limits
from gateway.wire.pace import Pace

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

    What comes while nobody reads is kept as it came: the connection is held when that is more than
    twice ``receive_buffer``. For who reads, much is gathered in a buffer, which the connection receives
    into. What is dropped is not kept.
    """

    __slots__ = (
        "_arrived",
        "_at_once",
        "_awaited",
        "_buffer",
        "_buffers",
        "_dropped",
        "_filled",
        "_flow",
        "_held",
        "_is_handed_on",
        "_kept",
        "_length",
        "_limits",
        "_pace",
        "_pieces",
        "_waited_since",
        "_waiter",
        "_wanted",
        "broken",
        "ended",
        "received",
    )

    def __init__(
        self, flow: Flow, length: int | None, limits: Limits, buffers: Buffers, *, awaited: bool
    ) -> None:
        """``awaited``: the client waits for 100 Continue before it sends the body."""
        self._flow = flow
        self._length = length
        self._awaited = awaited and length != 0
        self._limits = limits
        self._buffers = buffers
        self._pace: Pace | None = None
        self._pieces: deque[bytes] = deque()
        """They come behind what is in the buffer."""
        self._kept = 0
        self._buffer: memoryview | None = None
        self._filled = 0
        self._wanted = 0
        """Bytes in the buffer that are enough to be handed on."""
        self._is_handed_on = False
        self._at_once = False
        """Who reads wants no more than comes first."""
        self._arrived = 0
        self._held = False
        self._dropped = False
        self._waiter: asyncio.Future[None] | None = None
        self._waited_since = 0.0
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

    async def read(self, *, at_once: bool = False) -> bytes | memoryview:
        self._at_once = at_once
        if self._awaited:
            self._awaited = False
            self._flow.say_continue()
        if self._is_handed_on:
            self._is_handed_on = False
            self._filled = 0
        self._wanted = self._worth_handing_on()
        while not self._is_enough():
            self._let_come()
            await self._wait()
        piece = self._next()
        if not piece:
            self._give_back()
            if self.broken:
                raise S3Error("IncompleteBody")
        self.received += len(piece)
        return piece

    def leave(self) -> None:
        """Nobody reads it any more, though a thread may still use what was read last."""
        if self._buffer is not None:
            self._buffer = None
            self._buffers.forget()

    def _worth_handing_on(self) -> int:
        if self._length is None:
            return self._buffers.batch
        left = self._length - self.received
        return left if left <= self._buffers.size else self._buffers.batch

    def _is_enough(self) -> bool:
        """Whether what is here is to be handed on; much of it is in the buffer then."""
        if self._pieces and self._buffer is None and not self.ended:
            if self._at_once:
                return True
            if self._kept < self._buffers.worth:
                return self.broken
            self._buffer = self._buffers.take()
            if self._buffer is None:
                return True
        while self._pieces and self._buffer is not None and self._filled < self._wanted:
            self._pour(self._buffer)
        return self.ended or self.broken or self._filled >= self._wanted

    def _pour(self, buffer: memoryview) -> None:
        """The next piece, or as much of it as is wanted."""
        piece = self._taken()
        rest = piece[self._wanted - self._filled :]
        if rest:
            piece = piece[: -len(rest)]
            self._pieces.appendleft(rest)
            self._kept += len(rest) + _OF_A_PIECE
        filled = self._filled + len(piece)
        buffer[self._filled : filled] = piece
        self._filled = filled

    def _next(self) -> bytes | memoryview:
        if self._buffer is not None and self._filled:
            # What comes before this is used waits in the kernel: here, it would be copied.
            self._is_handed_on = True
            return self._buffer[: self._filled]
        self._let_come()
        if len(self._pieces) == 1:
            return self._taken()
        whole = b"".join(self._pieces)
        self._pieces.clear()
        self._kept = 0
        return whole

    def _taken(self) -> bytes:
        piece = self._pieces.popleft()
        self._kept -= len(piece) + _OF_A_PIECE
        return piece

    def _give_back(self) -> None:
        if self._buffer is not None:
            self._buffers.give_back(self._buffer)
            self._buffer = None

    async def _wait(self) -> None:
        pace = self._pace
        if pace is None:
            limits = self._limits
            pace = self._pace = Pace(stall_s=limits.body_stall_s, rate=limits.min_rate)
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        self._waited_since = time.monotonic()
        self._flow.expect(pace.patience(self._arrived))
        try:
            await waiter
        except TimeoutError:
            raise S3Error("RequestTimeout", headers={"connection": "close"}) from None
        finally:
            self._waiter = None
            self._flow.expect_nothing()
        pace.waited(time.monotonic() - self._waited_since)

    # What the connection says.

    def put(self, piece: bytes | memoryview) -> None:
        """The next bytes of the body; a view is theirs only during this call."""
        if self._dropped:
            return
        self._pieces.append(bytes(piece))
        self._kept += len(piece) + _OF_A_PIECE
        self._came(len(piece))
        much = self._kept > 2 * self._limits.receive_buffer
        if much and self._arrived != self._length and not self._is_awaited():
            self._hold()

    def room(self) -> memoryview | None:
        """Where the next bytes of the body can be received, and no others; None: they are to be put."""
        if self._buffer is None or not self._is_awaited() or self._length is None or self._pieces:
            return None
        return self._buffer[self._filled : self._wanted]

    def fill(self, count: int) -> None:
        """So many were received there."""
        self._filled += count
        self._came(count)
        if self._filled == self._wanted and self._arrived != self._length:
            self._hold()

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
        self._let_come()

    def _came(self, count: int) -> None:
        self._arrived += count
        if self._pace is None or not self._is_awaited():
            return
        if self._is_enough():
            self._wake()
            return
        now = time.monotonic()
        self._pace.waited(now - self._waited_since)
        self._waited_since = now
        self._flow.expect(self._pace.patience(self._arrived))

    def _is_awaited(self) -> bool:
        return self._waiter is not None and not self._waiter.done()

    def _hold(self) -> None:
        if not self._held:
            self._held = True
            self._flow.hold()

    def _let_come(self) -> None:
        if self._held:
            self._held = False
            self._flow.release()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

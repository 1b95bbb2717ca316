"""One connection to a storage: a request goes out, its answer comes in, then the next."""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from typing import Final, cast

from backends.http.failures import NoAnswer
from backends.http.parsing import Head, Parser
from backends.http.splicing import WORTH, Tap, has_splice, is_plain

_FULL: Final = 1024 * 1024
"""Bytes of an answer that nobody has read, from which on no more are taken."""
_NEVER: Final = math.inf


class Connection(asyncio.Protocol):
    """One request at a time. ``lost`` is called once, when nothing more can be sent or come.

    What is awaited is awaited until a deadline, which is moved as the storage gets on. One timer looks
    at it, when the earliest of them is due: most are moved on long before.
    """

    __slots__ = (
        "_asked",
        "_deadline",
        "_error",
        "_goes_on",
        "_got",
        "_head",
        "_held",
        "_is_paused",
        "_is_whole",
        "_loop",
        "_lost",
        "_parser",
        "_patience",
        "_queued",
        "_reader",
        "_tap",
        "_timer",
        "_timer_at",
        "_transport",
        "_unsent",
        "_writer",
        "has_answered",
        "idle_since",
    )

    def __init__(self, lost: Callable[["Connection"], None]) -> None:
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._parser = Parser(self)
        self._transport: asyncio.Transport | None = None
        self._reader: asyncio.Future[None] | None = None
        """Of who waits for the answer."""
        self._writer: asyncio.Future[None] | None = None
        """Of who waits to send more of the request."""
        self._asked = False
        self._head: Head | None = None
        self._got: deque[bytes] = deque()
        self._held = 0
        """Bytes in it."""
        self._queued = False
        """Reading is paused until some of them are taken."""
        self._is_whole = True
        """The answer is."""
        self._tap: Tap | None = None
        """The rest of the answer goes around the transport."""
        self._error: Exception | None = None
        self._is_paused = False
        self._goes_on = False
        self._deadline = _NEVER
        self._patience = 0.0
        self._unsent = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = _NEVER
        self.has_answered = False
        """Before, to another request."""
        self.idle_since = 0.0

    # What the loop says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = cast(
            "asyncio.Transport", transport
        )  # uvloop's is one that does not say so

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer."""
        try:
            self._parser.feed(data)
        except NoAnswer as error:
            self._fail(error)
        else:
            if self._parser.has_more and not self._asked:
                self.abort()

    def eof_received(self) -> bool:
        """Nothing more comes: the connection is closed, what has come stays."""
        self._end(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._transport = None
        self._end(exc)
        self._close_tap()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._lost(self)

    def pause_writing(self) -> None:
        """The storage takes less than is sent."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """It has taken enough."""
        self._is_paused = False
        self._wake_writer()

    # What the parser says.

    def told_to_go_on(self) -> None:
        """100 Continue."""
        self._goes_on = True
        self._wake_writer()

    def head(self, head: Head) -> None:
        """The answer begins."""
        self._head = head
        self._deadline = _NEVER
        self._wake_reader()
        self._wake_writer()

    def piece(self, data: bytes) -> None:
        """Bytes of its body."""
        self._got.append(data)
        self._held += len(data)
        self._deadline = _NEVER
        if self._held > _FULL and not self._queued and self._transport is not None:
            self._queued = True
            self._transport.pause_reading()
        self._wake_reader()

    def end(self) -> None:
        """It is whole."""
        self._is_whole = True
        self._deadline = _NEVER
        self._wake_reader()

    # What who asks says.

    @property
    def is_usable(self) -> bool:
        """Another request may be sent: what was sent and what came are whole, and nothing is left."""
        return (
            self._is_whole
            and self._error is None
            and self._transport is not None
            and not self._transport.is_closing()
            and not self._parser.has_more
            and (self._head is None or self._head.keep_alive)
            and not self._transport.get_write_buffer_size()
        )

    @property
    def is_whole(self) -> bool:
        """All of the answer has come, if it was not read yet."""
        return self._is_whole

    @property
    def held(self) -> int:
        """Bytes of it that have come and were not read."""
        return self._held

    @property
    def is_silent(self) -> bool:
        """No byte of the answer has come."""
        return not self._parser.has_begun

    @property
    def is_sent(self) -> bool:
        """Nothing that was written waits for the storage to take it."""
        return self._transport is None or not self._transport.get_write_buffer_size()

    @property
    def is_answered(self) -> bool:
        """The head of the answer has come."""
        return self._head is not None

    @property
    def is_told(self) -> bool:
        """100 Continue has come."""
        return self._goes_on

    @property
    def can_splice(self) -> bool:
        """Much of the answer is to come, and the kernel can move it to a pipe: see ``next_spliced``."""
        return (
            has_splice
            and self._parser.left >= WORTH
            and self._error is None
            and self._transport is not None
            and is_plain(self._transport)
        )

    def begin(self, *, is_head: bool) -> None:
        """A request is about to be written."""
        self._asked = True
        self._is_whole = self._goes_on = False
        self._head = None
        self._parser.begin(is_head=is_head)

    def write(self, data: bytes) -> None:
        """Send bytes of a request. ConnectionResetError if there is nobody to take them."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("the storage has closed the connection")
        self._transport.write(data)

    def wait_for(self, seconds: float | None) -> None:
        """The storage has so long, from now on, to get on; None: it is not its turn."""
        if seconds is None:
            self._deadline = _NEVER
            return
        self._patience = seconds
        self._deadline = self._loop.time() + seconds
        if self._transport is not None:
            self._unsent = self._transport.get_write_buffer_size()
        if self._deadline < self._timer_at:
            self._set_timer()

    async def taken(self) -> None:
        """Until more may be sent, or the answer has come. Raises what went wrong."""
        while self._is_paused and self._head is None:
            await self._wait_to_write()

    async def agreed(self) -> None:
        """Until the storage has said 100 Continue, or answered. Raises what went wrong."""
        while not self._goes_on and self._head is None:
            await self._wait_to_write()

    async def answer(self) -> Head:
        """The head of the answer. Raises what went wrong."""
        while self._head is None:
            if self._error is not None:
                raise self._error
            await self._wait_to_read()
        return self._head

    async def next_piece(self, seconds: float) -> bytes:
        """The next bytes of the body, which the storage has so long to send; none at its end."""
        while not self._got:
            if self._is_whole:
                return b""
            if self._error is not None:
                raise self._error
            self.wait_for(seconds)
            await self._wait_to_read()
        return self._popped()

    async def next_spliced(self, pipe: int, seconds: float) -> bytes | int:
        """As ``next_piece``, but bytes that come from now on are moved to the writing end of a pipe,
        which is empty, and their number is told. To be begun with only where ``can_splice``."""
        if self._tap is None and not self._is_whole and self._transport is not None:
            self._take_over(self._transport)
        if self._got:
            return self._popped()
        while not self._is_whole:
            if self._error is not None:
                raise self._error
            count = self._moved(pipe)
            if count:
                return count
            await self._wait_for_more(seconds)
        return 0

    def pieces_at_hand(self) -> list[bytes]:
        """All that has come of the body and was not read."""
        return [self._popped() for _ in range(len(self._got))]

    def rest(self) -> None:
        """The answer is done with. What of it was not read is dropped."""
        self._asked = False
        self._head = None
        self._got.clear()
        self._held = 0
        self.has_answered = True
        self._close_tap()
        if self._queued and self._transport is not None:
            self._queued = False
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close it, whatever is lost."""
        self._deadline = _NEVER
        if self._transport is not None:
            self._transport.abort()

    def _popped(self) -> bytes:
        data = self._got.popleft()
        self._held -= len(data)
        if self._queued and self._tap is None and self._held <= _FULL // 2:
            self._queued = False
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()
        return data

    def _take_over(self, transport: asyncio.Transport) -> None:
        """From now on what comes is not received, but waits for ``_moved``."""
        if transport.is_closing():
            self._fail(ConnectionResetError())
            return
        try:
            self._tap = Tap(transport, self._wake_reader)
        except OSError as error:
            self._fail(error)
            return
        if not self._queued:
            self._queued = True
            transport.pause_reading()

    def _moved(self, pipe: int) -> int:
        """Bytes of the answer that are in the pipe now; 0 if none have come. Raises what went wrong."""
        tap, left = self._tap, self._parser.left
        if tap is None:
            raise ConnectionResetError
        try:
            count = tap.move(pipe, left)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._fail(error)
            raise
        if not count:
            self._fail(NoAnswer())
            raise NoAnswer
        self._deadline = _NEVER
        self._parser.passed_by(count, has_more=count == left and tap.has_more())
        return count

    async def _wait_for_more(self, seconds: float) -> None:
        if self._tap is not None:
            self.wait_for(seconds)
            self._tap.watch()
            try:
                await self._wait_to_read()
            finally:
                if self._tap is not None:
                    self._tap.watch_no_more()

    def _close_tap(self) -> None:
        if self._tap is not None:
            self._tap.close()
            self._tap = None

    def _end(self, exc: Exception | None) -> None:
        if self._error is None and not self._parser.ended():
            began = self._head is not None
            self._error = NoAnswer() if began and exc is None else exc or ConnectionResetError()
        elif self._error is None:
            self._error = ConnectionResetError()
        self._wake_reader()
        self._wake_writer()

    def _fail(self, error: Exception) -> None:
        if self._error is None:
            self._error = error
        self.abort()
        self._wake_reader()
        self._wake_writer()

    async def _wait_to_read(self) -> None:
        self._reader = self._loop.create_future()
        try:
            await self._reader
        finally:
            self._reader = None

    async def _wait_to_write(self) -> None:
        if self._error is not None:
            raise self._error
        self._writer = self._loop.create_future()
        try:
            await self._writer
        finally:
            self._writer = None

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _wake_writer(self) -> None:
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = self._deadline
        self._timer = self._loop.call_at(self._deadline, self._late)

    def _late(self) -> None:
        self._timer, self._timer_at = None, _NEVER
        if self._deadline is _NEVER or self._transport is None:
            return
        if self._loop.time() < self._deadline:
            self._set_timer()
            return
        unsent = self._transport.get_write_buffer_size()
        if unsent < self._unsent:
            # It takes what it is sent, slowly.
            self.wait_for(self._patience)
            return
        self._fail(TimeoutError())

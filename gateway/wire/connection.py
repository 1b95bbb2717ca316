"""One connection: requests come in, one after the other is answered."""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable
from typing import Final, Protocol, cast

import structlog

from gateway.s3.errors import S3Error
from gateway.wire.admission import Admission, Entry
from gateway.wire.arriving import ArrivingBody
from gateway.wire.awaited import BODY, END, FIRST, HEAD, NEXT, NOTHING, REST, Awaited
from gateway.wire.buffers import Buffers
from gateway.wire.files import MOST_KEPT, Bypass
from gateway.wire.members import Members
from gateway.wire.outlet import Outlet
from gateway.wire.parsing import Head, Parser

_log = structlog.get_logger("s3front.wire")
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_AT_ONCE: Final = 64
"""Requests that may wait on one connection until those before them are answered."""
_TOLD_S: Final = 5.0
"""How long a connection beyond the limits may take to ask and be refused."""
_NEVER: Final = math.inf


class Server(Protocol):
    """What a connection is of."""

    admission: Admission
    members: Members
    buffers: Buffers

    def exchange(self, connection: "Connection", head: Head, body: ArrivingBody) -> Awaitable[bool]:
        """Answer a request on the connection. Whether more may come.

        Raises ConnectionError if the answer could not be sent whole.
        """

    def refuse(self, connection: "Connection", error: S3Error) -> Awaitable[None]:
        """Answer what cannot be read. ConnectionError as above."""


class Connection(asyncio.BufferedProtocol):
    """One connection. Each request is a task; no more than one at a time.

    A body that is not read is dropped while it arrives, for ``linger_s`` at most, so that the client
    comes to read its answer: RFC 9112, 9.6.
    """

    __slots__ = (
        "_arriving",
        "_asked",
        "_awaited",
        "_bypass",
        "_closing",
        "_common",
        "_counted",
        "_directly",
        "_entry",
        "_has_ended",
        "_is_held",
        "_last",
        "_limits",
        "_loop",
        "_outlet",
        "_parser",
        "_paused",
        "_refuses_more",
        "_server",
        "_task",
        "_waiter",
        "deadline",
        "is_lost",
        "is_secure",
        "peer",
        "transport",
    )

    def __init__(self, server: Server) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._limits = server.admission.limits
        self._common = server.buffers.common
        self._parser = Parser(self, self._limits)
        self._asked: deque[tuple[Head, ArrivingBody] | S3Error] = deque()
        self._arriving: ArrivingBody | None = None
        """The body of the last request that was read, until it has ended."""
        self._task: asyncio.Task[None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._bypass: Bypass | None = None
        """Made for the first large file, and kept for the next."""
        self._awaited = NOTHING
        self._entry = Entry.CUT
        self._counted = ""
        self._last = False
        """No request after those that wait is served."""
        self._refuses_more = False
        """Not even those."""
        self._closing = False
        """Nothing more is answered, and nothing read."""
        self._is_held = False
        self._directly: ArrivingBody | None = None
        """What is received now goes to this one, past the parser."""
        self._has_ended = False
        """The client sends no more."""
        self._paused = False
        self.deadline = _NEVER
        self.is_lost = False
        self.is_secure = False
        self.peer = "-"

    # What the loop says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it, and see that it asks something in time."""
        # uvloop's transports do not inherit from asyncio's.
        self.transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        if isinstance(name, tuple):
            # Where IPv6 is listened to as well, the kernel writes addresses of IPv4 like this.
            self.peer = str(name[0]).removeprefix("::ffff:")
        self.is_secure = transport.get_extra_info("sslcontext") is not None
        limits, server = self._limits, self._server
        self._outlet = Outlet(self.transport, stall_s=limits.reader_stall_s, rate=limits.min_rate)
        server.members.opened(self)
        self._entry, self._counted = server.admission.enter("" if self.peer == "-" else self.peer)
        if self._entry is Entry.CUT:
            self.abort()
            return
        seconds = min(limits.header_s, _TOLD_S) if self.is_refused else limits.header_s
        self._await(FIRST, seconds)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where what comes next is received."""
        self._directly = None
        body = self._arriving
        if body is not None and self._parser.awaits_body:
            room = body.room()
            if room is not None:
                self._directly = body
                return room
        return self._common

    def buffer_updated(self, nbytes: int) -> None:
        """Read requests from it."""
        if self._closing:
            return
        if self._directly is not None:
            self._directly.fill(nbytes)
            self._parser.passed(nbytes)
            return
        try:
            self._parser.feed(self._common[:nbytes])
        except S3Error as error:
            self._cannot_read(error)
        else:
            self._have_read()

    def eof_received(self) -> bool:
        """The client sends no more. Whether the connection is kept open for answers."""
        self._last = self._has_ended = True
        if self._arriving is not None:
            self._arriving.break_off()
            self._arriving = None
        if self._task is None:
            self._close()
        return not self._closing and not self.is_secure

    def connection_lost(self, exc: BaseException | None) -> None:
        """Release what it held."""
        self.is_lost = self._closing = self._last = True
        self._await(NOTHING)
        self._server.members.lost(self)
        self._server.admission.leave(self._entry, self._counted)
        self._entry = Entry.CUT
        self._outlet.closed()
        if self._bypass is not None:
            self._bypass.close()
        self._asked.clear()
        if self._arriving is not None:
            self._arriving.break_off()
            self._arriving = None
        self.wake()

    def pause_writing(self) -> None:
        """The client takes less than is sent: it is watched from now on."""
        self._paused = True
        self._outlet.blocked()

    def resume_writing(self) -> None:
        """It has taken enough."""
        self._paused = False
        self._outlet.freed()
        self.wake()

    # What the parser says.

    def head(self, head: Head) -> None:
        """A request begins."""
        if self._last:
            return
        expect = head.headers.get("expect")
        awaited = expect is not None and expect.lower() == "100-continue" and head.version != "1.0"
        buffers = self._server.buffers
        body = ArrivingBody(self, head.length, self._limits, buffers, awaited=awaited)
        self._arriving = body
        if not head.keep_alive:
            self._last = True
        self._asked.append((head, body))

    def piece(self, data: bytes | memoryview) -> None:
        """Bytes of its body."""
        if self._arriving is not None:
            self._arriving.put(data)

    def end(self) -> None:
        """Its body has ended."""
        if self._arriving is not None:
            self._arriving.end()
            self._arriving = None
            if self._awaited is REST:
                self._go_on()

    def has_enough(self) -> bool:
        """No more requests can wait."""
        return len(self._asked) >= _AT_ONCE

    # What a body says.

    def say_continue(self) -> None:
        """Send 100 Continue."""
        self.transport.write(_CONTINUE)

    def hold(self) -> None:
        """Take no more bytes from the client."""
        self._is_held = True
        self.transport.pause_reading()

    def release(self) -> None:
        """Take them again."""
        self._is_held = False
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def expect(self, seconds: float) -> None:
        """Tell the body if nothing came in so many seconds."""
        self._await(BODY, seconds)

    def expect_nothing(self) -> None:
        """It came."""
        if self._awaited is BODY:
            self._await(NOTHING)

    # What who answers says.

    @property
    def is_refused(self) -> bool:
        """It is one too many: to be told so, and closed."""
        return self._entry is Entry.REFUSED

    def write(self, data: bytes) -> None:
        """Send bytes. ConnectionResetError if there is nobody to take them."""
        if self.is_lost:
            raise ConnectionResetError("the client has left")
        self.transport.write(data)

    async def taken(self) -> None:
        """Wait until the client has taken so much that more may be sent. ConnectionResetError."""
        while self._paused and not self.is_lost:
            await self.wait()
        if self.is_lost:
            raise ConnectionResetError("the client has left")

    def bypass(self) -> Bypass:
        """The way around its transport. ConnectionResetError if there is nobody left."""
        if self.is_lost:
            raise ConnectionResetError("the client has left")
        if self._bypass is None:
            self._bypass = Bypass(self)
        return self._bypass

    async def emptied(self) -> None:
        """Wait until all that was written is with the kernel. ConnectionResetError."""
        if not self.is_lost and self.transport.get_write_buffer_size():
            self.transport.set_write_buffer_limits(high=0)
            try:
                await self.taken()
            finally:
                if not self.is_lost:
                    self.transport.set_write_buffer_limits()

    async def wait(self) -> None:
        """Until something changes: more may be sent, ``wake`` is called, or the client has left."""
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def wake(self) -> None:
        """End ``wait``."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def blocked(self, *, is_so: bool) -> None:
        """Whether bytes that were sent around the transport wait for the client."""
        if is_so:
            self._outlet.blocked()
        else:
            self._outlet.freed()

    def abort(self) -> None:
        """Close it, whatever is lost."""
        self._closing = self._last = True
        self.transport.abort()

    # What the members say.

    def stop(self) -> None:
        """Answer no longer, and close."""
        if self._task is not None:
            self._task.cancel()
        self.abort()

    def close_if_idle(self) -> None:
        """Close it unless a request is being answered, waits to be or is arriving."""
        if self._task is None and not self._asked and not self._parser.in_head:
            self._close()

    def late(self) -> None:
        """What was awaited did not happen in time."""
        awaited = self._awaited
        self._await(NOTHING)
        if awaited is BODY:
            if self._arriving is not None:
                self._arriving.stall()
        elif awaited is HEAD:
            self._cannot_read(S3Error("RequestTimeout"))
        elif awaited is END:
            self.transport.close()
        else:
            # Nobody asked anything, or it was answered already.
            self._close()

    # The course of things.

    def _await(self, what: Awaited, seconds: float = _NEVER) -> None:
        self._awaited = what
        self.deadline = _NEVER if seconds is _NEVER else self._loop.time() + seconds

    def _have_read(self) -> None:
        """After some bytes were read: begin what can be begun, and say what is awaited."""
        if self._task is None:
            self._go_on()
        elif self.has_enough():
            self.hold()

    def _cannot_read(self, error: S3Error) -> None:
        """Answer it as a request, behind what waits before it; if it is in a body, that is broken."""
        if self._arriving is not None:
            self._arriving.break_off()
            self._arriving = None
        elif not self._last:
            self._asked.append(error)
        self._last = True
        if self._task is None:
            self._go_on()

    def _go_on(self) -> None:
        """Nothing is being answered: what comes next?"""
        if self._closing:
            return
        if self._arriving is not None and not self._asked:
            return
        if self._asked:
            self._await(NOTHING)
            self._task = self._loop.create_task(self._serve(self._asked.popleft()))
        elif self._last:
            self._close()
        elif self._parser.in_head:
            if self._awaited is FIRST:
                # Its time runs since the connection was made.
                self._awaited = HEAD
            elif self._awaited is not HEAD:
                self._await(HEAD, self._limits.header_s)
        elif self._awaited is not FIRST and self._awaited is not NEXT:
            self._await(NEXT, self._limits.idle_s)

    async def _serve(self, asked: tuple[Head, ArrivingBody] | S3Error) -> None:
        try:
            if isinstance(asked, S3Error):
                await self._server.refuse(self, asked)
                self._last = self._refuses_more = True
                body = None
            else:
                head, body = asked
                try:
                    if not await self._server.exchange(self, head, body):
                        self._last = self._refuses_more = True
                finally:
                    body.leave()
        except ConnectionError:
            # What was sent before may still be taken: it is short, and so the client knows.
            self._task = None
            self._close()
        except Exception:  # noqa: BLE001 - whatever it is, the client must not take it for an answer
            _log.exception("a connection has failed")
            self._task = None
            self.abort()
        except BaseException:
            self._task = None
            self.abort()
            raise
        else:
            self._task = None
            self._answered(body)

    def _answered(self, body: ArrivingBody | None) -> None:
        if self._closing:
            return
        if self._bypass is not None and Bypass.count > MOST_KEPT:
            self._bypass.close()
            self._bypass = None
        if body is not None and not body.ended and not body.broken:
            body.drop()
            if not self._last:
                self._await(REST, self._limits.linger_s)
                return
        if self._refuses_more or (self._last and not self._asked):
            unread = body is None or not body.ended or self._parser.in_head or bool(self._asked)
            self._close(slowly=unread)
            return
        if self._is_held or self._parser.holds:
            self._read_on()
        if self._task is None:
            self._go_on()

    def _read_on(self) -> None:
        """Read what had to wait."""
        if self.has_enough() or self._closing:
            return
        try:
            self._parser.go_on()
        except S3Error as error:
            self._cannot_read(error)
        if not self.has_enough():
            self.release()

    def _close(self, *, slowly: bool = False) -> None:
        """``slowly``: the client may be sending still, and would lose the answer if it were reset."""
        self._closing = self._last = True
        if self.is_lost:
            return
        self._outlet.closing()
        if slowly and self._end_ours():
            self._await(END, self._limits.linger_s)
        else:
            self._await(NOTHING)
            self.transport.close()

    def _end_ours(self) -> bool:
        """Say that no more is sent, and take what still comes; False if that is not to be had."""
        if self._has_ended or self.transport.is_closing() or not self.transport.can_write_eof():
            return False
        try:
            self.transport.write_eof()
        except OSError:
            # The client has left, and the loop has not heard of it yet.
            return False
        if not self.transport.is_closing():
            self.transport.resume_reading()
        return True

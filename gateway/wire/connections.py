"""aiohttp's connections, where they are to behave otherwise.

What never becomes a ``Request`` (bytes that are not HTTP, heads that are too long or too slow) aiohttp
answers in text and without a request id, or not at all; here it is answered as S3 does it. And
aiohttp's ``pre_shutdown`` makes busy connections deaf, so that an upload in progress never gets its
last bytes; here only idle ones are closed. Clients that take nothing of their answers are cut off,
which aiohttp never does.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import cast

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage, HttpProcessingError, LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import _ErrInfo

from gateway.s3.errors import S3Error
from gateway.wire.admission import Admission, Entry
from gateway.wire.limits import Limits
from gateway.wire.outlet import Outlet

Refuse = Callable[[web.BaseRequest, S3Error], web.StreamResponse]
_TOLD_S = 5.0
"""How long a connection beyond the limits may take to ask and be refused."""


class HeadTooSlow(HttpProcessingError):
    """A head that did not arrive in time."""


class Connection(web.RequestHandler):
    """One connection. ``refuse`` of its server makes the answers."""

    __slots__ = (
        "_arriving",
        "_counted",
        "_entry",
        "_head_bytes",
        "_head_timer",
        "_limits",
        "_outlet",
        "_server",
    )

    def __init__(self, server: "HttpServer", **options: object) -> None:
        super().__init__(server, **options)  # type: ignore[arg-type]  # aiohttp's keyword arguments
        self._server = server
        self._limits = server.admission.limits
        self._entry = Entry.CUT
        self._counted = ""
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        """Of a head that is not whole yet."""
        self._arriving: StreamReader = EMPTY_PAYLOAD
        """Body of the last request whose head is there."""
        self._outlet: Outlet | None = None

    @property
    def is_refused(self) -> bool:
        """It is one too many: to be told so, and closed."""
        return self._entry is Entry.REFUSED

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, and see that it asks something in time."""
        name = transport.get_extra_info("peername")
        address = str(name[0]) if isinstance(name, tuple) else ""
        self._server.opened(self)
        self._entry, self._counted = self._server.admission.enter(address)
        super().connection_made(transport)
        limits = self._limits
        stream = cast("asyncio.Transport", transport)
        self._outlet = Outlet(stream, stall_s=limits.reader_stall_s, rate=limits.min_rate)
        if self._entry is Entry.CUT:
            stream.abort()
            return
        self._expect_head(min(limits.header_s, _TOLD_S) if self.is_refused else limits.header_s)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Release what it held; aiohttp may call it again."""
        self._server.lost(self)
        self._server.admission.leave(self._entry, self._counted)
        self._entry = Entry.CUT
        self._head_is_there()
        if self._outlet is not None:
            self._outlet.closed()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and bound what a head may take of memory and time."""
        known = self._request_count
        between_requests = self._arriving.is_eof()
        super().data_received(data)
        if self._request_count != known:
            self._head_is_there()
            if self._messages:
                self._arriving = self._messages[-1][1]
        elif between_requests and data and not self._force_close:
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.header_bytes:
                self._give_up(LineTooLong(b"", self._limits.header_bytes))
            elif self._head_timer is None:
                self._expect_head(self._limits.header_s)

    def pause_writing(self) -> None:
        """The client takes less than is sent: it is watched from now on."""
        super().pause_writing()
        if self._outlet is not None:
            self._outlet.blocked()

    def resume_writing(self) -> None:
        """It has taken enough."""
        if self._outlet is not None:
            self._outlet.freed()
        super().resume_writing()

    def force_close(self) -> None:
        """Close; what is not sent yet may be taken, if it is taken in time."""
        super().force_close()
        if self._outlet is not None:
            self._outlet.closing()

    async def start(self) -> None:
        """Serve the connection's requests, one after the other."""
        try:
            await super().start()
        finally:
            self._head_is_there()
            if self._outlet is not None:
                self._outlet.closing()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to a head that could not be read, or after a failure nobody expected.

        Raises ConnectionError if there is nobody left to be answered.
        """
        if isinstance(exc, ConnectionError):
            raise exc
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the answer is sent already")
        return self._server.refuse(request, _refusal(status, exc, self._limits))

    def close_if_idle(self) -> None:
        """Close the connection unless a request is being answered, waits to be or is arriving."""
        if not self._request_in_progress and not self._messages and not self._head_bytes:
            self.force_close()

    def _process_keepalive(self) -> None:
        if self._head_timer is not None:
            # The first request is awaited, or one has begun: the time for heads counts, not this.
            self._keepalive_handle = None
        else:
            super()._process_keepalive()

    def _expect_head(self, seconds: float) -> None:
        self._head_timer = self._loop.call_later(seconds, self._head_is_late)

    def _head_is_there(self) -> None:
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._head_bytes:
            self._give_up(HeadTooSlow())
        elif not self._request_in_progress and not self._messages:
            # Nobody asked anything, so nobody waits for an answer.
            self.force_close()

    def _give_up(self, error: HttpProcessingError) -> None:
        """Answer a head that is not there as if it had been read, behind what waits before it."""
        self._head_is_there()
        self._close = True
        info = _ErrInfo(status=400, exc=error, message="")
        self._request_count += 1
        self._messages.append((info, EMPTY_PAYLOAD))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class HttpServer(web.Server):
    """aiohttp's server of ``Connection``."""

    def __init__(
        self,
        handler: Callable[..., object],
        *,
        refuse: Refuse,
        admission: Admission,
        **options: object,
    ) -> None:
        super().__init__(handler, **options)  # type: ignore[arg-type]  # aiohttp's keyword arguments
        self.refuse = refuse
        self.admission = admission
        self._open: set[Connection] = set()
        self._none_is_open = asyncio.Event()
        self._none_is_open.set()

    def __call__(self) -> Connection:
        limits = self.admission.limits
        return Connection(
            self,
            loop=self._loop,
            max_line_size=limits.header_bytes,
            max_field_size=limits.header_bytes,
            max_headers=limits.headers,
            read_bufsize=limits.receive_buffer,
            keepalive_timeout=limits.idle_s,
            lingering_time=limits.linger_s,
            **self._kwargs,
        )

    def opened(self, connection: Connection) -> None:
        """A connection was made."""
        self._open.add(connection)
        self._none_is_open.clear()

    def lost(self, connection: Connection) -> None:
        """It is gone; said once or more."""
        self._open.discard(connection)
        if not self._open:
            self._none_is_open.set()

    async def all_gone(self, seconds: float) -> None:
        """Wait until there is no connection, at most that long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._none_is_open.wait()

    def close_idle(self) -> None:
        """Close all connections that nobody uses now."""
        for connection in list(self._open):
            connection.close_if_idle()


def _refusal(status: int, exc: BaseException | None, limits: Limits) -> S3Error:
    # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    if isinstance(exc, HeadTooSlow):
        return S3Error("RequestTimeout")
    if isinstance(exc, LineTooLong):
        return S3Error("RequestHeaderSectionTooLarge", MaxSizeAllowed=str(limits.header_bytes))
    if isinstance(exc, BadHttpMessage) and exc.message.startswith("Too many headers"):
        return S3Error("RequestHeaderSectionTooLarge")
    if status < 500:
        return S3Error("BadRequest", "An error occurred when parsing the HTTP request.")
    return S3Error("InternalError")

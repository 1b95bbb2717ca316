"""aiohttp's connections, where they are to behave otherwise.

What never becomes a ``Request`` (bytes that are not HTTP, heads that are too long) aiohttp answers in
text and without a request id; here it is answered as S3 does it. And aiohttp's ``pre_shutdown`` makes
busy connections deaf, so that an upload in progress never gets its last bytes; here only idle ones are
closed.
"""

from collections.abc import Callable

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from gateway.s3.errors import S3Error

Refuse = Callable[[web.BaseRequest, S3Error], web.StreamResponse]


class Connection(web.RequestHandler):
    """One connection. ``refuse`` of its server makes the answers."""

    __slots__ = ("_refuse",)

    def __init__(self, server: "HttpServer", **options: object) -> None:
        super().__init__(server, **options)  # type: ignore[arg-type]  # aiohttp's keyword arguments
        self._refuse = server.refuse

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
        return self._refuse(request, _refusal(status, exc))

    def close_if_idle(self) -> None:
        """Close the connection unless a request is being answered or waits to be."""
        if not self._request_in_progress and not self._messages:
            self.force_close()


class HttpServer(web.Server):
    """aiohttp's server of ``Connection``."""

    def __init__(
        self, handler: Callable[..., object], *, refuse: Refuse, **options: object
    ) -> None:
        super().__init__(handler, **options)  # type: ignore[arg-type]  # aiohttp's keyword arguments
        self.refuse = refuse

    def __call__(self) -> Connection:
        return Connection(self, loop=self._loop, **self._kwargs)

    def close_idle(self) -> None:
        """Close all connections that nobody uses now."""
        for connection in self.connections:
            if isinstance(connection, Connection):
                connection.close_if_idle()


def _refusal(status: int, exc: BaseException | None) -> S3Error:
    if isinstance(exc, LineTooLong):
        return S3Error("RequestHeaderSectionTooLarge")
    if status < 500:
        return S3Error("BadRequest", "An error occurred when parsing the HTTP request.")
    return S3Error("InternalError")

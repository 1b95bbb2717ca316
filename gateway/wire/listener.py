"""The connections of one worker."""

import asyncio
import base64
import secrets
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog
from aiohttp import web

from gateway.observe.event import RequestEvent
from gateway.s3.errors import S3Error, error_document
from gateway.s3.message import Request, Response
from gateway.s3.target import Domains
from gateway.wire.accepting import Acceptor
from gateway.wire.admission import Admission, slow_down
from gateway.wire.connections import Connection, HttpServer
from gateway.wire.limits import Limits
from gateway.wire.networks import Network
from gateway.wire.receiving import ArrivingBody, peer_of, receive
from gateway.wire.sending import send, whole

Answer = Callable[[Request, RequestEvent], Awaitable[Response]]
Site = Callable[[str], Awaitable[Response | None]]

_SITE_PREFIXES = ("/-/", "/minio/health/")
_log = structlog.get_logger("s3front.wire")
_BACKLOG = 1024
_LAST_REQUEST_S = 5.0
_TURNS = 10
"""Of the loop, from a connection that is taken to its request."""


class Listener:
    """Serves S3 through ``answer`` and what is not S3 (``/-/`` …) through ``site``.

    ``domains``: below these, a path is the key of a bucket, ``/-/`` too.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        site: Site,
        limits: Limits,
        observe: Callable[[RequestEvent], None],
        trusted_proxies: Sequence[Network] = (),
        domains: Domains | None = None,
    ) -> None:
        self._answer = answer
        self._site = site
        self._admission = Admission(limits, trusted_proxies)
        self._observe = observe
        self._trusted = tuple(trusted_proxies)
        self._domains = Domains(()) if domains is None else domains
        # S3's second id, which its SDKs show beside the request's: here, which worker it was.
        # https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonResponseHeaders.html
        self._host_id = base64.b64encode(secrets.token_bytes(48)).decode()
        self._acceptor: Acceptor | None = None
        self._http: HttpServer | None = None
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False

    async def start(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Accept connections on a bound socket."""
        self._http = HttpServer(
            self._handle,
            refuse=self._refuse_unreadable,
            admission=self._admission,
            access_log=None,
            auto_decompress=False,
        )
        limits = self._admission.limits
        self._acceptor = Acceptor(
            sock, self._http, tls=tls, handshake_s=limits.header_s, shutdown_s=limits.linger_s
        )
        self._acceptor.start(_BACKLOG)

    def set_limits(self, limits: Limits) -> None:
        """Take over new limits: for connections and requests to come, those of this time stay."""
        self._admission.set_limits(limits)

    async def drain(self, deadline_s: float, *, handed_over: bool = False) -> None:
        """Accept no more, let what is being answered finish, then close everything.

        ``handed_over``: another process goes on with the socket and those in its queue; connections
        that are idle are given a little time to ask once more and be told that this was the last
        answer. Closed under a client's hands, they would look like a request that was lost.
        """
        self._draining = True
        end = time.monotonic() + deadline_s
        if self._acceptor is not None:
            await self._acceptor.stop(leave_queue=handed_over)
        if self._http is not None:
            for _ in range(_TURNS):
                # What clients have sent already is read, and is no longer idle.
                await asyncio.sleep(0)
            if handed_over:
                await self._http.all_gone(min(_LAST_REQUEST_S, deadline_s / 2))
            self._http.close_idle()
        try:
            async with asyncio.timeout(end - time.monotonic()):
                await self._idle.wait()
        except TimeoutError:
            pass
        if self._http is not None:
            await self._http.shutdown(1.0)

    async def _handle(self, http: web.BaseRequest) -> web.StreamResponse:
        started = time.perf_counter()
        event = _event(http.method)
        self._in_flight += 1
        self._idle.clear()
        try:
            return await self._exchange(http, event)
        except BaseException:
            event.aborted = True
            raise
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()
            event.seconds = time.perf_counter() - started
            self._observe(event)

    async def _exchange(self, http: web.BaseRequest, event: RequestEvent) -> web.StreamResponse:
        try:
            if isinstance(http.protocol, Connection) and http.protocol.is_refused:
                raise slow_down()
            request = receive(
                http, event.id, self._admission.limits, self._trusted, host_id=self._host_id
            )
        except S3Error as error:
            response = self._refusal(error, event, resource=http.raw_path.partition("?")[0])
            response.close = True
            return await self._send(http, event, response)
        event.path = request.path
        event.peer = request.peer
        event.user_agent = request.headers.get("user-agent", "")
        beside = await self._beside(request, event)
        if beside is not None:
            return await self._finish(http, event, request, beside)
        try:
            await self._admission.begin()
        except S3Error as error:
            response = self._refusal(error, event, resource=request.path)
            return await self._finish(http, event, request, response)
        try:
            response = await self._answer(request, event)
            return await self._finish(http, event, request, response)
        finally:
            self._admission.end()

    async def _finish(
        self, http: web.BaseRequest, event: RequestEvent, request: Request, response: Response
    ) -> web.StreamResponse:
        body = request.body
        if isinstance(body, ArrivingBody):
            event.bytes_in = body.received
            # aiohttp's parser takes the last line of a trailer for a header of the next request on
            # the connection, which a proxy may have got from someone else.
            if body.unsent or body.chunked:
                response.close = True
        if self._draining or self._admission.crowded:
            response.close = True
        try:
            return await self._send(http, event, response)
        except ConnectionError:
            raise
        except Exception:
            _log.exception("an answer could not be sent", request_id=event.id)
            if http.writer.output_size:
                raise
            # The bytes of a small answer are read before its head is sent.
            failed = self._refusal(S3Error("InternalError"), event, resource=request.path)
            return await self._send(http, event, failed)

    async def _send(
        self, http: web.BaseRequest, event: RequestEvent, response: Response
    ) -> web.StreamResponse:
        body = response.body
        event.status = response.status
        event.bytes_out = len(body) if isinstance(body, bytes) else body.length
        if http.method == "HEAD" or response.status in {204, 304}:
            event.bytes_out = 0
        return await send(http, event.id, response, host_id=self._host_id)

    async def _beside(self, request: Request, event: RequestEvent) -> Response | None:
        """The answer to what is not S3; it waits for nobody."""
        if not request.path.startswith(_SITE_PREFIXES) or self._is_of_a_bucket(request):
            return None
        response = await self._site(request.path)
        if response is not None:
            event.operation = "site"
        return response

    def _is_of_a_bucket(self, request: Request) -> bool:
        try:
            return self._domains.bucket(request.host) is not None
        except S3Error:
            return True

    def _refuse_unreadable(self, http: web.BaseRequest, error: S3Error) -> web.StreamResponse:
        event = _event("-")
        event.peer = peer_of(http)
        response = self._refusal(error, event, resource="")
        response.close = True
        event.status = response.status
        self._observe(event)
        return whole(http, event.id, response, host_id=self._host_id)

    def _refusal(self, error: S3Error, event: RequestEvent, *, resource: str) -> Response:
        event.error_code = error.code
        document = error_document(
            error, resource=resource, request_id=event.id, host_id=self._host_id
        )
        headers = {
            "Content-Type": "application/xml",
            "Cache-Control": "no-store",
            **error.headers,
        }
        return Response(status=error.status, headers=headers, body=document)


def _event(method: str) -> RequestEvent:
    return RequestEvent(
        id=secrets.token_hex(8).upper(),
        method=method,
        path="-",
        peer="-",
        started_ns=time.time_ns(),
    )

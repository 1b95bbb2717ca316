"""The connections of one worker."""

import asyncio
import base64
import contextlib
import secrets
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from backends.errors import StorageError
from gateway.observe.event import RequestEvent
from gateway.s3.errors import S3Error, error_document
from gateway.s3.message import Request, Response
from gateway.s3.target import Domains
from gateway.wire.accepting import Acceptor
from gateway.wire.admission import Admission, slow_down
from gateway.wire.arriving import ArrivingBody
from gateway.wire.buffers import Buffers
from gateway.wire.connection import Connection
from gateway.wire.limits import Limits
from gateway.wire.members import Members
from gateway.wire.networks import Network
from gateway.wire.parsing import Head
from gateway.wire.receiving import Receiver
from gateway.wire.sending import CutShort, Sender

Answer = Callable[[Request, RequestEvent], Awaitable[Response]]
Site = Callable[[str], Awaitable[Response | None]]

_SITE_PREFIXES: Final = ("/-/", "/minio/health/")
_log = structlog.get_logger("s3front.wire")
_BACKLOG: Final = 1024
_LAST_REQUEST_S: Final = 5.0
_STOPPED_S: Final = 1.0
_TURNS: Final = 10
"""Of the loop, from a connection that is taken to its request."""
_IDS_AT_ONCE: Final = 256
_ID_BYTES: Final = 8


class Listener:
    """Serves S3 through ``answer`` and what is not S3 (``/-/`` …) through ``site``.

    ``domains``: below these, a path is the key of a bucket, ``/-/`` too.
    """

    members: Members

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
        self.admission = Admission(limits, trusted_proxies)
        self.buffers = Buffers()
        self._observe = observe
        self._domains = Domains(()) if domains is None else domains
        # S3's second id, which its SDKs show beside the request's: here, which worker it was.
        # https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonResponseHeaders.html
        self._host_id = base64.b64encode(secrets.token_bytes(48)).decode()
        self._receive = Receiver(trusted_proxies, self._host_id)
        self._sender = Sender(self._host_id)
        self._ids = _RequestIds()
        self._acceptor: Acceptor | None = None
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False

    async def start(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Accept connections on a bound socket."""
        limits = self.admission.limits
        self.members = Members(limits)
        self._acceptor = Acceptor(
            sock,
            lambda: Connection(self),
            tls=tls,
            handshake_s=limits.header_s,
            shutdown_s=limits.linger_s,
        )
        self._acceptor.start(_BACKLOG)

    def set_limits(self, limits: Limits) -> None:
        """Take over new limits: for connections and requests to come, those of this time stay."""
        self.admission.set_limits(limits)
        self.members.set_limits(limits)

    async def drain(self, deadline_s: float, *, handed_over: bool = False) -> None:
        """Accept no more, let what is being answered finish, then close everything.

        ``handed_over``: another process goes on with the socket and those in its queue; connections
        that are idle are given a little time to ask once more and be told that this was the last
        answer. Closed under a client's hands, they would look like a request that was lost.
        """
        self._draining = True
        if self._acceptor is None:
            return
        end = time.monotonic() + deadline_s
        await self._acceptor.stop(leave_queue=handed_over)
        for _ in range(_TURNS):
            # What clients have sent already is read, and is no longer idle.
            await asyncio.sleep(0)
        if handed_over:
            await self.members.all_gone(min(_LAST_REQUEST_S, deadline_s / 2))
        self.members.close_idle()
        await self._until_idle(end - time.monotonic())
        await self.members.all_gone(min(_STOPPED_S, max(0.0, end - time.monotonic())))
        self.members.stop()
        await self._until_idle(_STOPPED_S)

    async def _until_idle(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()

    async def exchange(self, connection: Connection, head: Head, body: ArrivingBody) -> bool:
        """Answer a request on the connection. Whether more may come.

        Raises ConnectionError if the answer could not be sent whole.
        """
        started = time.perf_counter()
        event = self._event(head.method)
        self._in_flight += 1
        self._idle.clear()
        try:
            return await self._exchange(connection, head, body, event)
        except BaseException:
            event.aborted = True
            raise
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()
            event.seconds = time.perf_counter() - started
            self._observe(event)

    async def refuse(self, connection: Connection, error: S3Error) -> None:
        """Answer what cannot be read, with the last answer of its connection."""
        event = self._event("-")
        event.peer = connection.peer
        response = self._refusal(error, event, resource="")
        response.close = True
        event.status = response.status
        self._observe(event)
        await self._send(connection, None, event, response)

    async def _exchange(
        self, connection: Connection, head: Head, body: ArrivingBody, event: RequestEvent
    ) -> bool:
        try:
            if connection.is_refused:
                raise slow_down()
            request = self._receive(
                head, body, request_id=event.id, peer=connection.peer, secure=connection.is_secure
            )
        except S3Error as error:
            response = self._refusal(error, event, resource=head.target.partition("?")[0])
            response.close = True
            return await self._send(connection, head, event, response)
        event.path = request.path
        event.peer = request.peer
        event.user_agent = request.headers.get("user-agent", "")
        if request.path.startswith(_SITE_PREFIXES):
            beside = await self._beside(request, event)
            if beside is not None:
                return await self._finish(connection, head, body, event, beside)
        try:
            await self.admission.begin()
        except S3Error as error:
            response = self._refusal(error, event, resource=request.path)
            return await self._finish(connection, head, body, event, response)
        try:
            response = await self._answer(request, event)
            return await self._finish(connection, head, body, event, response)
        finally:
            self.admission.end()

    async def _finish(
        self,
        connection: Connection,
        head: Head,
        body: ArrivingBody,
        event: RequestEvent,
        response: Response,
    ) -> bool:
        event.bytes_in = body.received
        if body.unsent or body.broken or self._draining or self.admission.crowded:
            response.close = True
        try:
            return await self._send(connection, head, event, response)
        except ConnectionError:
            raise
        except CutShort as cut:
            _report("an answer was cut short", cut.__cause__ or cut, event)
            raise ConnectionAbortedError("the rest of the answer could not be had") from cut
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets S3's error
            # The bytes of a small answer are read before its head is sent.
            _report("an answer could not be sent", error, event)
            path = head.target.partition("?")[0]
            failed = self._refusal(S3Error("InternalError"), event, resource=path)
            failed.close = response.close
            return await self._send(connection, head, event, failed)

    async def _send(
        self, connection: Connection, head: Head | None, event: RequestEvent, response: Response
    ) -> bool:
        body = response.body
        is_head = head is not None and head.method == "HEAD"
        event.status = response.status
        if is_head or response.status in {204, 304}:
            event.bytes_out = 0
        else:
            event.bytes_out = len(body) if isinstance(body, bytes) else body.length
        kept = head is not None and head.keep_alive and not response.close
        keep = "" if kept else "close"
        if kept and head is not None and head.version == "1.0":
            keep = "keep-alive"
        await self._sender.send(
            connection, response, request_id=event.id, to_head=is_head, keep=keep
        )
        return kept

    async def _beside(self, request: Request, event: RequestEvent) -> Response | None:
        """The answer to what is not S3; it waits for nobody."""
        if self._is_of_a_bucket(request):
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

    def _event(self, method: str) -> RequestEvent:
        return RequestEvent(
            id=self._ids.next(),
            method=method,
            path="-",
            peer="-",
            started_ns=time.time_ns(),
        )


def _report(what: str, error: BaseException, event: RequestEvent) -> None:
    expected = isinstance(error, StorageError | EOFError)
    _log.error(what, request_id=event.id, cause=str(error), exc_info=None if expected else error)


class _RequestIds:
    """16 hexadecimal digits each, at random; asked from the system for many at once."""

    def __init__(self) -> None:
        self._random = ""
        self._at = 0

    def next(self) -> str:
        if self._at >= len(self._random):
            self._random = secrets.token_hex(_ID_BYTES * _IDS_AT_ONCE).upper()
            self._at = 0
        begin = self._at
        self._at = begin + 2 * _ID_BYTES
        return self._random[begin : self._at]

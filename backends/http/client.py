"""Requests to one origin, and their answers.

Requests go out as they are given: no target is normalised, no header added but ``Host`` and
``Accept-Encoding: identity``, no redirect followed, no cookie kept, no proxy of the environment
asked. Answers come in as they are: nothing is inflated. A request that may change something is
sent once.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from yarl import URL

from backends.errors import Damaged, StorageError, Unavailable
from backends.http.addresses import any_socket, public_socket
from backends.http.failures import translated
from backends.http.origin import Origin
from backends.http.outgoing import Outgoing
from backends.interface import PIECE

MAX_EXCERPT = 64 * 1024
"""Bytes of an error's document that are read."""

_REPEATABLE = frozenset({"GET", "HEAD"})
_NOT_ADDED = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """In seconds."""

    connect_s: float = 10.0
    """For one address."""
    connection_s: float = 30.0
    """For a connection at all: waiting for one to be free, its name, its addresses, TLS."""
    stall_s: float = 60.0
    """How long the storage may take no byte of a body, or give none."""
    answer_s: float = 60.0
    """From the last byte of a request to the whole head of its answer."""


class Client:
    """At most ``connections`` at once to one origin. To be opened; may be opened again."""

    def __init__(
        self,
        origin: Origin,
        *,
        allow_private: bool = False,
        timeouts: Timeouts | None = None,
        connections: int = 600,
    ) -> None:
        self.origin = origin
        self._allow_private = allow_private
        self.timeouts = timeouts or Timeouts()
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make ready. No connection is made yet."""
        if self._session is not None:
            return
        connector = aiohttp.TCPConnector(
            limit=self._connections,
            socket_factory=any_socket if self._allow_private else public_socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=_NOT_ADDED,
            read_bufsize=PIECE,
            trust_env=False,
        )

    async def aclose(self) -> None:
        """Close all connections, those in use too. May be called more than once."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def check(self) -> None:
        """Unavailable unless it is open."""
        if self._session is None:
            raise Unavailable("the storage is not open")

    async def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        *,
        body: bytes | AsyncIterator[bytes] | None = None,
        size: int | None = None,
        answer_s: float | None = None,
        expect_continue: bool = False,
    ) -> "Answer":
        """The answer to a request, of any status; to be closed.

        ``target``: encoded path and query, below the origin's path, sent as they are. ``size``: that of a
        ``body`` that is an iterator; Content-Length is set here. What the iterator raises is raised;
        Damaged if it has not that size. In both cases no whole request was sent. ``answer_s`` in
        place of the one of the timeouts, for what takes a storage long. Unavailable, or Denied where
        the address is refused.
        """
        session = self._session
        if session is None:
            raise Unavailable("the storage is not open")
        wait_s = self.timeouts.answer_s if answer_s is None else answer_s
        outgoing: Outgoing | None = None
        sent = {**headers, "Host": self.origin.authority, "Accept-Encoding": "identity"}
        loop = asyncio.get_running_loop()
        try:
            with translated(str(self.origin)):
                async with asyncio.timeout(self.timeouts.connection_s + wait_s) as clock:
                    if isinstance(body, bytes):
                        sent["Content-Length"] = str(len(body))
                        clock.reschedule(loop.time() + self._taking_s(len(body)) + wait_s)
                    elif body is not None and size is not None:
                        sent["Content-Length"] = str(size)
                        outgoing = Outgoing(
                            body,
                            size=size,
                            clock=clock,
                            stall_s=self.timeouts.stall_s,
                            answer_s=wait_s,
                        )
                    response = await session.request(
                        method,
                        URL(f"{self.origin}{target}", encoded=True),
                        headers=sent,
                        data=outgoing or body or None,
                        allow_redirects=False,
                        expect100=expect_continue,
                        timeout=self._client_timeout(wait_s),
                        middlewares=() if method in _REPEATABLE else (_once,),
                    )
        except Exception:
            if outgoing is not None and outgoing.failure is not None:
                raise outgoing.failure from None
            raise
        whole = outgoing is None or outgoing.ended
        answer = Answer(response, str(self.origin), wait_s=wait_s, reusable=whole)
        if not whole and answer.status < 300:
            await answer.aclose()
            raise Unavailable(f"{self.origin}: answered {answer.status} to a part of a body")
        return answer

    def _taking_s(self, size: int) -> float:
        pieces = 1 + size // PIECE
        return self.timeouts.connection_s + pieces * self.timeouts.stall_s

    def _client_timeout(self, answer_s: float) -> aiohttp.ClientTimeout:
        times = self.timeouts
        return aiohttp.ClientTimeout(
            total=None,
            connect=times.connection_s,
            sock_connect=times.connect_s,
            sock_read=max(times.stall_s, answer_s),
        )


class Answer:
    """The head of an answer, and its body once. ``headers`` have names without case."""

    def __init__(
        self, response: ClientResponse, where: str, *, wait_s: float, reusable: bool
    ) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._where = where
        self._wait_s = wait_s
        self._reusable = reusable

    @property
    def length(self) -> int | None:
        """What Content-Length says; None if nothing or nonsense."""
        said = self.headers.get("Content-Length", "")
        return int(said) if said.isascii() and said.isdigit() and len(said) < 20 else None

    async def pieces(self, length: int) -> AsyncIterator[bytes]:
        """A body of ``length`` bytes. Damaged if it ends early, or does not end there."""
        count = 0
        with translated(self._where):
            try:
                async for piece in self._response.content.iter_any():
                    count += len(piece)
                    if count > length:
                        break
                    yield piece
            except aiohttp.ClientPayloadError:
                raise Damaged(f"{self._where}: the answer broke off") from None
        if count != length:
            raise Damaged(f"{self._where}: the answer has not {length} bytes")

    def all(self, name: str) -> list[str]:
        """The values of every header of that name."""
        return list(self._response.headers.getall(name, []))

    async def stream(self) -> AsyncIterator[bytes]:
        """A body of any length, for who knows its end when it comes. Unavailable if it breaks off."""
        with translated(self._where):
            async for piece in self._response.content.iter_any():
                yield piece

    async def document(self, limit: int) -> bytes:
        """The whole body; closes. Unavailable if it is longer than ``limit`` or breaks off."""
        gathered = bytearray()
        try:
            with translated(self._where):
                async with asyncio.timeout(self._wait_s):
                    async for piece in self._response.content.iter_any():
                        gathered += piece
                        if len(gathered) > limit:
                            raise Unavailable(f"{self._where}: the answer is too long")
        finally:
            await self.aclose()
        return bytes(gathered)

    async def excerpt(self) -> bytes:
        """What can be had of the body of an error, up to MAX_EXCERPT bytes; closes. Never fails."""
        gathered = bytearray()
        try:
            with suppress(StorageError), translated(self._where):
                async with asyncio.timeout(self._wait_s):
                    async for piece in self._response.content.iter_any():
                        gathered += piece
                        if len(gathered) >= MAX_EXCERPT:
                            break
        finally:
            await self.aclose()
        return bytes(gathered[:MAX_EXCERPT])

    async def aclose(self) -> None:
        """Give the connection back, or close it where something is left in it. May be repeated."""
        if self._reusable:
            self._response.release()
        else:
            self._response.close()


async def _once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Without it aiohttp sends PUT and DELETE again when a connection that was kept breaks."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
        raise Unavailable(f"{request.url.origin()}: the connection broke") from None

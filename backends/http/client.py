"""Requests to one origin, and their answers.

Requests go out as they are given: no target is normalised, no header added but ``Host``,
``Accept-Encoding: identity``, ``Content-Length`` and, where that is asked for, ``Expect``; no redirect
is followed, no cookie kept, no proxy of the environment asked. Answers come in as they are: nothing is
inflated. A request that may change something is sent once.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from backends.errors import Damaged, StorageError, Unavailable
from backends.http.connecting import Names, connected, tls_context
from backends.http.connection import Connection
from backends.http.failures import FAILURES, NoAnswer, failure, translated
from backends.http.origin import Origin
from backends.http.outgoing import Outgoing
from backends.http.parsing import Head
from backends.http.pool import Pool

MAX_EXCERPT: Final = 64 * 1024
"""Bytes of an error's document that are read."""
ASKED_FROM: Final = 1024 * 1024
"""Bytes of a body from which on a storage had better be asked before they are sent."""
AGREES_S: Final = 1.0
"""How long a storage is waited for that was asked whether a body is to be sent: many never say."""

_REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS", "PROPFIND"})
_TOGETHER: Final = 64 * 1024
"""Bytes of a body that is sent in one piece with its head."""
_IDENTITY: Final = "Accept-Encoding: identity\r\n"
_TARGET: Final = re.compile(r"[!-~]+")
_P = TypeVar("_P", bound=bytes | int)


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
        self._authority = origin.authority
        self._where = str(origin)
        self._allow_private = allow_private
        self.timeouts = timeouts or Timeouts()
        self._connections = connections
        self._pool: Pool | None = None
        self._tls: ssl.SSLContext | None = None
        self._names = Names()
        self._agrees: bool | None = None
        """Whether who is asked if a body is to be sent says so, as far as is known."""

    async def open(self) -> None:
        """Make ready. No connection is made yet."""
        if self._pool is not None:
            return
        if self.origin.scheme == "https":
            self._tls = await asyncio.to_thread(tls_context)
        self._pool = Pool(
            self._connected, most=self._connections, within_s=self.timeouts.connection_s
        )

    async def aclose(self) -> None:
        """Close all connections, those in use too. May be called more than once."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    def check(self) -> None:
        """Unavailable unless it is open."""
        self._opened()

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
        place of the one of the timeouts, for what takes a storage long. ``expect_continue``: an iterator
        is not asked for a byte before the storage agrees, or says nothing for AGREES_S; one that has
        said nothing before is not asked. Unavailable, or Denied where the address is refused.
        """
        pool = self._opened()
        outgoing, length = None, None
        if isinstance(body, bytes):
            length = len(body)
        elif body is not None and size is not None:
            outgoing, length = Outgoing(body, size=size), size
        exchange = _Exchange(
            is_head=method == "HEAD",
            request=self._request(method, target, headers, length),
            whole=body if isinstance(body, bytes) else b"",
            outgoing=outgoing,
            expects=expect_continue and outgoing is not None and self._agrees is not False,
            stall_s=self.timeouts.stall_s,
            wait_s=self.timeouts.answer_s if answer_s is None else answer_s,
        )
        try:
            connection, head = await self._exchanged(pool, exchange, repeats=method in _REPEATABLE)
            if head.status == 417 and exchange.expects and not exchange.is_begun:
                # It cannot be asked. The body was announced: this connection is of no more use.
                connection.abort()
                self._agrees = exchange.expects = False
                connection, head = await self._exchanged(pool, exchange, repeats=False)
        except FAILURES as error:
            if outgoing is not None and outgoing.failure is error:
                raise
            raise failure(error, self._where) from None
        if exchange.has_agreed is not None:
            self._agrees = self._agrees or exchange.has_agreed
        whole = exchange.is_whole and connection.is_sent
        patience_s = max(self.timeouts.stall_s, exchange.wait_s)
        answer = Answer(
            connection, head, pool, where=self._where, wait_s=patience_s, reusable=whole
        )
        if not whole and head.status < 300:
            await answer.aclose()
            raise Unavailable(f"{self._where}: answered {head.status} to a part of a body")
        return answer

    async def _exchanged(
        self, pool: Pool, exchange: "_Exchange", *, repeats: bool
    ) -> tuple[Connection, Head]:
        connection = pool.kept() or await pool.get()
        try:
            return connection, await exchange.on(connection)
        except ConnectionError:
            # The storage may have closed it before it has seen the request.
            if not (repeats and connection.has_answered and connection.is_silent):
                raise
        connection = await pool.get(fresh=True)
        return connection, await exchange.on(connection)

    def _request(
        self, method: str, target: str, headers: Mapping[str, str], length: int | None
    ) -> bytes:
        """The head of a request, but for the empty line. ValueError for what cannot be sent."""
        path = f"{self.origin.path}{target}"
        told = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        if _TARGET.fullmatch(path) is None or "\0" in told:
            raise ValueError("a target or a header holds what cannot be sent")
        if told.count("\n") != len(headers) or told.count("\r") != len(headers):
            raise ValueError("a header holds a line break")
        text = f"{method} {path} HTTP/1.1\r\nHost: {self._authority}\r\n{told}{_IDENTITY}"
        if length is not None:
            text += f"Content-Length: {length}\r\n"
        return text.encode("utf-8", "surrogateescape")

    def _opened(self) -> Pool:
        if self._pool is None:
            raise Unavailable("the storage is not open")
        return self._pool

    async def _connected(self, made: Callable[[], Connection]) -> Connection:
        return await connected(
            self.origin,
            made,
            names=self._names,
            tls=self._tls,
            allow_private=self._allow_private,
            connect_s=self.timeouts.connect_s,
        )


class _Exchange:
    """One request on its way, until the head of its answer has come."""

    def __init__(
        self,
        *,
        is_head: bool,
        request: bytes,
        whole: bytes,
        outgoing: Outgoing | None,
        expects: bool,
        stall_s: float,
        wait_s: float,
    ) -> None:
        self.expects = expects
        self.wait_s = wait_s
        self.has_agreed: bool | None = None
        """The storage was asked whether the body is to be sent, and said so, or nothing."""
        self.is_whole = outgoing is None
        """All of the body was written."""
        self._is_head = is_head
        self._request = request
        self._whole = whole
        self._outgoing = outgoing
        self._stall_s = stall_s

    @property
    def is_begun(self) -> bool:
        """The source of the body was asked for it."""
        return self._outgoing is not None and self._outgoing.is_begun

    async def on(self, connection: Connection) -> Head:
        """The head of the answer. One of FAILURES, or what the source of the body raises; the
        connection is closed then."""
        try:
            connection.begin(is_head=self._is_head)
            if self._outgoing is None:
                return await self._at_once(connection)
            expect = b"Expect: 100-continue\r\n" if self.expects else b""
            connection.write(b"%b%b\r\n" % (self._request, expect))
            return await self._beside(connection, self._outgoing)
        except BaseException:
            connection.abort()
            raise

    async def _at_once(self, connection: Connection) -> Head:
        whole = self._whole
        if len(whole) <= _TOGETHER:
            connection.write(b"%b\r\n%b" % (self._request, whole))
        else:
            connection.write(b"%b\r\n" % self._request)
            connection.write(whole)
        connection.wait_for(self.wait_s)
        return await connection.answer()

    async def _beside(self, connection: Connection, outgoing: Outgoing) -> Head:
        """While the body is sent the answer may come: then no more of it is sent."""
        sending = asyncio.create_task(self._send(connection, outgoing))
        try:
            return await connection.answer()
        except FAILURES:
            if outgoing.failure is not None:
                raise outgoing.failure from None
            raise
        finally:
            sending.cancel()
            await asyncio.wait([sending])
            if not sending.cancelled():
                sending.exception()  # it is what the answer has failed with

    async def _send(self, connection: Connection, outgoing: Outgoing) -> None:
        try:
            if self.expects:
                await self._agreed(connection)
            while not connection.is_answered and (piece := await outgoing.next()):
                connection.write(piece)
                self.is_whole = outgoing.ended
                connection.wait_for(self._stall_s)
                await connection.taken()
                connection.wait_for(None)
            if not connection.is_answered:
                self.is_whole = True
                connection.wait_for(self.wait_s)
        except Exception:
            connection.abort()
            raise

    async def _agreed(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(AGREES_S):
                await connection.agreed()
        except TimeoutError:
            self.has_agreed = False
        else:
            self.has_agreed = True if connection.is_told else None


class Answer:
    """The head of an answer, and its body once. ``headers`` have names without case."""

    __slots__ = (
        "_connection",
        "_given",
        "_headers",
        "_pool",
        "_reusable",
        "_wait_s",
        "_where",
        "status",
    )

    def __init__(
        self,
        connection: Connection,
        head: Head,
        pool: Pool,
        *,
        where: str,
        wait_s: float,
        reusable: bool,
    ) -> None:
        self.status = head.status
        self._headers = head.headers
        self._connection: Connection | None = connection
        self._pool = pool
        self._where = where
        self._wait_s = wait_s
        self._reusable = reusable
        self._given = 0
        """Bytes of the body that ``pieces`` and ``spliced`` have given."""

    @property
    def headers(self) -> Mapping[str, str]:
        """By name, without case; of several of one name the first."""
        return self._headers

    @property
    def length(self) -> int | None:
        """What Content-Length says; None if nothing or nonsense."""
        said = self._headers.get("content-length", "")
        return int(said) if said.isascii() and said.isdigit() and len(said) < 20 else None

    def pieces(self, length: int) -> AsyncIterator[bytes]:
        """A body of ``length`` bytes. Damaged if it ends early, or does not end there."""
        return self._all_of(length, self._next)

    def can_splice(self, length: int) -> bool:
        """Whether ``spliced(length)`` is worth it: much is to come, and the kernel can move it."""
        connection = self._connection
        return connection is not None and self.length == length and connection.can_splice

    def spliced(self, length: int, pipe: int) -> AsyncIterator[bytes | int]:
        """What ``pieces`` has not given, where ``can_splice``. A number is of bytes that lie in the pipe
        whose writing end is ``pipe``, and is to be empty whenever the next are asked for. Damaged as
        ``pieces``."""

        async def more() -> bytes | int:
            connection = self._connection
            return 0 if connection is None else await connection.next_spliced(pipe, self._wait_s)

        return self._all_of(length, more)

    async def _all_of(self, length: int, more: Callable[[], Awaitable[_P]]) -> AsyncIterator[_P]:
        try:
            while piece := await more():
                self._given += piece if isinstance(piece, int) else len(piece)
                if self._given > length:
                    break
                yield piece
        except (NoAnswer, ConnectionError):
            raise Damaged(f"{self._where}: the answer broke off") from None
        except OSError as error:
            raise failure(error, self._where) from None
        if self._given != length:
            raise Damaged(f"{self._where}: the answer has not {length} bytes")

    def at_hand(self, length: int) -> bytes | None:
        """The body, if all of it has come, was not read, and has ``length`` bytes; closes then."""
        connection = self._connection
        if connection is None or not connection.is_whole or connection.held != length:
            return None
        data = b"".join(connection.pieces_at_hand())
        self._close()
        return data

    def all(self, name: str) -> list[str]:
        """The values of every header of that name."""
        return self._headers.all(name)

    async def stream(self) -> AsyncIterator[bytes]:
        """A body of any length, for who knows its end when it comes. Unavailable if it breaks off."""
        with translated(self._where):
            while piece := await self._next():
                yield piece

    async def document(self, limit: int) -> bytes:
        """The whole body; closes. Unavailable if it is longer than ``limit`` or breaks off."""
        connection = self._connection
        if connection is not None and connection.is_whole and connection.held <= limit:
            return self.at_hand(connection.held) or b""
        gathered = bytearray()
        try:
            with translated(self._where):
                async with asyncio.timeout(self._wait_s):
                    while piece := await self._next():
                        gathered += piece
                        if len(gathered) > limit:
                            raise Unavailable(f"{self._where}: the answer is too long")
        finally:
            await self.aclose()
        return bytes(gathered)

    async def excerpt(self) -> bytes:
        """What can be had of the body of an error, up to MAX_EXCERPT bytes; closes. Never fails."""
        connection = self._connection
        if connection is None or (connection.is_whole and connection.held <= MAX_EXCERPT):
            return b"" if connection is None else self.at_hand(connection.held) or b""
        gathered = bytearray()
        try:
            with suppress(StorageError), translated(self._where):
                async with asyncio.timeout(self._wait_s):
                    while piece := await self._next():
                        gathered += piece
                        if len(gathered) >= MAX_EXCERPT:
                            break
        finally:
            await self.aclose()
        return bytes(gathered[:MAX_EXCERPT])

    async def aclose(self) -> None:
        """Give the connection back, or close it where something is left in it. May be repeated."""
        self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._reusable:
            self._pool.give_back(connection)
        else:
            connection.abort()

    async def _next(self) -> bytes:
        """The next bytes; none at the end, or once it is closed."""
        connection = self._connection
        return b"" if connection is None else await connection.next_piece(self._wait_s)

"""One connection that sends what its script says, an exchange at a time."""

import asyncio
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import cast

from bench.answer import Answer, AnswerError, AnswerParser
from bench.exchange import Exchange, Script

_BUFFER = 256 * 1024
_HIGH_WATER = 1024 * 1024
_GATHERED = 1000
"""Less than IOV_MAX."""
_ERRORS_OF_ONE = 20
_TEXTS = 5


@dataclass(slots=True)
class Record:
    """What the clients of one process have seen."""

    latencies: "array[float]" = field(default_factory=lambda: array("d"))
    """Seconds of each operation that went well."""
    moved: int = 0
    errors: int = 0
    texts: list[str] = field(default_factory=list)
    """The first few errors in words."""

    def fail(self, text: str) -> None:
        self.errors += 1
        if len(self.texts) < _TEXTS:
            self.texts.append(text)


class Client(asyncio.BufferedProtocol):
    """Runs ``script`` over one keep-alive connection, opening another if the server closes it.

    An operation begun before the deadline is finished after it. ``done`` is called once: the
    script has ended, the deadline has passed, or too many errors have happened.
    """

    def __init__(
        self, host: str, port: int, script: Script, record: Record, done: Callable[[], None]
    ) -> None:
        self._host = host
        self._port = port
        self._script = script
        self._record = record
        self._done = done
        self._parser = AnswerParser()
        self._view = memoryview(bytearray(_BUFFER))
        self._transport: asyncio.Transport | None = None
        self._reconnecting: asyncio.Task[None] | None = None
        self._exchange: Exchange | None = None
        self._unsent: list[bytes] = []
        self._lost = asyncio.Event()
        self._lost.set()
        self._paused = False
        self._finished = False
        self._failed = False
        self._errors = 0
        self._began = 0.0
        self._deadline = 0.0

    async def connect(self) -> None:
        """Open the connection. Raises OSError."""
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, self._host, self._port)

    def start(self, deadline: float) -> None:
        """Begin; ``deadline`` on the clock of ``perf_counter``."""
        self._deadline = deadline
        self._began = perf_counter()
        self._send_next(None)

    def give_up(self, text: str) -> None:
        """Stop at once; an exchange that is under way counts as an error."""
        if not self._finished:
            self._fail(text)
            self._finish()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_HIGH_WATER)
        self._paused = False
        self._lost.clear()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        if self._exchange is None:
            return
        try:
            whole = self._parser.feed(self._view[:nbytes])
        except AnswerError as error:
            self._fail(str(error))
            self._reconnect()
            return
        if whole:
            self._answered()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._write()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._lost.set()
        if self._finished or self._reconnecting is not None or self._exchange is None:
            return
        if self._parser.end():
            self._answered()
            return
        when = "within the answer" if self._parser.begun else "before the answer"
        self._fail(f"the server closed the connection {when}")
        self._reconnect()

    def _send_next(self, answer: Answer | None) -> None:
        try:
            exchange = next(self._script) if answer is None else self._script.send(answer)
        except StopIteration:
            self._finish()
            return
        if exchange.first:
            if self._began >= self._deadline:
                self._finish()
                return
            self._failed = False
        self._exchange = exchange
        self._parser.begin(
            without_body=exchange.without_body,
            content=None if exchange.without_body else exchange.content,
            keep=exchange.check is not None,
        )
        transport = self._transport
        if transport is None:
            self._reconnect(resend=True)
            return
        if not exchange.body:
            transport.write(exchange.head)
        else:
            self._unsent = [*reversed(exchange.body), exchange.head]
            self._write()

    def _write(self) -> None:
        transport, unsent = self._transport, self._unsent
        while transport is not None and unsent and not self._paused:
            # One system call for all of them: uvloop makes one of each write().
            gathered = [unsent.pop()]
            size = len(gathered[0])
            while unsent and size < _HIGH_WATER and len(gathered) < _GATHERED:
                gathered.append(unsent.pop())
                size += len(gathered[-1])
            transport.writelines(gathered)

    def _answered(self) -> None:
        exchange = self._exchange
        if exchange is None:
            return
        self._exchange = None
        answer = self._parser.answer()
        now = perf_counter()
        wrong = problem(exchange, answer)
        if wrong is None and self._unsent:
            wrong = f"{answer.status} came before the whole request was sent"
        if wrong is not None:
            self._fail(f"{request_line(exchange)}: {wrong}")
        elif exchange.last and not self._failed:
            self._record.latencies.append(now - self._began)
            self._record.moved += exchange.moved
        if exchange.last or self._failed:
            self._began = now
        if self._finished:
            return
        if answer.closes or self._unsent:
            self._reconnect(answer)
        else:
            self._send_next(answer)

    def _fail(self, text: str) -> None:
        self._failed = True
        self._errors += 1
        self._record.fail(text)
        if self._errors >= _ERRORS_OF_ONE:
            self._finish()

    def _reconnect(self, answer: Answer | None = None, *, resend: bool = False) -> None:
        if self._finished:
            return
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        self._unsent = []
        self._reconnecting = asyncio.get_running_loop().create_task(self._connect(answer, resend))

    async def _connect(self, answer: Answer | None, resend: bool) -> None:
        try:
            await self._lost.wait()
            await self.connect()
        except OSError as error:
            self._fail(f"cannot connect again: {error.strerror or type(error).__name__}")
            self._finish()
            return
        finally:
            self._reconnecting = None
        exchange, transport = self._exchange, self._transport
        if resend and exchange is not None and transport is not None:
            self._unsent = [*reversed(exchange.body), exchange.head]
            self._write()
        else:
            self._exchange = None
            self._send_next(answer)

    def _finish(self) -> None:
        if self._finished:
            return
        self._finished = True
        self._exchange = None
        self._script.close()
        if self._reconnecting is not None:
            self._reconnecting.cancel()
        if self._transport is not None:
            self._transport.abort()
        self._done()


def problem(exchange: Exchange, answer: Answer) -> str | None:
    """What is wrong with an answer; None if it is the one expected."""
    if answer.status != exchange.status:
        shown = answer.body[:300].decode("utf-8", "replace").replace("\n", " ")
        return f"{answer.status} instead of {exchange.status}: {shown}"
    if exchange.content is not None:
        if answer.length != exchange.content.size:
            return f"{answer.length} bytes instead of {exchange.content.size}"
        if not answer.as_expected:
            return "the body is not what was put"
    return exchange.check(answer.body) if exchange.check is not None else None


def request_line(exchange: Exchange) -> str:
    """Method and target, for an error; holds nothing secret, since all is signed in headers."""
    return exchange.head.partition(b" HTTP/1.1\r\n")[0].decode("ascii")

"""A connection that gets anything, in one piece or cut anywhere: the same happens, and it ends.

Good requests with bytes changed, each sent twice, without a network: some ten thousand, ten million in
``make soak`` (``S3FRONT_FUZZ_BYTES`` sets how many). ``S3FRONT_TEST_SEED`` replays a run.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import pytest
from structlog.testing import capture_logs

from gateway.s3.errors import S3Error
from gateway.wire.admission import Admission
from gateway.wire.arriving import ArrivingBody
from gateway.wire.buffers import Buffers
from gateway.wire.connection import Connection
from gateway.wire.limits import Limits
from gateway.wire.members import Members
from gateway.wire.parsing import Head
from tests.hostile.mutating import mutated
from tests.seeds import seed

_SHORT = 6000
_LONG = int(os.environ.get("S3FRONT_FUZZ_BYTES", "10_000_000"))
_SHARDS = 4
_TURNS = 400
_WIDE = Limits(header_bytes=200_000, headers=10_000, receive_buffer=1000)
_NARROW = Limits(header_bytes=300, headers=6, receive_buffer=100)
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_REFUSAL = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_CHUNKS = b"4\r\nabcd\r\n6;x=y\r\nefghij\r\n0\r\nx-trailer: 1\r\n\r\n"
GOOD: Sequence[bytes] = (
    b"GET /a?b=c HTTP/1.1\r\nHost: a\r\nx-a: b\r\n\r\n",
    b"HEAD / HTTP/1.0\r\n\r\n",
    b"PUT /k HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789",
    b"PUT /k HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n0123456789",
    b"POST /?delete HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + _CHUNKS,
    b"GET /skip HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + _CHUNKS,
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    b"PUT / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n\r\n" + _CHUNKS,
    b"PUT / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 3\r\n\r\nabc",
    b"DELETE /k HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
)  # fmt: skip


class Wire(asyncio.Transport):
    """A transport to nobody: what is written is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.is_open = True
        self.has_ended = False
        self.is_held = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert self.is_open
        assert not self.has_ended
        self.written += data

    def close(self) -> None:
        self.is_open = False

    abort = close

    def is_closing(self) -> bool:
        return not self.is_open

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.has_ended = True

    def pause_reading(self) -> None:
        self.is_held = True

    def resume_reading(self) -> None:
        self.is_held = False

    def get_write_buffer_size(self) -> int:
        return 0


class Server:
    """Reads what is put and posted, and nothing else; notes what it was asked."""

    def __init__(self, limits: Limits) -> None:
        self.admission = Admission(limits)
        self.members = Members(limits)
        # The least body is received directly, as a large one is.
        self.buffers = Buffers(batch=3, size=4, worth=1, most=1)
        self.noted: list[tuple[object, ...]] = []

    async def exchange(self, connection: Connection, head: Head, body: ArrivingBody) -> bool:
        content: bytes | str = b""
        if head.method in {"PUT", "POST"}:
            try:
                content = b"".join([piece async for piece in _pieces(body)])
            except S3Error as error:
                content = error.code
        headers = tuple(sorted(head.headers.items()))
        self.noted.append((head.method, head.target, head.version, headers, content))
        keep = head.keep_alive and not (body.unsent or body.broken)
        connection.write(_ANSWER)
        return keep

    async def refuse(self, connection: Connection, error: S3Error) -> None:
        # Of several faults one is found first, and not always the same.
        assert error.code in {"BadRequest", "RequestHeaderSectionTooLarge"}
        self.noted.append(("refused",))
        connection.write(_REFUSAL)


async def _pieces(body: ArrivingBody) -> AsyncIterator[bytes]:
    while piece := await body.read():
        yield bytes(piece)


def _cut(chance: random.Random, data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size = chance.choice((1, 2, 3, 7, 20, 100, 1000, 100_000))
        yield data[at : at + size]
        at += size


async def _all_that_happens(server: Server, pieces: Iterator[bytes]) -> list[tuple[object, ...]]:
    """What the server is asked on one connection that gets these pieces and then ends."""
    server.noted = []
    wire = Wire()
    connection = Connection(server)
    connection.connection_made(wire)
    for piece in pieces:
        await _received(connection, wire, piece)
    if wire.is_open:
        connection.eof_received()
        await _until(lambda: not wire.is_open)
    await _until(lambda: connection._task is None)
    connection.connection_lost(None)
    answers = bytes(wire.written).replace(_CONTINUE, b"")
    assert answers.count(b"HTTP/1.1 ") == len(server.noted)
    return server.noted


async def _received(connection: Connection, wire: Wire, data: bytes) -> None:
    """As a loop does: no more at once than there is room for, and nothing while it is held."""
    while data:
        await _until(lambda: not wire.is_held or not wire.is_open)
        if not wire.is_open:
            return
        room = connection.get_buffer(-1)
        count = min(len(room), len(data))
        room[:count] = data[:count]
        connection.buffer_updated(count)
        data = data[count:]
        await asyncio.sleep(0)


async def _until(condition: Callable[[], bool]) -> None:
    for _ in range(_TURNS):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to an end")


async def _fuzz(chance: random.Random, count: int) -> None:
    wide, narrow = Server(_WIDE), Server(_NARROW)
    failures: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    kinds: dict[int, int] = {}
    with capture_logs() as logged:
        for number in range(count):
            data = mutated(chance, GOOD)
            try:
                whole = await _all_that_happens(wide, iter([data]))
                # What exceeds a bound by little is found in small pieces only.
                server = chance.choice((wide, wide, wide, narrow))
                parts = await _all_that_happens(server, _cut(chance, data))
                assert whole == parts or server is narrow
                assert not failures
                assert not logged
            except BaseException as error:
                raise AssertionError(f"number {number}: {data!r}") from error
            kinds[len(whole)] = kinds.get(len(whole), 0) + 1
    assert kinds[0] < count // 2
    assert kinds[1] > count // 5
    assert kinds[2] > count // 100
    assert wide.buffers.lent == narrow.buffers.lent == 0
    assert wide.admission._connections == narrow.admission._connections == 0


@pytest.mark.timeout(300)
def test_some_thousand() -> None:
    asyncio.run(_fuzz(random.Random(seed("mutated bytes")), _SHORT))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shard", range(_SHARDS))
def test_ten_million(shard: int) -> None:
    chance = random.Random(f"{seed('mutated bytes')}/{shard}")
    asyncio.run(_fuzz(chance, _LONG // 2 // _SHARDS))

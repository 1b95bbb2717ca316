"""A client against servers that answer well and badly."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import perf_counter

import pytest

from bench.client import Client, Record
from bench.content import MIB, Content
from bench.exchange import Exchange, Script

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SMALL = Content(size=4096)
BODY = b"".join(SMALL.pieces())
GOOD = b"HTTP/1.1 200 OK\r\ncontent-length: 4096\r\n\r\n" + BODY
EMPTY = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


def get() -> Exchange:
    return Exchange(head=b"GET /b/k HTTP/1.1\r\nhost: x\r\n\r\n", content=SMALL, moved=SMALL.size)


def put(content: Content) -> Exchange:
    head = f"PUT /b/k HTTP/1.1\r\nhost: x\r\ncontent-length: {content.size}\r\n\r\n"
    return Exchange(head=head.encode(), body=tuple(content.pieces()), moved=content.size)


def several(exchange: Exchange, number: int) -> Script:
    for _ in range(number):
        yield exchange


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[int]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def answering(*answers: bytes) -> Serve:
    """One of ``answers`` for each request without body, then the next."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        turn = 0
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(answers[turn % len(answers)])
            turn += 1

    return serve


async def run(port: int, script: Script, seconds: float = 30) -> Record:
    record, done = Record(), asyncio.Event()
    client = Client("127.0.0.1", port, script, record, done.set)
    await client.connect()
    client.start(perf_counter() + seconds)
    async with asyncio.timeout(20):
        await done.wait()
    return record


async def test_every_operation_is_timed_and_counted() -> None:
    async with serving(answering(GOOD)) as port:
        record = await run(port, several(get(), 50))
    assert (len(record.latencies), record.errors) == (50, 0)
    assert record.moved == 50 * 4096
    assert all(0 < latency < 20 for latency in record.latencies)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (
            b"HTTP/1.1 503 Slow Down\r\ncontent-length: 8\r\n\r\n<Error/>",
            "GET /b/k: 503 instead of 200: <Error/>",
        ),
        (GOOD.replace(b"4096", b"4095")[:-1], "4095 bytes instead of 4096"),
        (GOOD[:-1] + bytes([GOOD[-1] ^ 1]), "the body is not what was put"),
        (b"HTTP/1.1 206 Partial\r\ncontent-length: 0\r\n\r\n", "206 instead of 200"),
    ],
)
async def test_one_wrong_answer_among_good_ones_is_one_error(answer: bytes, text: str) -> None:
    async with serving(answering(GOOD, answer, GOOD)) as port:
        record = await run(port, several(get(), 3))
    assert (len(record.latencies), record.errors) == (2, 1)
    assert text in record.texts[0]


async def test_after_many_errors_a_client_gives_up() -> None:
    async with serving(answering(EMPTY)) as port:
        record = await run(port, several(get(), 100_000))
    assert record.errors == 20
    assert len(record.texts) == 5


async def test_a_server_that_hangs_up_is_an_error_each_time() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(GOOD[:100])

    async with serving(serve) as port:
        record = await run(port, several(get(), 3))
    assert (len(record.latencies), record.errors) == (0, 3)
    assert "closed the connection within the answer" in record.texts[0]


async def test_what_is_no_answer_is_an_error_each_time() -> None:
    async with serving(answering(b"220 ready for mail\r\n\r\n")) as port:
        record = await run(port, several(get(), 3))
    assert (len(record.latencies), record.errors) == (0, 3)


async def test_a_connection_that_the_server_closes_orderly_is_replaced() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(GOOD)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(GOOD.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1))

    async with serving(serve) as port:
        record = await run(port, several(get(), 5))
    assert (len(record.latencies), record.errors) == (5, 0)
    assert connections == 3


async def test_a_large_body_is_sent_whole() -> None:
    content = Content(size=20 * MIB + 5)
    received = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(content.size)
            received.append(body == b"".join(content.pieces()))
            writer.write(EMPTY)

    async with serving(serve) as port:
        record = await run(port, several(put(content), 2))
    assert received == [True, True]
    assert (record.moved, record.errors) == (2 * content.size, 0)


async def test_an_answer_before_the_body_was_sent_is_an_error() -> None:
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(EMPTY)
        await gone.wait()

    async with serving(serve) as port:
        record = await run(port, several(put(Content(size=256 * MIB)), 1))
        gone.set()
    assert record.errors == 1
    assert "before the whole request was sent" in record.texts[0]


async def test_an_operation_of_several_exchanges_counts_once_and_fails_as_one() -> None:
    first = Exchange(head=get().head, content=SMALL, last=False)
    last = Exchange(head=get().head, content=SMALL, first=False, moved=7)

    def script() -> Script:
        for _ in range(3):
            yield first
            yield last

    bad = b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"
    async with serving(answering(GOOD, GOOD, bad, GOOD, GOOD, GOOD)) as port:
        record = await run(port, script())
    assert (len(record.latencies), record.errors, record.moved) == (2, 1, 14)


async def test_after_the_deadline_the_operation_under_way_is_finished() -> None:
    first = Exchange(head=get().head, content=SMALL, last=False)
    last = Exchange(head=get().head, content=SMALL, first=False)
    answered = []

    def script() -> Script:
        while True:
            yield first
            answered.append((yield last))

    async with serving(answering(GOOD)) as port:
        record = await run(port, script(), seconds=0)
        assert (len(record.latencies), len(answered)) == (0, 0)
        record = await run(port, script(), seconds=0.05)
    assert record.errors == 0
    assert len(record.latencies) == len(answered) > 0


async def test_a_client_told_to_give_up_reports_its_exchange() -> None:
    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    record, done = Record(), asyncio.Event()
    async with serving(serve) as port:
        client = Client("127.0.0.1", port, several(get(), 1), record, done.set)
        await client.connect()
        client.start(perf_counter() + 1)
        client.give_up("no answer")
        client.give_up("no answer")
    assert done.is_set()
    assert (record.errors, record.texts) == (1, ["no answer"])

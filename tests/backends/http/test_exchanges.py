# ruff: noqa: ARG001 - a handler takes both streams
"""Requests and answers on their way: cut anywhere, slow, held back, asked for first."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from typing import cast

import pytest

from backends.errors import Damaged, Unavailable
from backends.http.connection import Connection
from tests.backends.http.answering import answering, head_of, reply
from tests.backends.http.scripted import WHOLE, numbered, saying, whole_of
from tests.backends.http.test_client import SHORT, client_of, never


async def test_an_answer_is_the_same_however_it_is_cut() -> None:
    places = iter(range(1, len(WHOLE)))

    async def answer(_: int, reader: StreamReader, writer: StreamWriter) -> None:
        at = next(places)
        writer.write(WHOLE[:at])
        await writer.drain()
        await asyncio.sleep(0)
        writer.write(WHOLE[at:])

    handle, asked = numbered(answer)
    async with answering(handle) as origin, client_of(origin) as client:
        for _ in range(1, len(WHOLE)):
            assert await whole_of(client) == b"hello world"
    assert asked == ["1 GET /k"] * (len(WHOLE) - 1)


async def test_an_answer_that_is_cut_off_anywhere_is_an_error() -> None:
    places = iter(range(len(WHOLE)))

    def answer(_: int, reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(WHOLE[: next(places)])
        writer.close()

    handle, _ = numbered(answer)
    async with answering(handle) as origin, client_of(origin) as client:
        for _ in range(len(WHOLE)):
            with pytest.raises((Unavailable, Damaged)):
                await whole_of(client)


async def test_a_storage_that_takes_nothing_is_sent_no_more_than_waits_on_the_way() -> None:
    pulled = 0

    async def source() -> AsyncIterator[bytes]:
        nonlocal pulled
        for _ in range(1000):
            pulled += 1
            yield bytes(1024 * 1024)

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        cast("asyncio.Transport", writer.transport).pause_reading()
        await never()

    async with answering(handle) as origin, client_of(origin, SHORT) as client:
        with pytest.raises(Unavailable, match="in time"):
            await client.send("PUT", "/k", {}, body=source(), size=1000 * 1024 * 1024)
    assert pulled < 200


async def test_nothing_beyond_the_length_that_was_asked_for_is_handed_on() -> None:
    handle, _ = numbered(saying(reply(200, b"abcdef", content_length="9")))
    async with answering(handle) as origin, client_of(origin) as client:
        got = await client.send("GET", "/", {})
        with pytest.raises(Damaged, match="has not 3 bytes"):
            await anext(aiter(got.pieces(3)))
        await got.aclose()


async def test_what_has_come_whole_need_not_be_read() -> None:
    handle, asked = numbered(saying(reply(404, b"no")))
    async with answering(handle) as origin, client_of(origin) as client:
        for _ in range(2):
            await (await client.send("GET", "/", {})).aclose()
    assert asked == ["1 GET /"] * 2


async def test_who_reads_slowly_holds_the_storage_back() -> None:
    sent = 0
    large = 256 * 1024 * 1024

    async def answer(_: int, reader: StreamReader, writer: StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % large)
        piece = bytes(1024 * 1024)
        while sent < large:
            writer.write(piece)
            await writer.drain()
            sent += len(piece)

    handle, _ = numbered(answer)
    async with answering(handle) as origin, client_of(origin) as client:
        got = await client.send("GET", "/", {})
        connection = got._connection
        assert connection is not None
        while not connection._queued:
            await asyncio.sleep(0)
        for _ in range(1000):
            await asyncio.sleep(0)
        assert connection._held < 3 * 1024 * 1024
        assert sent < large // 2
        count = 0
        async for piece in got.pieces(large):
            count += len(piece)
            assert connection._held < 3 * 1024 * 1024
        assert count == large
        await got.aclose()


class Taking(asyncio.Transport):
    """Where ``unsent`` bytes wait to be taken."""

    def __init__(self, unsent: int) -> None:
        super().__init__()
        self.unsent = unsent
        self.is_aborted = False

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def abort(self) -> None:
        self.is_aborted = True


async def test_a_storage_that_takes_a_body_slowly_is_waited_for_and_one_that_takes_nothing_is_not() -> (
    None
):
    connection = Connection(lambda _: None)
    transport = Taking(5)
    connection.connection_made(transport)
    connection.begin(is_head=False)
    waiting = asyncio.create_task(connection.answer())
    connection.wait_for(0.0)  # it is late at any time
    for unsent in (4, 3, 0):
        transport.unsent = unsent
        connection._late()
        assert not transport.is_aborted
    connection._late()
    assert transport.is_aborted
    with pytest.raises(TimeoutError):
        await waiting
    connection.connection_lost(None)


@pytest.mark.parametrize("agrees", [True, False])
async def test_a_storage_that_agrees_is_asked_again_and_one_that_says_nothing_is_not(
    agrees: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backends.http.client.AGREES_S", 60 if agrees else 0.05)
    expected = []

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        for _ in range(2):
            head = await head_of(reader)
            expected.append("Expect: 100-continue" in head)
            if agrees:
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            assert await reader.readexactly(3) == b"abc"
            writer.write(reply(201))

    async def source() -> AsyncIterator[bytes]:
        yield b"abc"

    async with answering(handle) as origin, client_of(origin) as client:
        for _ in range(2):
            got = await client.send("PUT", "/", {}, body=source(), size=3, expect_continue=True)
            assert (got.status, await got.document(0)) == (201, b"")
    assert expected == [True, agrees]


async def test_who_cannot_be_asked_is_told() -> None:
    def answer(number: int, reader: StreamReader, writer: StreamWriter) -> object:
        if number == 1:
            writer.write(reply(417))
            return None

        async def taking() -> None:
            assert await reader.readexactly(3) == b"abc"
            writer.write(reply(201))

        return taking()

    async def source() -> AsyncIterator[bytes]:
        yield b"abc"

    handle, asked = numbered(answer)
    async with answering(handle) as origin, client_of(origin) as client:
        got = await client.send("PUT", "/", {}, body=source(), size=3, expect_continue=True)
        assert (got.status, await got.document(0)) == (201, b"")
    assert asked == ["1 PUT /", "2 PUT /"]


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/a b", {}),
        ("/a\r\nX: y", {}),
        ("/ü", {}),
        ("/", {"a": "b\r\nX: y"}),
        ("/", {"a": "b\nX"}),
        ("/", {"a": "b\0"}),
        ("/", {"a\r\nX": "y"}),
    ],
)
async def test_nothing_is_sent_that_could_be_read_as_something_else(
    target: str, headers: dict[str, str]
) -> None:
    handle, asked = numbered(saying(reply(200)))
    async with answering(handle) as origin, client_of(origin) as client:
        with pytest.raises(ValueError, match=r"line break|cannot be sent"):
            await client.send("GET", target, headers)
    assert asked == []

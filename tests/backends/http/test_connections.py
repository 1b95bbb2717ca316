# ruff: noqa: ARG001 - a handler takes both streams
"""Connections that are kept, shared, broken and bounded, against a server that does as it is told."""

import asyncio
from asyncio import StreamReader, StreamWriter
from typing import Any

import pytest

from backends.errors import Unavailable
from backends.http import pool
from backends.http.client import Client, Timeouts
from backends.http.connecting import connected
from backends.http.connection import Connection
from tests.backends.http.answering import answering, head_of, reply
from tests.backends.http.scripted import numbered, saying, silent
from tests.backends.http.test_client import client_of


async def test_the_connection_that_was_used_last_is_used_next() -> None:
    handle, asked = numbered(saying(reply(200)))
    async with answering(handle) as origin, client_of(origin) as client:
        first, second = [await client.send("GET", f"/{name}", {}) for name in "ab"]
        await first.aclose()
        await second.aclose()
        for name in "cd":
            await (await client.send("GET", f"/{name}", {})).aclose()
    assert asked == ["1 GET /a", "2 GET /b", "2 GET /c", "2 GET /d"]


async def test_no_more_connections_than_were_agreed_are_made() -> None:
    waiting = asyncio.Semaphore(0)
    open_now, most = 0, 0

    async def answer(_: int, reader: StreamReader, writer: StreamWriter) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await waiting.acquire()
        open_now -= 1
        writer.write(reply(200))

    handle, asked = numbered(answer)
    async with answering(handle) as origin:
        client = Client(origin, allow_private=True, connections=3)
        await client.open()

        async def once() -> None:
            await (await client.send("GET", "/", {})).document(0)

        tasks = [asyncio.create_task(once()) for _ in range(10)]
        while len(asked) < 3:
            await asyncio.sleep(0)
        tasks[9].cancel()
        tasks[4].cancel()
        for _ in tasks:
            waiting.release()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        await client.aclose()
    assert most == 3
    assert [each is None for each in done].count(False) == 2
    assert {each[0] for each in asked} == {"1", "2", "3"}


async def test_who_waits_for_a_connection_does_not_wait_for_ever() -> None:
    handle, _ = numbered(silent)
    async with answering(handle) as origin:
        times = Timeouts(connection_s=0.1, answer_s=60)
        client = Client(origin, allow_private=True, timeouts=times, connections=1)
        await client.open()
        holding = asyncio.create_task(client.send("GET", "/", {}))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="in time"):
            await client.send("GET", "/", {})
        await client.aclose()
        with pytest.raises(Unavailable, match="broke"):
            await holding


async def test_who_is_cancelled_when_its_turn_comes_lets_the_next_one_go() -> None:
    handle, asked = numbered(saying(reply(200)))
    async with answering(handle) as origin:
        client = Client(origin, allow_private=True, connections=1)
        await client.open()
        assert client._pool is not None
        holding = await client.send("GET", "/a", {})
        first, second = [
            asyncio.create_task(client.send("GET", target, {})) for target in ("/b", "/c")
        ]
        while len(client._pool._waiters) < 2:
            await asyncio.sleep(0)
        await holding.aclose()
        first.cancel()
        await (await second).aclose()
        await client.aclose()
    assert first.cancelled()
    assert asked == ["1 GET /a", "1 GET /c"]


async def test_closing_ends_requests_and_who_waits_for_a_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handle, asked = numbered(silent)
    made = 0

    async def counted(*given: Any, **more: Any) -> Connection:
        nonlocal made
        made += 1
        return await connected(*given, **more)

    monkeypatch.setattr("backends.http.client.connected", counted)
    async with answering(handle) as origin:
        client = Client(origin, allow_private=True, connections=1)
        await client.open()
        tasks = [asyncio.create_task(client.send("GET", "/", {})) for _ in range(3)]
        while not asked:
            await asyncio.sleep(0)
        await client.aclose()
        for task in tasks:
            with pytest.raises(Unavailable, match="broke"):
                await task
    assert made == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PROPFIND"])
@pytest.mark.parametrize("ends", [True, False])
async def test_a_question_on_a_connection_that_was_closed_meanwhile_is_asked_again_once(
    method: str, ends: bool
) -> None:
    def answer(number: int, reader: StreamReader, writer: StreamWriter) -> None:
        if len(asked) == 2 or (number == 2 and ends):
            writer.transport.abort()  # it has read the request, and answers nothing
        else:
            writer.write(reply(200))

    handle, asked = numbered(answer)
    async with answering(handle) as origin, client_of(origin) as client:
        await (await client.send(method, "/k", {})).aclose()
        if ends:
            with pytest.raises(Unavailable, match="broke"):
                await client.send(method, "/k", {})
        else:
            await (await client.send(method, "/k", {})).aclose()
    assert asked == [f"1 {method} /k", f"1 {method} /k", f"2 {method} /k"]


async def test_what_is_asked_again_is_asked_on_a_connection_that_was_not_kept() -> None:
    def answer(number: int, reader: StreamReader, writer: StreamWriter) -> None:
        if number < 3 and sum(each.startswith(f"{number} ") for each in asked) == 2:
            writer.transport.abort()
        else:
            writer.write(reply(200))

    handle, asked = numbered(answer)
    async with answering(handle) as origin, client_of(origin) as client:
        kept = [await client.send("GET", "/", {}) for _ in range(2)]
        for got in kept:
            await got.aclose()
        await (await client.send("GET", "/", {})).aclose()
    assert asked == ["1 GET /", "2 GET /", "2 GET /", "3 GET /"]


async def test_a_question_that_was_begun_to_be_answered_is_not_asked_again() -> None:
    def answer(number: int, reader: StreamReader, writer: StreamWriter) -> None:
        if len(asked) == 2:
            writer.write(b"HTTP/1.1 200 OK\r\n")
            writer.close()
        else:
            writer.write(reply(200))

    handle, asked = numbered(answer)
    async with answering(handle) as origin, client_of(origin) as client:
        await (await client.send("GET", "/", {})).aclose()
        with pytest.raises(Unavailable):
            await client.send("GET", "/", {})
    assert len(asked) == 2


async def test_a_connection_that_the_storage_has_closed_is_not_used() -> None:
    closed = asyncio.Event()

    def answer(number: int, reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(reply(200))
        if number == 1:
            writer.close()
            closed.set()

    handle, asked = numbered(answer)
    async with answering(handle) as origin, client_of(origin) as client:
        await (await client.send("PUT", "/", {}, body=b"")).aclose()
        await closed.wait()
        while client._pool is not None and client._pool._idle:
            await asyncio.sleep(0)
        await (await client.send("PUT", "/", {}, body=b"")).aclose()
    assert asked == ["1 PUT /", "2 PUT /"]


async def test_a_connection_that_is_about_to_close_is_not_used() -> None:
    handle, asked = numbered(saying(reply(200)))
    async with answering(handle) as origin, client_of(origin) as client:
        await (await client.send("PUT", "/", {}, body=b"")).aclose()
        assert client._pool is not None
        client._pool._idle[0].abort()  # the loop has not heard of it yet
        await (await client.send("PUT", "/", {}, body=b"")).aclose()
    assert asked == ["1 PUT /", "2 PUT /"]


@pytest.mark.parametrize(
    "said",
    [
        reply(200, connection="close"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        reply(200) + reply(200, b"another"),
        reply(200) + b"x",
    ],
    ids=["said so", "1.0", "an answer too many", "a byte too many"],
)
async def test_a_connection_that_cannot_be_trusted_any_more_is_not_used_again(said: bytes) -> None:
    handle, asked = numbered(saying(said))
    async with answering(handle) as origin, client_of(origin) as client:
        for _ in range(2):
            assert await (await client.send("GET", "/", {})).document(0) == b""
    assert asked == ["1 GET /", "2 GET /"]


async def test_an_answer_that_nobody_asked_for_is_nobodys() -> None:
    said = asyncio.Event()

    async def answer(number: int, reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(reply(200, b"%d" % number))
        if number == 1:
            await said.wait()
            writer.write(reply(200, b"of another"))

    handle, _ = numbered(answer)
    async with answering(handle) as origin, client_of(origin) as client:
        assert await (await client.send("GET", "/", {})).document(9) == b"1"
        said.set()
        while client._pool is not None and client._pool._idle:
            await asyncio.sleep(0)
        assert await (await client.send("GET", "/", {})).document(9) == b"2"


async def test_what_was_not_read_of_an_answer_closes_its_connection() -> None:
    handle, asked = numbered(saying(reply(200, b"abc", content_length="9")))
    async with answering(handle) as origin, client_of(origin) as client:
        for _ in range(2):
            await (await client.send("GET", "/", {})).aclose()
    assert asked == ["1 GET /", "2 GET /"]


async def test_connections_that_nobody_uses_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "IDLE_S", 0.05)
    gone = asyncio.Event()

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await head_of(reader)
        writer.write(reply(200))
        assert await reader.read() == b""
        gone.set()

    async with answering(handle) as origin, client_of(origin) as client:
        await (await client.send("GET", "/", {})).aclose()
        await gone.wait()


async def test_a_connection_of_its_own_is_nothing_before_it_is_made() -> None:
    connection = Connection(lambda _: None)
    assert not connection.is_usable
    with pytest.raises(ConnectionResetError):
        connection.write(b"x")

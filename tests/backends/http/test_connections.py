# ruff: noqa: ARG001 - a handler takes both streams
"""Connections that are kept, shared, broken and bounded, against a server that does as it is told."""

import asyncio
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

from backends.errors import Damaged, Unavailable
from backends.http import pool
from backends.http.addresses import AddressRefused
from backends.http.client import Client, Timeouts
from backends.http.connecting import Address, connected, first_of
from backends.http.connection import Connection
from backends.http.origin import Origin
from tests.backends.http.answering import Handle, answering, head_of, reply
from tests.backends.http.test_client import SHORT, client_of, never

WHOLE = reply(200, b"hello world")


def numbered(
    answers: Callable[[int, StreamReader, StreamWriter], object],
) -> tuple[Handle, list[str]]:
    """A handler that is told which connection it is; and the requests of all, with its number."""
    asked: list[str] = []
    count = 0

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        nonlocal count
        count += 1
        number = count
        while True:
            asked.append(f"{number} {(await head_of(reader))[0].rpartition(' ')[0]}")
            done = answers(number, reader, writer)
            if asyncio.iscoroutine(done):
                await done
            if writer.is_closing():
                return

    return handle, asked


def saying(said: bytes) -> Callable[[int, StreamReader, StreamWriter], object]:
    """The same to every request."""

    def answer(_: int, reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(said)

    return answer


async def silent(_: int, reader: StreamReader, writer: StreamWriter) -> None:
    await never()


async def whole_of(client: Client) -> bytes:
    got = await client.send("GET", "/k", {})
    try:
        return b"".join([piece async for piece in got.pieces(11)])
    finally:
        await got.aclose()


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


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    handle, asked = numbered(saying(reply(200)))
    elsewhere, passed = numbered(saying(reply(200)))
    async with answering(handle) as origin, answering(elsewhere) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, str(proxy))
        async with client_of(origin) as client:
            await (await client.send("GET", "/", {})).aclose()
    assert (asked, passed) == (["1 GET /"], [])


# Addresses


def addresses(*hosts: str) -> list[Address]:
    return [
        (socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, 1))
        for host in hosts
    ]


async def test_the_next_address_is_tried_beside_one_that_does_not_answer() -> None:
    dismissed: list[str] = []
    cancelled = []

    async def attempt(address: Address) -> str:
        host = str(address[4][0])
        if host == "1.1.1.1":
            try:
                await never()
            except asyncio.CancelledError:
                cancelled.append(host)
                raise
        return host

    found = await first_of(addresses("1.1.1.1", "2.2.2.2"), attempt, dismiss=dismissed.append)
    assert (found, cancelled, dismissed) == ("2.2.2.2", ["1.1.1.1"], [])


async def test_what_fails_at_once_does_not_wait() -> None:
    tried = []

    async def attempt(address: Address) -> str:
        tried.append(str(address[4][0]))
        if len(tried) < 3:
            raise ConnectionRefusedError(f"no {tried[-1]}")
        return tried[-1]

    hosts = addresses("1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4")
    assert await first_of(hosts, attempt, dismiss=lambda _: None) == "3.3.3.3"
    assert tried == ["1.1.1.1", "2.2.2.2", "3.3.3.3"]


async def test_of_two_that_succeed_at_once_one_is_dismissed() -> None:
    dismissed: list[str] = []
    both = asyncio.Event()
    begun = []

    async def attempt(address: Address) -> str:
        begun.append(address)
        if len(begun) == 2:
            both.set()
        await both.wait()
        return str(address[4][0])

    found = await first_of(addresses("1.1.1.1", "2.2.2.2"), attempt, dismiss=dismissed.append)
    assert {found, *dismissed} == {"1.1.1.1", "2.2.2.2"}
    assert len(dismissed) == 1


async def test_an_address_that_was_refused_is_told_only_if_nothing_else_was_tried() -> None:
    async def attempt(address: Address) -> str:
        if address[4][0] == "10.0.0.1":
            raise AddressRefused("private")
        raise ConnectionRefusedError("nobody")

    for hosts, error in (
        (("10.0.0.1", "10.0.0.1"), AddressRefused),
        (("10.0.0.1", "1.1.1.1"), ConnectionRefusedError),
    ):
        with pytest.raises(error):
            await first_of(addresses(*hosts), attempt, dismiss=lambda _: None)


def stand_for(monkeypatch: pytest.MonkeyPatch, found: list[Address]) -> None:
    """Let the name storage.test stand for these addresses."""
    loop = asyncio.get_running_loop()
    real = loop.getaddrinfo

    async def getaddrinfo(host: str, port: int, **more: int) -> list[Address]:
        return found if host == "storage.test" else list(await real(host, port, **more))

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)


async def test_a_name_is_connected_to_at_each_of_its_addresses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handle, asked = numbered(saying(reply(200)))
    async with answering(handle) as origin:
        # Nobody listens there: ::1 is refused, or there is no IPv6 at all.
        v6 = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", origin.port, 0, 0))
        v4 = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", origin.port))
        stand_for(monkeypatch, [v6, v4])
        named = Origin(scheme="http", host="storage.test", port=origin.port)
        async with client_of(named) as client:
            await (await client.send("GET", "/", {})).aclose()
    assert asked == ["1 GET /"]


async def test_no_address_of_a_name_is_connected_to_that_is_not_public(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handle, asked = numbered(saying(reply(200)))
    reached = []
    async with answering(handle) as origin:
        v4 = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", origin.port))
        mapped = ("::ffff:127.0.0.1", origin.port, 0, 0)
        stand_for(monkeypatch, [v4, (socket.AF_INET6, socket.SOCK_STREAM, 6, "", mapped)])

        async def connect(_: socket.socket, where: object) -> None:
            reached.append(where)

        monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
        client = Client(Origin(scheme="http", host="storage.test", port=origin.port))
        await client.open()
        with pytest.raises(Exception, match="allow_private"):
            await client.send("GET", "/", {})
        await client.aclose()
    assert (asked, reached) == ([], [])


async def test_a_connection_of_its_own_is_nothing_before_it_is_made() -> None:
    connection = Connection(lambda _: None)
    assert not connection.is_usable
    with pytest.raises(ConnectionResetError):
        connection.write(b"x")

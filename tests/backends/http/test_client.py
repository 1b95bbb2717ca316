# ruff: noqa: ARG001 - a handler takes both streams
"""The client of storages behind HTTP, against a server that does as it is told."""

import asyncio
import gzip
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from backends.errors import Damaged, Denied, Unavailable
from backends.http.client import MAX_EXCERPT, Client, Timeouts
from backends.http.origin import Origin
from tests.backends.http.answering import answering, head_of, reply
from tests.backends.making import body

SHORT = Timeouts(connect_s=5, connection_s=5, stall_s=0.3, answer_s=0.3)


@asynccontextmanager
async def client_of(origin: Origin, timeouts: Timeouts | None = None) -> AsyncIterator[Client]:
    client = Client(origin, allow_private=True, timeouts=timeouts)
    await client.open()
    try:
        yield client
    finally:
        await client.aclose()


async def never() -> None:
    await asyncio.Event().wait()


async def test_a_request_goes_out_as_it_is_given() -> None:
    heads = []

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        heads.append(await head_of(reader))
        writer.write(reply(200, set_cookie="a=b"))
        heads.append(await head_of(reader))
        writer.write(reply(200))

    async with answering(handle) as origin, client_of(origin) as client:
        target = "/a/../b//c%2fd/./%2e%2E?x=%20&y&z=a+b"
        for _ in range(2):
            answer = await client.send("GET", target, {"x-amz-date": "now"})
            assert await answer.document(10) == b""
    wanted = [
        f"GET {target} HTTP/1.1",
        f"Host: {origin.authority}",
        "x-amz-date: now",
        "Accept-Encoding: identity",
    ]
    assert heads == [wanted, wanted]  # no cookie either


async def test_nothing_is_inflated() -> None:
    packed = gzip.compress(b"x" * 500)

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await head_of(reader)
        writer.write(reply(200, packed, content_encoding="gzip"))

    async with answering(handle) as origin, client_of(origin) as client:
        answer = await client.send("GET", "/", {})
        assert [piece async for piece in answer.pieces(len(packed))] == [packed]


async def test_a_redirect_is_an_answer_like_any_other() -> None:
    asked = []

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        asked.append((await head_of(reader))[0])
        writer.write(reply(307, location="/elsewhere"))

    async with answering(handle) as origin, client_of(origin) as client:
        answer = await client.send("GET", "/here", {"authorization": "secret"})
        assert answer.status == 307
        await answer.aclose()
    assert asked == ["GET /here HTTP/1.1"]


async def test_a_private_address_is_connected_to_only_if_that_is_allowed() -> None:
    connections = []

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        connections.append(writer)

    async with answering(handle) as origin:
        for host in ("127.0.0.1", "localhost"):
            client = Client(Origin(scheme="http", host=host, port=origin.port))
            await client.open()
            with pytest.raises(Denied, match="allow_private"):
                await client.send("GET", "/", {})
            await client.aclose()
    assert connections == []


@pytest.mark.parametrize("kept", [b"abc" * 100_000, b"ab", b""])
async def test_a_body_is_sent_whole(kept: bytes) -> None:
    got = []

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        for _ in range(2):
            head = await head_of(reader)
            assert "Transfer-Encoding: chunked" not in head
            assert f"Content-Length: {len(kept)}" in head
            got.append(await reader.readexactly(len(kept)))
            writer.write(reply(201))

    async with answering(handle) as origin, client_of(origin) as client:
        pieces = body(kept[:1], b"", kept[1:-1], kept[-1:] if len(kept) > 1 else b"")
        for sent, size in ((kept, None), (pieces, len(kept))):
            answer = await client.send("PUT", "/k", {}, body=sent, size=size)
            assert answer.status == 201
            await answer.aclose()
    assert got == [kept, kept]


class Broken(Exception):
    pass


async def test_a_body_that_fails_or_has_another_size_is_never_sent_whole() -> None:
    arrived: list[int] = []
    ended = asyncio.Event()

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        head = await head_of(reader)
        assert "Content-Length: 6" in head
        arrived.append(len(await reader.read()) if len(arrived) < 4 else 0)
        ended.set()

    async def failing(error: Exception) -> AsyncIterator[bytes]:
        yield b"abc"
        yield b"def"
        raise error

    async with answering(handle) as origin, client_of(origin) as client:
        for source, error in (
            (body(b"ab", b"cd"), Damaged),
            (body(b"abc", b"def", b"g"), Damaged),
            (failing(Broken()), Broken),
            (failing(ConnectionResetError()), ConnectionResetError),
        ):
            ended.clear()
            with pytest.raises(error):
                await client.send("PUT", "/k", {}, body=source, size=6)
            await ended.wait()
    assert len(arrived) == 4
    assert max(arrived) < 6


async def test_a_cancelled_request_is_cut() -> None:
    begun = asyncio.Event()
    ended = asyncio.Event()
    arrived = []

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await head_of(reader)
        arrived.append(await reader.readexactly(1))
        begun.set()
        arrived.append(await reader.read())
        ended.set()

    async def stalling() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"
        await never()

    async with answering(handle) as origin, client_of(origin) as client:
        sending = asyncio.create_task(client.send("PUT", "/k", {}, body=stalling(), size=2))
        await begun.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await ended.wait()
    assert arrived == [b"a", b""]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
async def test_what_may_change_something_is_sent_once(method: str) -> None:
    asked = []  # on a connection that was kept

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await head_of(reader)
        writer.write(reply(200))
        asked.append((await head_of(reader))[0])

    async with answering(handle) as origin, client_of(origin) as client:
        await (await client.send("GET", "/first", {})).document(0)
        with pytest.raises(Unavailable, match="broke"):
            await client.send(method, "/k", {}, body=b"x")
    assert len(asked) == 1


async def test_success_before_the_whole_body_is_none() -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await head_of(reader)
        writer.write(reply(200))
        await never()

    async with answering(handle) as origin, client_of(origin) as client:
        with pytest.raises(Unavailable, match="part of a body"):
            await client.send("PUT", "/k", {}, body=_held(), size=3)


async def test_a_refusal_before_the_whole_body_is_heard() -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await head_of(reader)
        writer.write(reply(403, b"no"))
        await never()

    async with answering(handle) as origin, client_of(origin) as client:
        answer = await client.send("PUT", "/k", {}, body=_held(), size=3)
        assert (answer.status, await answer.excerpt()) == (403, b"no")


async def test_no_byte_of_a_body_is_asked_for_before_the_storage_agrees() -> None:
    pulled = []

    async def source() -> AsyncIterator[bytes]:
        pulled.append(1)
        yield b"ab"

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        assert "Expect: 100-continue" in await head_of(reader)
        writer.write(reply(412))

    async with answering(handle) as origin, client_of(origin) as client:
        answer = await client.send("PUT", "/k", {}, body=source(), size=2, expect_continue=True)
        assert answer.status == 412
        await answer.aclose()
    assert pulled == []


async def _held() -> AsyncIterator[bytes]:
    yield b"a"
    yield b"b"
    await never()


async def test_a_storage_that_takes_nothing_is_given_up() -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await never()

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield bytes(1024 * 1024)

    async with answering(handle) as origin, client_of(origin, SHORT) as client:
        with pytest.raises(Unavailable, match="in time"):
            await client.send("PUT", "/k", {}, body=endless(), size=1000 * 1024 * 1024)


async def test_a_source_that_is_slow_is_waited_for() -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await head_of(reader)
        assert await reader.readexactly(3) == b"abc"
        writer.write(reply(200))

    async def slow() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"
        await asyncio.sleep(3 * SHORT.stall_s)
        yield b"c"

    async with answering(handle) as origin, client_of(origin, SHORT) as client:
        answer = await client.send("PUT", "/k", {}, body=slow(), size=3)
        assert answer.status == 200
        await answer.aclose()


@pytest.mark.parametrize("sent", [None, b"x"])
async def test_a_storage_that_does_not_answer_is_given_up(sent: bytes | None) -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n")
        await never()

    async with answering(handle) as origin, client_of(origin, SHORT) as client:
        with pytest.raises(Unavailable, match="in time"):
            await client.send("POST", "/k", {}, body=None if sent is None else body(sent), size=1)


async def test_a_body_that_stalls_breaks_off_or_is_longer_is_told() -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        match (await head_of(reader))[0].split()[1]:
            case "/stalls":
                writer.write(reply(200, b"abc", content_length="6"))
                await never()
            case "/breaks":
                writer.write(reply(200, b"abc", content_length="6"))
            case "/chunked":
                writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
            case "/longer":
                writer.write(reply(200, b"abcdefgh"))
            case _:
                writer.write(reply(200, b"abcde"))

    async with answering(handle) as origin, client_of(origin, SHORT) as client:
        for target, error in (
            ("/stalls", Unavailable),
            ("/breaks", Damaged),
            ("/chunked", Damaged),
            ("/longer", Damaged),
            ("/shorter", Damaged),
        ):
            answer = await client.send("GET", target, {})
            with pytest.raises(error):
                [piece async for piece in answer.pieces(6)]
            await answer.aclose()


async def test_documents_are_bounded() -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await head_of(reader)
        writer.write(reply(500, b"x" * 2 * MAX_EXCERPT))

    async with answering(handle) as origin, client_of(origin) as client:
        answer = await client.send("GET", "/", {})
        assert await answer.excerpt() == b"x" * MAX_EXCERPT
        answer = await client.send("GET", "/", {})
        with pytest.raises(Unavailable, match="too long"):
            await answer.document(2 * MAX_EXCERPT - 1)
        answer = await client.send("GET", "/", {})
        assert len(await answer.document(2 * MAX_EXCERPT)) == 2 * MAX_EXCERPT


@pytest.mark.parametrize(
    "said", [b"", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: " + b"x" * 99_999]
)
async def test_what_is_no_answer_is_unavailable(said: bytes) -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await head_of(reader)
        writer.write(said)
        await writer.drain()

    async with answering(handle) as origin, client_of(origin) as client:
        with pytest.raises(Unavailable):
            await client.send("GET", "/", {})


async def test_what_cannot_be_reached_is_unavailable() -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        pass

    async with answering(handle) as origin:
        pass
    hosts = {origin.host: "Connection refused", "no-such-name.invalid": "[Nn]ame"}
    for host, told in hosts.items():
        gone = Origin(scheme="http", host=host, port=origin.port)
        async with client_of(gone) as client:
            with pytest.raises(Unavailable, match=rf"cannot be connected to \(.*{told}[^()]*\)$"):
                await client.send("GET", "/", {})


async def test_plain_http_where_tls_should_be_is_told() -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.read(1)
        writer.write(reply(400))

    async with answering(handle) as origin:
        wrong = Origin(scheme="https", host=origin.host, port=origin.port)
        async with client_of(wrong) as client:
            with pytest.raises(Unavailable, match="TLS"):
                await client.send("GET", "/", {})


async def test_what_is_closed_can_be_opened_again() -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await head_of(reader)
        writer.write(reply(200))

    async with answering(handle) as origin:
        client = Client(origin, allow_private=True)
        for _ in range(2):
            with pytest.raises(Unavailable, match="not open"):
                await client.send("GET", "/", {})
            await client.open()
            await (await client.send("GET", "/", {})).aclose()
            await client.aclose()
            await client.aclose()


@pytest.mark.parametrize("host", ["a..b", f"{'a' * 64}.test"])
async def test_a_name_that_cannot_be_looked_for_is_unavailable(host: str) -> None:
    async with client_of(Origin(scheme="http", host=host, port=80)) as client:
        with pytest.raises(Unavailable, match="no such name"):
            await client.send("GET", "/", {})

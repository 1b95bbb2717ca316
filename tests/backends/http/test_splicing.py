# ruff: noqa: ARG001 - a handler takes both streams
"""Answers that go from the socket into a pipe: the same bytes, the same errors, no connection misused."""

import asyncio
import os
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.errors import Damaged, Unavailable
from backends.http.client import Answer, Client
from tests.backends.http.answering import answering, head_of, reply
from tests.backends.http.scripted import numbered, saying
from tests.backends.http.test_client import SHORT, client_of, never
from tests.backends.http.test_tls import served_with

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="others have no splice")
SIZE = 4 * 1024**2 + 17
DATA = os.urandom(SIZE)
WHOLE = reply(200, DATA)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    end, begin = os.pipe()
    yield end, begin
    os.close(end)
    os.close(begin)


class Taken:
    """What came of an answer: all of it, and how much by the pipe."""

    def __init__(self, pipe: tuple[int, int]) -> None:
        self.data = bytearray()
        self.by_pipe = 0
        self._pipe = pipe

    async def of(self, answer: Answer, *, most: int = SIZE) -> None:
        """Up to ``most`` bytes or a piece more."""
        async for piece in answer.spliced(SIZE, self._pipe[1]):
            self.take(piece)
            if len(self.data) >= most:
                return

    def take(self, piece: bytes | int) -> None:
        if isinstance(piece, bytes):
            self.data += piece
            return
        self.by_pipe += piece
        while piece:
            got = os.read(self._pipe[0], piece)
            self.data += got
            piece -= len(got)


async def whole_of(client: Client, pipe: tuple[int, int]) -> Taken:
    taken = Taken(pipe)
    answer = await client.send("GET", "/k", {})
    try:
        assert answer.can_splice(SIZE)
        await taken.of(answer)
    finally:
        await answer.aclose()
    return taken


async def test_all_of_it_comes_and_the_connection_is_used_again(pipe: tuple[int, int]) -> None:
    handle, asked = numbered(saying(WHOLE))
    async with answering(handle) as origin, client_of(origin) as client:
        for _ in range(3):
            taken = await whole_of(client, pipe)
            assert taken.data == DATA
            assert taken.by_pipe > SIZE // 2
            answer = await client.send("GET", "/again", {})
            assert b"".join([piece async for piece in answer.pieces(SIZE)]) == DATA
            await answer.aclose()
    assert asked == ["1 GET /k", "1 GET /again"] * 3


async def test_it_goes_on_where_pieces_were_given_before(pipe: tuple[int, int]) -> None:
    handle, _ = numbered(saying(WHOLE))
    async with answering(handle) as origin, client_of(origin) as client:
        answer = await client.send("GET", "/k", {})
        taken = Taken(pipe)
        pieces = aiter(answer.pieces(SIZE))
        taken.take(await anext(pieces))
        taken.take(await anext(pieces))
        await taken.of(answer)
        assert taken.data == DATA
        assert taken.by_pipe
        await answer.aclose()


async def test_what_comes_in_drops_is_waited_for(pipe: tuple[int, int]) -> None:
    taken = Taken(pipe)

    async def answer(_: int, reader: StreamReader, writer: StreamWriter) -> None:
        for at in range(0, len(WHOLE), 300_001):
            writer.write(WHOLE[at : at + 300_001])
            await writer.drain()
            while len(taken.data) + 1000 < at:  # the next comes when nothing is there any more
                await asyncio.sleep(0)

    handle, _ = numbered(answer)
    async with answering(handle) as origin, client_of(origin) as client:
        got = await client.send("GET", "/k", {})
        await taken.of(got)
        await got.aclose()
    assert taken.data == DATA
    assert taken.by_pipe


@pytest.mark.parametrize("at", [600_000, SIZE // 2, SIZE - 1])
async def test_one_that_breaks_off_is_damaged(pipe: tuple[int, int], at: int) -> None:
    async def answer(_: int, reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(reply(200, DATA[:at], content_length=str(SIZE)))
        writer.close()

    handle, asked = numbered(answer)
    async with answering(handle) as origin, client_of(origin) as client:
        got = await client.send("GET", "/k", {})
        taken = Taken(pipe)
        with pytest.raises(Damaged, match="broke off"):
            await taken.of(got)
        await got.aclose()
        assert taken.data == DATA[:at]
        with pytest.raises(Damaged):  # on a connection of its own
            await whole_of(client, pipe)
    assert asked == ["1 GET /k", "2 GET /k"]


async def test_one_that_stalls_is_given_up_in_time(pipe: tuple[int, int]) -> None:
    gone = asyncio.Event()

    async def answer(_: int, reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(WHOLE[:-1])
        await reader.read()
        gone.set()
        writer.close()

    handle, _ = numbered(answer)
    async with answering(handle) as origin, client_of(origin, SHORT) as client:
        got = await client.send("GET", "/k", {})
        taken = Taken(pipe)
        with pytest.raises(Unavailable):
            await taken.of(got)
        await got.aclose()
        assert taken.data == DATA[:-1]
        await gone.wait()


@pytest.mark.parametrize("more", [b"HTTP/1.1 200 Said\r\ncontent-length: 0\r\n\r\n", b"\0"])
async def test_a_connection_that_gives_more_is_not_used_again(
    pipe: tuple[int, int], more: bytes
) -> None:
    async def answer(number: int, reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(WHOLE + (more if number == 1 else b""))

    handle, asked = numbered(answer)
    async with answering(handle) as origin, client_of(origin) as client:
        for _ in range(2):
            assert (await whole_of(client, pipe)).data == DATA
    assert asked == ["1 GET /k", "2 GET /k"]


async def test_who_leaves_early_closes_the_connection(pipe: tuple[int, int]) -> None:
    left = asyncio.Event()

    async def answer(_: int, reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(WHOLE)
        try:
            await reader.read()
        finally:
            left.set()

    handle, _ = numbered(answer)
    async with answering(handle) as origin, client_of(origin) as client:
        got = await client.send("GET", "/k", {})
        taken = Taken(pipe)
        await taken.of(got, most=SIZE // 2)
        assert taken.by_pipe
        await got.aclose()
        await left.wait()


async def test_a_client_that_is_closed_ends_it(pipe: tuple[int, int]) -> None:
    async def answer(_: int, reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(WHOLE[:-1])
        await never()

    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    handle, _ = numbered(answer)
    async with answering(handle) as origin, client_of(origin) as client:
        got = await client.send("GET", "/k", {})
        taken = Taken(pipe)
        taking = asyncio.create_task(taken.of(got))
        while len(taken.data) < SIZE - 1:
            await asyncio.sleep(0)
        await client.aclose()
        with pytest.raises(Damaged):
            await taking
        await got.aclose()
        await client.open()
    # The loop has some of its own; the connection, its duplicate and the server's end are closed.
    assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors + 1


async def test_what_has_come_is_not_looked_at_while_nobody_asks(pipe: tuple[int, int]) -> None:
    """A slow reader of ours costs no turn of the loop, though the storage had to be waited for."""
    at, is_waited_for = len(WHOLE) // 4, asyncio.Event()

    async def answer(_: int, reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(WHOLE[:at])
        await is_waited_for.wait()
        writer.write(WHOLE[at:])

    handle, _ = numbered(answer)
    async with answering(handle) as origin, client_of(origin) as client:
        got = await client.send("GET", "/k", {})
        connection = got._connection
        assert connection is not None
        taken = Taken(pipe)
        taking = asyncio.create_task(taken.of(got, most=SIZE // 2))
        while connection._reader is None or not taken.by_pipe:
            await asyncio.sleep(0)
        assert len(taken.data) < at
        is_waited_for.set()
        await taking
        tap = connection._tap
        assert tap is not None
        assert not asyncio.get_running_loop().remove_reader(tap._number)
        await got.aclose()


async def test_small_and_chunked_and_other_lengths_are_not_spliced() -> None:
    answers = iter(
        [
            reply(200, bytes(1000)),
            b"HTTP/1.1 200 Said\r\ntransfer-encoding: chunked\r\n\r\n400011\r\n"
            + DATA
            + b"\r\n0\r\n\r\n",
            reply(200, DATA + b"x"),
            reply(200, DATA, connection="close")[: -len(DATA)].replace(b"content-length", b"x-l")
            + DATA,
        ]
    )

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await head_of(reader)
        writer.write(next(answers))

    async with answering(handle) as origin, client_of(origin) as client:
        for _ in range(4):
            got = await client.send("GET", "/k", {})
            assert not got.can_splice(SIZE)
            await got.aclose()


async def test_nothing_is_spliced_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server, authority = served_with(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    handle, _ = numbered(saying(WHOLE))
    async with answering(handle, server) as origin, client_of(origin) as client:
        got = await client.send("GET", "/k", {})
        assert not got.can_splice(SIZE)
        assert b"".join([piece async for piece in got.pieces(SIZE)]) == DATA
        await got.aclose()

# ruff: noqa: ARG001 - a handler takes both streams
"""Servers that do on each connection as they are told, and what was asked of them."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable

from backends.http.client import Client
from tests.backends.http.answering import Handle, head_of, reply
from tests.backends.http.test_client import never

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

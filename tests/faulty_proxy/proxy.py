"""A proxy between a storage and its service that does to requests what a test wants."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from backends.http.origin import Origin
from tests.faulty_proxy.faults import (
    CutAnswer,
    CutRequest,
    Fault,
    NoAnswer,
    Rewrite,
    Say,
    SayAfter,
    StallAnswer,
    StallRequest,
)

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


class _End(Exception):
    """The connection is to end."""


class FaultyProxy:
    """Each request takes the next of ``faults``; when there is none, or None, ``choose`` says by its line
    what is to happen to it: None, and it is passed on."""

    def __init__(self, service: Origin) -> None:
        self.faults: deque[Fault | None] = deque()
        self.choose: Callable[[str], Fault | None] = lambda _line: None
        self.requests: list[str] = []
        """The request lines that came."""
        self._service = service

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a storage, which may hold several requests."""
        with suppress(_End, ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head.decode().partition(" HTTP/1.1\r\n")[0])
                fault = self.faults.popleft() if self.faults else None
                fault = fault or self.choose(self.requests[-1])
                await self._serve_one(head, reader, writer, fault)

    async def _serve_one(
        self,
        head: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        fault: Fault | None,
    ) -> None:
        if isinstance(fault, StallRequest):
            await asyncio.Event().wait()
        found = _LENGTH.search(head)
        size = int(found[1]) if found else 0
        wanted = min(size, fault.after) if isinstance(fault, CutRequest) else size
        kept = await reader.readexactly(wanted)
        if isinstance(fault, Say):
            answer = _said(fault)
        else:
            answer = await self._asked(head, kept, ended=len(kept) == size)
        match fault:
            case CutRequest() | NoAnswer():
                raise _End
            case SayAfter():
                answer = _said(fault.say)
            case Rewrite():
                answer = fault.change(*answer)
            case CutAnswer() | StallAnswer():
                writer.write(answer[0] + answer[1][: fault.after])
                await writer.drain()
                if isinstance(fault, CutAnswer):
                    raise _End
                await asyncio.Event().wait()
            case _:
                pass
        writer.write(answer[0] if head.startswith(b"HEAD ") else b"".join(answer))
        await writer.drain()

    async def _asked(self, head: bytes, body: bytes, *, ended: bool) -> tuple[bytes, bytes]:
        """Head and body of the service's answer; nothing if the request had no end."""
        reader, writer = await asyncio.open_connection(self._service.host, self._service.port)
        try:
            writer.write(head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + body)
            if not ended:
                await writer.drain()
                return b"", b""
            said = await reader.readuntil(b"\r\n\r\n")
            said = re.sub(rb"\r\nconnection: close", b"", said, flags=re.IGNORECASE)
            return said, await reader.read()
        finally:
            writer.close()


def _said(say: Say) -> tuple[bytes, bytes]:
    lines = [f"HTTP/1.1 {say.status} Said", *(f"{name}: {value}" for name, value in say.headers)]
    if "Content-Length" not in dict(say.headers):  # an answer to HEAD has its own
        lines.append(f"Content-Length: {len(say.body)}")
    return "\r\n".join([*lines, "", ""]).encode(), say.body


@asynccontextmanager
async def faulty_proxy(service: Origin) -> AsyncIterator[tuple[FaultyProxy, Origin]]:
    """A proxy, and its origin."""
    proxy = FaultyProxy(service)
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(asyncio.CancelledError):
                await proxy.serve(reader, writer)
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield (
            proxy,
            Origin(scheme="http", host="127.0.0.1", port=server.sockets[0].getsockname()[1]),
        )
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()

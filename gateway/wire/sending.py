"""A ``Response`` as bytes on the connection."""

import asyncio
import time
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, Protocol

from gateway.s3.message import Response, Stream
from gateway.wire.files import SMALL, Bypass, Way
from gateway.wire.pipes import Pipe

_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}" for status in HTTPStatus
}

_BARE: Final = frozenset({204, 304})
"""Statuses whose answers have no body, and tell no length (RFC 9110, 8.6)."""


class CutShort(Exception):
    """The rest of an answer could not be had: its connection is to be cut."""


class Out(Way, Protocol):
    """The connection an answer goes to."""

    is_secure: bool

    def write(self, data: bytes) -> None:
        """Send bytes. ConnectionResetError if there is nobody to take them."""

    async def taken(self) -> None:
        """Wait until more may be sent. ConnectionResetError."""

    def bypass(self) -> Bypass:
        """The way around its transport. ConnectionResetError if there is nobody left."""

    async def emptied(self) -> None:
        """Wait until all that was written is with the kernel. ConnectionResetError."""


class Sender:
    """Sends answers. ``host_id``: of every answer's x-amz-id-2."""

    def __init__(self, host_id: str) -> None:
        self._host_id = host_id
        self._second = 0
        self._common = ""

    async def send(
        self, out: Out, response: Response, *, request_id: str, to_head: bool, keep: str
    ) -> None:
        """Send head and body; the body's stream is closed in any case.

        ``to_head``: the answer to HEAD. ``keep``: value of the header Connection, "" for none.
        ConnectionError if the client has left. Whatever the stream raises: before anything was sent
        if the body is small, else ``CutShort``.
        """
        body = response.body
        if isinstance(body, bytes):
            bare = response.status in _BARE
            head = self._head(response, request_id, keep, None if bare else len(body))
            out.write(head if bare or to_head else head + body)
            await out.taken()
            return
        try:
            await self._send_stream(out, response, body, request_id, keep, to_head=to_head)
        finally:
            await body.aclose()

    async def _send_stream(
        self,
        out: Out,
        response: Response,
        body: Stream,
        request_id: str,
        keep: str,
        *,
        to_head: bool,
    ) -> None:
        head = self._head(response, request_id, keep, body.length)
        if to_head:
            out.write(head)
        elif body.length <= SMALL and not response.in_pieces:
            out.write(head + b"".join([piece async for piece in body.chunks()]))
        else:
            try:
                await _large(out, head, body, in_pieces=response.in_pieces)
            except ConnectionError:
                raise
            except Exception as error:
                raise CutShort from error
        await out.taken()

    def _head(self, response: Response, request_id: str, keep: str, length: int | None) -> bytes:
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._common = (
                f"x-amz-id-2: {self._host_id}\r\nServer: S3front\r\n"
                f"Date: {formatdate(now, usegmt=True)}\r\n"
            )
        headers = response.headers
        lines = [_STATUS_LINES[response.status], *map(": ".join, headers.items())]
        if length is not None and "Content-Length" not in headers:
            lines.append(f"Content-Length: {length}")
        if keep:
            lines.append(f"Connection: {keep}")
        lines.append(f"x-amz-request-id: {request_id}")
        text = "\r\n".join(lines)
        if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
            raise ValueError("a header holds a line break")
        return f"{text}\r\n{self._common}\r\n".encode("utf-8", "surrogateescape")


async def _large(out: Out, head: bytes, body: Stream, *, in_pieces: bool) -> None:
    descriptor = body.descriptor()
    if out.is_secure or in_pieces:
        await _in_pieces(out, head, body)
    elif descriptor is not None:
        await out.emptied()
        await out.bypass().send_file(head, descriptor, body)
    elif body.can_splice() and (pipe := Pipe.made()) is not None:
        try:
            await _piped(out, head, body, pipe)
        finally:
            pipe.close()
    else:
        await _in_pieces(out, head, body)


async def _in_pieces(out: Out, head: bytes, body: Stream) -> None:
    out.write(head)
    async for piece in body.chunks():
        out.write(piece)
        await out.taken()


async def _piped(out: Out, head: bytes, body: Stream, pipe: Pipe) -> None:
    """What the storage's socket holds goes to the client's; what was read before goes as pieces do."""
    out.write(head)
    async for piece in body.spliced(pipe.begin):
        if isinstance(piece, int):
            await out.emptied()
            await out.bypass().send_piped(pipe.end, piece)
            await asyncio.sleep(0)  # others have their turn
        else:
            out.write(piece)
            await out.taken()

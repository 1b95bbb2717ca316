"""What a fault does to an answer that is ready to be sent."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator

from gateway.s3.message import Response, Stream
from gateway.testing.faults import Cut, Delay, Effect, WrongChecksum

_CHECKSUM = "x-amz-checksum-"


async def disturb(response: Response, effect: Effect, released: asyncio.Event) -> None:
    """Make it happen. ``released`` ends a delay early.

    ConnectionAbortedError if the connection is to be closed without an answer; the body is closed then.
    """
    try:
        match effect:
            case Delay(seconds=seconds):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await released.wait()
            case Cut(after_bytes=after):
                _cut(response, after)
            case WrongChecksum():
                _corrupt(response)
            case _:
                pass
    except BaseException:
        if not isinstance(response.body, bytes):
            await response.body.aclose()
        raise


def _cut(response: Response, after: int | None) -> None:
    body = response.body
    size = len(body) if isinstance(body, bytes) else body.length
    if after is None or not size:
        raise ConnectionAbortedError("cut before the answer, as it was asked for")
    response.body = _CutOff(body, after)
    response.in_pieces = True


def _corrupt(response: Response) -> None:
    if response.status not in {200, 206}:
        return
    body = response.body
    if not isinstance(body, bytes) and body.length:
        response.body = _BitFlipped(body)
        return
    headers = response.headers
    for name, value in headers.items():
        if name == "ETag":
            headers[name] = f'"{"1" if value[1] == "0" else "0"}{value[2:]}'
        elif name.lower().startswith(_CHECKSUM) and not name.lower().endswith("-type"):
            headers[name] = _another(value)


def _another(checksum: str) -> str:
    digest, dash, parts = checksum.partition("-")
    raw = bytearray(base64.b64decode(digest))
    raw[0] ^= 1
    return base64.b64encode(raw).decode() + dash + parts


class _Wrapped(Stream):
    """A body in front of another one."""

    def __init__(self, body: bytes | Stream) -> None:
        self._body = body
        self.first = 0
        self.length = len(body) if isinstance(body, bytes) else body.length

    def descriptor(self) -> int | None:
        """None: the bytes of the file are not those that are sent."""
        return None

    def can_splice(self) -> bool:
        """False, as above."""
        return False

    def spliced(self, pipe: int) -> AsyncIterator[bytes | int]:
        """Nothing but by ``chunks``."""
        raise NotImplementedError

    def check(self) -> None:
        """Nothing is read by a descriptor."""

    async def aclose(self) -> None:
        if not isinstance(self._body, bytes):
            await self._body.aclose()

    async def _pieces(self) -> AsyncIterator[bytes]:
        if isinstance(self._body, bytes):
            yield self._body
            return
        async for piece in self._body.chunks():
            yield piece


class _CutOff(_Wrapped):
    """The first bytes, then the end of the connection."""

    def __init__(self, body: bytes | Stream, after: int) -> None:
        super().__init__(body)
        self._left = after

    async def chunks(self) -> AsyncIterator[bytes]:
        async for piece in self._pieces():
            if self._left:
                yield piece[: self._left]
                self._left -= min(self._left, len(piece))
            if not self._left:
                raise ConnectionAbortedError("cut within the answer, as it was asked for")


class _BitFlipped(_Wrapped):
    """All bytes, the first of them another one."""

    async def chunks(self) -> AsyncIterator[bytes]:
        is_first = True
        async for piece in self._pieces():
            yield bytes((piece[0] ^ 1,)) + piece[1:] if is_first and piece else piece
            is_first = is_first and not piece

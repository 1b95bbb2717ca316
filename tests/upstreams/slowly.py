"""Many clients at once that take and give their bytes in small pieces, on one loop."""

import asyncio
import hashlib
import random
import socket
from contextlib import suppress
from dataclasses import dataclass, field

from tests.live.client import Client
from tests.wire.raw import signed

_PIECE = 4096
_A_LITTLE = 2048
_ENOUGH = 40 * 1024
_PAUSE_S = 0.1
_HURRIED = 256 * 1024


def data_of(seed: str, size: int) -> bytes:
    """Bytes of that size, others for each seed."""
    return random.Random(seed).randbytes(size)


@dataclass(slots=True)
class Slowly:
    """``hurry``: when it is set, all go on as fast as they can."""

    client: Client
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    begun: int = 0
    """How many have had the first bytes of an answer, or sent those of a body."""

    async def read(self, path: str) -> str:
        """The MD5 of all that is answered to a GET. AssertionError if it is no 200."""
        reader, writer = await self._connected()
        try:
            writer.write(signed(self.client, "GET", path))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 "), head
            self.begun += 1
            digest = hashlib.md5()
            left = _length(head)
            while left:
                piece = await reader.readexactly(min(left, self._piece()))
                digest.update(piece)
                left -= len(piece)
                await self._pause()
            return digest.hexdigest()
        finally:
            writer.close()

    async def write(self, path: str, data: bytes) -> bytes:
        """The status line of the answer to a PUT."""
        reader, writer = await self._connected()
        try:
            writer.write(signed(self.client, "PUT", path, f"Content-Length: {len(data)}"))
            at = 0
            while at < len(data):
                piece = data[at : at + self._piece()]
                writer.write(piece)
                await writer.drain()
                self.begun += at == 0
                at += len(piece)
                await self._pause()
            return await reader.readline()
        finally:
            writer.close()

    async def begin(self, path: str, data: bytes) -> "Begun":
        """A PUT of which so much was sent that it has begun at the storage, too."""
        sock = await self._socket()
        head = signed(self.client, "PUT", path, f"Content-Length: {len(data)}")
        await asyncio.get_running_loop().sock_sendall(sock, head + data[:_ENOUGH])
        return Begun(sock, data[_ENOUGH:])

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(sock=await self._socket(), limit=_HURRIED)

    async def _socket(self) -> socket.socket:
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _PIECE)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _PIECE)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.client.port))
        return sock

    def _piece(self) -> int:
        return _HURRIED if self.hurry.is_set() else _PIECE

    async def _pause(self) -> None:
        if not self.hurry.is_set():
            await asyncio.sleep(_PAUSE_S)


@dataclass(slots=True)
class Begun:
    """A PUT whose client takes his time. To be closed."""

    _socket: socket.socket
    _rest: bytes

    def send_some(self) -> None:
        """A little more, if it is taken."""
        with suppress(BlockingIOError, ConnectionError):
            self._rest = self._rest[self._socket.send(self._rest[:_A_LITTLE]) :]

    async def finish(self) -> bytes:
        """The status line of the answer, which may come before all is sent."""
        sending, answer = asyncio.create_task(self._send()), b""
        try:
            while b"\n" not in answer:
                more = await asyncio.get_running_loop().sock_recv(self._socket, _PIECE)
                assert more, answer
                answer += more
        finally:
            sending.cancel()
            await asyncio.wait([sending])
        return answer.partition(b"\n")[0] + b"\n"

    def close(self) -> None:
        """Go away."""
        self._socket.close()

    async def _send(self) -> None:
        with suppress(ConnectionError):
            await asyncio.get_running_loop().sock_sendall(self._socket, self._rest)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise AssertionError(head)

"""A worker's process, seen from its parent: orders go in, a report comes out, it ends."""

import array
import asyncio
import os
import socket
import threading
from collections.abc import Sequence

from gateway.launch import Launched

_AT_ONCE = 200
"""Descriptors in one message; Linux takes 253 (unix(7))."""
_MORE, _ALL = b"+", b"."


class WorkerProcess:
    """A process that waits for its first order.

    Orders are lines on its standard input, a socket, through which the files that it is to hold come
    first. Needs an event loop from ``begin`` on.
    """

    def __init__(self, launched: Launched | None = None) -> None:
        """Start one, unless one was ``launched`` already. OSError if there can be no process."""
        launched = launched or Launched()
        self._popen = launched.process
        self._socket = launched.orders
        self._orders: asyncio.StreamWriter | None = None
        self._ended: asyncio.Future[int] | None = None

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def lives(self) -> bool:
        """Nobody has seen it end."""
        return self._popen.returncode is None

    async def begin(self, order: bytes, files: Sequence[int]) -> None:
        """Give it its first order and descriptors of its own of these files. OSError if it has ended."""
        loop = asyncio.get_running_loop()
        self._ended = loop.create_future()
        self._watch(loop, self._ended)
        self._socket.setblocking(False)
        _send_files(self._socket, files)
        _, self._orders = await asyncio.open_unix_connection(sock=self._socket)
        self._orders.write(order)

    def tell(self, order: bytes) -> None:
        """Give it another order, if it is still there to take it."""
        if self._orders is not None and not self._orders.is_closing():
            self._orders.write(order)

    async def report(self) -> bytes:
        """The line it says of its start; b"" if it ends without."""
        reader = asyncio.StreamReader()
        pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), self._popen.stdout
        )
        try:
            return await reader.readline()
        finally:
            pipe.close()

    async def wait(self) -> int:
        """Its exit code, when it has ended."""
        if self._ended is None:
            raise AssertionError("it was given no order")
        code = await asyncio.shield(self._ended)
        if self._orders is not None:
            self._orders.close()
        return code

    def kill(self) -> None:
        """End it at once. It may have ended already."""
        self._popen.kill()

    def _watch(self, loop: asyncio.AbstractEventLoop, ended: "asyncio.Future[int]") -> None:
        def seen() -> None:
            if not ended.done():
                ended.set_result(self._popen.wait())

        if hasattr(os, "pidfd_open"):
            descriptor = os.pidfd_open(self._popen.pid)

            def readable() -> None:
                loop.remove_reader(descriptor)
                os.close(descriptor)
                seen()

            loop.add_reader(descriptor, readable)
            return

        def wait() -> None:
            self._popen.wait()
            loop.call_soon_threadsafe(seen)

        threading.Thread(target=wait, daemon=True).start()


def _send_files(to: socket.socket, files: Sequence[int]) -> None:
    for begin in range(0, len(files), _AT_ONCE):
        some = files[begin : begin + _AT_ONCE]
        last = begin + _AT_ONCE >= len(files)
        socket.send_fds(to, [_ALL if last else _MORE], list(some))


def receive_files(descriptor: int) -> list[int]:
    """The files that come before the first order, in their order. EOFError if the parent is gone."""
    files: list[int] = []
    with socket.socket(fileno=os.dup(descriptor)) as source:
        while True:
            room = socket.CMSG_LEN(_AT_ONCE * array.array("i").itemsize)
            said, ancillary, _, _ = source.recvmsg(1, room, socket.MSG_CMSG_CLOEXEC)
            for level, kind, data in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    some = array.array("i")
                    some.frombytes(data[: len(data) - len(data) % some.itemsize])
                    files += some
            if said == _ALL:
                return files
            if said != _MORE:
                raise EOFError("no order to start")

"""Sending a file's bytes: the kernel copies them, nobody here does.

uvloop has no sendfile of its own and lends nobody its descriptor, so a duplicate is used.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Final, Protocol

SMALL: Final = 64 * 1024
"""Up to this many bytes are gathered and sent with the head."""
MOST_KEPT: Final = 256
"""Ways around a transport that are kept for the next large file, of all connections together."""
_AT_ONCE: Final = 1024**2
"""Bytes after which others have their turn."""
_NOWAIT: Final = getattr(os, "RWF_NOWAIT", 0)
_MOVING: Final = getattr(os, "SPLICE_F_MOVE", 0) | getattr(os, "SPLICE_F_NONBLOCK", 0)


class Way(Protocol):
    """The connection the bytes go to."""

    transport: asyncio.Transport
    is_lost: bool

    async def wait(self) -> None:
        """Until ``wake`` is called or the client has left."""

    def wake(self) -> None:
        """End ``wait``."""

    def blocked(self, *, is_so: bool) -> None:
        """Whether the client keeps us waiting."""


class Bytes(Protocol):
    """What is sent: ``length`` bytes of a file from ``first`` on."""

    first: int
    length: int

    def check(self) -> None:
        """Raises if they are no longer those that were asked for."""


class Bypass:
    """A duplicate of a connection's descriptor, to write to it around its transport.

    While it is open the socket is, whatever becomes of the transport. Loop thread only; used by one
    task at a time.
    """

    count = 0
    """How many there are."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._loop = asyncio.get_running_loop()
        theirs = way.transport.get_extra_info("socket")
        self._socket = socket.socket(
            theirs.family, theirs.type, theirs.proto, fileno=os.dup(theirs.fileno())
        )
        self._number = self._socket.fileno()
        self._is_watched = False
        self._is_lent = False
        self._is_closing = False
        Bypass.count += 1

    def close(self) -> None:
        """Close it, as soon as no thread uses it."""
        if not self._is_closing:
            self._is_closing = True
            Bypass.count -= 1
        if not self._is_lent:
            self._watch_no_more()
            self._socket.close()

    async def send_file(self, head: bytes, descriptor: int, of: Bytes) -> None:
        """Send ``head`` and bytes of a file. Nothing may wait in the transport's buffer.

        They are checked before the last of them is sent: what that raises cuts the answer short, as
        does EOFError for a file that has become too short. ConnectionError if the client leaves.
        """
        try:
            await self._send(head, is_last=not of.length)
            position, end = of.first, of.first + of.length
            while position < end:
                count = min(_AT_ONCE, end - position)
                is_last = position + count == end
                position += await self._send_some(
                    descriptor, position, count, of.check if is_last else None
                )
                if position < end:
                    await asyncio.sleep(0)
        finally:
            self._watch_no_more()

    async def send_piped(self, pipe: int, count: int) -> None:
        """Send ``count`` bytes, which lie in the pipe whose reading end is ``pipe``. Nothing may wait in
        the transport's buffer. ConnectionError if the client leaves."""
        try:
            while count:
                self._see_who_is_there()
                try:
                    count -= os.splice(pipe, self._number, count, flags=_MOVING)
                except BlockingIOError:
                    await self._writable()
        finally:
            self._watch_no_more()

    async def _send(self, data: bytes, *, is_last: bool) -> None:
        flags = 0 if is_last else getattr(socket, "MSG_MORE", 0)
        while data:
            self._see_who_is_there()
            try:
                data = data[self._socket.send(data, flags) :]
            except BlockingIOError:
                await self._writable()

    async def _send_some(
        self, file: int, position: int, count: int, check: Callable[[], None] | None
    ) -> int:
        """Bytes that were sent of those, one at least."""
        while True:
            self._see_who_is_there()
            if check is not None:
                check()
            try:
                if _is_in_memory(file, position + count - 1):
                    sent = os.sendfile(self._number, file, position, count)
                else:
                    sent = await self._sent_by_a_thread(file, position, count)
            except BlockingIOError:
                await self._writable()
                continue
            if not sent:
                raise EOFError("a file became shorter while it was sent")
            return sent

    async def _sent_by_a_thread(self, file: int, position: int, count: int) -> int:
        """Whoever cancels this waits too: the descriptors are not to be closed under the thread."""
        self._watch_no_more()
        self._is_lent = True
        sending = self._loop.run_in_executor(None, os.sendfile, self._number, file, position, count)
        is_cancelled = False
        while not sending.done():
            try:
                await asyncio.wait([sending])
            except asyncio.CancelledError:
                is_cancelled = True
        self._is_lent = False
        if self._is_closing:
            self.close()
        if is_cancelled:
            sending.exception()  # asked for, so that nobody complains that it was not
            raise asyncio.CancelledError
        return sending.result()

    async def _writable(self) -> None:
        self._see_who_is_there()
        if not self._is_watched:
            self._loop.add_writer(self._number, self._way.wake)
            self._is_watched = True
        self._way.blocked(is_so=True)
        try:
            await self._way.wait()
        finally:
            self._way.blocked(is_so=False)

    def _see_who_is_there(self) -> None:
        if self._way.is_lost:
            raise ConnectionResetError("the client has left")

    def _watch_no_more(self) -> None:
        if self._is_watched:
            self._loop.remove_writer(self._number)
            self._is_watched = False


def _is_in_memory(file: int, position: int) -> bool:
    """Whether that byte can be had without waiting for a disk: those before it were read on the way."""
    if not _NOWAIT:
        return False
    try:
        os.preadv(file, [bytearray(1)], position, _NOWAIT)
    except OSError:
        return False
    return True

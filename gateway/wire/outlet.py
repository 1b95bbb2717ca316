"""How slow a client may take its answer."""

import asyncio
import fcntl
import struct
import termios


class Outlet:
    """Watches what waits to be sent on one connection, and cuts it off if it is not taken.

    Every ``stall_s`` seconds in which the client kept the server waiting it must have taken ``rate``
    bytes for each of them, a byte at least. What counts is what its kernel has acknowledged, not what
    ours has buffered. Loop thread only.
    """

    __slots__ = ("_closed", "_left", "_rate", "_stall_s", "_timer", "_transport")

    def __init__(self, transport: asyncio.Transport, *, stall_s: float, rate: int) -> None:
        self._transport = transport
        self._stall_s = stall_s
        self._rate = rate
        self._timer: asyncio.TimerHandle | None = None
        self._left = 0
        self._closed = False

    def blocked(self) -> None:
        """The server waits for the client, from now on."""
        if self._timer is None and not self._closed:
            self._left = self._waiting()
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._stall_s, self._look)

    def freed(self) -> None:
        """It waits no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def closing(self) -> None:
        """No more is written; what is still here must be taken in time too."""
        if not self._closed and self._transport.get_write_buffer_size():
            self.blocked()

    def closed(self) -> None:
        """There is nothing left to watch, for good."""
        self._closed = True
        self.freed()

    def _look(self) -> None:
        self._timer = None
        before, left = self._left, self._waiting()
        if not left:
            return
        if before - left < max(1, self._rate * self._stall_s):
            self._transport.abort()
        else:
            self.blocked()

    def _waiting(self) -> int:
        """Bytes that the client has not acknowledged: here and in the kernel."""
        unsent = self._transport.get_write_buffer_size()
        sock = self._transport.get_extra_info("socket")
        if sock is None or not hasattr(termios, "TIOCOUTQ"):
            return unsent
        try:
            held = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        except OSError:
            return unsent
        return unsent + int(struct.unpack("i", held)[0])

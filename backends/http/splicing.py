"""Bytes of an answer that go from a socket into a pipe: the kernel moves them, nobody here sees them.

splice(2): https://man7.org/linux/man-pages/man2/splice.2.html. uvloop lends nobody its descriptor, so a
duplicate is used, while the transport is paused.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Final

WORTH: Final = 512 * 1024
"""Bytes that are to come from which on a pipe and a descriptor of its own are worth it."""
_AT_ONCE: Final = 1024**2

has_splice: Final = hasattr(os, "splice")
"""This system can."""


def is_plain(transport: asyncio.Transport) -> bool:
    """What the socket holds is what the transport would give."""
    return (
        transport.get_extra_info("sslcontext") is None
        and transport.get_extra_info("socket") is not None
    )


class Tap:
    """A way into a pipe around a transport whose reading is paused, and stays so. Loop thread only."""

    __slots__ = ("_is_watched", "_loop", "_number", "_socket", "_wake")

    def __init__(self, transport: asyncio.Transport, wake: Callable[[], None]) -> None:
        """``wake`` is called when something has come, once ``watch`` was. OSError."""
        theirs = transport.get_extra_info("socket")
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(
            theirs.family, theirs.type, theirs.proto, fileno=os.dup(theirs.fileno())
        )
        self._socket.setblocking(False)
        self._number = self._socket.fileno()
        self._wake = wake
        self._is_watched = False

    def move(self, pipe: int, most: int) -> int:
        """Bytes that are in the pipe now, ``most`` of them; none at the end of the connection.

        BlockingIOError if nothing has come; OSError.
        """
        return os.splice(
            self._number, pipe, min(most, _AT_ONCE), flags=os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK
        )

    def has_more(self) -> bool:
        """Something has come that was not moved, if it is the end."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def watch(self) -> None:
        """Tell when something has come."""
        if not self._is_watched:
            self._is_watched = True
            self._loop.add_reader(self._number, self._wake)

    def watch_no_more(self) -> None:
        """Tell no longer."""
        if self._is_watched:
            self._is_watched = False
            self._loop.remove_reader(self._number)

    def close(self) -> None:
        """The transport has its connection for itself again."""
        self.watch_no_more()
        self._socket.close()

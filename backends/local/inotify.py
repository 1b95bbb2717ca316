"""inotify(7), as little of it as is needed, from the C library."""

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass

ATTRIB = 0x4
CLOSE_WRITE = 0x8
MOVED_FROM = 0x40
MOVED_TO = 0x80
CREATE = 0x100
DELETE = 0x200
OVERFLOW = 0x4000
IGNORED = 0x8000
IS_DIRECTORY = 0x4000_0000

_ONLY_DIRECTORIES = 0x0100_0000
_NOT_UNLINKED = 0x0400_0000
_MASK = ATTRIB | CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE
_HEAD = struct.Struct("@iIII")
_READ = 256 * 1024


@dataclass(frozen=True, slots=True)
class Event:
    """One event: the watch it belongs to, what happened, and the name within that directory."""

    watch: int
    mask: int
    name: bytes


class Inotify:
    """One instance. Raises OSError where there is none (not Linux, too many instances)."""

    def __init__(self) -> None:
        if not sys.platform.startswith("linux"):
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        self._library = ctypes.CDLL(None, use_errno=True)
        self.descriptor = self._called(
            self._library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), "inotify_init1"
        )

    def watch(self, directory: int) -> int:
        """Watch an open directory; the number of its watch, which a directory has once only.

        OSError; ENOSPC when the user's watches are used up.
        """
        # By descriptor, so that no name is resolved a second time: it may lead elsewhere by now.
        path = f"/proc/self/fd/{directory}".encode()
        flags = _MASK | _ONLY_DIRECTORIES | _NOT_UNLINKED
        return self._called(
            self._library.inotify_add_watch(self.descriptor, path, ctypes.c_uint32(flags)),
            "inotify_add_watch",
        )

    def forget(self, watch: int) -> None:
        """End a watch; one that has ended is no error."""
        self._library.inotify_rm_watch(self.descriptor, watch)

    def read(self) -> Iterator[Event]:
        """The next events, at most a few thousand; none if none has happened. Does not block."""
        try:
            data = os.read(self.descriptor, _READ)
        except BlockingIOError:
            return
        at = 0
        while at < len(data):
            watch, mask, _cookie, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            yield Event(watch, mask, data[at : at + length].rstrip(b"\0"))
            at += length

    def close(self) -> None:
        """End all watches."""
        os.close(self.descriptor)

    @staticmethod
    def _called(result: int, what: str) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), what)
        return result

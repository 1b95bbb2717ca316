"""Pipes that bytes of an answer pass through, from one socket to another, without being copied."""

import fcntl
import os
from contextlib import suppress
from typing import Final, Self

MOST: Final = 12
"""Open at once in one process. The kernel bounds the pages of all pipes that one user has, 64 MiB unless told
otherwise (``pipe-user-pages-soft``, pipe(7)), and beyond it gives everybody's new ones two pages."""
_SIZE: Final = 1024**2
"""Each piece fills it; of 512 KiB, twice as many pieces cost a sixth more."""
_LEAST: Final = 256 * 1024
"""Through a smaller one bytes come in so many pieces that copying costs no more."""


class Pipe:
    """An empty one. To be closed; what it holds is dropped then."""

    count = 0
    """How many there are."""

    def __init__(self, end: int, begin: int) -> None:
        self.end = end
        """Descriptor to read from."""
        self.begin = begin
        """Descriptor to write to."""
        Pipe.count += 1

    @classmethod
    def made(cls) -> Self | None:
        """None if there are MOST already, or the system gives none that is large enough."""
        if cls.count >= MOST:
            return None
        try:
            pipe = cls(*os.pipe())
        except OSError:
            return None
        with suppress(OSError):  # the user has as much as one may have
            fcntl.fcntl(pipe.begin, fcntl.F_SETPIPE_SZ, _SIZE)
        if fcntl.fcntl(pipe.begin, fcntl.F_GETPIPE_SZ) < _LEAST:
            pipe.close()
            return None
        return pipe

    def close(self) -> None:
        """Once."""
        Pipe.count -= 1
        os.close(self.end)
        os.close(self.begin)

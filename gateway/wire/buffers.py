"""Memory that bodies are received into, used again and again."""

from typing import Final

BATCH: Final = 1024 * 1024
"""Bytes of a body that are handed on at once: a hop to a thread costs as much as hashing 32 KiB."""
_SIZE: Final = BATCH + 16 * 1024
_WORTH: Final = 16 * 1024
_MOST: Final = 60
_KEPT: Final = 16
"""Kept for the next bodies when nobody needs them."""
_COMMON: Final = 72 * 1024
"""An object of 64 KiB comes at once with its head."""


class Buffers:
    """Of all connections of one worker. Loop thread only.

    ``batch``: bytes of a body that are handed on at once. ``size`` of a buffer: one that is longer by no
    more than its framing fits too. ``worth``: bytes of a body from which it may have a buffer.
    ``most``: lent at once; bodies beyond are handed on in the pieces they come in.
    """

    def __init__(
        self, *, batch: int = BATCH, size: int = _SIZE, worth: int = _WORTH, most: int = _MOST
    ) -> None:
        self.batch = batch
        self.size = size
        self.worth = worth
        self.most = most
        self.common = memoryview(bytearray(_COMMON))
        """What no body waits for is received here, and used up before anything else is."""
        self.lent = 0
        self._free: list[memoryview] = []

    def take(self) -> memoryview | None:
        """One of ``size`` bytes, with anything in it; None if too many are lent."""
        if self.lent >= self.most:
            return None
        self.lent += 1
        return self._free.pop() if self._free else memoryview(bytearray(self.size))

    def give_back(self, buffer: memoryview) -> None:
        """Nobody uses it any more: the next body may have it."""
        self.lent -= 1
        if len(self._free) < _KEPT:
            self._free.append(buffer)

    def forget(self) -> None:
        """One is not given back, since a thread may use it still: it goes when that has ended."""
        self.lent -= 1

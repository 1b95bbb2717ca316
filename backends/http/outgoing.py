"""Bodies on their way to a storage: all of them, of the size that was said, or a failure."""

from collections.abc import AsyncIterator

from backends.errors import Damaged


async def gathered(body: AsyncIterator[bytes], size: int) -> bytes:
    """All of a small body. Damaged if it has not ``size`` bytes."""
    pieces = []
    count = 0
    async for piece in body:
        count += len(piece)
        if count > size:
            raise _too_long(size)
        pieces.append(piece)
    if count < size:
        raise _too_short(count, size)
    return b"".join(pieces)


class Outgoing:
    """A body that is sent, once.

    The last piece is held back until the source has ended and its size is right: who fails at the
    end, or is cancelled, has not sent a whole body. What a source raises is kept in ``failure``, to
    be told from what a connection raises.
    """

    def __init__(self, body: AsyncIterator[bytes], *, size: int) -> None:
        self.failure: Exception | None = None
        self.is_begun = False
        """The source was asked."""
        self.ended = False
        self._body = body
        self._size = size
        self._count = 0
        self._held = b""

    async def next(self) -> bytes:
        """The piece before the one that came last; nothing at the end."""
        self.is_begun = True
        try:
            return await self._next()
        except Exception as error:
            self.failure = error
            raise

    async def _next(self) -> bytes:
        while not self.ended:
            piece = await anext(self._body, None)
            if piece is None:
                if self._count < self._size:
                    raise _too_short(self._count, self._size)
                self.ended = True
            elif piece:
                self._count += len(piece)
                if self._count > self._size:
                    raise _too_long(self._size)
                held, self._held = self._held, piece
                if held:
                    return held
        held, self._held = self._held, b""
        return held


def _too_long(size: int) -> Damaged:
    return Damaged(f"the body is longer than {size} bytes")


def _too_short(count: int, size: int) -> Damaged:
    return Damaged(f"the body ended after {count} of {size} bytes")

"""A body that may have to be sent to another member."""

from collections.abc import AsyncIterator

from backends.errors import StorageError
from backends.interface import PIECE


class BodyFailed(Exception):
    """The body could not be read; its cause is why. It says nothing of the member that was sent it."""


class Body:
    """Small ones are kept until they are stored; others can begin again as long as nothing was taken."""

    def __init__(self, body: AsyncIterator[bytes], size: int | None) -> None:
        self._body = body
        self._size = size
        self._kept: list[bytes] | None = None
        self._is_taken = False
        self.ended = False
        """All of it has been handed over: what became of it is for its receiver to say."""

    async def keep(self) -> None:
        """Read it, if it is small. Raises what it raises."""
        if self._size is None or self._size > PIECE:
            return
        kept, count = [], 0
        async for piece in self._body:
            kept.append(piece)
            count += len(piece)
            if count > self._size:
                break  # which whoever stores it finds
        self._kept = kept

    @property
    def can_begin_again(self) -> bool:
        return self._kept is not None or not self._is_taken

    async def pieces(self) -> AsyncIterator[bytes]:
        """From its beginning."""
        self.ended = self._size == 0
        if self._kept is not None:
            for number, piece in enumerate(self._kept, 1):
                self.ended = number == len(self._kept)
                yield piece
            self.ended = True
            return
        self._is_taken = True
        count = 0
        try:
            async for piece in self._body:
                count += len(piece)
                # Whoever has as many as were announced may store them without asking for more.
                self.ended = self._size is not None and count >= self._size
                yield piece
        except StorageError as error:
            raise BodyFailed from error
        self.ended = True

"""Readings that may end when their path is written again: begun before they are answered with.

What has been replaced by then is opened anew; what is replaced later cuts the connection.
"""

from collections.abc import AsyncIterator

from backends.errors import Damaged
from backends.interface import Content


async def begun(content: Content) -> Content:
    """The same reading, its first piece read. Closes it if that cannot be. Damaged, StorageError."""
    if content.at_hand() is not None:
        return content
    pieces = content.chunks()
    try:
        first = await anext(pieces, None) if content.length else None
        if first is None and content.length:
            raise Damaged(f"nothing came of {content.stored.path!r}")  # noqa: TRY301 - closed below
    except BaseException:
        await content.aclose()
        raise
    return _Begun(content, first, pieces)


class _Begun(Content):
    def __init__(self, content: Content, first: bytes | None, pieces: AsyncIterator[bytes]) -> None:
        self.stored = content.stored
        self.first = content.first
        self.length = content.length
        self._content = content
        self._piece = first
        self._pieces = pieces

    async def chunks(self) -> AsyncIterator[bytes]:
        piece, self._piece = self._piece, None
        if piece is None:
            return
        yield piece
        async for piece in self._pieces:
            yield piece

    def can_splice(self) -> bool:
        return self._content.can_splice()

    async def spliced(self, pipe: int) -> AsyncIterator[bytes | int]:
        piece, self._piece = self._piece, None
        if piece is None:
            return
        yield piece
        async for more in self._content.spliced(pipe):
            yield more

    async def aclose(self) -> None:
        await self._content.aclose()

"""An open reading of an answer's body."""

from collections.abc import AsyncIterator

from backends.http.client import Answer
from backends.http.ranges import Span
from backends.interface import Content, Stored


def content_of(answer: Answer, stored: Stored, span: Span) -> Content:
    """The reading of ``span``: of bytes at hand if all of them have come with the head."""
    data = answer.at_hand(span.length)
    if data is None:
        return AnswerContent(answer, stored, span)
    return ContentAtHand(stored, span.first, data)


class ContentAtHand(Content):
    """A reading of bytes that have come already: nothing is asked of anybody."""

    def __init__(self, stored: Stored, first: int, data: bytes) -> None:
        self.stored = stored
        self.first = first
        self.length = len(data)
        self._data = data

    async def chunks(self) -> AsyncIterator[bytes]:
        if self._data:
            yield self._data

    def at_hand(self) -> bytes:
        return self._data

    async def aclose(self) -> None:
        pass


class AnswerContent(Content):
    """The bytes of ``span``, as they arrive."""

    def __init__(self, answer: Answer, stored: Stored, span: Span) -> None:
        self.stored = stored
        self.first = span.first
        self.length = span.length
        self._answer = answer

    def chunks(self) -> AsyncIterator[bytes]:
        return self._answer.pieces(self.length)

    def can_splice(self) -> bool:
        return self._answer.can_splice(self.length)

    def spliced(self, pipe: int) -> AsyncIterator[bytes | int]:
        return self._answer.spliced(self.length, pipe)

    async def aclose(self) -> None:
        await self._answer.aclose()


class NoContent(Content):
    """A reading of no bytes, from ``first`` on."""

    def __init__(self, stored: Stored, first: int) -> None:
        self.stored = stored
        self.first = first
        self.length = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        nothing: tuple[bytes, ...] = ()
        for piece in nothing:
            yield piece

    async def aclose(self) -> None:
        pass

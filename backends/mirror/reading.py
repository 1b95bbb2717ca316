"""Readings that go on with another member where one fails."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

from backends.bodies import spliced_if_can
from backends.errors import StorageError
from backends.interface import Content, Fingerprint, Stored
from backends.mirror.ledger import Entry, State
from backends.mirror.marking import unmarked
from backends.mirror.member import Member

_P = TypeVar("_P", bound=bytes | int)
GoOn = Callable[[Entry, Sequence[Member], int, int], Awaitable[tuple[Member, Content]]]
"""Opens the same bytes from the first to the last that are given, at a member that has not failed."""


def holders(members: Sequence[Member], entry: Entry) -> Iterator[tuple[Member, Fingerprint]]:
    """Who has the current bytes, in order, and by which fingerprint; then who may have them."""
    for wanted in (State.CURRENT, State.UNKNOWN):
        for member in members:
            copy = entry.copies.get(member.name)
            if copy is not None and copy.state is wanted and copy.fingerprint is not None:
                yield member, copy.fingerprint


def told(entry: Entry, stored: Stored | None = None, *, holder: str = "") -> Stored:
    """What is stored under the entry's path, as the mirror says it; ``stored``: as the member ``holder`` told
    it."""
    return Stored(
        path=entry.path,
        fingerprint=entry.fingerprint,
        modified_ns=entry.modified_ns,
        description=None if stored is None else unmarked(stored.description),
        description_damaged=stored is not None and stored.description_damaged,
        headers=None if stored is None else stored.headers,
        holder=holder,
    )


class MirrorContent(Content):
    """An open reading of a member, then of another one from where that broke off."""

    def __init__(self, entry: Entry, member: Member, content: Content, go_on: GoOn) -> None:
        self.stored = told(entry)
        self.first = content.first
        self.length = content.length
        self._entry = entry
        self._member = member
        self._content = content
        self._go_on = go_on
        self._failed: list[Member] = []
        self._position = self.first
        """Of the first byte that was not given."""

    def chunks(self) -> AsyncIterator[bytes]:
        return self._all_of(lambda content: content.chunks())

    def can_splice(self) -> bool:
        return self._content.can_splice()

    def spliced(self, pipe: int) -> AsyncIterator[bytes | int]:
        return self._all_of(lambda content: spliced_if_can(content, pipe))

    async def _all_of(self, pieces: Callable[[Content], AsyncIterator[_P]]) -> AsyncIterator[_P]:
        end = self.first + self.length
        while True:
            try:
                async for piece in pieces(self._content):
                    self._position += piece if isinstance(piece, int) else len(piece)
                    yield piece
            except StorageError as error:
                if error.retryable:
                    self._member.failed(error)
                self._failed.append(self._member)
                if self._position >= end or not await self._is_opened(end):
                    raise
            else:
                return

    async def _is_opened(self, end: int) -> bool:
        await self._content.aclose()
        try:
            self._member, self._content = await self._go_on(
                self._entry, self._failed, self._position, end - 1
            )
        except StorageError:
            return False
        return True

    async def aclose(self) -> None:
        await self._content.aclose()

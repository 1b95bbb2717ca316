"""Readings that go on with another member where one fails."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

from backends.errors import StorageError
from backends.interface import Content, Fingerprint, Stored
from backends.mirror.ledger import Entry, State
from backends.mirror.marking import unmarked
from backends.mirror.member import Member

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

    async def chunks(self) -> AsyncIterator[bytes]:
        position, end = self.first, self.first + self.length
        failed: list[Member] = []
        while True:
            try:
                async for piece in self._content.chunks():
                    position += len(piece)
                    yield piece
            except StorageError as error:
                if error.retryable:
                    self._member.failed(error)
                failed.append(self._member)
                if position >= end or not await self._is_opened(failed, position, end):
                    raise
            else:
                return

    async def _is_opened(self, failed: Sequence[Member], position: int, end: int) -> bool:
        await self._content.aclose()
        try:
            self._member, self._content = await self._go_on(self._entry, failed, position, end - 1)
        except StorageError:
            return False
        return True

    async def aclose(self) -> None:
        await self._content.aclose()

"""No verb waits for a storage for ever."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import TypeVar

from backends.interface import Content, Fingerprint, Storage, Stored
from backends.layers.around import Around, Doing, PassedContent
from backends.layers.deadlines import Deadline, Deadlines

_T = TypeVar("_T")
_P = TypeVar("_P", bound=bytes | int)
COPIED_A_SECOND = 16 * 1024 * 1024
"""Bytes that a storage moves or puts together in a second at least."""
_LONG = frozenset({"tidy", "copy", "move", "copy_part", "complete_parts"})


class Timing(Around):
    """Unavailable after ``seconds`` in which the storage got no further.

    While a body is waited for, the time stands still: a slow client is not the storage's fault. What a
    storage is to copy, move or put together by itself may take ``long_seconds``. Once it has all of a
    large body it may have to do that, too, and is given longer by its size.
    """

    def __init__(
        self, inner: Storage, seconds: float = 120.0, *, long_seconds: float = 3600.0
    ) -> None:
        super().__init__(inner)
        self._seconds = seconds
        self._long_seconds = long_seconds
        self._deadlines = Deadlines()

    async def ask(self, verb: str, act: Callable[[], Doing[_T]]) -> _T:
        with self._deadlines.within(self._long_seconds if verb in _LONG else self._seconds):
            return await act()

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        with self._deadlines.within(self._seconds):
            content = await self.inner.read(path, first=first, last=last, only_if=only_if)
        if content.at_hand() is not None:
            return content
        return _TimedContent(content, self._deadlines, self._seconds)

    async def write(
        self,
        path: str,
        body: AsyncIterator[bytes],
        *,
        size: int | None,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        create: bool = False,
    ) -> Stored:
        last_s = min(self._seconds + (size or 0) / COPIED_A_SECOND, self._long_seconds)
        with self._deadlines.within(self._seconds) as deadline:
            return await self.inner.write(
                path,
                _stopping(body, deadline, self._seconds, last_s),
                size=size,
                description=description,
                headers=headers,
                create=create,
            )

    async def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        listed = self.inner.list(prefix, after=after, pass_over_closed=pass_over_closed)
        async with aclosing(listed):
            while True:
                with self._deadlines.within(self._seconds):
                    stored = await anext(listed, None)
                if stored is None:
                    return
                yield stored

    async def write_part(
        self, path: str, upload: str, number: int, body: AsyncIterator[bytes], *, size: int
    ) -> str:
        with self._deadlines.within(self._seconds) as deadline:
            return await self.inner.write_part(
                path,
                upload,
                number,
                _stopping(body, deadline, self._seconds, self._seconds),
                size=size,
            )


class _TimedContent(PassedContent):
    def __init__(self, inner: Content, deadlines: Deadlines, seconds: float) -> None:
        super().__init__(inner)
        self._deadlines = deadlines
        self._seconds = seconds

    async def _passed(self, pieces: AsyncIterator[_P]) -> AsyncIterator[_P]:
        while True:
            with self._deadlines.within(self._seconds):
                piece = await anext(pieces, None)
            if piece is None:
                return
            yield piece


async def _stopping(
    body: AsyncIterator[bytes], deadline: Deadline, seconds: float, last_s: float
) -> AsyncIterator[bytes]:
    """``body``; while it is waited for, the time stands still. ``last_s``: for what follows its end."""
    while True:
        deadline.stand_still()
        piece = await anext(body, None)
        deadline.put_off(last_s if piece is None else seconds)
        if piece is None:
            return
        yield piece

"""At most so many verbs at once: a storage that is slow is not buried, nor are we."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from backends.interface import Content, Fingerprint, Storage, Stored
from backends.layers.around import Around, PassedContent

_T = TypeVar("_T")
_P = TypeVar("_P", bound=bytes | int)
_READINGS = frozenset({"stat", "read"})


class Limiting(Around):
    """At most ``readings`` are looking, reading or listing at once, and ``writings`` do the rest.

    Two numbers, since a body that is written may come from a reading of the same storage. A reading
    counts while something is asked of the storage, not while whoever reads takes his time; so none
    waits for another one that waits.
    """

    def __init__(self, inner: Storage, *, readings: int = 64, writings: int = 64) -> None:
        super().__init__(inner)
        self._readings = asyncio.Semaphore(readings)
        self._writings = asyncio.Semaphore(writings)

    async def ask(self, verb: str, act: Callable[[], Awaitable[_T]]) -> _T:
        async with self._readings if verb in _READINGS else self._writings:
            return await act()

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        content = await super().read(path, first=first, last=last, only_if=only_if)
        if content.at_hand() is not None:
            return content
        return _LimitedContent(content, self._readings)

    async def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        listed = self.inner.list(prefix, after=after, pass_over_closed=pass_over_closed)
        async with aclosing(listed):
            while (stored := await _within(self._readings, anext(listed, None))) is not None:
                yield stored


class _LimitedContent(PassedContent):
    def __init__(self, inner: Content, readings: asyncio.Semaphore) -> None:
        super().__init__(inner)
        self._readings = readings

    async def _passed(self, pieces: AsyncIterator[_P]) -> AsyncIterator[_P]:
        while (piece := await _within(self._readings, anext(pieces, None))) is not None:
            yield piece


async def _within(limit: asyncio.Semaphore, act: Awaitable[_T]) -> _T:
    async with limit:
        return await act

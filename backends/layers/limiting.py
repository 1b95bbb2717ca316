"""At most so many verbs at once: a storage that is slow is not buried, nor are we."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from contextlib import aclosing
from typing import TypeVar

from backends.interface import Content, Fingerprint, Storage, Stored
from backends.layers.around import Around, AroundContent

_T = TypeVar("_T")


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

    async def stat(self, path: str) -> Stored:
        async with self._readings:
            return await self.inner.stat(path)

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        async with self._readings:
            content = await self.inner.read(path, first=first, last=last, only_if=only_if)
        return _LimitedContent(content, self._readings)

    async def write(
        self,
        path: str,
        body: AsyncIterator[bytes],
        *,
        size: int | None,
        description: bytes | None = None,
        create: bool = False,
    ) -> Stored:
        async with self._writings:
            return await self.inner.write(
                path, body, size=size, description=description, create=create
            )

    async def delete(self, path: str) -> None:
        async with self._writings:
            await self.inner.delete(path)

    async def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        listed = self.inner.list(prefix, after=after, pass_over_closed=pass_over_closed)
        async with aclosing(listed):
            while (stored := await _within(self._readings, anext(listed, None))) is not None:
                yield stored

    async def copy(
        self,
        source: str,
        path: str,
        *,
        only_if: Fingerprint,
        description: bytes | None = None,
        create: bool = False,
    ) -> Stored:
        async with self._writings:
            return await self.inner.copy(
                source, path, only_if=only_if, description=description, create=create
            )

    async def move(self, source: str, path: str, *, only_if: Fingerprint) -> Stored:
        async with self._writings:
            return await self.inner.move(source, path, only_if=only_if)

    async def begin_parts(self, path: str, *, description: bytes | None = None) -> str:
        async with self._writings:
            return await self.inner.begin_parts(path, description=description)

    async def write_part(
        self, path: str, upload: str, number: int, body: AsyncIterator[bytes], *, size: int
    ) -> str:
        async with self._writings:
            return await self.inner.write_part(path, upload, number, body, size=size)

    async def copy_part(
        self,
        path: str,
        upload: str,
        number: int,
        source: str,
        *,
        first: int,
        last: int,
        only_if: Fingerprint,
    ) -> str:
        async with self._writings:
            return await self.inner.copy_part(
                path, upload, number, source, first=first, last=last, only_if=only_if
            )

    async def complete_parts(
        self, path: str, upload: str, parts: Sequence[tuple[int, str]], *, create: bool = False
    ) -> Stored:
        async with self._writings:
            return await self.inner.complete_parts(path, upload, parts, create=create)

    async def abort_parts(self, path: str, upload: str) -> None:
        async with self._writings:
            await self.inner.abort_parts(path, upload)


class _LimitedContent(AroundContent):
    def __init__(self, inner: Content, readings: asyncio.Semaphore) -> None:
        super().__init__(inner)
        self._readings = readings

    async def chunks(self) -> AsyncIterator[bytes]:
        pieces = aiter(self.inner.chunks())
        while (piece := await _within(self._readings, anext(pieces, None))) is not None:
            yield piece


async def _within(limit: asyncio.Semaphore, act: Awaitable[_T]) -> _T:
    async with limit:
        return await act

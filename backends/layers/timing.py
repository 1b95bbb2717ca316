"""No verb waits for a storage for ever."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar

from backends.errors import Unavailable
from backends.interface import Content, Fingerprint, Storage, Stored
from backends.layers.around import Around, AroundContent

_T = TypeVar("_T")


class Timing(Around):
    """Unavailable after ``seconds`` in which the storage got no further.

    While a body is waited for, the time stands still: a slow client is not the storage's fault. What a
    storage is to copy, move or put together by itself may take ``long_seconds``.
    """

    def __init__(
        self, inner: Storage, seconds: float = 120.0, *, long_seconds: float = 3600.0
    ) -> None:
        super().__init__(inner)
        self._seconds = seconds
        self._long_seconds = long_seconds

    async def stat(self, path: str) -> Stored:
        return await _in_time(self.inner.stat(path), self._seconds)

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        opening = self.inner.read(path, first=first, last=last, only_if=only_if)
        return _TimedContent(await _in_time(opening, self._seconds), self._seconds)

    async def write(
        self,
        path: str,
        body: AsyncIterator[bytes],
        *,
        size: int | None,
        description: bytes | None = None,
        create: bool = False,
    ) -> Stored:
        async with _clock(self._seconds) as clock:
            return await self.inner.write(
                path,
                _stopping(body, clock, self._seconds),
                size=size,
                description=description,
                create=create,
            )

    async def delete(self, path: str) -> None:
        await _in_time(self.inner.delete(path), self._seconds)

    async def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        listed = self.inner.list(prefix, after=after, pass_over_closed=pass_over_closed)
        async with aclosing(listed):
            while (stored := await _in_time(anext(listed, None), self._seconds)) is not None:
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
        copying = self.inner.copy(
            source, path, only_if=only_if, description=description, create=create
        )
        return await _in_time(copying, self._long_seconds)

    async def move(self, source: str, path: str, *, only_if: Fingerprint) -> Stored:
        return await _in_time(self.inner.move(source, path, only_if=only_if), self._long_seconds)

    async def begin_parts(self, path: str, *, description: bytes | None = None) -> str:
        return await _in_time(self.inner.begin_parts(path, description=description), self._seconds)

    async def write_part(
        self, path: str, upload: str, number: int, body: AsyncIterator[bytes], *, size: int
    ) -> str:
        async with _clock(self._seconds) as clock:
            return await self.inner.write_part(
                path, upload, number, _stopping(body, clock, self._seconds), size=size
            )

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
        copying = self.inner.copy_part(
            path, upload, number, source, first=first, last=last, only_if=only_if
        )
        return await _in_time(copying, self._long_seconds)

    async def complete_parts(
        self, path: str, upload: str, parts: Sequence[tuple[int, str]], *, create: bool = False
    ) -> Stored:
        completing = self.inner.complete_parts(path, upload, parts, create=create)
        return await _in_time(completing, self._long_seconds)

    async def abort_parts(self, path: str, upload: str) -> None:
        await _in_time(self.inner.abort_parts(path, upload), self._seconds)


class _TimedContent(AroundContent):
    def __init__(self, inner: Content, seconds: float) -> None:
        super().__init__(inner)
        self._seconds = seconds

    async def chunks(self) -> AsyncIterator[bytes]:
        pieces = aiter(self.inner.chunks())
        while (piece := await _in_time(anext(pieces, None), self._seconds)) is not None:
            yield piece


async def _in_time(act: Awaitable[_T], seconds: float) -> _T:
    async with _clock(seconds):
        return await act


@asynccontextmanager
async def _clock(seconds: float) -> AsyncIterator[asyncio.Timeout]:
    clock = asyncio.timeout(seconds)
    try:
        async with clock:
            yield clock
    except TimeoutError:
        if clock.expired():
            raise Unavailable(f"the storage got no further in {seconds:g} s") from None
        raise


async def _stopping(
    body: AsyncIterator[bytes], clock: asyncio.Timeout, seconds: float
) -> AsyncIterator[bytes]:
    """``body``; while it is waited for, the time stands still."""
    loop = asyncio.get_running_loop()
    while True:
        clock.reschedule(None)
        piece = await anext(body, None)
        clock.reschedule(loop.time() + seconds)
        if piece is None:
            return
        yield piece

"""No verb waits for a storage for ever."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from types import TracebackType
from typing import TypeVar

from backends.errors import Unavailable
from backends.interface import Content, Fingerprint, Storage, Stored
from backends.layers.around import Around, PassedContent

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

    async def ask(self, verb: str, act: Callable[[], Awaitable[_T]]) -> _T:
        async with _clock(self._long_seconds if verb in _LONG else self._seconds):
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
        return _TimedContent(content, self._seconds)

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
        async with _clock(self._seconds) as clock:
            return await self.inner.write(
                path,
                _stopping(body, clock, self._seconds, last_s),
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
            while (stored := await _in_time(anext(listed, None), self._seconds)) is not None:
                yield stored

    async def write_part(
        self, path: str, upload: str, number: int, body: AsyncIterator[bytes], *, size: int
    ) -> str:
        async with _clock(self._seconds) as clock:
            return await self.inner.write_part(
                path,
                upload,
                number,
                _stopping(body, clock, self._seconds, self._seconds),
                size=size,
            )


class _TimedContent(PassedContent):
    def __init__(self, inner: Content, seconds: float) -> None:
        super().__init__(inner)
        self._seconds = seconds

    async def _passed(self, pieces: AsyncIterator[_P]) -> AsyncIterator[_P]:
        while (piece := await _in_time(anext(pieces, None), self._seconds)) is not None:
            yield piece


async def _in_time(act: Awaitable[_T], seconds: float) -> _T:
    async with _clock(seconds):
        return await act


class _clock:  # noqa: N801 - it is called as asyncio.timeout is
    """``asyncio.timeout`` whose end is Unavailable."""

    __slots__ = ("_clock", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._clock = asyncio.timeout(seconds)

    async def __aenter__(self) -> asyncio.Timeout:
        return await self._clock.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(TimeoutError):
            await self._clock.__aexit__(kind, error, trace)
        if self._clock.expired() and error is not None:
            raise Unavailable(f"the storage got no further in {self._seconds:g} s") from None


async def _stopping(
    body: AsyncIterator[bytes], clock: asyncio.Timeout, seconds: float, last_s: float
) -> AsyncIterator[bytes]:
    """``body``; while it is waited for, the time stands still. ``last_s``: for what follows its end."""
    loop = asyncio.get_running_loop()
    while True:
        clock.reschedule(None)
        piece = await anext(body, None)
        clock.reschedule(loop.time() + (last_s if piece is None else seconds))
        if piece is None:
            return
        yield piece

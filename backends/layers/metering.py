"""What a storage does and how long it takes, told to whoever counts it."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import TypeVar

from backends.errors import StorageError
from backends.interface import Content, Fingerprint, Storage, Stored
from backends.layers.around import Around

_T = TypeVar("_T")

Observe = Callable[[str, float, str], None]
"""Verb, seconds, outcome: ``ok``, the name of a StorageError, ``cancelled`` or ``failed``."""


class Metering(Around):
    """Tells ``observe`` of each verb when it ends; of a reading, when it is open."""

    def __init__(
        self, inner: Storage, observe: Observe, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(inner)
        self._observe = observe
        self._clock = clock

    async def stat(self, path: str) -> Stored:
        return await self._told("stat", self.inner.stat(path))

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        opening = self.inner.read(path, first=first, last=last, only_if=only_if)
        return await self._told("read", opening)

    async def write(
        self,
        path: str,
        body: AsyncIterator[bytes],
        *,
        size: int | None,
        description: bytes | None = None,
        create: bool = False,
    ) -> Stored:
        writing = self.inner.write(path, body, size=size, description=description, create=create)
        return await self._told("write", writing)

    async def delete(self, path: str) -> None:
        await self._told("delete", self.inner.delete(path))

    async def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        listed = self.inner.list(prefix, after=after, pass_over_closed=pass_over_closed)
        with self._telling("list"):
            async with aclosing(listed):
                async for stored in listed:
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
        return await self._told("copy", copying)

    async def move(self, source: str, path: str, *, only_if: Fingerprint) -> Stored:
        return await self._told("move", self.inner.move(source, path, only_if=only_if))

    async def begin_parts(self, path: str, *, description: bytes | None = None) -> str:
        beginning = self.inner.begin_parts(path, description=description)
        return await self._told("begin_parts", beginning)

    async def write_part(
        self, path: str, upload: str, number: int, body: AsyncIterator[bytes], *, size: int
    ) -> str:
        writing = self.inner.write_part(path, upload, number, body, size=size)
        return await self._told("write_part", writing)

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
        return await self._told("copy_part", copying)

    async def complete_parts(
        self, path: str, upload: str, parts: Sequence[tuple[int, str]], *, create: bool = False
    ) -> Stored:
        completing = self.inner.complete_parts(path, upload, parts, create=create)
        return await self._told("complete_parts", completing)

    async def abort_parts(self, path: str, upload: str) -> None:
        await self._told("abort_parts", self.inner.abort_parts(path, upload))

    async def _told(self, verb: str, act: Awaitable[_T]) -> _T:
        with self._telling(verb):
            return await act

    @contextmanager
    def _telling(self, verb: str) -> Iterator[None]:
        begun = self._clock()
        outcome = "failed"
        try:
            yield
            outcome = "ok"
        except StorageError as error:
            outcome = type(error).__name__
            raise
        except GeneratorExit:
            outcome = "ok"  # whoever listed has seen enough
            raise
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            self._observe(verb, self._clock() - begun, outcome)

"""What a storage does and how long it takes, told to whoever counts it."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from types import TracebackType
from typing import TypeVar

from backends.errors import StorageError
from backends.interface import Storage, Stored
from backends.layers.around import Around, Doing

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

    async def ask(self, verb: str, act: Callable[[], Doing[_T]]) -> _T:
        with _Telling(self._observe, self._clock, verb):
            return await act()

    async def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        listed = self.inner.list(prefix, after=after, pass_over_closed=pass_over_closed)
        with _Telling(self._observe, self._clock, "list"):
            async with aclosing(listed):
                async for stored in listed:
                    yield stored


class _Telling:
    __slots__ = ("_begun", "_clock", "_observe", "_verb")

    def __init__(self, observe: Observe, clock: Callable[[], float], verb: str) -> None:
        self._observe = observe
        self._clock = clock
        self._verb = verb

    def __enter__(self) -> None:
        self._begun = self._clock()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._observe(self._verb, self._clock() - self._begun, _outcome(kind))


def _outcome(kind: type[BaseException] | None) -> str:
    if kind is None or kind is GeneratorExit:  # whoever listed has seen enough
        return "ok"
    if issubclass(kind, StorageError):
        return kind.__name__
    return "cancelled" if issubclass(kind, asyncio.CancelledError) else "failed"

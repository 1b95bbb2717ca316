"""What a storage does and how long it takes, told to whoever counts it."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import TypeVar

from backends.errors import StorageError
from backends.interface import Storage, Stored
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

    async def ask(self, verb: str, act: Callable[[], Awaitable[_T]]) -> _T:
        with self._telling(verb):
            return await act()

    async def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        listed = self.inner.list(prefix, after=after, pass_over_closed=pass_over_closed)
        with self._telling("list"):
            async with aclosing(listed):
                async for stored in listed:
                    yield stored

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

"""One of the storages that a mirror is made of."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from backends.errors import Displaced, StorageError, Throttled, Unavailable
from backends.interface import Can, Storage
from backends.layers.around import OWN_ROOT
from backends.mirror.breaker import Breaker

_T = TypeVar("_T")


class Member:
    """``meet`` is called when it has been opened; what that raises leaves it closed."""

    def __init__(self, name: str, storage: Storage, breaker: Breaker) -> None:
        self.name = name
        self.storage = storage
        self.breaker = breaker
        self.meet: Callable[[Member], Awaitable[None]] | None = None
        self.cause = ""
        """Why it could not be used when that was last tried."""
        self._is_open = False
        self._opening = asyncio.Lock()

    def admits(self) -> bool:
        """Whether it is worth asking now. Who was admitted asks, so that others learn how it went."""
        return self.breaker.admits()

    @property
    def is_open(self) -> bool:
        return self._is_open

    async def open(self) -> None:
        """StorageError if it cannot be used."""
        async with self._opening:
            if self._is_open:
                return
            await self.storage.open()
            try:
                if self.meet is not None:
                    await self.meet(self)
            except BaseException:
                await self.storage.aclose()
                raise
            self._is_open = True

    async def aclose(self) -> None:
        self._is_open = False
        await self.storage.aclose()

    async def ask(self, act: Callable[[], Awaitable[_T]]) -> _T:
        """The outcome of ``act``, which asks the storage; it is opened if it could not be before."""
        if not self._is_open:
            await self._open_again()
        try:
            done = await act()
        except Displaced:
            raise
        except (Unavailable, Throttled) as error:
            self.failed(error)
            raise
        except StorageError:
            self.breaker.succeeded()
            raise
        self.succeeded()
        return done

    async def _open_again(self) -> None:
        try:
            await self.open()
        except StorageError as error:
            self.failed(error)
            raise Unavailable(f"the member {self.name!r} cannot be used: {error}") from error

    def failed(self, error: StorageError) -> None:
        """It could not be reached, or broke off."""
        self.cause = str(error)
        self.breaker.failed()

    def succeeded(self) -> None:
        self.cause = ""
        self.breaker.succeeded()

    @property
    def can(self) -> Can:
        return self.storage.can & ~OWN_ROOT

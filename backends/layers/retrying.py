"""What fails in passing is tried again, where that is safe.

Safe is what ends alike however often it is done: looking, reading, listing, deleting, copying to a path
that may be replaced, writing a small body (it is kept in memory) that may replace what is there. Not
safe, and left to the caller: a body that was streamed, whatever is to create (what is there then may be
our own), moving, and beginning parts (each time another upload).
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from backends.bodies import spliced_if_can
from backends.errors import Damaged, NotFound, StorageError, Throttled, Unavailable
from backends.interface import PIECE, Content, Fingerprint, Storage, Stored
from backends.layers.around import Around, AroundContent, Doing

_T = TypeVar("_T")
_P = TypeVar("_P", bound=bytes | int)
_SAFE = frozenset({"stat", "read", "delete", "copy_part", "abort_parts"})
"""Whatever their arguments; of the others some calls are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long. Pauses double, and are shortened at random."""

    attempts: int = 4
    pause_s: float = 0.2
    longest_pause_s: float = 10.0
    """A storage that asks for a longer one is not waited for."""
    within_s: float = 30.0
    """Nothing is tried again so long after the first attempt: whoever asked has given up."""
    budget: float = 20.0
    """Attempts beyond the first that may be made in a row, by all callers together."""
    refund: float = 0.1
    """What each success gives back of the budget: a storage that is down is not asked much more
    often than one that is well."""


class Retrying(Around):
    """Tries again what may be tried again."""

    def __init__(
        self,
        inner: Storage,
        patience: Patience | None = None,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """``chance``: a number from 0 to below 1, at random."""
        super().__init__(inner)
        self._patience = patience or Patience()
        self._sleep = sleep
        self.clock = clock
        self._chance = chance
        self._budget = self._patience.budget

    def ask(self, verb: str, act: Callable[[], Doing[_T]]) -> Doing[_T]:
        return self.again(act) if verb in _SAFE else act()

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        content = await self.again(
            lambda: self.inner.read(path, first=first, last=last, only_if=only_if)
        )
        if content.at_hand() is not None:
            return content
        return _Resuming(content, self, path)

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
        if create or size is None or size > PIECE:
            return await super().write(
                path, body, size=size, description=description, headers=headers, create=create
            )
        kept = [piece async for piece in _bounded(body, size)]
        return await self.again(
            lambda: self.inner.write(
                path, _given(kept), size=size, description=description, headers=headers
            ),
            publishes=True,
        )

    async def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        """Goes on after the path that was told last."""
        attempt, begun = 0, self.clock()
        while True:
            listed = self.inner.list(prefix, after=after, pass_over_closed=pass_over_closed)
            async with aclosing(listed):
                try:
                    async for stored in listed:
                        after, attempt = stored.path, 0
                        yield stored
                        begun = self.clock()
                except StorageError as error:
                    attempt += 1
                    await self.pause_or_raise(error, attempt, begun)
                else:
                    self._succeeded()
                    return

    async def copy(
        self,
        source: str,
        path: str,
        *,
        only_if: Fingerprint,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        create: bool = False,
    ) -> Stored:
        def copied() -> Awaitable[Stored]:
            return self.inner.copy(
                source,
                path,
                only_if=only_if,
                description=description,
                headers=headers,
                create=create,
            )

        return await copied() if create else await self.again(copied, publishes=True)

    async def write_part(
        self, path: str, upload: str, number: int, body: AsyncIterator[bytes], *, size: int
    ) -> str:
        if size > PIECE:
            return await super().write_part(path, upload, number, body, size=size)
        kept = [piece async for piece in _bounded(body, size)]
        return await self.again(
            lambda: self.inner.write_part(path, upload, number, _given(kept), size=size)
        )

    async def complete_parts(
        self, path: str, upload: str, parts: Sequence[tuple[int, str]], *, create: bool = False
    ) -> Stored:
        def completed() -> Awaitable[Stored]:
            return self.inner.complete_parts(path, upload, parts, create=create)

        if create:
            return await completed()
        # No such upload: an attempt before this one may have completed it, as callers know.
        return await self.again(completed, publishes=True, tells=NotFound)

    async def again(
        self,
        act: Callable[[], Awaitable[_T]],
        *,
        publishes: bool = False,
        tells: type[StorageError] | None = None,
    ) -> _T:
        """The outcome of ``act``, done until it succeeds, fails for good or patience is out.

        ``publishes``: what is refused in the end may have been done by an attempt before, or come to be
        done later; then Unavailable, unless the error is one that ``tells`` as much.
        """
        attempt, begun = 0, self.clock()
        while True:
            try:
                outcome = await act()
            except StorageError as error:
                told = tells is not None and isinstance(error, tells)
                if publishes and attempt and not (error.retryable or told):
                    raise Unavailable(
                        f"{error}; an attempt before it may have succeeded"
                    ) from error
                attempt += 1
                await self.pause_or_raise(error, attempt, begun)
            else:
                self._succeeded()
                return outcome

    async def pause_or_raise(
        self, error: StorageError, attempt: int, begun: float, *, retryable: bool | None = None
    ) -> None:
        """After the ``attempt``-th failure of what was ``begun`` then: wait, or raise it if it is not
        to be tried again."""
        may = error.retryable if retryable is None else retryable
        asked = error.after_s if isinstance(error, Throttled) else 0.0
        patience = self._patience
        if (
            not may
            or attempt >= patience.attempts
            or asked > patience.longest_pause_s
            or self.clock() - begun > patience.within_s
            or self._budget < 1
        ):
            raise error
        self._budget -= 1
        pause = min(patience.pause_s * 2 ** (attempt - 1), patience.longest_pause_s)
        await self._sleep(asked + pause * self._chance())

    def _succeeded(self) -> None:
        self._budget = min(self._patience.budget, self._budget + self._patience.refund)


class _Resuming(AroundContent):
    """A reading that goes on where it broke off, as long as the same bytes are there."""

    def __init__(self, inner: Content, storage: Retrying, path: str) -> None:
        super().__init__(inner)
        self._storage = storage
        self._path = path
        self._position = self.first
        """Of the first byte that was not given."""

    def chunks(self) -> AsyncIterator[bytes]:
        return self._all_of(lambda inner: inner.chunks())

    def can_splice(self) -> bool:
        return self.inner.can_splice()

    def spliced(self, pipe: int) -> AsyncIterator[bytes | int]:
        return self._all_of(lambda inner: spliced_if_can(inner, pipe))

    async def _all_of(self, pieces: Callable[[Content], AsyncIterator[_P]]) -> AsyncIterator[_P]:
        end = self.first + self.length
        attempt, begun = 0, self._storage.clock()
        while True:
            try:
                async for piece in pieces(self.inner):
                    self._position += piece if isinstance(piece, int) else len(piece)
                    attempt = 0
                    yield piece
                    begun = self._storage.clock()
            except StorageError as error:
                attempt += 1
                # Of bytes that end early; if others are there, opening them tells.
                may = self._position < end and (error.retryable or isinstance(error, Damaged))
                await self._storage.pause_or_raise(error, attempt, begun, retryable=may)
                await self._reopen(self._position, end)
            else:
                return

    async def _reopen(self, position: int, end: int) -> None:
        await self.inner.aclose()
        try:
            self.inner = await self._storage.again(
                lambda: self._storage.inner.read(
                    self._path, first=position, last=end - 1, only_if=self.stored.fingerprint
                )
            )
        except NotFound:
            raise Damaged(f"{self._path!r} is gone since it was opened") from None


async def _bounded(body: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """The body up to the first byte too many, which the storage is to find."""
    count = 0
    async for piece in body:
        yield piece
        count += len(piece)
        if count > size:
            return


async def _given(kept: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in kept:
        yield piece

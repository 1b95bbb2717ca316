"""At most so many verbs at once: a storage that is slow is not buried, nor are we."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import TypeVar

from backends.errors import Displaced, Unavailable
from backends.interface import PIECE, Content, Fingerprint, Storage, Stored
from backends.layers.around import Around, Doing, PassedContent
from backends.layers.places import Place, Places

_T = TypeVar("_T")
_P = TypeVar("_P", bound=bytes | int)
_READINGS = frozenset({"stat", "read"})


class Limiting(Around):
    """At most ``readings`` are looking, reading or listing at once, and ``writings`` do the rest.

    Two numbers, since a body that is written may come from a reading of the same storage. A body
    counts while something is asked of the storage, not while whoever takes or gives it takes his time; so none
    waits for another one that waits. As long as it lasts it is one of ``bodies`` of its kind, unless it is
    one piece: when there is no room for another one, a slow one is ended. One that is written is then
    Displaced; one that is read is Unavailable, and can go on where it was.
    """

    def __init__(
        self, inner: Storage, *, readings: int = 64, writings: int = 64, bodies: int = 256
    ) -> None:
        super().__init__(inner)
        self._readings = asyncio.Semaphore(readings)
        self._writings = asyncio.Semaphore(writings)
        self._given = Places(bodies)
        self._taken = Places(bodies)

    async def ask(self, verb: str, act: Callable[[], Doing[_T]]) -> _T:
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
        places = None
        if last is None or last - first >= PIECE:
            places = _Held(self._given)
            await places.take()
        try:
            async with self._readings:
                content = await self.inner.read(path, first=first, last=last, only_if=only_if)
        except BaseException:
            if places is not None:
                places.leave()
            raise
        is_at_hand = content.at_hand() is not None
        if places is not None and (is_at_hand or content.length <= PIECE):
            places.leave()
            places = None
        if is_at_hand:
            return content
        if places is None:
            return _LimitedContent(content, self._readings)
        return _PlacedContent(content, self._readings, places)

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
        def sent(body: AsyncIterator[bytes]) -> Doing[Stored]:
            return self.inner.write(
                path, body, size=size, description=description, headers=headers, create=create
            )

        return await self._sent("write", body, size, sent)

    async def write_part(
        self, path: str, upload: str, number: int, body: AsyncIterator[bytes], *, size: int
    ) -> str:
        def sent(body: AsyncIterator[bytes]) -> Doing[str]:
            return self.inner.write_part(path, upload, number, body, size=size)

        return await self._sent("write_part", body, size, sent)

    async def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        listed = self.inner.list(prefix, after=after, pass_over_closed=pass_over_closed)
        async with aclosing(listed):
            while (stored := await _within(self._readings, anext(listed, None))) is not None:
                yield stored

    async def _sent(
        self,
        verb: str,
        body: AsyncIterator[bytes],
        size: int | None,
        send: Callable[[AsyncIterator[bytes]], Doing[_T]],
    ) -> _T:
        if size is not None and size <= PIECE:
            return await self.ask(verb, lambda: send(body))
        now = asyncio.get_running_loop().time
        turn = _Turn(self._writings)
        clock = asyncio.timeout(None)
        try:
            async with clock:
                place = await self._taken.take(lambda: clock.reschedule(now()))
                try:
                    await turn.take()
                    return await send(_awaited(body, turn, place))
                finally:
                    turn.leave()
                    self._taken.leave(place)
        except TimeoutError:
            if not clock.expired():
                raise
            raise Displaced("the client was slow, and others needed its place") from None


class _LimitedContent(PassedContent):
    def __init__(self, inner: Content, readings: asyncio.Semaphore) -> None:
        super().__init__(inner)
        self._readings = readings

    async def _passed(self, pieces: AsyncIterator[_P]) -> AsyncIterator[_P]:
        while (piece := await _within(self._readings, anext(pieces, None))) is not None:
            yield piece


class _PlacedContent(_LimitedContent):
    """Makes room when it has to, by letting go of what it reads."""

    def __init__(self, inner: Content, readings: asyncio.Semaphore, held: "_Held") -> None:
        super().__init__(inner, readings)
        self._held = held
        held.open(inner)

    async def _passed(self, pieces: AsyncIterator[_P]) -> AsyncIterator[_P]:
        place = self._held.place
        limited = super()._passed(pieces)
        while True:
            place.goes_on()
            if place.made_room:
                raise Unavailable("the client was slow, and others needed its place")
            piece = await anext(limited, None)
            if piece is None:
                return
            place.goes_on(piece if isinstance(piece, int) else len(piece))
            place.waits()
            yield piece

    async def aclose(self) -> None:
        try:
            await super().aclose()
        finally:
            self._held.leave()


class _Held:
    """The place of a reading."""

    place: Place

    def __init__(self, places: Places) -> None:
        self._places = places
        self._content: Content | None = None
        self._ending: asyncio.Task[None] | None = None

    async def take(self) -> None:
        self.place = await self._places.take(self._end)

    def open(self, content: Content) -> None:
        """It is being read, and can be let go."""
        self._content = content
        self.place.waits()

    def leave(self) -> None:
        self._places.leave(self.place)

    def _end(self) -> None:
        self._ending = asyncio.create_task(self._let_go())

    async def _let_go(self) -> None:
        try:
            if self._content is not None:
                await self._content.aclose()
        finally:
            self.leave()


class _Turn:
    """To ask the storage."""

    def __init__(self, limit: asyncio.Semaphore) -> None:
        self._limit = limit
        self._is_ours = False

    async def take(self) -> None:
        await self._limit.acquire()
        self._is_ours = True

    def leave(self) -> None:
        if self._is_ours:
            self._is_ours = False
            self._limit.release()


async def _awaited(body: AsyncIterator[bytes], turn: _Turn, place: Place) -> AsyncIterator[bytes]:
    """``body``; while its client is waited for it is somebody else's turn."""
    while True:
        turn.leave()
        place.waits()
        piece = await anext(body, None)
        place.goes_on(0 if piece is None else len(piece))
        await turn.take()
        if piece is None:
            return
        yield piece


async def _within(limit: asyncio.Semaphore, act: Awaitable[_T]) -> _T:
    async with limit:
        return await act

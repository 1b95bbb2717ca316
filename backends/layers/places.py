"""Places for bodies on their way to or from a storage, whose clients may take their time.

A body has a connection to the storage from its beginning to its end, however long its client is waited for. So
there are places for so many. When all are taken and another one is wanted, the slowest of those that wait
for their clients makes room.
"""

import asyncio
import time
from collections.abc import Callable

PATIENT_S = 10.0
"""So long a body may wait for its client, in all, and need not make room."""
SLOW = 64 * 1024
"""Bytes a second, while it is waited for, of a client that is too fast for its body to have to make room."""
_AGAIN_S = 0.5


class Place:
    """Of one body. ``end`` is called once if it has to make room: it then stays taken until it is left."""

    __slots__ = ("_bytes", "_end", "_now", "_since", "_waited_s", "is_left", "made_room")

    def __init__(self, end: Callable[[], None], now: Callable[[], float]) -> None:
        self.made_room = False
        self.is_left = False
        self._end = end
        self._now = now
        self._since: float | None = None
        self._waited_s = 0.0
        self._bytes = 0

    def waits(self) -> None:
        """The client is waited for, from now on."""
        self._since = self._now()

    def goes_on(self, count: int = 0) -> None:
        """It was waited for, and has sent or taken so many bytes."""
        if self._since is not None:
            self._waited_s += self._now() - self._since
            self._since = None
        self._bytes += count

    def make_room(self) -> None:
        """End the body."""
        self.made_room = True
        self._end()

    def slowness(self) -> float:
        """How much slower its client is than one for whom no room need be made; 0 if it is not, or is not
        waited for now."""
        if self._since is None or self.made_room:
            return 0.0
        waited_s = self._waited_s + self._now() - self._since
        if waited_s < PATIENT_S or self._bytes >= SLOW * waited_s:
            return 0.0
        return SLOW * waited_s / (self._bytes + 1)


class Places:
    """For ``most`` bodies at once. Each is to be left."""

    def __init__(self, most: int, *, now: Callable[[], float] = time.monotonic) -> None:
        self._free = asyncio.Semaphore(most)
        self._now = now
        self._taken: set[Place] = set()

    async def take(self, end: Callable[[], None]) -> Place:
        """The next one that is free, in the order in which they were asked for."""
        if self._free.locked():
            await self._awaited()
        else:
            await self._free.acquire()
        place = Place(end, self._now)
        self._taken.add(place)
        return place

    def leave(self, place: Place) -> None:
        """It is free. May be called more than once."""
        if not place.is_left:
            place.is_left = True
            self._taken.discard(place)
            self._free.release()

    async def _awaited(self) -> None:
        acquiring = asyncio.ensure_future(self._free.acquire())
        try:
            while not acquiring.done():
                self._make_room()
                await asyncio.wait([acquiring], timeout=_AGAIN_S)
        except BaseException:
            if not acquiring.cancel():
                self._free.release()
            raise

    def _make_room(self) -> None:
        slowest = max(self._taken, key=Place.slowness, default=None)
        if slowest is not None and slowest.slowness():
            slowest.make_room()

"""The connections to one origin: made when they are needed, kept for the next request, bounded."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from backends.http.connection import Connection

IDLE_S: Final = 15.0
"""How long a connection is kept that nobody uses. Servers close theirs after a time, too; who sends as
they do cannot know whether they have read it."""

Connect = Callable[[Callable[[], Connection]], Awaitable[Connection]]


class Pool:
    """At most ``most`` connections. The one that was used last is used next."""

    def __init__(self, connect: Connect, *, most: int, within_s: float) -> None:
        self._connect = connect
        self._most = most
        self._within_s = within_s
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []
        """The one that rests longest comes first."""
        self._all: set[Connection] = set()
        self._making = 0
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._sweep: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def get(self, *, fresh: bool = False) -> Connection:
        """One to send a request on; to be given back. ``fresh``: none that was kept.

        Unconnected, or TimeoutError if there was none in time.
        """
        if not fresh:
            kept = self.kept()
            if kept is not None:
                return kept
        async with asyncio.timeout(self._within_s):
            return await self._awaited(fresh=fresh)

    def give_back(self, connection: Connection) -> None:
        """Its answer is done with: it is kept if it can be used again, else closed."""
        if self._is_closed or not connection.is_usable:
            connection.abort()
            return
        connection.rest()
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        self._wake()
        if self._sweep is None:
            self._sweep = self._loop.call_later(IDLE_S, self._close_idle)

    async def aclose(self) -> None:
        """Close all, those in use too."""
        self._is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(ConnectionAbortedError("the storage was closed"))
        for connection in list(self._all):
            connection.abort()
        self._idle.clear()
        await asyncio.sleep(0)  # they are lost in the loop's next turn

    def kept(self) -> Connection | None:
        """One that was kept, if there is one that can be used; as ``get``."""
        oldest = self._loop.time() - IDLE_S
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable and connection.idle_since > oldest:
                return connection
            connection.abort()
        return None

    async def _awaited(self, *, fresh: bool) -> Connection:
        while len(self._all) + self._making >= self._most:
            if self._idle:
                self._idle.pop(0).abort()
            await self._wait()
            kept = None if fresh else self.kept()
            if kept is not None:
                return kept
        return await self._made()

    async def _made(self) -> Connection:
        self._making += 1
        try:
            connection = await self._connect(lambda: Connection(self._lost))
        except BaseException:
            self._making -= 1
            self._wake()
            raise
        self._making -= 1
        self._all.add(connection)
        if self._is_closed:
            connection.abort()
        return connection

    async def _wait(self) -> None:
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():
                self._wake()  # it is for the next one then
            raise
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _lost(self, connection: Connection) -> None:
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._wake()

    def _close_idle(self) -> None:
        self._sweep = None
        oldest = self._loop.time() - IDLE_S
        while self._idle and self._idle[0].idle_since <= oldest:
            self._idle.pop(0).abort()
        if self._idle:
            self._sweep = self._loop.call_at(self._idle[0].idle_since + IDLE_S, self._close_idle)

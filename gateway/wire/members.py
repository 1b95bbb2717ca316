"""All connections of one listener: who is there, and whose time is up."""

import asyncio
import contextlib
from typing import Final, Protocol

from gateway.wire.limits import Limits

_SLOWEST_S: Final = 0.5
_FASTEST_S: Final = 0.02
_PARTS: Final = 8


class Member(Protocol):
    """A connection."""

    deadline: float
    """When ``late`` is called, in the time of the loop; infinity for never."""

    def late(self) -> None:
        """Its time is up."""

    def close_if_idle(self) -> None:
        """Close it unless it is used."""

    def stop(self) -> None:
        """Close it, whatever is lost."""


class Members:
    """The connections that are open. Loop thread only.

    One timer looks at all their deadlines; one timer each would cost more than most requests do. So
    a deadline is kept a little late: by an eighth of the shortest time that is set, half a second at
    most.
    """

    def __init__(self, limits: Limits) -> None:
        self._loop = asyncio.get_running_loop()
        self._open: set[Member] = set()
        self._none_is_open = asyncio.Event()
        self._none_is_open.set()
        self._timer: asyncio.TimerHandle | None = None
        self._pause_s = 0.0
        self.set_limits(limits)

    def set_limits(self, limits: Limits) -> None:
        """Other times from now on."""
        shortest = min(limits.header_s, limits.idle_s, limits.body_stall_s, limits.linger_s)
        self._pause_s = max(_FASTEST_S, min(_SLOWEST_S, shortest / _PARTS))

    def opened(self, connection: Member) -> None:
        """A connection was made."""
        self._open.add(connection)
        self._none_is_open.clear()
        if self._timer is None:
            self._timer = self._loop.call_later(self._pause_s, self._look)

    def lost(self, connection: Member) -> None:
        """It is gone."""
        self._open.discard(connection)
        if not self._open:
            self._none_is_open.set()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    async def all_gone(self, seconds: float) -> None:
        """Wait until there is no connection, at most that long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._none_is_open.wait()

    def close_idle(self) -> None:
        """Close all that nobody uses now."""
        for connection in list(self._open):
            connection.close_if_idle()

    def stop(self) -> None:
        """Close all, used or not."""
        for connection in list(self._open):
            connection.stop()

    def _look(self) -> None:
        self._timer = self._loop.call_later(self._pause_s, self._look)
        now = self._loop.time()
        for connection in [one for one in self._open if one.deadline <= now]:
            connection.late()

"""Deadlines that cost next to nothing while they are kept.

``asyncio.timeout`` asks the loop for a timer each time, and takes it back. Here one timer looks at all of
them when the earliest that it knows of is due: most are over, or were put off, long before.
"""

import asyncio
import math
from types import TracebackType
from typing import Self

from backends.errors import Unavailable


class Deadlines:
    """Those that run at the moment, of one storage."""

    def __init__(self) -> None:
        self.running: set[Deadline] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf

    def within(self, seconds: float) -> "Deadline":
        """A context that is left in so many seconds from its beginning, by Unavailable."""
        return Deadline(self, seconds)

    def look_at(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        """Be there at that time of the loop, at the latest."""
        if loop is not self._loop:
            self._loop, self._timer, self._timer_at = loop, None, math.inf
        if when >= self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = when
        self._timer = loop.call_at(when, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer, self._timer_at = None, math.inf
        now = loop.time()
        for deadline in list(self.running):
            if deadline.at <= now:
                deadline.pass_by()
        next_at = min((one.at for one in self.running), default=math.inf)
        if next_at < math.inf:
            self.look_at(loop, next_at)


class Deadline:
    """One of a task, which enters and leaves it. It can be put off, and stand still."""

    __slots__ = ("_all", "_cancelling", "_is_late", "_loop", "_seconds", "_task", "at")

    def __init__(self, all_of_them: Deadlines, seconds: float) -> None:
        self._all = all_of_them
        self._seconds = seconds
        self._is_late = False
        self.at = math.inf
        """Its time, by the loop; infinite while it stands still, and once it has passed."""

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("a deadline is a task's")
        self._task = task
        self._cancelling = task.cancelling()
        self._loop = task.get_loop()
        self._all.running.add(self)
        self.put_off(self._seconds)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._all.running.discard(self)
        if not self._is_late:
            return
        others = self._task.uncancel() > self._cancelling
        if error is not None and not (others and kind is asyncio.CancelledError):
            raise Unavailable(f"the storage got no further in {self._seconds:g} s") from None

    def put_off(self, seconds: float) -> None:
        """To so many seconds from now."""
        if not self._is_late:
            self.at = self._loop.time() + seconds
            self._all.look_at(self._loop, self.at)

    def stand_still(self) -> None:
        """Until it is put off again."""
        self.at = math.inf

    def pass_by(self) -> None:
        """It is over: whatever its task waits for ends."""
        self._is_late = True
        self.at = math.inf
        self._task.cancel()

"""What fails again and again is left alone for a while, then tried by one caller."""

import time
from collections.abc import Callable


class Breaker:
    """Of one storage: whether it is worth asking.

    After ``failures`` in a row it rests for ``rest_s``. Then one caller may try; a success ends the rest,
    a failure begins one twice as long, up to ``longest_rest_s``. A caller that never tells how it went
    keeps the others waiting for one more rest, no longer.
    """

    def __init__(
        self,
        *,
        failures: int = 3,
        rest_s: float = 5.0,
        longest_rest_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = failures
        self._first_rest_s = rest_s
        self._longest_rest_s = longest_rest_s
        self._clock = clock
        self._failed = 0
        self._rest_s = rest_s
        self._until: float | None = None
        self._is_tried = False

    @property
    def rests(self) -> bool:
        """Whether it has failed too often, and no success has been told since."""
        return self._until is not None

    @property
    def is_due(self) -> bool:
        """Whether it does not rest, or has rested long enough to be tried."""
        return self._until is None or self._clock() >= self._until

    def admits(self) -> bool:
        """Whether the caller may ask now; it then tells how that went."""
        if self._until is None:
            return True
        if not self.is_due:
            return False
        self._until = self._clock() + self._rest_s
        self._is_tried = True
        return True

    def succeeded(self) -> None:
        """It has answered."""
        self._failed = 0
        self._until = None
        self._is_tried = False
        self._rest_s = self._first_rest_s

    def rest(self) -> None:
        """Let it rest now: it is known not to be there."""
        self._failed = self._most
        self._until = self._clock() + self._rest_s

    def failed(self) -> None:
        """It has not. What was asked before the rest and fails in it tells nothing new."""
        self._failed += 1
        if self._is_tried:
            self._rest_s = min(2 * self._rest_s, self._longest_rest_s)
        elif self.rests or self._failed < self._most:
            return
        self._is_tried = False
        self._until = self._clock() + self._rest_s

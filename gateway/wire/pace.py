"""How slow a client may send."""

import math


class Pace:
    """Adds up how long was waited for a client, and tells how much longer it may take.

    Beyond ``stall_s`` seconds a client must have sent ``rate`` bytes for each second it was waited
    for; 0 asks nothing. Pure: time is an argument. Our own slowness does not count.
    """

    __slots__ = ("_rate", "_stall_s", "_waited_s")

    def __init__(self, *, stall_s: float, rate: int) -> None:
        self._stall_s = stall_s
        self._rate = rate
        self._waited_s = 0.0

    def waited(self, seconds: float) -> None:
        """So long nothing came."""
        self._waited_s += seconds

    def patience(self, received: int) -> float:
        """Seconds the next byte may take, after so many bytes; never less than 0."""
        earned = self._stall_s + received / self._rate if self._rate else math.inf
        return max(0.0, min(self._stall_s, earned - self._waited_s))

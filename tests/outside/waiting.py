"""Waiting for what must come true, with a deadline that is no measurement."""

import time
from collections.abc import Callable

DEADLINE_S = 20.0
"""Far beyond the second that is promised: machines that run tests are busy."""


def until(condition: Callable[[], bool], what: str = "") -> None:
    """Return when ``condition`` holds; AssertionError at the deadline."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, what or "it did not come true in time"
        time.sleep(0.02)

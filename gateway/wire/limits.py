"""Bounds of the wire."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    request_line: int = 16 * 1024
    header: int = 16 * 1024
    receive_buffer: int = 128 * 1024
    """A connection's unread body is held back beyond twice this."""
    body_stall_s: float = 60.0
    """A body of which nothing arrives for so long is given up (RequestTimeout)."""
    keep_alive_s: float = 75.0
    linger_s: float = 5.0
    """How long an unread body is drained after an early answer, so that the client can read it."""

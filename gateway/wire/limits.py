"""Bounds of the wire."""

from dataclasses import dataclass
from typing import Self

from gateway.settings.limits import LimitSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes, times in seconds, counts of one worker."""

    connections: int = 8192
    connections_per_address: int = 1024
    requests: int = 2048
    """Answered at once; ``waiting`` more wait, each for ``wait_s`` at most."""
    waiting: int = 1024
    wait_s: float = 10.0
    headers: int = 256
    header_bytes: int = 16 * 1024
    """Of a request's first line and headers together."""
    header_s: float = 20.0
    idle_s: float = 75.0
    body_stall_s: float = 60.0
    """A body of which nothing arrives for so long is given up (RequestTimeout)."""
    reader_stall_s: float = 60.0
    """An answer of which nothing is taken for so long is cut off."""
    min_rate: int = 256
    """Bytes a second, beyond the times above; 0: no such bound."""
    receive_buffer: int = 16 * 1024
    """A connection's unread body is held back beyond twice this."""
    linger_s: float = 5.0
    """How long an unread body is drained after an early answer, so that the client can read it."""

    @classmethod
    def of(cls, settings: LimitSettings) -> Self:
        """The limits that are set, and the others as they are."""
        return cls(
            connections=settings.max_connections,
            connections_per_address=settings.max_connections_per_address,
            requests=settings.max_requests,
            waiting=settings.max_waiting_requests,
            headers=settings.max_headers,
            header_bytes=settings.max_header_bytes,
            header_s=settings.header_seconds,
            idle_s=settings.idle_seconds,
            body_stall_s=settings.body_stall_seconds,
            reader_stall_s=settings.reader_stall_seconds,
            min_rate=settings.min_bytes_per_second,
        )

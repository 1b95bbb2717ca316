"""A request and an answer as plain values, between the wire and everything above it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol


class Scope(Enum):
    """What an operation is about."""

    SERVICE = "service"
    BUCKET = "bucket"
    OBJECT = "object"


class Body(Protocol):
    """The bytes of a request as they arrive, once."""

    @property
    def length(self) -> int | None:
        """Content-Length, or None if the body is chunked by HTTP. 0 if there is none."""

    async def read(self, *, at_once: bool = False) -> bytes | memoryview:
        """The next bytes, b"" at the end: as many as are worth a hop to a thread, or all that follow.
        ``at_once``: those that come first, however few.

        A view is the caller's, who may write into it, until the next call; one whose use was given up
        is not used again. The first call sends 100 Continue if it is awaited.
        Raises S3Error IncompleteBody if the connection ends early and RequestTimeout if the
        client stalls.
        """


class Stream(Protocol):
    """The bytes of an answer, sent in pieces or from a file. Closed by the wire in any case."""

    first: int
    length: int

    def chunks(self) -> AsyncIterator[bytes]:
        """All ``length`` bytes, once. An exception cuts the connection: nothing looks whole."""

    def descriptor(self) -> int | None:
        """A file descriptor holding the bytes from ``first`` on, or None."""

    def can_splice(self) -> bool:
        """Whether the bytes had better be had by ``spliced``, and nobody has to see them on their way."""

    def spliced(self, pipe: int) -> AsyncIterator[bytes | int]:
        """As ``chunks``, where ``can_splice``; a number is of bytes that lie in the pipe whose writing
        end is ``pipe``, and that whoever asks for the next piece has taken out."""

    def check(self) -> None:
        """For who reads the descriptor, before the last bytes of it are sent: raises if they are no
        longer those that were asked for."""

    async def aclose(self) -> None:
        """Release everything."""


@dataclass(slots=True, kw_only=True)
class Request:
    """One HTTP request. ``path`` and ``query`` are raw, as sent (query without ``?``).

    ``headers``: lower-case names; duplicates joined by ``,``; text is UTF-8 with surrogateescape.
    The wire has refused what is ambiguous (several Host, Content-Length, Authorization …).
    """

    id: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: Body
    peer: str
    """Address of the client; of the one a trusted proxy names, behind such a proxy."""
    host: str
    """The host the client asked for: the Host header, or what a trusted proxy says it was."""
    host_id: str = ""
    """Who answers, as x-amz-id-2 and an error's HostId tell it."""
    secure: bool = False
    """The client speaks TLS, to us or to a trusted proxy."""


@dataclass(slots=True, kw_only=True)
class Response:
    """One HTTP answer. The wire adds Date, Server, x-amz-request-id, x-amz-id-2 and
    Content-Length."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Stream = b""
    close: bool = False
    """Close the connection after it (the request's body was not read)."""
    in_pieces: bool = False
    """Send head and pieces as they come, however small the body: then one that ends in
    ConnectionError is cut after what it gave."""

"""What can go wrong between a storage and its service. Each is what happens to one request."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CutRequest:
    """The service gets so many bytes of a request's body, then both connections end."""

    after: int


@dataclass(frozen=True, slots=True)
class StallRequest:
    """Nothing of a request's body is taken."""


@dataclass(frozen=True, slots=True)
class CutAnswer:
    """The service does as it is asked; so many bytes of its answer's body come, then the end."""

    after: int


@dataclass(frozen=True, slots=True)
class StallAnswer:
    """The same, but instead of the end nothing comes any more."""

    after: int


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The service does as it is asked; the connection ends without an answer."""


@dataclass(frozen=True, slots=True)
class Say:
    """The request is taken, and answered without asking the service."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class SayAfter:
    """The service does as it is asked; this is said instead of what it says."""

    say: Say


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Head and body of the service's answer are changed. The head ends with its empty line."""

    change: Callable[[bytes, bytes], tuple[bytes, bytes]]


Fault = CutRequest | StallRequest | CutAnswer | StallAnswer | NoAnswer | Say | SayAfter | Rewrite

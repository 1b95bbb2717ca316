"""What goes wrong below HTTP, and what every HTTP server says alike, as storage errors.

No text of an HTTP client is passed on: it may hold a URL, a header or a piece of an answer.
"""

import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from backends.errors import Denied, StorageError, Throttled, Unavailable
from backends.http.addresses import AddressRefused
from backends.http.dates import date_of

LONGEST_PAUSE_S = 300.0
_PAUSE_S = 1.0
_OF_NO_AUTHORITY = frozenset({18, 19, 20, 21})
"""OpenSSL's X509_V_ERR of chains whose end nobody vouches for: openssl-verification-options(1)."""


class NoAnswer(Exception):
    """What came is no HTTP, or broke off."""


class Unconnected(Exception):
    """There is no connection: ``cause`` is why."""

    def __init__(self, cause: OSError) -> None:
        super().__init__()
        self.cause = cause


FAILURES = (NoAnswer, Unconnected, OSError)
"""What the exchange of a request raises."""


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Raise what fails inside as a storage error that tells ``where``."""
    try:
        yield
    except FAILURES as error:
        raise failure(error, where) from None


def failure(error: NoAnswer | Unconnected | OSError, where: str) -> StorageError:
    """One of FAILURES as a storage error that tells ``where``."""
    match error:
        case Unconnected():
            return _unconnected(where, error.cause)
        case NoAnswer():
            return Unavailable(f"{where}: the answer is broken off or no HTTP")
        case TimeoutError():
            return Unavailable(f"{where}: no answer in time")
        case _:
            return Unavailable(f"{where}: the connection broke")


def _unconnected(where: str, cause: OSError) -> StorageError:
    match cause:
        case AddressRefused():
            return Denied(f"{where}: {cause}; set allow_private = true if that is meant")
        case TimeoutError():
            return Unavailable(f"{where}: no answer in time")
        case ssl.SSLCertVerificationError():
            return Unavailable(f"{where}: its TLS certificate is not to be trusted{_doubt(cause)}")
        case ssl.SSLError():
            return Unavailable(f"{where}: no TLS connection can be made; is it a plain http one?")
        case _:
            return Unavailable(f"{where}: cannot be connected to ({_reason(cause)})")


def _doubt(cause: ssl.SSLCertVerificationError) -> str:
    doubt = f" ({cause.verify_message.rstrip('.')})"
    if cause.verify_code in _OF_NO_AUTHORITY:
        return f"{doubt}: if it is your own, name its authority's file in SSL_CERT_FILE"
    return doubt


def _reason(cause: OSError) -> str:
    if isinstance(cause, socket.gaierror) or not cause.errno:
        return cause.strerror or "no such name"
    # What the event loop says instead repeats the address.
    return os.strerror(cause.errno)


def redirected(where: str, status: int) -> Unavailable:
    """For an answer that sends us elsewhere: credentials do not go there."""
    return Unavailable(
        f"{where}: answered {status}, which leads elsewhere and is not followed; correct the endpoint"
    )


def throttled(where: str, headers: Mapping[str, str], *, now: datetime | None = None) -> Throttled:
    """For an answer that asks for a pause."""
    return Throttled(f"{where}: asks for a pause", after_s=pause_s(headers, now=now))


def pause_s(headers: Mapping[str, str], *, now: datetime | None = None) -> float:
    """What ``Retry-After`` asks for, in seconds: a number or a date, within bounds; else one second."""
    asked = headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdigit() and len(asked) < 10:
        return min(float(asked), LONGEST_PAUSE_S)
    until = date_of(asked)
    if until is None:
        return _PAUSE_S
    return min(max((until - (now or datetime.now(UTC))).total_seconds(), 0.0), LONGEST_PAUSE_S)

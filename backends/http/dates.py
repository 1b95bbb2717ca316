"""Dates in headers: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

LATEST = datetime(2261, 12, 31, tzinfo=UTC)
"""What is later is no time of anything, and in nanoseconds more than 63 bits hold."""


@lru_cache(maxsize=1024)
def date_of(text: str) -> datetime | None:
    """The moment that an HTTP date names; None if it is none, or later than LATEST. What was read last is
    kept: a server gives its own time with each answer, and that of a file again and again."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return moment if moment <= LATEST else None


def seconds_of(text: str) -> int | None:
    """The same in Unix seconds."""
    moment = date_of(text)
    return None if moment is None else int(moment.timestamp())

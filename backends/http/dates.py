"""Dates in headers: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache


@lru_cache(maxsize=1024)
def date_of(text: str) -> datetime | None:
    """The moment that an HTTP date names; None if it is none. What was read last is kept: a server
    gives its own time with each answer, and that of a file again and again."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def seconds_of(text: str) -> int | None:
    """The same in Unix seconds."""
    moment = date_of(text)
    return None if moment is None else int(moment.timestamp())

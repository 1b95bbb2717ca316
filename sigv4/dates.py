"""The forms of date a signature may carry, and the one it is signed in."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache


def parse_timestamp(text: str) -> datetime | None:
    """``YYYYMMDD'T'HHMMSS'Z'`` (ISO 8601 basic) as an aware time, None for any other text."""
    if len(text) != 16 or text[8] != "T" or text[15] != "Z" or not text.isascii():
        return None
    return _timestamp(text)


@lru_cache(maxsize=256)
def _timestamp(text: str) -> datetime | None:
    # Many requests share a second.
    if not (text[:8].isdigit() and text[9:15].isdigit()):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def parse_date_header(text: str) -> datetime | None:
    """An RFC 9110 date (``Fri, 24 May 2013 00:00:00 GMT``) or a timestamp, None for other text."""
    moment = parse_timestamp(text)
    if moment is not None or len(text) > 40 or not text.endswith(("GMT", "+0000", "UTC")):
        return moment
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC)


def timestamp(moment: datetime) -> str:
    """An aware time as ``YYYYMMDD'T'HHMMSS'Z'``."""
    text = (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat()
    # A quarter of what strftime costs: 2013-05-24T00:00:00 and what follows is cut to size.
    return f"{text[:4]}{text[5:7]}{text[8:13]}{text[14:16]}{text[17:19]}Z"


def iso_8601(moment: datetime) -> str:
    """An aware time as S3 shows it in errors: ``YYYY-MM-DD'T'HH:MM:SS'Z'``."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"

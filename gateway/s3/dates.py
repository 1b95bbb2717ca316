"""Times as HTTP and XML write them. Everywhere Unix seconds, UTC.

Formatted days are kept, minutes and seconds stand in tables: a page of a listing formats a thousand
different times, and gmtime would be most of its cost (12 µs a time, against 0.5).
"""

import re
from calendar import timegm
from collections.abc import Iterable
from functools import lru_cache
from time import gmtime
from typing import Final

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
_MONTH: Final = {name.lower(): number for number, name in enumerate(_MONTHS, start=1)}

_MINUTE: Final = tuple(f"{hour:02}:{minute:02}" for hour in range(24) for minute in range(60))
_SECOND: Final = tuple(f":{second:02}" for second in range(60))

_CLOCK: Final = r"(?P<hour>\d{2}):(?P<minute>\d{2}):(?P<second>\d{2})"
_FORMS: Final = (
    # RFC 9110 5.6.7: IMF-fixdate (and without the weekday), RFC 850, asctime.
    re.compile(
        rf"(?:[a-z]{{3}}, )?(?P<day>\d{{1,2}}) (?P<month>[a-z]{{3}}) (?P<year>\d{{4}}) {_CLOCK}"
        r" (?:GMT|UTC|[+-]0000)",
        re.ASCII | re.IGNORECASE,
    ),
    re.compile(
        rf"[a-z]{{6,9}}, (?P<day>\d{{2}})-(?P<month>[a-z]{{3}})-(?P<year>\d{{2}}) {_CLOCK} GMT",
        re.ASCII | re.IGNORECASE,
    ),
    re.compile(
        rf"[a-z]{{3}} (?P<month>[a-z]{{3}}) (?P<day>[ \d]\d) {_CLOCK} (?P<year>\d{{4}})",
        re.ASCII | re.IGNORECASE,
    ),
)
_ISO: Final = re.compile(
    rf"(?P<year>\d{{4}})-(?P<month>\d{{2}})-(?P<day>\d{{2}})T{_CLOCK}(?:\.\d{{1,9}})?(?:Z|\+00:00)",
    re.ASCII,
)
_LENGTHS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def http_date(seconds: int) -> str:
    """IMF-fixdate (RFC 9110 5.6.7): ``Sun, 06 Nov 1994 08:49:37 GMT``."""
    minutes, second = divmod(seconds, 60)
    day, minute = divmod(minutes, 1440)
    return f"{_http_day(day)}{_MINUTE[minute]}{_SECOND[second]} GMT"


def iso_date(seconds: int) -> str:
    """As S3's XML writes times: ``2009-10-12T17:50:30.000Z``."""
    minutes, second = divmod(seconds, 60)
    day, minute = divmod(minutes, 1440)
    return f"{_iso_day(day)}{_MINUTE[minute]}{_SECOND[second]}.000Z"


def iso_dates(moments_ns: Iterable[int]) -> list[str]:
    """``iso_date`` of many times at once, given in Unix nanoseconds: a third of its cost."""
    day, minute, second = _iso_day, _MINUTE, _SECOND
    return [
        f"{day(moment // 86400)}{minute[moment // 60 % 1440]}{second[moment % 60]}.000Z"
        for moment in [moment_ns // 1_000_000_000 for moment_ns in moments_ns]
    ]


@lru_cache(maxsize=4096)
def _http_day(day: int) -> str:
    year, month, date, _, _, _, weekday, _, _ = gmtime(day * 86400)
    return f"{_DAYS[weekday]}, {date:02} {_MONTHS[month - 1]} {year:04} "


@lru_cache(maxsize=4096)
def _iso_day(day: int) -> str:
    year, month, date, _, _, _, _, _, _ = gmtime(day * 86400)
    return f"{year:04}-{month:02}-{date:02}T"


def parse_http_date(text: str) -> int | None:
    """Unix seconds of an HTTP date in any of its three forms; None if it is none.

    The two-digit years of RFC 850 are read as POSIX does: from 69 on 19xx, else 20xx. The weekday
    is not checked.
    """
    text = text.strip()
    for form in _FORMS:
        found = form.fullmatch(text)
        if found is not None:
            year = int(found["year"])
            if len(found["year"]) == 2:
                year += 1900 if year >= 69 else 2000
            return _seconds(found, year, _MONTH.get(found["month"].lower(), 0))
    return None


def parse_iso_date(text: str) -> int | None:
    """Unix seconds of ``2009-10-12T17:50:30.000Z`` (fractions are dropped); None if it is none."""
    found = _ISO.fullmatch(text.strip())
    if found is None:
        return None
    return _seconds(found, int(found["year"]), int(found["month"]))


def _seconds(found: re.Match[str], year: int, month: int) -> int | None:
    day = int(found["day"])
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"])
    leap_day_of_other_year = (
        month == 2 and day == 29 and (year % 4 or (not year % 100 and year % 400))
    )
    if not 1 <= month <= 12 or not 1 <= day <= _LENGTHS[month - 1] or leap_day_of_other_year:
        return None
    if year < 1 or hour > 23 or minute > 59 or second > 60:
        return None
    return timegm((year, month, day, hour, minute, second))

"""Ranges of bytes: what is asked for, and whether that is what came."""

import re
from dataclasses import dataclass

from backends.errors import Unavailable
from backends.http.client import Answer

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The bytes an answer holds: ``length`` of them from ``first``, of ``size`` in all."""

    first: int
    length: int
    size: int


def range_header(first: int, last: int | None) -> dict[str, str]:
    """The header that asks for bytes ``first`` to ``last``; none for all of them."""
    if first == 0 and last is None:
        return {}
    return {"Range": f"bytes={first}-{'' if last is None else last}"}


def span_of(answer: Answer, first: int, last: int | None) -> Span:
    """What a 200 or 206 to ``range_header(first, last)`` holds.

    Unavailable if it is not what was asked for: some servers and proxies ignore Range, others answer
    with another one. All is a right answer only where all was asked for.
    """
    told = answer.length
    if answer.status == 200:
        if told is None or first != 0:
            raise _wrong()
        if last is not None and told > last + 1:
            raise _wrong()
        return Span(first=0, length=told, size=told)
    found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if answer.status != 206 or found is None:
        raise _wrong()
    begin, end, size = map(int, found.groups())
    wanted_end = size - 1 if last is None else min(last, size - 1)
    length = end - begin + 1
    if (begin, end) != (first, wanted_end) or length < 1 or told not in (None, length):
        raise _wrong()
    return Span(first=first, length=length, size=size)


def _wrong() -> Unavailable:
    return Unavailable("the answer does not hold the bytes that were asked for")

"""Which bytes a GET means: the Range header, partNumber.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html; RFC 9110, 14.
"""

import re

from tests.model.refusal import Refusal
from tests.model.values import Thing


def span_of(thing: Thing, text: str | None, part: int | None) -> tuple[int, int] | None:
    """First byte and the one behind the last, None for all as it is."""
    if part is not None:
        return _part(thing, text, part)
    found = None if text is None else re.fullmatch(r"bytes=(\d*)-(\d*)", text)
    if found is None or found[0] == "bytes=-":
        return None  # what is not understood is ignored
    size = len(thing.body)
    beyond = Refusal(416, "InvalidRange", {"content-range": f"bytes */{size}"})
    if not found[1]:
        if int(found[2]) == 0 or size == 0:
            raise beyond
        return max(0, size - int(found[2])), size
    first, last = int(found[1]), int(found[2]) if found[2] else None
    if last is not None and last < first:
        return None
    if first >= size:
        raise beyond
    return first, size if last is None else min(last + 1, size)


def _part(thing: Thing, text: str | None, part: int) -> tuple[int, int]:
    if text is not None:
        raise Refusal(400, "InvalidRequest")
    parts = thing.parts or (thing.body,)
    if part > len(parts):
        raise Refusal(416, "InvalidPartNumber")
    first = sum(map(len, parts[: part - 1]))
    return first, first + len(parts[part - 1])

"""Which bytes are asked for: Range, x-amz-copy-source-range, partNumber."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from gateway.s3.errors import S3Error

_MAX_DIGITS = 18
"""Numbers of up to 18 digits fit 63 bits."""
_RANGE: Final = re.compile(r"bytes=[ \t]*(\d*)-(\d*)[ \t]*", re.ASCII | re.IGNORECASE)
_COPY_RANGE: Final = re.compile(r"bytes=(\d{1,18})-(\d{1,18})", re.ASCII)
_COPY_FORM: Final = (
    "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last "
    "are the zero-based offsets of the first and last bytes to copy"
)


class ByteRange(NamedTuple):
    """Bytes ``first`` to ``last``, both included. ``last`` = ``first`` - 1 for none."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """Number of bytes."""
        return self.last - self.first + 1


def parse_range(text: str | None, size: int) -> ByteRange | None:
    """The range a Range header names, of an object of ``size`` bytes; None for all of it.

    As S3 does it: one range of bytes (``first-last``, ``first-``, ``-count``); several ranges, other
    units and malformed values are ignored (RFC 9110 14.2). A last byte beyond the end is cut.
    S3Error InvalidRange (416) for a first byte beyond the end, ``-0``, and any range of an empty
    object. https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """
    found = None if text is None else _RANGE.fullmatch(text)
    if text is None or found is None:
        return None
    first_text, last_text = found.groups()
    if first_text:
        first = _number(first_text)
        last = _number(last_text) if last_text else size - 1
        if last_text and last < first:
            return None
        if first >= size:
            raise unsatisfiable(text, size)
        return ByteRange(first, min(last, size - 1))
    if not last_text:
        return None
    count = _number(last_text)
    if not count or not size:
        raise unsatisfiable(text, size)
    return ByteRange(max(0, size - count), size - 1)


def _number(digits: str) -> int:
    """Their number; of more than 63 bits, one that is larger than any object."""
    digits = digits.lstrip("0")
    return 10**_MAX_DIGITS if len(digits) > _MAX_DIGITS else int(digits or "0")


def unsatisfiable(requested: str, size: int) -> S3Error:
    """InvalidRange (416), with the header RFC 9110 15.5.17 asks for."""
    return S3Error(
        "InvalidRange",
        headers={"Content-Range": f"bytes */{size}"},
        RangeRequested=requested,
        ActualObjectSize=str(size),
    )


def parse_copy_source_range(text: str, size: int) -> ByteRange:
    """The range of an x-amz-copy-source-range, of a source of ``size`` bytes.

    Only ``bytes=first-last``, and all of it within the source: InvalidArgument otherwise.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
    """
    name = "x-amz-copy-source-range"
    found = _COPY_RANGE.fullmatch(text)
    if found is None or int(found[1]) > int(found[2]):
        raise S3Error("InvalidArgument", _COPY_FORM, ArgumentName=name, ArgumentValue=text)
    span = ByteRange(int(found[1]), int(found[2]))
    if span.last >= size:
        raise S3Error(
            "InvalidArgument",
            f"Range specified is not valid for source object of size: {size}",
            ArgumentName=name,
            ArgumentValue=text,
        )
    return span


def part_range(number: int, sizes: Sequence[int]) -> ByteRange:
    """The bytes of part ``number`` (from 1), of an object whose parts have ``sizes``.

    An object that was put whole has one part: itself. S3Error InvalidPartNumber (416) beyond them.
    """
    if not 1 <= number <= len(sizes):
        raise S3Error(
            "InvalidPartNumber",
            PartNumberRequested=str(number),
            ActualPartCount=str(len(sizes)),
        )
    first = sum(sizes[: number - 1])
    return ByteRange(first, first + sizes[number - 1] - 1)

"""What the values of parameters and headers must look like. All raise Malformed."""

from collections.abc import Callable, Collection
from typing import Final

from gateway.s3.dates import parse_http_date
from gateway.s3.errors import S3Error
from gateway.s3.fields import ALGORITHMS, Malformed
from gateway.s3.names import can_be_a_version

_INT32: Final = 2**31 - 1

STORAGE_CLASSES: Final = (
    "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING",
    "GLACIER", "DEEP_ARCHIVE", "OUTPOSTS", "GLACIER_IR", "SNOW", "EXPRESS_ONEZONE",
    "FSX_OPENZFS", "FSX_ONTAP", "AWS_BACKUP_WARM", "AWS_BACKUP_LOW_COST_WARM",
)  # fmt: skip
"""The model's storage classes. They are kept and answered; all bytes are stored alike."""


def whole(
    lowest: int,
    highest: int,
    message: str | None = None,
    *,
    outside: Callable[[], Malformed] | None = None,
) -> Callable[[str], int]:
    """A decimal integer in a range: digits, with or without a leading ``-``, nothing else.

    ``message``: of every refusal; ``outside`` makes the one for a number out of range.
    """
    missed = message or f"Argument {{name}} must be an integer between {lowest} and {highest}"
    shape = message or "Provided {name} not an integer or within integer range"

    def parse(value: str) -> int:
        number = _integer(value, shape)
        if highest == _INT32 and not -_INT32 - 1 <= number <= _INT32:
            raise Malformed(shape)
        if not lowest <= number <= highest:
            raise Malformed(missed) if outside is None else outside()
        return number

    return parse


def page_size(
    most: int, *, negative: Callable[[], Malformed] | None = None
) -> Callable[[str], int]:
    """How many to list: empty means ``most``, more than that is ``most``, negative is refused.

    As S3 parses ``max-keys`` and its like: an int32 in decimal digits, leading zeros allowed.
    ``negative`` makes the refusal of such a number, where S3 words it otherwise.
    """
    number = whole(0, _INT32, outside=negative)
    return lambda value: min(number(value), most) if value else most


def page_size_or_default(most: int) -> Callable[[str], int]:
    """The same, but what is no such number counts as not sent: so S3 reads ``x-amz-max-parts``
    (versitygw #1806)."""
    strict = page_size(most)

    def parse(value: str) -> int:
        try:
            return strict(value)
        except Malformed:
            return most

    return parse


def marker_number(value: str) -> int:
    """``part-number-marker``: list parts above this number; empty is 0."""
    return _ANY_COUNT(value) if value else 0


def exactly_true(value: str) -> bool:
    """S3's reading of ``fetch-owner``: ``true`` and nothing else is true, nothing is refused."""
    return value == "true"


def object_size(value: str) -> int:
    """``x-amz-mp-object-size``: a number of bytes. S3Error InvalidRequest, as S3 has it here."""
    try:
        return _SIZE(value)
    except Malformed:
        raise S3Error(
            "InvalidRequest", f"Value for x-amz-mp-object-size header is invalid: '{value}'"
        ) from None


def one_of(values: Collection[str], message: str) -> Callable[[str], str]:
    """One of ``values``, as spelt there."""
    known = frozenset(values)

    def parse(value: str) -> str:
        if value not in known:
            raise Malformed(message)
        return value

    return parse


def some_of(values: Collection[str], message: str) -> Callable[[str], tuple[str, ...]]:
    """``values`` separated by commas, each once, in the order sent; maybe none."""
    known = frozenset(values)

    def parse(value: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
        if not known.issuperset(names):
            raise Malformed(message)
        return names

    return parse


def url_encoding(value: str) -> str:
    """``encoding-type``: ``url`` in any case."""
    if value.lower() != "url":
        raise Malformed("Invalid Encoding Method specified in Request")
    return "url"


def version_id(value: str) -> str:
    """``versionId``: what can be one."""
    if not value:
        raise Malformed("Version id cannot be the empty string")
    if not can_be_a_version(value):
        raise Malformed("Invalid version id specified")
    return value


def version_id_marker(value: str) -> str:
    """``version-id-marker``: empty, or what can be a version's id."""
    return version_id(value) if value else ""


def date(value: str) -> int:
    """Unix seconds of an HTTP date."""
    seconds = parse_http_date(value)
    if seconds is None:
        raise Malformed("{name} is not a date.")
    return seconds


def redirect_location(value: str) -> str:
    """A path or an http URL. S3Error InvalidRedirectLocation."""
    if not value.startswith(("/", "http://", "https://")):
        raise S3Error(
            "InvalidRedirectLocation",
            "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
            status=400,
        )
    return value


def storage_class(value: str) -> str:
    """One of STORAGE_CLASSES. S3Error InvalidStorageClass."""
    if value not in STORAGE_CLASSES:
        raise S3Error("InvalidStorageClass", StorageClassRequested=value)
    return value


def checksum_algorithm(value: str) -> str:
    """One of ALGORITHMS, in any case. S3Error InvalidRequest, as S3 words it."""
    name = value.upper()
    if name not in ALGORITHMS:
        raise S3Error(
            "InvalidRequest",
            "Checksum algorithm provided is unsupported. Please try again with any of the valid "
            f"types: [{', '.join(ALGORITHMS)}]",
        )
    return name


def checksum_type(value: str) -> str:
    """COMPOSITE or FULL_OBJECT, in any case. S3Error InvalidRequest."""
    name = value.upper()
    if name not in ("COMPOSITE", "FULL_OBJECT"):
        raise S3Error("InvalidRequest", "Value for x-amz-checksum-type header is invalid.")
    return name


def checksum_mode(value: str) -> str:
    """ENABLED, in any case: the C++ SDK sends it in lower case."""
    if value.upper() != "ENABLED":
        raise Malformed("Unknown checksum mode.")
    return "ENABLED"


part_number = whole(1, 10_000, "Part number must be an integer between 1 and 10000, inclusive")


def _integer(value: str, message: str) -> int:
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits.lstrip("0")) > 19:
        raise Malformed(message)
    # int() refuses more than 4,300 digits; leading zeros beyond that are legal and say nothing.
    number = int(digits.lstrip("0") or "0")
    return -number if value.startswith("-") else number


_ANY_COUNT = whole(0, _INT32)
_SIZE = whole(0, 2**63 - 1)

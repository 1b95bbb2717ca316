"""The self-description of bytes, as user metadata of their object."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping

from backends.interface import SERVED

HEADER = "x-amz-meta-s3front"
_LONGEST = 1024


def longest(metadata: int) -> int:
    """Bytes of the longest description where names, counted as some do with all that they begin
    with, and values may have ``metadata`` bytes."""
    return (metadata - len(HEADER)) // 4 * 3


def described(description: bytes | None) -> dict[str, str]:
    """The header that keeps ``description``."""
    return {} if description is None else {HEADER: b64encode(description).decode()}


def sent(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Those of the headers that can be kept with an object as they are."""
    return {
        name: value
        for name, value in ({} if headers is None else headers).items()
        if name in SERVED and _is_plain(value)
    }


def served(headers: Mapping[str, str]) -> dict[str, str]:
    """Those that an object is answered with. One that is not plain stands for any that differs."""
    found = ((name, headers.get(name)) for name in sorted(SERVED))
    return {name: value if _is_plain(value) else "" for name, value in found if value is not None}


def _is_plain(value: str) -> bool:
    return (
        0 < len(value) <= _LONGEST
        and value.isascii()
        and value.isprintable()
        and value.strip() == value
    )


def description_of(headers: Mapping[str, str]) -> tuple[bytes | None, bool]:
    """The description an object has, None if it has none; and whether there is one that is damaged."""
    kept = headers.get(HEADER)
    if kept is None:
        return None, False
    try:
        return b64decode(kept, validate=True), False
    except (binascii.Error, ValueError):
        return None, True

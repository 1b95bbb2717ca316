"""The self-description of bytes, as user metadata of their object."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping

HEADER = "x-amz-meta-s3front"


def longest(metadata: int) -> int:
    """Bytes of the longest description where names, counted as some do with all that they begin
    with, and values may have ``metadata`` bytes."""
    return (metadata - len(HEADER)) // 4 * 3


def described(description: bytes | None) -> dict[str, str]:
    """The header that keeps ``description``."""
    return {} if description is None else {HEADER: b64encode(description).decode()}


def description_of(headers: Mapping[str, str]) -> tuple[bytes | None, bool]:
    """The description an object has, None if it has none; and whether there is one that is damaged."""
    kept = headers.get(HEADER)
    if kept is None:
        return None, False
    try:
        return b64decode(kept, validate=True), False
    except (binascii.Error, ValueError):
        return None, True

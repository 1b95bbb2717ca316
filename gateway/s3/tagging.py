"""Tags of objects: the rules, and the x-amz-tagging header.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
"""

import unicodedata
from collections.abc import Sequence
from typing import Final

from gateway.s3.errors import S3Error
from gateway.s3.target import decode_form

MAX_TAGS: Final = 10
_MAX_KEY: Final = 128
_MAX_VALUE: Final = 256
_MAX_HEADER: Final = 16 * 1024
_HEADER: Final = "x-amz-tagging"
_SIGNS: Final = frozenset("_.:/=+-@")


def check_tags(tags: Sequence[tuple[str, str]]) -> None:
    """Refuse tags (key, value) S3 would not take.

    At most 10, each key once; keys of 1 to 128 and values of up to 256 UTF-16 units, of letters,
    digits, blanks and ``_ . : / = + - @``; no key may begin with ``aws:``. S3Error InvalidTag, and
    BadRequest for too many.
    """
    if len(tags) > MAX_TAGS:
        raise S3Error("BadRequest", f"Object tags cannot be greater than {MAX_TAGS}")
    seen = set()
    for key, value in tags:
        if not key or not _fits(key, _MAX_KEY):
            raise _invalid("The TagKey you have provided is invalid", key)
        if key.lower().startswith("aws:"):
            raise _invalid("System tags cannot be added/updated by requester", key)
        if not _fits(value, _MAX_VALUE):
            raise S3Error(
                "InvalidTag",
                "The TagValue you have provided is invalid",
                TagKey=key,
                TagValue=value[:_MAX_VALUE],
            )
        if key in seen:
            raise _invalid("Cannot provide multiple Tags with the same key", key)
        seen.add(key)


def parse_tagging_header(text: str) -> tuple[tuple[str, str], ...]:
    """The tags of an x-amz-tagging header: ``key=value&…``, percent-encoded UTF-8, ``+`` a blank.

    Members without a value have the empty one, empty members are passed over. S3Error InvalidArgument
    if it is not of that form, or a key is empty or named twice; else as check_tags.
    """
    tags = []
    if len(text) > _MAX_HEADER:
        raise _malformed(text)
    for member in filter(None, text.split("&")):
        key, _, value = member.partition("=")
        try:
            tags.append((decode_form(key), decode_form(value)))
        except S3Error:
            raise _malformed(text) from None
    keys = {key for key, _ in tags}
    if len(keys) != len(tags) or "" in keys:
        raise _malformed(text)
    check_tags(tags)
    return tuple(tags)


def _fits(text: str, most: int) -> bool:
    units = len(text) + sum(character > "\uffff" for character in text)
    return units <= most and all(
        character in _SIGNS or unicodedata.category(character)[0] in "LNZ" for character in text
    )


def _invalid(message: str, key: str) -> S3Error:
    return S3Error("InvalidTag", message, TagKey=key[:_MAX_KEY])


def _malformed(text: str) -> S3Error:
    return S3Error(
        "InvalidArgument",
        "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters "
        "without tag name duplicates.",
        ArgumentName=_HEADER,
        ArgumentValue=text[:_MAX_HEADER],
    )

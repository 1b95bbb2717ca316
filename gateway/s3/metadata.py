"""User metadata and the standard headers kept with an object.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from quopri import decodestring
from typing import Final, Protocol

from gateway.s3.chunked import strip_content_encoding
from gateway.s3.errors import S3Error

PREFIX: Final = "x-amz-meta-"
MAX_BYTES: Final = 2048
"""Names (without the prefix) and values of user metadata, as UTF-8, together."""
DEFAULT_CONTENT_TYPE: Final = "binary/octet-stream"
STANDARD_HEADERS: Final = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
    "x-amz-website-redirect-location",
)
"""Kept with an object as they were sent, and answered with it."""

_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+", re.ASCII)
_WORD: Final = re.compile(
    r"=\?(?P<charset>utf-8|us-ascii|iso-8859-1)\?(?P<form>[bq])\?(?P<text>[!->@-~]*)\?=",
    re.ASCII | re.IGNORECASE,
)
_WORDS: Final = re.compile(
    r"=\?[a-z0-9-]+\?[bq]\?[!->@-~]*\?=(?:\s+=\?[a-z0-9-]+\?[bq]\?[!->@-~]*\?=)*",
    re.ASCII | re.IGNORECASE,
)


def read_metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """User metadata of a request, names lower-case without ``x-amz-meta-``.

    ``headers``: lower-case names; text is UTF-8 with surrogateescape. Values come decoded: encoded
    words of RFC 2047, raw UTF-8, or else ISO 8859-1. S3Error MetadataTooLarge beyond 2 KB;
    InvalidArgument for control characters and for what is no header's name (a presigned URL may
    bring any in its query).
    """
    found: dict[str, str] = {}
    size = 0
    for name, raw in headers.items():
        if name.startswith(PREFIX):
            value = _decoded(raw)
            bare = name.removeprefix(PREFIX)
            if _NAME.fullmatch(bare) is None or _CONTROL.search(value) is not None:
                raise _refused(name, value)
            found[bare] = value
            size += len(bare) + len(value.encode())
    if size > MAX_BYTES:
        raise S3Error("MetadataTooLarge", Size=str(size), MaxSizeAllowed=str(MAX_BYTES))
    return found


def sent_value(value: str) -> str:
    """A metadata value as a header: as it is if US-ASCII, else one encoded word of RFC 2047."""
    if value.isascii():
        return value
    return f"=?UTF-8?B?{b64encode(value.encode()).decode('ascii')}?="


def stored_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The standard headers of a request that are kept with the object, by lower-case name.

    ``aws-chunked`` is taken out of Content-Encoding. S3Error InvalidArgument for control characters
    and for what is not UTF-8.
    """
    found = {}
    for name in STANDARD_HEADERS:
        value = headers.get(name)
        if value:
            if name == "content-encoding":
                value = strip_content_encoding(value)
            if value:
                check_header_text(name, value)
                found[name] = value
    return found


class Overrides(Protocol):
    """The ``response-…`` parameters of a GET or HEAD."""

    @property
    def response_cache_control(self) -> str | None: ...
    @property
    def response_content_disposition(self) -> str | None: ...
    @property
    def response_content_encoding(self) -> str | None: ...
    @property
    def response_content_language(self) -> str | None: ...
    @property
    def response_content_type(self) -> str | None: ...
    @property
    def response_expires(self) -> str | None: ...


def overridden(stored: Mapping[str, str], overrides: Overrides) -> Mapping[str, str]:
    """``stored`` headers of an object with those a ``response-…`` parameter replaces.

    S3Error InvalidArgument for control characters: the parameters come percent-decoded, and must
    not split an answer.
    """
    if (
        overrides.response_cache_control is None
        and overrides.response_content_disposition is None
        and overrides.response_content_encoding is None
        and overrides.response_content_language is None
        and overrides.response_content_type is None
        and overrides.response_expires is None
    ):
        return stored
    given = (
        ("cache-control", overrides.response_cache_control),
        ("content-disposition", overrides.response_content_disposition),
        ("content-encoding", overrides.response_content_encoding),
        ("content-language", overrides.response_content_language),
        ("content-type", overrides.response_content_type),
        ("expires", overrides.response_expires),
    )
    replaced = {name: value for name, value in given if value is not None}
    for name, value in replaced.items():
        check_header_text(f"response-{name}", value)
    return {**stored, **replaced}


def check_header_text(name: str, value: str) -> None:
    """S3Error InvalidArgument if ``value`` could not be sent as a header."""
    try:
        value.encode()
    except UnicodeError:
        raise _refused(name, value) from None
    if _CONTROL.search(value) is not None:
        raise _refused(name, value)


def _decoded(raw: str) -> str:
    if raw.isascii():
        return _from_words(raw) if "=?" in raw and _WORDS.fullmatch(raw.strip()) else raw
    try:
        raw.encode()
    except UnicodeError:
        return raw.encode("utf-8", "surrogateescape").decode("latin-1")
    return raw


def _from_words(raw: str) -> str:
    """The text of encoded words; ``raw`` itself if one of them is broken or unknown."""
    decoded = []
    for each in raw.split():
        word = _WORD.fullmatch(each)
        if word is None:
            return raw
        text = word["text"].encode("ascii")
        try:
            if word["form"] in "bB":
                content = b64decode(text, validate=True)
            else:
                content = decodestring(text, header=True)
            decoded.append(content.decode(word["charset"]))
        except ValueError:
            return raw
    return "".join(decoded)


def _refused(name: str, value: str) -> S3Error:
    shown = value.encode("ascii", "backslashreplace").decode("ascii")
    return S3Error(
        "InvalidArgument",
        "Header value must not contain control characters and must be UTF-8.",
        ArgumentName=_CONTROL.sub("?", name),
        ArgumentValue=_CONTROL.sub("?", shown)[:MAX_BYTES],
    )

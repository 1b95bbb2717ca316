"""Whether an answer is S3's: a success, or a refusal with a code that S3 has."""

import re
from collections.abc import Mapping
from typing import Final
from xml.etree import ElementTree as ET

from gateway.s3.error_codes import ERROR_CODES

FURTHER_CODES: Final = frozenset(
    {
        "AuthorizationHeaderMalformed",
        "AuthorizationQueryParametersError",
        "HTTPVersionNotSupported",
        "InvalidRedirectLocation",
        "MalformedTrailerError",
        "RequestHeaderSectionTooLarge",
    }
)
"""Codes that are given with their message and status where they are raised."""
_NEVER: Final = frozenset({"InternalError"})
_STATUSES: Final = frozenset({200, 204, 206, 304, 501, 503, 505, *range(400, 418)})
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_ILLEGAL: Final = re.compile(rb"&#x(?:[0-8BCEF]|1[0-9A-F]|FFF[EF]);")


def judge(status: int, headers: Mapping[str, str], body: bytes, *, context: object = None) -> None:
    """Fails unless it is. ``context`` is shown then."""
    shown = (status, dict(headers), body[:2000], context)
    assert status in _STATUSES, shown
    for name, value in headers.items():
        assert _NAME.fullmatch(name), shown
        assert not _CONTROL.search(value), shown
    if status >= 400 and body:
        code = _code(body)
        assert code in ERROR_CODES or code in FURTHER_CODES, shown
        assert code not in _NEVER, shown
        assert b"Traceback" not in body, shown


def _code(body: bytes) -> str:
    # S3 writes characters as references that no XML 1.0 document may hold (xml_text.escape).
    root = ET.fromstring(_ILLEGAL.sub(b"?", body))
    assert root.tag == "Error"
    return root.findtext("Code") or ""

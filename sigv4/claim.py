"""What a request claims about its signature, before anything of it is proved."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from sigv4.payload import Payload
from sigv4.refusal import credential_malformed, headers_not_signed

MAX_SIGNED_HEADERS = 128
MAX_CREDENTIAL = 1024
"""Characters of a credential: the access key and its scope."""

_CACHED_SETS = 64
"""Sets of header names held at most: strangers choose them, and each may be as long as a head."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_DATE = re.compile(r"[0-9]{8}")
_MALFORMED = (
    'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
)
# The value of x-amz-content-sha256 is part of the canonical request anyway; S3 and Amazon's own
# first example leave it out of SignedHeaders. CloudFront adds x-amz-cf-id to what it forwards; no
# operation reads it.
_MAY_BE_UNSIGNED = frozenset({"x-amz-content-sha256", "x-amz-cf-id"})


@dataclass(slots=True, kw_only=True)
class Claim:
    """What the client says: whose key, when, over which headers, of which kind of body.

    Nobody changes one; it is not frozen because each request makes one, and a frozen one costs four
    times as much.
    """

    access_key: str
    date: str
    """Of the credential scope, ``YYYYMMDD``; equal to the day of ``signed_at``."""
    region: str
    service: str
    signed_headers: tuple[str, ...]
    """Lower-case and sorted."""
    signature: str = field(repr=False)
    signed_at: datetime
    """Aware, UTC."""
    timestamp: str
    """``signed_at`` as ``YYYYMMDD'T'HHMMSS'Z'``."""
    date_as_sent: str
    """The text of the date the client sent; ``timestamp`` unless it was a Date header's."""
    expires: int | None
    """Seconds a presigned URL is valid from ``signed_at``; None for the Authorization header."""
    presigned: bool
    payload: Payload
    payload_hash: str
    """The last line of the canonical request: a SHA-256 as sent, or the name of the kind."""

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


class CredentialScope(NamedTuple):
    """A credential, taken apart."""

    access_key: str
    date: str
    region: str
    service: str


@lru_cache(maxsize=512)
def credential_scope(credential: str, *, presigned: bool) -> CredentialScope:
    """``AKID/YYYYMMDD/REGION/s3/aws4_request`` taken apart; the access key may hold slashes.

    Raises ``Refusal`` with S3's words for the first fault.
    """
    parts = credential.rsplit("/", 4)
    if len(credential) > MAX_CREDENTIAL or len(parts) != 5 or not parts[0]:
        raise credential_malformed(_MALFORMED, presigned=presigned)
    access_key, date, region, service, terminal = parts
    fault = None
    if not _DATE.fullmatch(date):
        fault = (
            f'incorrect date format "{date}". '
            'This date in the credential must be in the format "yyyyMMdd".'
        )
    elif not region:
        fault = "a non-empty region must be provided in the credential."
    elif service != "s3":
        fault = f'incorrect service "{service}". This endpoint belongs to "s3".'
    elif terminal != "aws4_request":
        fault = f'incorrect terminal "{terminal}". This endpoint uses "aws4_request".'
    if fault is not None:
        raise credential_malformed(fault, presigned=presigned)
    return CredentialScope(access_key, date, region, service)


@lru_cache(maxsize=512)
def signed_header_names(text: str) -> tuple[str, ...] | None:
    """The names in ``text`` (``host;x-amz-date``), lower-case and sorted.

    None if there are none, too many, or one that cannot be a header's name.
    """
    names = text.lower().split(";", MAX_SIGNED_HEADERS)
    if len(names) > MAX_SIGNED_HEADERS or not all(map(_TOKEN.fullmatch, names)):
        return None
    return tuple(sorted(names))


def require_signed(headers: Mapping[str, str], signed: tuple[str, ...]) -> None:
    """Refuse a request with ``host`` or any ``x-amz-*`` header outside the signature.

    Otherwise whoever holds a presigned PUT could add ``x-amz-copy-source`` and read any object with
    its signer's rights.
    """
    unsigned = _unsigned(tuple(headers), signed)
    if unsigned:
        raise headers_not_signed(unsigned)


@lru_cache(maxsize=_CACHED_SETS)
def _unsigned(names: tuple[str, ...], signed: tuple[str, ...]) -> list[str]:
    # A client sends the same names with each request.
    unsigned = {
        name
        for name in names
        if name.startswith("x-amz-") and name not in signed and name not in _MAY_BE_UNSIGNED
    }
    return sorted(unsigned if "host" in signed else {*unsigned, "host"})

"""The ``Authorization`` header ▶ ``Claim``.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from sigv4 import dates
from sigv4.canonical import ALGORITHM, Signable
from sigv4.claim import Claim, credential_scope, require_signed, signed_header_names
from sigv4.payload import payload_of
from sigv4.refusal import (
    access_denied,
    header_malformed,
    header_section_too_large,
    invalid_argument,
    invalid_request,
    signature_version_2,
    unsupported_algorithm,
)

MAX_AUTHORIZATION = 8 * 1024
"""Characters of the header's value."""

_COMPONENTS = (
    "the authorization header requires three components: Credential, SignedHeaders, and Signature."
)
_USUAL = re.compile(r"Credential=([!-+\--~]+), *SignedHeaders=([!-+\--~]+),")
_NO_SPACE = "Authorization header is invalid -- one and only one ' ' (space) required"


def header_claim(request: Signable, authorization: str) -> Claim:
    """The claim in an ``authorization`` header's value. Raises ``Refusal``.

    Faults are reported in S3's order: the scheme, the payload hash, the date, the components, the
    credential, headers that had to be signed.
    """
    if len(authorization) > MAX_AUTHORIZATION:
        raise header_section_too_large(MAX_AUTHORIZATION)
    scheme, space, rest = authorization.partition(" ")
    if scheme != ALGORITHM or not space:
        _refuse_scheme(authorization, scheme, space)
    headers = request.headers
    payload_hash = headers.get("x-amz-content-sha256")
    if payload_hash is None:
        raise invalid_request("Missing required header for this request: x-amz-content-sha256")
    payload = payload_of(payload_hash)
    signed_at, timestamp, date_as_sent = _date(headers)
    credential, signed_headers, signature = _components(rest)
    scope = credential_scope(credential, presigned=False)
    if not timestamp.startswith(scope.date):
        raise header_malformed(
            f'Invalid credential date "{scope.date}". '
            f'This date is not the same as X-Amz-Date: "{timestamp[:8]}".'
        )
    names = signed_header_names(signed_headers)
    if names is None:
        raise header_malformed("the SignedHeaders component is mal-formed.")
    require_signed(headers, names)
    return Claim(
        access_key=scope.access_key,
        date=scope.date,
        region=scope.region,
        service=scope.service,
        signed_headers=names,
        signature=signature,
        signed_at=signed_at,
        timestamp=timestamp,
        date_as_sent=date_as_sent,
        expires=None,
        presigned=False,
        payload=payload,
        payload_hash=payload_hash,
    )


def _refuse_scheme(authorization: str, scheme: str, space: str) -> None:
    if not space:
        raise invalid_argument(_NO_SPACE, "Authorization", authorization)
    if scheme == "AWS":
        raise signature_version_2()
    if scheme == "AWS4-ECDSA-P256-SHA256":
        raise unsupported_algorithm("SigV4A (AWS4-ECDSA-P256-SHA256)")
    raise invalid_argument("Unsupported Authorization Type", "Authorization", authorization)


def _date(headers: Mapping[str, str]) -> tuple[datetime, str, str]:
    text = headers.get("x-amz-date")
    if text is not None:
        moment = dates.parse_timestamp(text)
        if moment is not None:
            return moment, text, text
        moment = dates.parse_date_header(text)
    else:
        text = headers.get("date", "")
        moment = dates.parse_date_header(text)
    if moment is None:
        raise access_denied("AWS authentication requires a valid Date or x-amz-date header")
    return moment, dates.timestamp(moment), text


def _components(rest: str) -> tuple[str, str, str]:
    stated, usual, last = rest.rpartition(" Signature=")
    known = _usual(stated) if usual and "," not in last else None
    if known is not None:
        return (*known, last.rstrip())
    return _each_component(rest)


@lru_cache(maxsize=512)
def _usual(stated: str) -> tuple[str, str] | None:
    # Credential and SignedHeaders in the order of Amazon's examples: the same all day.
    found = _USUAL.fullmatch(stated)
    return None if found is None else (found[1], found[2])


def _each_component(rest: str) -> tuple[str, str, str]:
    found: dict[str, str] = {}
    for part in rest.split(",", 3):
        name, equals, value = part.strip().partition("=")
        if not equals or name in found:
            raise header_malformed(_COMPONENTS)
        found[name] = value
    try:
        return found["Credential"], found["SignedHeaders"], found["Signature"]
    except KeyError:
        raise header_malformed(_COMPONENTS) from None

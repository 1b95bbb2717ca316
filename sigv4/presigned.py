"""The query of a presigned URL ▶ ``Claim``.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

import re
from collections.abc import Mapping

from sigv4 import dates
from sigv4.canonical import ALGORITHM, Signable, decoded
from sigv4.claim import Claim, credential_scope, require_signed, signed_header_names
from sigv4.payload import UNSIGNED_PAYLOAD, payload_of
from sigv4.refusal import query_parameters_error, unsupported_algorithm

LONGEST = 604_800
"""Seconds a presigned URL may be valid: a week."""
_LAST_YEAR = 9990
"""Later years would overflow a datetime once an expiry is added."""

_PARAMETERS = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-Date",
    "X-Amz-SignedHeaders",
    "X-Amz-Expires",
)
_ONCE = frozenset({*_PARAMETERS, "X-Amz-Content-Sha256", "X-Amz-Security-Token"})
_MISSING = (
    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
    "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
)
_TOO_LONG = (
    "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be "
    "less than 604800 seconds"
)
_NUMBER = re.compile(r"[+-]?[0-9]{1,19}")


def presigned_claim(request: Signable) -> Claim:
    """The claim in the query of ``request``. Raises ``Refusal``.

    The payload hash is ``x-amz-content-sha256`` of the headers or of the query, which must not differ,
    else ``UNSIGNED-PAYLOAD``. Faults are reported in S3's order: the algorithm, missing parameters, the
    date, the expiry, the credential, headers that had to be signed.
    """
    given = _given(request.query)
    _check_algorithm(given.get("X-Amz-Algorithm"))
    if not all(name in given for name in _PARAMETERS):
        raise query_parameters_error(_MISSING)
    timestamp = given["X-Amz-Date"]
    signed_at = dates.parse_timestamp(timestamp)
    if signed_at is None or signed_at.year > _LAST_YEAR:
        message = "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""
        raise query_parameters_error(message)
    expires = _expires(given["X-Amz-Expires"])
    scope = credential_scope(given["X-Amz-Credential"], presigned=True)
    if not timestamp.startswith(scope.date):
        raise query_parameters_error(
            f'Invalid credential date "{scope.date}". '
            f'This date is not the same as X-Amz-Date: "{timestamp[:8]}".'
        )
    names = signed_header_names(given["X-Amz-SignedHeaders"])
    if names is None:
        raise query_parameters_error("The X-Amz-SignedHeaders parameter is mal-formed.")
    require_signed(request.headers, names)
    payload_hash = _payload_hash(request.headers.get("x-amz-content-sha256"), given)
    return Claim(
        access_key=scope.access_key,
        date=scope.date,
        region=scope.region,
        service=scope.service,
        signed_headers=names,
        signature=given["X-Amz-Signature"],
        signed_at=signed_at,
        timestamp=timestamp,
        date_as_sent=timestamp,
        expires=expires,
        presigned=True,
        payload=payload_of(payload_hash),
        payload_hash=payload_hash,
    )


def _payload_hash(header: str | None, given: Mapping[str, str]) -> str:
    named = given.get("X-Amz-Content-Sha256", UNSIGNED_PAYLOAD if header is None else header)
    if header is not None and header != named:
        # The header need not be signed: whoever holds the URL could lift what its signer asked of
        # the body.
        raise query_parameters_error(
            "The x-amz-content-sha256 header is not what X-Amz-Content-Sha256 says."
        )
    return named


def _given(query: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for part in query.split("&"):
        raw_name, _, value = part.partition("=")
        name = _text(raw_name)
        if name not in _ONCE:
            continue
        if name in given:
            raise query_parameters_error(f"The {name} query parameter must be given only once.")
        given[name] = _text(value)
    return given


def _text(raw: str) -> str:
    if "%" in raw or "+" in raw:
        return decoded(raw).decode("utf-8", "surrogateescape")
    return raw


def _check_algorithm(algorithm: str | None) -> None:
    if algorithm in (None, ALGORITHM):
        return
    if algorithm == "AWS4-ECDSA-P256-SHA256":
        raise unsupported_algorithm("SigV4A (AWS4-ECDSA-P256-SHA256)")
    raise query_parameters_error('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"')


def _expires(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise query_parameters_error("X-Amz-Expires should be a number")
    expires = int(text)
    if expires < 0:
        raise query_parameters_error("X-Amz-Expires must be non-negative")
    if expires > LONGEST:
        raise query_parameters_error(_TOO_LONG)
    return expires

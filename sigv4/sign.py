"""Signing requests to an upstream S3, and presigning URLs.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html

A request must be sent as it was signed: its path and query canonically encoded (``quoted_path``,
``query_string``), its signed headers unchanged.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from sigv4 import dates
from sigv4.canonical import (
    ALGORITHM,
    Signable,
    canonical_query,
    canonical_request,
    quoted_parameter,
    string_to_sign,
)
from sigv4.keys import signature, signing_key
from sigv4.payload import UNSIGNED_PAYLOAD
from sigv4.presigned import LONGEST

# Beyond host and x-amz-*: these change what is stored, and nothing on the way has reason to
# touch them.
_ALSO_SIGNED = frozenset({"host", "content-md5", "content-type"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An access key and its secret, for one upstream."""

    access_key: str
    secret: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


def query_string(parameters: Iterable[tuple[str, str]]) -> str:
    """Decoded names and values as a canonically encoded query, in their order."""
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in parameters)


def _quoted(text: str) -> str:
    return quoted_parameter(text.encode("utf-8", "surrogateescape"))


def sign(
    request: Signable,
    credentials: Credentials,
    *,
    region: str,
    now: datetime,
    payload_hash: str = UNSIGNED_PAYLOAD,
) -> dict[str, str]:
    """The headers to add to ``request``, ``authorization`` among them.

    Signs ``host`` (which must be there), ``content-type``, ``content-md5`` and all ``x-amz-*``
    headers. ``payload_hash`` is the hexadecimal SHA-256 of the body or the name of its kind.
    """
    timestamp = dates.timestamp(now)
    added = {"x-amz-date": timestamp, "x-amz-content-sha256": payload_hash}
    if credentials.session_token is not None:
        added["x-amz-security-token"] = credentials.session_token
    headers = {**request.headers, **added}
    names = _names_to_sign(headers)
    scope = f"{timestamp[:8]}/{region}/s3/aws4_request"
    whole = Signable(method=request.method, path=request.path, query=request.query, headers=headers)
    canonical = canonical_request(whole, names, payload_hash)
    signed = _signature(credentials, region, timestamp, scope, canonical)
    added["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signed}"
    )
    return added


def presign(
    request: Signable, credentials: Credentials, *, region: str, now: datetime, expires: int
) -> str:
    """The whole query of a URL that lets anyone send ``request`` for ``expires`` seconds.

    The headers of ``request`` that are signed (see ``sign``) must then be sent with these values.
    The body is left open. Raises ``ValueError`` unless ``expires`` is 1 to 604,800.
    """
    if not 1 <= expires <= LONGEST:
        raise ValueError(f"a presigned URL is valid for 1 to {LONGEST} seconds, not {expires}")
    timestamp = dates.timestamp(now)
    names = _names_to_sign(request.headers)
    scope = f"{timestamp[:8]}/{region}/s3/aws4_request"
    parameters = [
        ("X-Amz-Algorithm", ALGORITHM),
        ("X-Amz-Credential", f"{credentials.access_key}/{scope}"),
        ("X-Amz-Date", timestamp),
        ("X-Amz-Expires", str(expires)),
        ("X-Amz-SignedHeaders", ";".join(names)),
    ]
    if credentials.session_token is not None:
        parameters.append(("X-Amz-Security-Token", credentials.session_token))
    own = [request.query] if request.query else []
    query = canonical_query("&".join([*own, query_string(parameters)]))
    canonical = canonical_request(replace(request, query=query), names, UNSIGNED_PAYLOAD)
    signed = _signature(credentials, region, timestamp, scope, canonical)
    return f"{query}&X-Amz-Signature={signed}"


def _names_to_sign(headers: Mapping[str, str]) -> list[str]:
    if "host" not in headers:
        raise ValueError("a request without a host header cannot be signed")
    return sorted([name for name in headers if name.startswith("x-amz-") or name in _ALSO_SIGNED])


def _signature(
    credentials: Credentials, region: str, timestamp: str, scope: str, canonical: str
) -> str:
    key = signing_key(credentials.secret, timestamp[:8], region, "s3")
    return signature(key, string_to_sign(timestamp, scope, canonical)).decode("ascii")

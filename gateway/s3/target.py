"""What a request is about: bucket, key and query, from the raw path, the raw query and Host.

    target = parse_target(request.path, request.query, request.headers["host"], domains)
    headers = with_hoisted_headers(target, request.headers)

Keys are the bytes between the first slash after the bucket and the end of the path, percent-decoded
once and never normalised: ``//``, ``.``, ``..``, ``%2F``, ``+``, spaces and control characters,
NUL among them, belong to the key. S3 gives every UTF-8 string of at most 1,024 bytes to keys
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html) and counts the control
characters among those to avoid, not among those refused.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

from gateway.s3.errors import S3Error
from gateway.s3.names import bucket_name, can_be_a_bucket

MAX_KEY_BYTES = 1024

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOTHING: Mapping[str, str] = MappingProxyType({})
_ONCE: frozenset[str] = frozenset()
_SIGNING = frozenset(
    {
        "x-amz-algorithm",
        "x-amz-content-sha256",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-expires",
        "x-amz-region-set",
        "x-amz-security-token",
        "x-amz-signature",
        "x-amz-signedheaders",
    }
)
_UNREAD = ("x-amz-checksum-", "x-amz-sdk-checksum-", "x-amz-trailer")
_OBJECT_LAMBDA = "WriteGetObjectResponse"


@dataclass(slots=True, kw_only=True)
class Target:
    """Bucket, key and query of one request. A request without a bucket is about the service.

    Nobody changes one; it is not frozen only because each request makes one, and a frozen one costs
    four times as much.

    ``params``: decoded names and values; of a repeated name the first value, which is the one S3
    reads. ``repeated``: the names that were sent more than once; routing refuses those that select
    an operation or a version, since whoever read another value would decide about another request.
    """

    bucket: str | None = None
    key: str | None = None
    virtual_host: bool = False
    params: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    repeated: frozenset[str] = _ONCE


class Domains:
    """The base domains under which a host name names a bucket (virtual-hosted style).

    ``Domains(["s3.example.com"])``: ``Host: photos.s3.example.com`` means the bucket ``photos``. A
    host that is a base domain, an IP address or anything else is path style: the endpoint itself is
    never read as a bucket. Raises ValueError for what is not a host name.
    """

    def __init__(self, domains: Iterable[str]) -> None:
        names = {domain.lower().strip(".") for domain in domains}
        for name in names:
            if not name or _is_address(name) or not re.fullmatch(r"[a-z0-9.-]+", name):
                raise ValueError(f"not a base domain: {name!r}")
        self._names = frozenset(names)
        self._suffixes = tuple("." + name for name in sorted(names, key=len, reverse=True))

    def bucket(self, host: str) -> str | None:
        """The bucket that ``host`` (a Host header) names, or None for path style.

        S3Error InvalidBucketName for a name below a base domain that no bucket can have: the first
        part of the path is then not the bucket either, and must not be taken for it.
        """
        if not self._suffixes:
            return None
        name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
        name = name.lower().removesuffix(".")
        if name in self._names or not name.endswith(self._suffixes):
            return None
        label = next(name.removesuffix(end) for end in self._suffixes if name.endswith(end))
        if not can_be_a_bucket(label):
            raise S3Error("InvalidBucketName", BucketName=_printable(label))
        return label


def parse_target(path: str, query: str, host: str, domains: Domains) -> Target:
    """Target of a request; ``path`` and ``query`` raw, as sent (non-ASCII bytes by surrogateescape).

    S3Error InvalidURI for a percent sign that escapes nothing and for what is not UTF-8,
    InvalidBucketName, KeyTooLongError.
    """
    if not path.startswith("/"):
        raise _invalid_uri(path)
    params, repeated = parse_query(query) if query else (_NOTHING, _ONCE)
    hosted = domains.bucket(host)
    if hosted is not None:
        key = _key(path[1:], path)
        return Target(bucket=hosted, key=key, virtual_host=True, params=params, repeated=repeated)
    if path == "/":
        return Target(params=params, repeated=repeated)
    first, _, rest = path[1:].partition("/")
    bucket = _decoded(first, path)
    if not can_be_a_bucket(bucket):
        if bucket == _OBJECT_LAMBDA and not rest:
            # The one URI of the model whose first part is no bucket: POST /WriteGetObjectResponse.
            return Target(params=params, repeated=repeated)
        bucket_name(_printable(bucket))
    return Target(bucket=bucket, key=_key(rest, path), params=params, repeated=repeated)


def parse_query(query: str) -> tuple[Mapping[str, str], frozenset[str]]:
    """Decoded parameters (the first of each name) and the names sent more than once.

    ``+`` is a space; a name without ``=`` has the empty value. S3Error InvalidURI.
    """
    params: dict[str, str] = {}
    repeated: set[str] = set()
    for pair in query.split("&"):
        if not pair:
            continue
        name, _, value = pair.partition("=")
        name = decode_form(name)
        if name in params:
            repeated.add(name)
            continue
        params[name] = decode_form(value) if value else ""
    return params, frozenset(repeated) if repeated else _ONCE


def with_hoisted_headers(target: Target, headers: Mapping[str, str]) -> Mapping[str, str]:
    """``headers`` and the ``x-amz-`` headers that a presigned URL carries in its query instead.

    SDKs move headers there when they presign, and S3 honours them: ``x-amz-acl``, ``x-amz-tagging``
    or ``x-amz-copy-source`` left unread would be another request than the one that was signed. The
    parameters of the signature itself stay what they are, and checksums are not read from the
    query, as S3 does not either: SDKs put that of an empty body there (aws-sdk-js-v3 #6994,
    ministack #1695). S3Error InvalidRequest if header and parameter differ.
    """
    hoisted: dict[str, str] | None = None
    for name, value in target.params.items():
        if name[:6].lower() != "x-amz-":
            continue
        header = name.lower()
        if header in _SIGNING or header.startswith(_UNREAD):
            continue
        if hoisted is None:
            hoisted = dict(headers)
        if hoisted.setdefault(header, value) != value:
            raise S3Error("InvalidRequest", f"{_printable(header)} is given twice, differently.")
    return headers if hoisted is None else hoisted


def decode_form(text: str) -> str:
    """Percent-decoded once, ``+`` as a space. S3Error InvalidURI."""
    if "+" in text:
        text = text.replace("+", " ")
    return _decoded(text, text)


def check_key(key: str) -> str:
    """``key``, if it is not too long. S3Error KeyTooLongError."""
    if len(key) * 4 > MAX_KEY_BYTES:
        size = len(key.encode())
        if size > MAX_KEY_BYTES:
            raise S3Error("KeyTooLongError", Size=str(size), MaxSizeAllowed=str(MAX_KEY_BYTES))
    return key


def _key(raw: str, path: str) -> str | None:
    return check_key(_decoded(raw, path)) if raw else None


def _decoded(text: str, whole: str) -> str:
    if text.isascii() and "%" not in text:
        return text
    if _BAD_ESCAPE.search(text):
        raise _invalid_uri(whole)
    try:
        return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8")
    except UnicodeError:
        raise _invalid_uri(whole) from None


def _invalid_uri(text: str) -> S3Error:
    return S3Error("InvalidURI", URI=_printable(text[:MAX_KEY_BYTES]))


def _printable(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True

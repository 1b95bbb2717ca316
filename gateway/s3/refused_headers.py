"""Headers that ask for what is not built: refused by name, never passed over.

An object stored without the encryption, the lock or the grant its sender asked for is worse than an
error. What changes nothing here is accepted: ``x-amz-acl: private``, ``BucketOwnerEnforced``
(nothing else is true of any bucket), ``x-amz-request-payer``, directives about annotations no object
has.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

from gateway.s3.errors import S3Error
from gateway.s3.fields import ALGORITHMS

ACLS = (
    "private", "public-read", "public-read-write", "authenticated-read", "aws-exec-read",
    "bucket-owner-read", "bucket-owner-full-control", "log-delivery-write",
)  # fmt: skip
"""S3's canned ACLs (userguide/acl-overview.html#canned-acl)."""

_CACHED_SETS = 64
"""Sets of header names held at most: each may be as long as the head of a request."""
_OWNERSHIPS = ("BucketOwnerPreferred", "ObjectWriter", "BucketOwnerEnforced")
_PRIVATE = frozenset({"private", "bucket-owner-read", "bucket-owner-full-control", ""})
_CHECKSUMS = frozenset(
    {f"x-amz-checksum-{name.lower()}" for name in ALGORITHMS}
    | {"x-amz-checksum-algorithm", "x-amz-checksum-mode", "x-amz-checksum-type"}
)

FAMILIES = (
    "x-amz-server-side-encryption",
    "x-amz-copy-source-server-side-encryption",
    "x-amz-object-lock-",
    "x-amz-grant-",
)
"""Every header whose name begins with one of these is refused."""

REFUSED = frozenset(
    {
        "x-amz-write-offset-bytes",
        "x-amz-mfa",
        "x-amz-if-match-initiated-time",
        "x-amz-rename-source",
        "x-amz-create-session-mode",
    }
)
"""Refused whatever they say."""


def refuse_unbuilt(operation: str, headers: Mapping[str, str]) -> None:
    """S3Error NotImplemented, naming header and operation, if a header asks for what is not built;
    InvalidArgument or, of a checksum, InvalidRequest if it says what S3 does not know. ``headers``:
    lower-case names."""
    for name in _watched(tuple(headers)):
        _judge(operation, name, headers[name])


@lru_cache(maxsize=_CACHED_SETS)
def _watched(names: tuple[str, ...]) -> tuple[str, ...]:
    # A client sends the same names with each request.
    return tuple(name for name in names if name.startswith(_WATCHED) and name not in _CHECKSUMS)


def _judge(operation: str, name: str, value: str) -> None:
    if name in REFUSED or name.startswith(FAMILIES):
        if name in _FLAGS and value.lower() == "false":
            return
        raise _not_built(operation, name)
    judge = ACCEPTED.get(name)
    if judge is not None:
        judge(operation, name, value)
    elif name.startswith("x-amz-checksum-"):
        # An algorithm nobody knows: storing without the check asked for would be silence.
        raise S3Error(
            "InvalidRequest",
            "The algorithm type you specified in x-amz-checksum- header is invalid.",
        )


def _flag(operation: str, name: str, value: str) -> None:
    if value.lower() != "false":
        raise _not_built(operation, name)


def _acl(operation: str, name: str, value: str) -> None:
    if value in _PRIVATE:
        return
    if value in ACLS:
        raise _not_built(operation, f"{name}: {value}")
    raise _unknown(name, value)


def _only(*harmless: str, known: tuple[str, ...] = ()) -> Callable[[str, str, str], None]:
    def judge(operation: str, name: str, value: str) -> None:
        if value in harmless:
            return
        if value in known:
            raise _not_built(operation, f"{name}: {value}")
        raise _unknown(name, value)

    return judge


ACCEPTED: Mapping[str, Callable[[str, str, str], None]] = {
    "x-amz-acl": _acl,
    "x-amz-bucket-object-lock-enabled": _flag,
    "x-amz-bypass-governance-retention": _flag,
    "x-amz-object-ownership": _only("BucketOwnerEnforced", known=_OWNERSHIPS),
    "x-amz-bucket-namespace": _only("global", known=("account-regional",)),
    "x-amz-object-annotation-directive": _only("COPY", "EXCLUDE"),
    "x-amz-optional-object-attributes": _only("RestoreStatus"),
    "x-amz-request-payer": _only("requester"),
}
"""Accepted where they say what is so anyway, refused where not."""

_FLAGS = frozenset({"x-amz-server-side-encryption-bucket-key-enabled"})
_WATCHED = (*FAMILIES, *sorted(REFUSED), *ACCEPTED, "x-amz-checksum-")


def _not_built(operation: str, what: str) -> S3Error:
    shown = what.encode("ascii", "backslashreplace").decode("ascii")
    return S3Error(
        "NotImplemented",
        f"A header you provided implies functionality that is not implemented: {operation} "
        f"with {shown}.",
        Header=shown.partition(":")[0],
    )


def _unknown(name: str, value: str) -> S3Error:
    shown = value.encode("ascii", "backslashreplace").decode("ascii")
    return S3Error("InvalidArgument", ArgumentName=name, ArgumentValue=shown)

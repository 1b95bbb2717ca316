"""Conditional requests: If-Match and its like, on reads, copy sources and writes.

RFC 9110, 13; https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
"""

import re
from dataclasses import dataclass
from typing import Final

from gateway.s3.dates import http_date, parse_http_date
from gateway.s3.errors import S3Error
from gateway.s3.etag import quote

_MEMBER: Final = re.compile(r'(?P<weak>W/)?"(?P<quoted>[^"]*)"|(?P<bare>[^",\s]+)')
_ANY: Final = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadConditions:
    """Headers of a read, or of the source of a copy (``x-amz-copy-source-if-…``).

    ETags as sent; dates in Unix seconds, None where absent or no date (RFC 9110 ignores those).
    """

    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: int | None = None
    if_unmodified_since: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteConditions:
    """What must hold of the current object: ``absent``, or one of ``etags`` (``*`` for any)."""

    absent: bool = False
    etags: tuple[str, ...] = ()


def check_read(
    conditions: ReadConditions, *, etag: str, modified_s: int, now_s: int | None = None
) -> None:
    """Raise what S3 answers if the conditions of a GET or HEAD do not hold.

    S3Error PreconditionFailed (412), or NotModified (304, with ETag and Last-Modified). If-Match
    goes before If-Unmodified-Since, If-None-Match before If-Modified-Since. ``etag`` is without
    quotes. A date later than ``now_s`` does not count, as S3 has it from RFC 2616, 14.25.
    """
    _check_precondition(conditions, "", etag, modified_s)
    if _unchanged(conditions, etag, modified_s, now_s):
        raise S3Error(
            "NotModified", headers={"ETag": quote(etag), "Last-Modified": http_date(modified_s)}
        )


def check_copy_source(
    conditions: ReadConditions, *, etag: str, modified_s: int, now_s: int | None = None
) -> None:
    """The same for the source of a copy, where all that fails is PreconditionFailed (412).

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
    """
    _check_precondition(conditions, "x-amz-copy-source-", etag, modified_s)
    if _unchanged(conditions, etag, modified_s, now_s):
        name = "If-Modified-Since" if conditions.if_none_match is None else "If-None-Match"
        raise S3Error("PreconditionFailed", Condition=f"x-amz-copy-source-{name}")


def still_the_same(if_range: str, *, etag: str, modified_s: int, now_s: int) -> bool:
    """Whether an If-Range field holds, so that a Range counts; without that all is answered.

    It has one ETag, compared strongly, or a date, which must be the very one of the object; one of
    the running second vouches for nothing (RFC 9110, 13.1.5).
    """
    date = parse_http_date(if_range)
    if date is not None:
        return date == modified_s < now_s
    return [(etag, False)] == _members(if_range)


def parse_write_conditions(if_match: str | None, if_none_match: str | None) -> WriteConditions:
    """The conditions of a write.

    S3 knows If-None-Match only as ``*``, and not both at once: NotImplemented otherwise.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    """
    if if_none_match is None:
        if if_match is None:
            return WriteConditions()
        etags = tuple(etag for etag, weak in _members(if_match) if not weak)
        if not etags:
            raise S3Error("PreconditionFailed", Condition="If-Match")
        return WriteConditions(etags=etags)
    if if_match is not None:
        raise S3Error(
            "NotImplemented",
            Header="If-Match,If-None-Match",
            additionalMessage="Multiple conditional request headers present in the request",
        )
    if unquoted(if_none_match) != _ANY:
        raise S3Error(
            "NotImplemented",
            Header="If-None-Match",
            additionalMessage="We don't accept the provided value of If-None-Match header for this "
            "API",
        )
    return WriteConditions(absent=True)


def matches(field: str, etag: str, *, weakly: bool = False) -> bool:
    """Whether an If-Match or If-None-Match field names ``etag`` (without quotes).

    ``*`` names all. ETags may be quoted or not, S3 takes both. Weak ones count only ``weakly``:
    If-None-Match compares so, If-Match does not (RFC 9110, 13.1).
    """
    return any(member in (etag, _ANY) for member, weak in _members(field) if weakly or not weak)


def unquoted(field: str) -> str:
    """A field of one member without blanks and quotes."""
    return field.strip().strip('"')


def _members(field: str) -> list[tuple[str, bool]]:
    """(ETag without quotes, whether it is weak); what is not an ETag is left out."""
    found = []
    for member in _MEMBER.finditer(field):
        quoted = member["quoted"]
        found.append((member["bare"] if quoted is None else quoted, member["weak"] is not None))
    return found


def _check_precondition(
    conditions: ReadConditions, prefix: str, etag: str, modified_s: int
) -> None:
    if conditions.if_match is not None:
        if not matches(conditions.if_match, etag):
            raise S3Error("PreconditionFailed", Condition=f"{prefix}If-Match")
    elif conditions.if_unmodified_since is not None and modified_s > conditions.if_unmodified_since:
        raise S3Error("PreconditionFailed", Condition=f"{prefix}If-Unmodified-Since")


def _unchanged(conditions: ReadConditions, etag: str, modified_s: int, now_s: int | None) -> bool:
    if conditions.if_none_match is not None:
        return matches(conditions.if_none_match, etag, weakly=True)
    since = conditions.if_modified_since
    if since is None or (now_s is not None and since > now_s):
        return False
    return modified_s <= since

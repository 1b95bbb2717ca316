"""Conditions of reads and writes, from input to what is compared with a version."""

from typing import Protocol

from gateway.catalog.records import ALWAYS, Bucket, Condition, Version
from gateway.s3 import conditions as protocol
from gateway.s3.conditions import ReadConditions, parse_write_conditions
from gateway.s3.errors import S3Error
from gateway.service.context import Context
from gateway.service.looking import as_it_is
from gateway.service.outside import unknown

_NONE = ReadConditions()


class ConditionalRead(Protocol):
    """The conditions of GetObject and HeadObject."""

    @property
    def if_match(self) -> str | None: ...
    @property
    def if_none_match(self) -> str | None: ...
    @property
    def if_modified_since(self) -> int | None: ...
    @property
    def if_unmodified_since(self) -> int | None: ...


class ConditionalCopy(Protocol):
    """The conditions a copy puts on its source."""

    @property
    def copy_source_if_match(self) -> str | None: ...
    @property
    def copy_source_if_none_match(self) -> str | None: ...
    @property
    def copy_source_if_modified_since(self) -> int | None: ...
    @property
    def copy_source_if_unmodified_since(self) -> int | None: ...


def check_read(context: Context, input: ConditionalRead, version: Version) -> None:
    """S3Error NotModified or PreconditionFailed if the conditions do not hold."""
    if (
        input.if_match is None
        and input.if_none_match is None
        and input.if_modified_since is None
        and input.if_unmodified_since is None
    ):
        return
    conditions = ReadConditions(
        if_match=input.if_match,
        if_none_match=input.if_none_match,
        if_modified_since=input.if_modified_since,
        if_unmodified_since=input.if_unmodified_since,
    )
    protocol.check_read(
        conditions,
        etag=version.etag,
        modified_s=version.modified_ns // 10**9,
        now_s=context.services.now_ns() // 10**9,
    )


def range_counts(context: Context, version: Version) -> bool:
    """Whether a Range is heeded: not if If-Range names another object than there is now."""
    if_range = context.headers.get("if-range")
    return if_range is None or protocol.still_the_same(
        if_range,
        etag=version.etag,
        modified_s=version.modified_ns // 10**9,
        now_s=context.services.now_ns() // 10**9,
    )


def check_copy_source(context: Context, input: ConditionalCopy, version: Version) -> None:
    """S3Error PreconditionFailed if the conditions on the source do not hold."""
    conditions = ReadConditions(
        if_match=input.copy_source_if_match,
        if_none_match=input.copy_source_if_none_match,
        if_modified_since=input.copy_source_if_modified_since,
        if_unmodified_since=input.copy_source_if_unmodified_since,
    )
    if conditions != _NONE:
        protocol.check_copy_source(
            conditions,
            etag=version.etag,
            modified_s=version.modified_ns // 10**9,
            now_s=context.services.now_ns() // 10**9,
        )


def write_condition(if_match: str | None, if_none_match: str | None) -> Condition:
    """The condition of a write. S3Error NotImplemented for what S3 does not know."""
    if if_match is None and if_none_match is None:
        return ALWAYS
    parsed = parse_write_conditions(if_match, if_none_match)
    return Condition(absent=parsed.absent, etags=parsed.etags)


def holds(condition: Condition, current: Version | None) -> bool:
    """Whether a write's condition holds of what is there now."""
    if condition.absent and current is not None:
        return False
    if current is None:
        return not condition.etags
    return not condition.etags or "*" in condition.etags or current.etag in condition.etags


async def refuse_early(context: Context, bucket: Bucket, key: str, condition: Condition) -> None:
    """Refuse a write whose condition fails already, before its body is asked for.

    The catalog decides again, for good, when the bytes are there.
    """
    if condition == ALWAYS:
        return
    current = await context.services.catalog.get(bucket, key)
    if not bucket.indexed:
        # Once it is, what the catalog knows is all there is.
        current = await (
            unknown(context.services, bucket, key)
            if current is None
            else as_it_is(context.services, bucket, current)
        )
    if current is None and condition.etags:
        raise S3Error("NoSuchKey", Key=key)
    if not holds(condition, current):
        header = "If-None-Match" if condition.absent else "If-Match"
        raise S3Error("PreconditionFailed", Condition=header)

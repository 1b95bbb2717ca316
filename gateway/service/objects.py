"""Objects: put, get, head, delete."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from backends.errors import StorageError
from backends.interface import PIECE
from gateway.catalog.errors import CatalogError, ConditionFailed, NoSuchKey
from gateway.catalog.records import Bucket, Checksum, Condition, Version
from gateway.s3.checksums import FULL_OBJECT
from gateway.s3.errors import S3Error
from gateway.s3.inputs.objects import (
    DeleteObject,
    DeleteObjects,
    GetObject,
    HeadObject,
    PutObject,
)
from gateway.s3.message import Stream
from gateway.s3.metadata import stored_headers
from gateway.s3.names import can_be_a_version
from gateway.s3.ranges import ByteRange, parse_range, part_range
from gateway.s3.results import (
    DeletedObject,
    DeleteError,
    DeleteObjectResult,
    DeleteObjectsResult,
    GetObjectResult,
    HeadObjectResult,
    PutObjectResult,
)
from gateway.s3.xml_in import ObjectIdentifier
from gateway.service.conditions import check_read, range_counts, refuse_early, write_condition
from gateway.service.context import Context
from gateway.service.faults import s3_error
from gateway.service.guarding import Guarded
from gateway.service.linking import refer
from gateway.service.looking import brought_into_line
from gateway.service.outside import unknown, watched
from gateway.service.publishers import publisher_of
from gateway.service.publishing import Facts
from gateway.service.reading import at_once, current, open_current, still_current, whole
from gateway.service.told import told_headers
from gateway.service.versions import require_current


async def put_object(context: Context, input: PutObject) -> PutObjectResult:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html"""
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    condition = write_condition(input.if_match, input.if_none_match)
    payload = context.payload
    length = payload.require_length(context.services.bounds.put)
    payload.declare(etag=context.services.etag_algorithm(bucket))
    await refuse_early(context, bucket, input.key, condition)
    facts = Facts(
        key=input.key,
        size=length,
        storage_class=input.storage_class or "STANDARD",
        headers=stored_headers(context.headers),
        metadata=input.metadata,
        tags=input.tagging,
    )
    publisher = publisher_of(context.storage(bucket.storage))
    arriving = publisher.begin(context, bucket, facts)
    try:
        await payload.send(arriving.take)
    except BaseException:
        await arriving.discard()
        raise
    facts.size = payload.size
    facts.etag = payload.etag
    facts.checksum = Checksum(algorithm=payload.algorithm, type=FULL_OBJECT, value=payload.checksum)
    version = await publisher.publish(context, bucket, arriving, facts, only_if=condition)
    return PutObjectResult(
        e_tag=version.etag,
        checksums=version.checksums,
        checksum_type=version.checksum.type if version.checksum is not None else None,
    )


class _Wanted(NamedTuple):
    """The part of a version that was asked for; None for all of it."""

    span: ByteRange | None
    parts_count: int | None


_ALL = _Wanted(span=None, parts_count=None)


def _wanted(context: Context, input: GetObject, version: Version) -> _Wanted:
    """Conditions and range of a read against one version. Raises S3Error (304, 412, 416)."""
    check_read(context, input, version)
    if input.part_number is None:
        if input.range is None or not range_counts(context, version):
            return _ALL
        return _Wanted(span=parse_range(input.range, version.size), parts_count=None)
    if input.range is not None:
        raise S3Error(
            "InvalidRequest", "Cannot specify both Range header and partNumber query parameter."
        )
    sizes = [part.size for part in version.parts] or [version.size]
    return _Wanted(
        span=part_range(input.part_number, sizes), parts_count=len(version.parts) or None
    )


def _told_checksums(input: GetObject, version: Version, wanted: _Wanted) -> Mapping[str, str]:
    """Of the whole or of the part that is asked for; a range has none."""
    if version.checksum is None:
        return {}
    if wanted.span is None or (input.part_number is not None and not version.parts):
        return version.checksums
    if input.part_number is None:
        return {}
    value = version.parts[input.part_number - 1].checksum
    return {} if value is None else {version.checksum.algorithm: value}


async def head_object(context: Context, input: HeadObject) -> HeadObjectResult:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html"""
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    require_current(input.version_id, input.key)
    version = await current(context, bucket, input.key)
    if not bucket.indexed:
        version = await still_current(context, bucket, version)
    result = HeadObjectResult(
        size=version.size,
        last_modified=version.modified_ns // 1_000_000_000,
        e_tag=version.etag,
    )
    _tell(context, result, input, version, _wanted(context, input, version))
    return result


async def get_object(context: Context, input: GetObject) -> GetObjectResult:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html"""
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    require_current(input.version_id, input.key)
    version = await current(context, bucket, input.key)
    wanted = _wanted(context, input, version)
    if context.services.links.direct:
        await refer(context, version, input)
    body: bytes | Stream | None = None
    if not context.services.verify_reads:
        body = at_once(context, bucket, version, wanted.span)
    if body is None:
        version, wanted, body = await _open(context, bucket, input, version)
    result = GetObjectResult(
        size=version.size,
        last_modified=version.modified_ns // 1_000_000_000,
        e_tag=version.etag,
        body=body,
    )
    try:
        _tell(context, result, input, version, wanted)
    except S3Error:
        if not isinstance(body, bytes):
            await body.aclose()
        raise
    return result


async def _open(
    context: Context, bucket: Bucket, input: GetObject, found: Version
) -> tuple[Version, _Wanted, bytes | Stream]:
    opened = await open_current(
        context,
        bucket,
        input.key,
        lambda version: _wanted(context, input, version),
        lambda version, wanted: wanted.span or whole(version),
        found=found,
    )
    services, version, content = context.services, opened.version, opened.content
    if not services.verify_reads or opened.chosen.span is not None:
        # A small one that has come with its storage's answer is sent in one piece with the head of ours.
        data = content.at_hand() if content.length <= PIECE else None
        if data is None:
            return version, opened.chosen, content
        await content.aclose()
        return version, opened.chosen, data
    guarded = Guarded(services, bucket, version, content, context.pool)
    return version, opened.chosen, guarded


def _tell(
    context: Context,
    result: HeadObjectResult,
    input: GetObject,
    version: Version,
    wanted: _Wanted,
) -> None:
    """What GET and HEAD tell alike."""
    result.content_range, result.parts_count = wanted
    result.headers = told_headers(context, version, input)
    result.metadata = version.metadata
    result.storage_class = version.storage_class
    if version.tags:
        result.tag_count = len(version.tags)
    if input.checksum_mode is not None:
        result.checksums = _told_checksums(input, version, wanted)
        if result.checksums and version.checksum is not None:
            result.checksum_type = version.checksum.type


async def delete_object(context: Context, input: DeleteObject) -> DeleteObjectResult:
    """Deleting what is not there succeeds, but for a condition.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html
    """
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    condition = replace(
        write_condition(input.if_match, None),
        size=input.if_match_size,
        modified_s=input.if_match_last_modified_time,
    )
    try:
        await _delete(context, bucket, input.key, input.version_id, condition)
    except NoSuchKey:
        raise S3Error("NoSuchKey", Key=input.key) from None
    except ConditionFailed:
        if input.if_match is None:
            raise
        raise S3Error("PreconditionFailed", Condition="If-Match") from None
    return DeleteObjectResult()


async def _delete(
    context: Context, bucket: Bucket, key: str, version_id: str | None, condition: Condition
) -> None:
    if version_id not in {None, "null"}:
        # There is no such version, and deleting what is not there succeeds.
        return
    if not bucket.indexed:
        # What others put there, and nobody has looked at, is what is to be deleted.
        await brought_into_line(context.services, bucket, key)
    removed = await context.services.catalog.remove(bucket, key, only_if=condition)
    if removed and watched(context.services, bucket) is not None:
        # A file that was in the way of the object is the object now, in listings as well.
        await unknown(context.services, bucket, key)


async def delete_objects(context: Context, input: DeleteObjects) -> DeleteObjectsResult:
    """Up to 1,000 keys, each deleted on its own; one failure leaves the others.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
    """
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    # Side by side, so that they share commits.
    outcomes = await asyncio.gather(
        *(_delete_one(context, bucket, item) for item in input.delete.objects)
    )
    deleted: list[DeletedObject] = []
    errors: list[DeleteError] = []
    for item, error in zip(input.delete.objects, outcomes, strict=True):
        if error is not None:
            errors.append(error)
        elif not input.delete.quiet:
            deleted.append(DeletedObject(key=item.key, version_id=item.version_id))
    return DeleteObjectsResult(deleted=deleted, errors=errors)


async def _delete_one(
    context: Context, bucket: Bucket, item: ObjectIdentifier
) -> DeleteError | None:
    if item.version_id is not None and not can_be_a_version(item.version_id):
        # Only here S3 says so; a DeleteObject with such an id is refused as InvalidArgument.
        return _not_deleted(item, S3Error("NoSuchVersion"))
    try:
        condition = replace(
            write_condition(item.e_tag, None), size=item.size, modified_s=item.last_modified_time
        )
        await _delete(context, bucket, item.key, item.version_id, condition)
    except S3Error as refusal:
        return _not_deleted(item, refusal)
    except (CatalogError, StorageError) as fault:
        return _not_deleted(item, s3_error(fault))
    return None


def _not_deleted(item: ObjectIdentifier, error: S3Error) -> DeleteError:
    return DeleteError(
        key=item.key, code=error.code, message=error.message, version_id=item.version_id
    )

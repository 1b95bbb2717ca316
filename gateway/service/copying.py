"""CopyObject and UploadPartCopy."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from backends.errors import Damaged, NotFound
from backends.interface import Can
from gateway.catalog.errors import ConditionConflict
from gateway.catalog.records import Bucket, Checksum, Condition, Part, Upload, Version
from gateway.payload import DEFAULT_ALGORITHM, Hashing
from gateway.s3.errors import S3Error
from gateway.s3.inputs.copying import CopyObject, UploadPartCopy
from gateway.s3.metadata import stored_headers
from gateway.s3.ranges import ByteRange, parse_copy_source_range
from gateway.s3.results import CopyObjectResult, UploadPartCopyResult
from gateway.service.conditions import check_copy_source, refuse_early, write_condition
from gateway.service.context import Context
from gateway.service.publishers import publisher_of
from gateway.service.publishing import Arriving, Facts
from gateway.service.reading import Opened, current, open_current, whole
from gateway.service.unread import Unread
from gateway.service.versions import require_current

_MD5 = re.compile(r"[0-9a-f]{32}", re.ASCII)
"""The ETag of bytes that were put in one piece."""
_RESTATEMENTS = 100
"""Times a copy onto itself begins anew because of other writers; then it is a conflict (409)."""


_LOOKS = 5

Chosen = TypeVar("Chosen")
Result = TypeVar("Result")


async def copy_object(context: Context, input: CopyObject) -> CopyObjectResult:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html"""
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    source = await _source_bucket(context, bucket, input)
    condition = write_condition(input.if_match, input.if_none_match)
    await refuse_early(context, bucket, input.key, condition)
    if source.id == bucket.id and input.copy_source.key == input.key:
        restated = await _onto_itself(context, bucket, input, condition)
        if restated is not None:
            return _result(restated)
    return _result(await _copy(context, source, bucket, input, condition))


async def _onto_itself(
    context: Context, bucket: Bucket, input: CopyObject, condition: Condition
) -> Version | None:
    """The object under new facts; None if its bytes must be read for that."""
    for attempt in range(1, _RESTATEMENTS + 1):
        version = await current(context, bucket, input.key)
        check_copy_source(context, input, version)
        _refuse_without_change(input, version)
        if input.checksum_algorithm not in {None, _algorithm(version)}:
            return None
        facts = _facts(context, input, version, version.etag, version.checksum)
        try:
            return await _restate(context, bucket, version, facts, condition)
        except ConditionConflict:
            # It was written meanwhile: what is there now is what is copied.
            if attempt == _RESTATEMENTS:
                raise
    raise AssertionError("unreachable")


async def _source_bucket(
    context: Context, bucket: Bucket, input: CopyObject | UploadPartCopy
) -> Bucket:
    source = input.copy_source
    require_current(source.version_id, source.key)
    if source.bucket == bucket.name and input.expected_source_bucket_owner is None:
        return bucket
    return await context.bucket(source.bucket, expected_owner=input.expected_source_bucket_owner)


def _algorithm(version: Version) -> str | None:
    return None if version.checksum is None else version.checksum.algorithm


def _refuse_without_change(input: CopyObject, version: Version) -> None:
    changes = (
        input.metadata_directive == "REPLACE"
        or input.tagging_directive == "REPLACE"
        or input.storage_class not in {None, version.storage_class}
        or "x-amz-website-redirect-location" in version.headers
        or input.checksum_algorithm is not None
    )
    if not changes:
        raise S3Error(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself "
            "without changing the object's metadata, storage class, website redirect location or "
            "encryption attributes.",
        )


def _facts(
    context: Context, input: CopyObject, version: Version, etag: str, checksum: Checksum | None
) -> Facts:
    """What the copy is to be, as the directives say."""
    replaced = input.metadata_directive == "REPLACE"
    sent = stored_headers(context.headers)
    redirect = "x-amz-website-redirect-location"
    if replaced:
        headers = sent
    else:
        # The redirect is never copied (API_CopyObject).
        headers = {name: value for name, value in version.headers.items() if name != redirect}
        if redirect in sent:
            headers[redirect] = sent[redirect]
    return Facts(
        key=input.key,
        size=version.size,
        etag=etag,
        storage_class=input.storage_class or "STANDARD",
        headers=headers,
        metadata=input.metadata if replaced else version.metadata,
        tags=input.tagging if input.tagging_directive == "REPLACE" else version.tags,
        checksum=checksum,
    )


async def _restate(
    context: Context, bucket: Bucket, version: Version, facts: Facts, condition: Condition
) -> Version:
    """The same bytes under new facts: nothing is copied."""
    services = context.services
    restated = replace(
        version,
        modified_ns=services.now_ns(),
        storage_class=facts.storage_class,
        headers=facts.headers,
        metadata=facts.metadata,
        tags=facts.tags,
    )
    return await services.catalog.replace_facts(bucket, restated, only_if=condition)


async def _copy(
    context: Context, source: Bucket, bucket: Bucket, input: CopyObject, condition: Condition
) -> Version:
    def choose(version: Version) -> None:
        check_copy_source(context, input, version)
        _check_size(context, version.size)

    def is_read(version: Version, _: None) -> bool:
        return not _is_known(input, version, bucket)

    async def copy(opened: Opened[None]) -> tuple[Arriving, Facts]:
        return await _copied(context, opened, bucket, input)

    arriving, facts = await _of_opened(
        context,
        source,
        input.copy_source.key,
        by_itself=Can.COPY in context.storage(bucket.storage).can,
        choose=choose,
        span=lambda version, _: whole(version),
        is_read=is_read,
        use=copy,
    )
    publisher = publisher_of(context.storage(bucket.storage))
    return await publisher.publish(context, bucket, arriving, facts, only_if=condition)


async def _of_opened(
    context: Context,
    bucket: Bucket,
    key: str,
    *,
    by_itself: bool,
    choose: Callable[[Version], Chosen],
    span: Callable[[Version, Chosen], ByteRange],
    is_read: Callable[[Version, Chosen], bool],
    use: Callable[[Opened[Chosen]], Awaitable[Result]],
) -> Result:
    """What ``use`` makes of the source, opened, or looked up only if the storage can copy ``by_itself``
    what is not read. Where a reading does not outlive what replaces it, it begins again with that."""
    for look in range(1, _LOOKS + 1):
        # At last it is opened: others may have changed the bytes, and the row follows them.
        unread = by_itself and look < _LOOKS - 1
        opened = await _unread(context, bucket, key, choose, span, is_read) if unread else None
        if opened is None:
            opened = await open_current(context, bucket, key, choose, span)
        try:
            return await use(opened)
        except (NotFound, Damaged):
            read = not isinstance(opened.content, Unread)
            if look == _LOOKS or (read and _outlives(context, opened.version)):
                raise
        finally:
            await opened.content.aclose()
    raise AssertionError("unreachable")


async def _unread(  # noqa: PLR0917 - as open_current
    context: Context,
    bucket: Bucket,
    key: str,
    choose: Callable[[Version], Chosen],
    span: Callable[[Version, Chosen], ByteRange],
    is_read: Callable[[Version, Chosen], bool],
) -> Opened[Chosen] | None:
    version = await current(context, bucket, key)
    chosen = choose(version)
    if is_read(version, chosen):
        return None
    storage = context.storage(version.location.storage)
    content = Unread(storage, version.location, span(version, chosen))
    return Opened(version=version, chosen=chosen, content=content)


def _outlives(context: Context, version: Version) -> bool:
    return Can.OUTLIVE in context.storage(version.location.storage).can


def _is_known(input: CopyObject, version: Version, bucket: Bucket) -> bool:
    """Whether all that is to be known of the copy is known of bytes on the same storage."""
    checksum = version.checksum
    return (
        checksum is not None
        and checksum.type == "FULL_OBJECT"
        and input.checksum_algorithm in {None, checksum.algorithm}
        and version.location.storage == bucket.storage
    )


async def _copied(
    context: Context, opened: Opened[None], bucket: Bucket, input: CopyObject
) -> tuple[Arriving, Facts]:
    """Copy, in the storage if nothing new has to be known of the bytes, else through the hashes."""
    version = opened.version
    wanted = input.checksum_algorithm or _algorithm(version) or DEFAULT_ALGORITHM
    known = _is_known(input, version, bucket)
    facts = _facts(
        context,
        input,
        version,
        version.etag if known else "",
        version.checksum if known else None,
    )
    arriving: Arriving = publisher_of(context.storage(bucket.storage)).begin(
        context, bucket, facts, copies=True
    )
    try:
        if known:
            await arriving.copy(opened.content)
            return arriving, facts
        hashing = Hashing(context.payload.pool, (wanted,))
        async for piece in opened.content.chunks():
            await hashing.update(piece)
            await arriving.write(piece)
    except BaseException:
        await arriving.discard()
        raise
    facts.etag = hashing.md5
    facts.checksum = Checksum(algorithm=wanted, type="FULL_OBJECT", value=hashing.checksum(wanted))
    return arriving, facts


def _result(version: Version) -> CopyObjectResult:
    return CopyObjectResult(
        e_tag=version.etag,
        last_modified=version.modified_ns // 1_000_000_000,
        checksums=version.checksums,
        checksum_type=None if version.checksum is None else version.checksum.type,
    )


async def upload_part_copy(context: Context, input: UploadPartCopy) -> UploadPartCopyResult:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html"""
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    upload = await context.services.catalog.upload(bucket, input.key, input.upload_id)
    source = await _source_bucket(context, bucket, input)

    def choose(version: Version) -> ByteRange:
        check_copy_source(context, input, version)
        if input.copy_source_range is None:
            span = whole(version)
        else:
            span = parse_copy_source_range(input.copy_source_range, version.size)
        _check_size(context, span.length)
        return span

    algorithm = upload.checksum_algorithm or DEFAULT_ALGORITHM
    publisher = publisher_of(context.storage(upload.storage))

    def is_read(version: Version, span: ByteRange) -> bool:
        return not _is_known_part(upload, version, span, algorithm)

    async def copy(opened: Opened[ByteRange]) -> Part:
        size = opened.chosen.length
        async with publisher.part(context, bucket, upload, input.part_number, size) as writer:
            etag, checksum = await _copy_part(context, opened, writer.arriving, upload, algorithm)
            return await writer.record(etag=etag, checksum=checksum)

    part = await _of_opened(
        context,
        source,
        input.copy_source.key,
        by_itself=Can.COPY_PARTS in context.storage(upload.storage).can,
        choose=choose,
        span=lambda _, span: span,
        is_read=is_read,
        use=copy,
    )
    checksums = {algorithm: part.checksum} if upload.checksum_algorithm and part.checksum else {}
    return UploadPartCopyResult(
        e_tag=part.etag,
        last_modified=part.modified_ns // 1_000_000_000,
        checksums=checksums,
    )


async def _copy_part(
    context: Context, opened: Opened[ByteRange], arriving: Arriving, upload: Upload, algorithm: str
) -> tuple[str, str]:
    """ETag and checksum of a part that is copied: in the storage if both are known; else through the
    hashes."""
    version, content = opened.version, opened.content
    if version.checksum is not None and _is_known_part(upload, version, opened.chosen, algorithm):
        await arriving.copy(content)
        return version.etag, version.checksum.value
    hashing = Hashing(context.pool, (algorithm,))
    async for piece in content.chunks():
        await hashing.update(piece)
        await arriving.write(piece)
    return hashing.md5, hashing.checksum(algorithm)


def _is_known_part(upload: Upload, version: Version, span: ByteRange, algorithm: str) -> bool:
    """Whether ETag and checksum of the part are known, as they are of a whole object that was put in one
    piece, and it is on the same storage."""
    checksum = version.checksum
    return (
        version.location.storage == upload.storage
        and span == whole(version)
        and _MD5.fullmatch(version.etag) is not None
        and checksum is not None
        and (checksum.algorithm, checksum.type) == (algorithm, "FULL_OBJECT")
    )


def _check_size(context: Context, size: int) -> None:
    most = context.services.bounds.put
    if size > most:
        raise S3Error(
            "InvalidRequest",
            "The specified copy source is larger than the maximum allowable size for a copy "
            f"source: {most}",
        )

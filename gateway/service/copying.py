"""CopyObject and UploadPartCopy."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from backends.errors import Damaged, NotFound
from backends.interface import Can, Content
from gateway.catalog.errors import ConditionConflict
from gateway.catalog.records import Bucket, Checksum, Condition, Part, Upload, Version
from gateway.payload import DEFAULT_ALGORITHM, Hashing
from gateway.s3.checksums import FULL_OBJECT, decode
from gateway.s3.errors import S3Error
from gateway.s3.etag import CRC, MD5, crc_etag, crc_of
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
"""The MD5 of bytes that were put in one piece, as an ETag."""
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
    """S3 asks whether a change is asked for, not whether it is one: the same storage class will do."""
    changes = (
        input.metadata_directive == "REPLACE"
        or input.tagging_directive == "REPLACE"
        or input.storage_class is not None
        or input.website_redirect_location is not None
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
        return not _is_known(context, input, version, bucket)

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


def _is_known(context: Context, input: CopyObject, version: Version, bucket: Bucket) -> bool:
    """Whether all that is to be known of the copy is known of bytes on the same storage.

    An ETag made of a CRC is none where clients may compare it with an MD5.
    """
    checksum = version.checksum
    if context.services.etag_algorithm(bucket) == MD5 and crc_of(version.etag) is not None:
        return False
    return (
        checksum is not None
        and checksum.type == FULL_OBJECT
        and input.checksum_algorithm in {None, checksum.algorithm}
        and version.location.storage == bucket.storage
    )


async def _copied(
    context: Context, opened: Opened[None], bucket: Bucket, input: CopyObject
) -> tuple[Arriving, Facts]:
    """Copy, in the storage if nothing new has to be known of the bytes, else through the hashes."""
    version = opened.version
    wanted = input.checksum_algorithm or _algorithm(version) or DEFAULT_ALGORITHM
    known = _is_known(context, input, version, bucket)
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
        hashing = Hashing(context.pool, wanted, etag=context.services.etag_algorithm(bucket))
        await _through(hashing, opened.content, arriving)
    except BaseException:
        await arriving.discard()
        raise
    facts.etag = hashing.etag
    facts.checksum = Checksum(algorithm=wanted, type=FULL_OBJECT, value=hashing.checksum(wanted))
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
    made_of = context.services.etag_algorithm(bucket)
    publisher = publisher_of(context.storage(upload.storage))

    def is_read(version: Version, span: ByteRange) -> bool:
        return _known_part(upload, version, span, algorithm, made_of) is None

    async def copy(opened: Opened[ByteRange]) -> Part:
        size = opened.chosen.length
        async with publisher.part(context, bucket, upload, input.part_number, size) as writer:
            known = _known_part(upload, opened.version, opened.chosen, algorithm, made_of)
            if known is not None:
                await writer.arriving.copy(opened.content)
                etag, checksum = known
            else:
                hashing = Hashing(context.pool, algorithm, etag=made_of)
                await _through(hashing, opened.content, writer.arriving)
                etag, checksum = hashing.etag, hashing.checksum(algorithm)
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


async def _through(hashing: Hashing, content: Content, arriving: Arriving) -> None:
    async for piece in content.chunks():
        await hashing.update(piece)
        await arriving.write(piece)


def _known_part(
    upload: Upload, version: Version, span: ByteRange, algorithm: str, made_of: str
) -> tuple[str, str] | None:
    """ETag and checksum of the part if they are known without reading: it is a whole object on the same
    storage that has them."""
    etag, checksum = _etag_of_whole(version, made_of), version.checksum
    if (
        version.location.storage != upload.storage
        or span != whole(version)
        or etag is None
        or checksum is None
        or (checksum.algorithm, checksum.type) != (algorithm, FULL_OBJECT)
    ):
        return None
    return etag, checksum.value


def _etag_of_whole(version: Version, made_of: str) -> str | None:
    """What its ETag is, or would be, if it came in one piece; None if that is not known."""
    if made_of == MD5:
        return version.etag if _MD5.fullmatch(version.etag) else None
    checksum = version.checksum
    if checksum is not None and (checksum.algorithm, checksum.type) == (CRC, FULL_OBJECT):
        crc = decode(CRC, checksum.value)
    else:
        crc = crc_of(version.etag)
    return None if crc is None else crc_etag(crc)


def _check_size(context: Context, size: int) -> None:
    most = context.services.bounds.put
    if size > most:
        raise S3Error(
            "InvalidRequest",
            "The specified copy source is larger than the maximum allowable size for a copy "
            f"source: {most}",
        )

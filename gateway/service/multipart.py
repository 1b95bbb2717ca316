"""Multipart uploads: start, upload parts, list, abort. Where the bytes of parts go is the publisher's."""

import re

from gateway.catalog.records import Part, Upload
from gateway.s3 import results
from gateway.s3.checksums import default_type, require_type
from gateway.s3.errors import S3Error
from gateway.s3.inputs.multipart import (
    AbortMultipartUpload,
    CreateMultipartUpload,
    ListMultipartUploads,
    ListParts,
    UploadPart,
)
from gateway.s3.metadata import stored_headers
from gateway.service.context import Context
from gateway.service.publishers import publisher_of

_UPLOAD_ID = re.compile("[0-9a-f]{32}", re.ASCII)
"""As ``Services.new_id`` makes them."""


async def create_multipart_upload(
    context: Context, input: CreateMultipartUpload
) -> results.CreateMultipartUploadResult:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html"""
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    services = context.services
    algorithm, type_ = _checksum_plan(input)
    upload = Upload(
        id=services.new_id(),
        bucket_id=bucket.id,
        key=input.key,
        initiated_ns=services.now_ns(),
        storage=bucket.storage,
        storage_class=input.storage_class or "STANDARD",
        headers=stored_headers(context.headers),
        metadata=input.metadata,
        tags=input.tagging,
        checksum_algorithm=algorithm,
        checksum_type=type_,
    )
    await publisher_of(context.storage(bucket.storage)).start_upload(context, bucket, upload)
    return results.CreateMultipartUploadResult(
        bucket=bucket.name,
        key=input.key,
        upload_id=upload.id,
        checksum_algorithm=algorithm,
        checksum_type=type_,
    )


def _checksum_plan(input: CreateMultipartUpload) -> tuple[str | None, str | None]:
    if input.checksum_algorithm is None:
        if input.checksum_type is not None:
            raise S3Error(
                "InvalidRequest",
                "The x-amz-checksum-type header can only be used with the "
                "x-amz-checksum-algorithm header.",
            )
        return None, None
    type_ = input.checksum_type or default_type(input.checksum_algorithm)
    require_type(input.checksum_algorithm, type_)
    return input.checksum_algorithm, type_


async def upload_part(context: Context, input: UploadPart) -> results.UploadPartResult:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html"""
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    catalog = context.services.catalog
    upload = await catalog.upload(bucket, input.key, input.upload_id)
    payload = context.payload
    size = payload.require_length(context.services.bounds.put)
    payload.declare_part(
        upload.checksum_algorithm,
        upload.checksum_type,
        etag=context.services.etag_algorithm(bucket),
    )
    publisher = publisher_of(context.storage(upload.storage))
    async with publisher.part(context, bucket, upload, input.part_number, size) as writer:
        await payload.send(writer.arriving.take)
        part = await writer.record(etag=payload.etag, checksum=payload.checksum)
    return results.UploadPartResult(e_tag=part.etag, checksums=payload.shown_checksums)


async def list_parts(context: Context, input: ListParts) -> results.ListPartsResult:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html"""
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    catalog = context.services.catalog
    upload = await catalog.upload(bucket, input.key, input.upload_id)
    found = await catalog.parts(
        upload.id, after=input.part_number_marker, limit=input.max_parts + 1
    )
    page = found[: input.max_parts]
    owner = _owner(context)
    return results.ListPartsResult(
        bucket=bucket.name,
        key=upload.key,
        upload_id=upload.id,
        max_parts=input.max_parts,
        is_truncated=bool(page) and len(found) > len(page),
        parts=[_listed_part(upload, part) for part in page],
        part_number_marker=input.part_number_marker,
        next_part_number_marker=page[-1].number if page else 0,
        initiator=owner,
        owner=owner,
        storage_class=upload.storage_class,
        checksum_algorithm=upload.checksum_algorithm,
        checksum_type=upload.checksum_type,
    )


def _listed_part(upload: Upload, part: Part) -> results.Part:
    checksums = {}
    if upload.checksum_algorithm is not None and part.checksum is not None:
        checksums = {upload.checksum_algorithm: part.checksum}
    return results.Part(
        part_number=part.number,
        last_modified=part.modified_ns // 10**9,
        e_tag=part.etag,
        size=part.size,
        checksums=checksums,
    )


async def list_multipart_uploads(
    context: Context, input: ListMultipartUploads
) -> results.ListMultipartUploadsResult:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html"""
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    id_marker = _upload_id_marker(input)
    items, more = await context.services.catalog.uploads(
        bucket,
        prefix=input.prefix or "",
        delimiter=input.delimiter or "",
        after_key=input.key_marker or "",
        after_id=id_marker,
        limit=input.max_uploads,
    )
    owner = _owner(context)
    last = items[-1] if items and more else None
    return results.ListMultipartUploadsResult(
        bucket=bucket.name,
        max_uploads=input.max_uploads,
        is_truncated=more,
        uploads=[_listed_upload(item, owner) for item in items if isinstance(item, Upload)],
        common_prefixes=[item for item in items if isinstance(item, str)],
        prefix=input.prefix,
        delimiter=input.delimiter,
        key_marker=input.key_marker,
        upload_id_marker=id_marker,
        next_key_marker=last.key if isinstance(last, Upload) else last,
        next_upload_id_marker=last.id if isinstance(last, Upload) else None,
        encoding_type=input.encoding_type,
    )


def _upload_id_marker(input: ListMultipartUploads) -> str:
    """Ignored without a key-marker, as S3 says. S3Error InvalidArgument for what can be no id: an upload
    that has ended since the last page is still a place to go on from."""
    marker = input.upload_id_marker
    if not input.key_marker or not marker:
        return ""
    if _UPLOAD_ID.fullmatch(marker) is None:
        raise S3Error(
            "InvalidArgument",
            "Invalid uploadId marker",
            ArgumentName="upload-id-marker",
            ArgumentValue=marker,
        )
    return marker


def _listed_upload(upload: Upload, owner: results.Owner) -> results.MultipartUpload:
    return results.MultipartUpload(
        key=upload.key,
        upload_id=upload.id,
        initiated=upload.initiated_ns // 10**9,
        storage_class=upload.storage_class,
        initiator=owner,
        owner=owner,
        checksum_algorithm=upload.checksum_algorithm,
        checksum_type=upload.checksum_type,
    )


async def abort_multipart_upload(
    context: Context, input: AbortMultipartUpload
) -> results.AbortMultipartUploadResult:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html"""
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    await context.services.catalog.abort_upload(bucket, input.key, input.upload_id)
    return results.AbortMultipartUploadResult()


def _owner(context: Context) -> results.Owner:
    owner = context.services.owner
    return results.Owner(id=owner.id, display_name=owner.display_name)

"""Multipart uploads: start, upload parts, list, complete, abort.

A part may lie in place in the upload's one staged file (``Catalog.claim_part``); completing such an
upload moves no byte. Other parts have staged files of their own and are put together, in the kernel
where the storage can.
"""

import asyncio
from typing import Self

from backends.interface import Can, Staged
from gateway.catalog.errors import (
    CatalogError,
    CatalogUnavailable,
    NoSuchBucket,
    NoSuchUpload,
)
from gateway.catalog.placing import part_file, upload_file
from gateway.catalog.records import Bucket, Part, Upload
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
    await services.catalog.start_upload(upload)
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
    payload.declare_part(upload.checksum_algorithm, upload.checksum_type)
    async with PartWriter(context, bucket, upload, input.part_number, size) as writer:
        await payload.send(writer.staged.take)
        part = await writer.record(etag=payload.md5, checksum=payload.checksum)
    return results.UploadPartResult(e_tag=part.etag, checksums=payload.shown_checksums)


def _check_number(number: int, most: int) -> None:
    if number > most:
        raise S3Error(
            "InvalidArgument",
            f"Part number must be an integer between 1 and {most}, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=str(number),
        )


class PartWriter:
    """One attempt at a part: claims its place, and leaves nothing behind if it fails.

    S3Error InvalidArgument for a number that is too high.
    """

    staged: Staged

    def __init__(
        self, context: Context, bucket: Bucket, upload: Upload, number: int, size: int
    ) -> None:
        _check_number(number, context.services.bounds.parts)
        self._services = context.services
        self._bucket = bucket
        self._storage = context.storage(upload.storage)
        self._upload = upload
        self._number = number
        self._size = size
        self._attempt = f"{context.services.process}{context.services.new_id()}"
        self._offset: int | None = None
        self._stays = False
        """The bytes are the upload's now, or may be."""

    async def __aenter__(self) -> Self:
        upload = self._upload
        if Can.PARTS_IN_PLACE in self._storage.can:
            claim = await self._services.catalog.claim_part(
                upload.id, self._number, self._attempt, self._size
            )
            self._offset = claim.offset
        if self._offset is None:
            self.staged = self._storage.stage(
                part_file(upload.id, self._number, self._attempt), size=self._size
            )
        else:
            self.staged = self._storage.stage(
                upload_file(upload.id), offset=self._offset, exclusive=False, size=self._size
            )
        return self

    async def record(self, *, etag: str, checksum: str | None) -> Part:
        """Make the bytes durable and the part known. Raises NoSuchUpload if it is too late."""
        await self.staged.keep()
        part = Part(
            number=self._number,
            attempt=self._attempt,
            size=self._size,
            etag=etag,
            modified_ns=self._services.now_ns(),
            checksum=checksum,
            offset=self._offset,
        )
        try:
            await self._services.catalog.put_part(self._upload.id, part)
        except (CatalogUnavailable, asyncio.CancelledError):
            self._stays = True
            raise
        self._stays = True
        return part

    async def __aexit__(self, *_: object) -> None:
        if self._stays:
            return
        # In place, other parts lie in the same file: this only lets go of it.
        await self.staged.discard()
        if self._offset is not None and await self._is_gone():
            # Its file was dropped with the upload, but a late writer makes it anew. An upload with
            # a writer in place never becomes an object by moving that file, so nobody else's
            # bytes can be in it.
            self._storage.drop_staged(self.staged.name)

    async def _is_gone(self) -> bool:
        try:
            await self._services.catalog.upload(self._bucket, self._upload.key, self._upload.id)
        except (NoSuchUpload, NoSuchBucket):
            return True
        except CatalogError:
            return False
        return False


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
    # upload-id-marker without key-marker is ignored, as S3 says.
    items, more = await context.services.catalog.uploads(
        bucket,
        prefix=input.prefix or "",
        delimiter=input.delimiter or "",
        after_key=input.key_marker or "",
        after_id=(input.upload_id_marker or "") if input.key_marker else "",
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
        upload_id_marker=input.upload_id_marker,
        next_key_marker=last.key if isinstance(last, Upload) else last,
        next_upload_id_marker=last.id if isinstance(last, Upload) else None,
        encoding_type=input.encoding_type,
    )


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

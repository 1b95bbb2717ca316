"""CompleteMultipartUpload: from parts to an object."""

import asyncio
import contextlib
import itertools
import os
from collections.abc import Sequence
from typing import Self

from backends.interface import Can
from gateway.catalog.errors import CatalogError, CatalogUnavailable, NoSuchUpload
from gateway.catalog.placing import upload_file
from gateway.catalog.records import (
    NULL_VERSION,
    Bucket,
    Checksum,
    Completed,
    Condition,
    Part,
    PartFact,
    Upload,
)
from gateway.payload import DEFAULT_ALGORITHM
from gateway.s3.checksums import composite, full_object
from gateway.s3.errors import S3Error
from gateway.s3.etag import etag_of_parts
from gateway.s3.inputs.multipart import CompleteMultipartUpload
from gateway.s3.results import CompleteMultipartUploadResult
from gateway.s3.xml_in import CompletedPart
from gateway.service.conditions import refuse_early, write_condition
from gateway.service.context import Context
from gateway.service.publishers import publisher_of
from gateway.service.publishing import Completion, Facts

MIN_PART = 5 * 1024**2
"""Bytes of every part but the last: S3's limit."""


async def complete_multipart_upload(
    context: Context, input: CompleteMultipartUpload
) -> CompleteMultipartUploadResult:
    """Completing the same upload again gives the same answer, for a day at least.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
    """
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    catalog = context.services.catalog
    try:
        upload = await catalog.upload(bucket, input.key, input.upload_id)
        condition = write_condition(input.if_match, input.if_none_match)
        try:
            # Refused here, the upload need not be closed for it. What counts is decided once it is.
            await refuse_early(context, bucket, input.key, condition)
            found = await catalog.parts(upload.id)
            parts = _chosen(input.multipart_upload.parts, found, upload)
            _check_size(parts, context.services.bounds.object)
            _checksum(input, upload, parts)
        except S3Error:
            # Raises NoSuchUpload if what was seen is that another request has completed it.
            await catalog.upload(bucket, input.key, input.upload_id)
            raise
        async with _Closed(context, upload) as closed:
            completed = await _completed(
                context, bucket, input, upload, condition, movable=not closed.unfinished
            )
    except NoSuchUpload:
        return await _again(context, bucket, input)
    return _result(context, bucket, completed)


class _Closed:
    """The upload closed against writers, and open again if it does not become an object.

    It is opened again even if it may have become one: then there is no such upload any more. What
    cannot be opened now, because the catalog fails, is opened by the next request of this process
    that completes it, or by any once this process is dead.
    """

    def __init__(self, context: Context, upload: Upload) -> None:
        self._services = context.services
        self._upload = upload
        self.unfinished = False
        """Whether attempts in place are still being written."""

    async def __aenter__(self) -> Self:
        catalog, id = self._services.catalog, self._upload.id
        completing = self._services.completing
        if id in completing:
            raise NoSuchUpload(id)
        completing.add(id)
        try:
            if self._upload.completing:
                await catalog.reopen_upload(id, by=os.getpid())
            self.unfinished = await catalog.begin_complete(id)
        except BaseException:
            completing.discard(id)
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        id = self._upload.id
        try:
            if kind is not None:
                with contextlib.suppress(CatalogError):
                    await self._services.catalog.reopen_upload(id, by=os.getpid())
        finally:
            self._services.completing.discard(id)


async def _completed(
    context: Context,
    bucket: Bucket,
    input: CompleteMultipartUpload,
    upload: Upload,
    condition: Condition,
    *,
    movable: bool,
) -> Completed:
    try:
        return await _complete(context, bucket, input, upload, condition, movable=movable)
    except (CatalogUnavailable, asyncio.CancelledError):
        raise
    except BaseException:
        await _require(context, bucket, upload)
        raise


async def _require(context: Context, bucket: Bucket, upload: Upload) -> None:
    """NoSuchUpload if it was aborted while it was being completed: that is then why it failed."""
    try:
        await context.services.catalog.upload(bucket, upload.key, upload.id)
    except NoSuchUpload:
        storage = context.storage(upload.storage)
        if Can.PARTS_IN_PLACE in storage.can:
            # Dropped with the upload, but sealing may have made it anew.
            storage.drop_staged(upload_file(upload.id))
        raise


async def _complete(
    context: Context,
    bucket: Bucket,
    input: CompleteMultipartUpload,
    upload: Upload,
    condition: Condition,
    *,
    movable: bool,
) -> Completed:
    """The object of an upload that is closed against writers: now its parts are final."""
    found = await context.services.catalog.parts(upload.id)
    parts = _chosen(input.multipart_upload.parts, found, upload)
    _check_size(parts, context.services.bounds.object)
    checksum = _checksum(input, upload, parts)
    etag = etag_of_parts([(part.etag, part.size) for part in parts])
    facts = Facts(
        key=upload.key,
        size=sum(part.size for part in parts),
        etag=etag,
        storage_class=upload.storage_class,
        headers=upload.headers,
        metadata=upload.metadata,
        tags=upload.tags,
        checksum=checksum,
        parts=[
            PartFact(number=part.number, size=part.size, checksum=part.checksum) for part in parts
        ],
    )
    completed = Completed(
        upload_id=upload.id,
        bucket_id=bucket.id,
        key=upload.key,
        version_id=NULL_VERSION,
        etag=etag,
        checksum=checksum,
        parts=[(part.number, part.etag) for part in parts],
    )
    completion = Completion(
        upload=upload,
        parts=parts,
        facts=facts,
        completed=completed,
        # Sealing cuts the file behind the last part: parts left out would be lost if it is reopened.
        movable=movable and len(parts) == len(found),
    )
    publisher = publisher_of(context.storage(upload.storage))
    await publisher.complete(context, bucket, completion, only_if=condition)
    return completed


def _chosen(asked: Sequence[CompletedPart], found: Sequence[Part], upload: Upload) -> list[Part]:
    """The parts asked for. S3Error InvalidPartOrder, InvalidPart, EntityTooSmall, InvalidRequest."""
    numbers = [part.part_number for part in asked]
    if any(later <= earlier for earlier, later in itertools.pairwise(numbers)):
        raise S3Error("InvalidPartOrder", UploadId=upload.id)
    known = {part.number: part for part in found}
    chosen: list[Part] = []
    for wanted in asked:
        part = known.get(wanted.part_number)
        if part is None or part.etag != wanted.e_tag:
            raise S3Error(
                "InvalidPart",
                UploadId=upload.id,
                PartNumber=str(wanted.part_number),
                ETag=wanted.e_tag or "",
            )
        _check_part_checksum(wanted, part, upload)
        chosen.append(part)
    for part in chosen[:-1]:
        if part.size < MIN_PART:
            raise S3Error(
                "EntityTooSmall",
                ProposedSize=str(part.size),
                MinSizeAllowed=str(MIN_PART),
                PartNumber=str(part.number),
                ETag=part.etag,
            )
    return chosen


def _check_size(parts: Sequence[Part], most: int) -> None:
    size = sum(part.size for part in parts)
    if size > most:
        raise S3Error("EntityTooLarge", ProposedSize=str(size), MaxSizeAllowed=str(most))


def _check_part_checksum(wanted: CompletedPart, part: Part, upload: Upload) -> None:
    algorithm = upload.checksum_algorithm
    if algorithm is None:
        return
    given = wanted.checksums.get(algorithm)
    if given is None and upload.checksum_type == "COMPOSITE":
        raise S3Error(
            "InvalidRequest",
            f"The upload was created using a {algorithm.lower()} checksum. The complete request "
            f"must include the checksum for each part. It was missing for part {part.number} in "
            "the request.",
        )
    if given is not None and given != part.checksum:
        raise S3Error(
            "InvalidPart", UploadId=upload.id, PartNumber=str(part.number), ETag=part.etag
        )


def _checksum(
    input: CompleteMultipartUpload, upload: Upload, parts: Sequence[Part]
) -> Checksum | None:
    """The object's checksum, compared with what the client says of object and size."""
    size = sum(part.size for part in parts)
    if input.mpu_object_size is not None and input.mpu_object_size != size:
        raise S3Error(
            "InvalidRequest",
            f"The provided 'x-amz-mp-object-size' header value {input.mpu_object_size} does not "
            f"match what was computed: {size}",
        )
    algorithm = upload.checksum_algorithm or DEFAULT_ALGORITHM
    type_ = upload.checksum_type or "FULL_OBJECT"
    if input.checksum_type is not None and input.checksum_type != type_:
        raise S3Error(
            "InvalidRequest",
            f"The upload was created using the {type_} checksum mode. The complete request must "
            "use the same checksum mode.",
        )
    if input.checksums and algorithm not in input.checksums:
        raise S3Error(
            "InvalidRequest",
            f"Checksum Type mismatch occurred, expected checksum Type: {algorithm.lower()}, "
            f"actual checksum Type: {next(iter(input.checksums)).lower()}",
        )
    values = [(part.checksum or "", part.size) for part in parts]
    if any(not value for value, _ in values):
        return None
    if type_ == "COMPOSITE":
        value = composite(algorithm, [value for value, _ in values])
    else:
        value = full_object(algorithm, values)
    given = input.checksums.get(algorithm)
    if given is not None and given != value and given != value.partition("-")[0]:
        raise S3Error(
            "BadDigest",
            f"The {algorithm} you specified did not match the calculated checksum.",
        )
    return Checksum(algorithm=algorithm, type=type_, value=value)


async def _again(
    context: Context, bucket: Bucket, input: CompleteMultipartUpload
) -> CompleteMultipartUploadResult:
    """The answer to completing what is completed already, if the same is asked again."""
    catalog = context.services.catalog
    known = await catalog.completed(bucket, input.key, input.upload_id)
    if known is None:
        try:
            await catalog.upload(bucket, input.key, input.upload_id)
        except NoSuchUpload:
            known = await catalog.completed(bucket, input.key, input.upload_id)
        else:
            # The client of this request is to try again, and gets the other's answer then.
            raise S3Error(
                "ServiceUnavailable",
                "This upload is being completed by another request. Try again.",
            )
    asked = [(part.part_number, part.e_tag) for part in input.multipart_upload.parts]
    if known is None or list(known.parts) != asked:
        raise S3Error("NoSuchUpload", UploadId=input.upload_id)
    return _result(context, bucket, known)


def _result(
    context: Context, bucket: Bucket, completed: Completed
) -> CompleteMultipartUploadResult:
    checksum = completed.checksum
    return CompleteMultipartUploadResult(
        location=f"{context.base_url}{context.resource}",
        bucket=bucket.name,
        key=completed.key,
        e_tag=completed.etag,
        checksums={} if checksum is None else {checksum.algorithm: checksum.value},
        checksum_type=None if checksum is None else checksum.type,
    )

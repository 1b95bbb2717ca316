"""Reads of configuration that a bucket cannot have yet: S3's document or error for "none"."""

from collections.abc import Awaitable, Callable

from gateway.catalog.records import Bucket
from gateway.s3.config_documents import DOCUMENTS, Standing
from gateway.s3.inputs.configuration import (
    BucketConfiguration,
    GetObjectAcl,
    ObjectConfiguration,
)
from gateway.s3.results import DocumentResult
from gateway.service.context import Context
from gateway.service.reading import current
from gateway.service.versions import require_current

BucketRead = Callable[[Context, BucketConfiguration], Awaitable[DocumentResult]]
ObjectRead = Callable[[Context, GetObjectAcl | ObjectConfiguration], Awaitable[DocumentResult]]


def bucket_read(operation: str) -> BucketRead:
    """The handler of one read of a bucket's configuration."""

    async def handle(context: Context, input: BucketConfiguration) -> DocumentResult:
        bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
        return _document(context, bucket, operation)

    return handle


def object_read(operation: str) -> ObjectRead:
    """The handler of one read of an object's configuration."""

    async def handle(context: Context, input: GetObjectAcl | ObjectConfiguration) -> DocumentResult:
        bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
        require_current(input.version_id, input.key)
        await current(context, bucket, input.key)
        return _document(context, bucket, operation)

    return handle


def _document(context: Context, bucket: Bucket, operation: str) -> DocumentResult:
    owner = context.services.owner
    standing = Standing(
        bucket=bucket.name,
        region=bucket.region,
        owner_id=owner.id,
        owner_name=owner.display_name,
    )
    return DocumentResult(document=DOCUMENTS[operation](standing))

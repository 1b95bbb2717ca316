"""The tags of an object."""

from gateway.s3.inputs.tagging import DeleteObjectTagging, GetObjectTagging, PutObjectTagging
from gateway.s3.results import (
    DeleteObjectTaggingResult,
    GetObjectTaggingResult,
    PutObjectTaggingResult,
)
from gateway.service.context import Context
from gateway.service.reading import current
from gateway.service.versions import require_current


async def get_object_tagging(context: Context, input: GetObjectTagging) -> GetObjectTaggingResult:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html"""
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    require_current(input.version_id, input.key)
    version = await current(context, bucket, input.key)
    return GetObjectTaggingResult(tag_set=tuple(version.tags))


async def put_object_tagging(context: Context, input: PutObjectTagging) -> PutObjectTaggingResult:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html"""
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    require_current(input.version_id, input.key)
    await current(context, bucket, input.key)
    await context.services.catalog.set_tags(bucket, input.key, input.tagging)
    return PutObjectTaggingResult()


async def delete_object_tagging(
    context: Context, input: DeleteObjectTagging
) -> DeleteObjectTaggingResult:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjectTagging.html"""
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    require_current(input.version_id, input.key)
    await current(context, bucket, input.key)
    await context.services.catalog.set_tags(bucket, input.key, ())
    return DeleteObjectTaggingResult()

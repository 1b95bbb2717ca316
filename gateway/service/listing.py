"""Listing the objects of a bucket."""

from gateway.catalog.records import NULL_VERSION
from gateway.s3.errors import S3Error
from gateway.s3.inputs.listing import ListObjects, ListObjectsV2, ListObjectVersions
from gateway.s3.listing_tokens import after_of, token_of
from gateway.s3.listings import (
    ListedVersion,
    ListObjectsResult,
    ListObjectsV2Result,
    ListObjectVersionsResult,
)
from gateway.s3.results import Owner
from gateway.service.buckets import region_of
from gateway.service.context import Context
from gateway.service.merging import listed


async def list_objects(context: Context, input: ListObjects) -> ListObjectsResult:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html"""
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    page = await listed(
        context.services,
        bucket,
        prefix=input.prefix or "",
        delimiter=input.delimiter or "",
        after=input.marker or "",
        limit=input.max_keys,
    )
    return ListObjectsResult(
        name=bucket.name,
        max_keys=input.max_keys,
        is_truncated=page.more,
        contents=page.entries,
        common_prefixes=page.prefixes,
        owner=_owner(context),
        prefix=input.prefix,
        delimiter=input.delimiter,
        marker=input.marker,
        next_marker=page.last if page.more and input.delimiter else None,
        encoding_type=input.encoding_type,
        bucket_region=region_of(bucket.region),
    )


async def list_objects_v2(context: Context, input: ListObjectsV2) -> ListObjectsV2Result:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html"""
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    if input.continuation_token is not None:
        after = after_of(input.continuation_token)
    else:
        after = input.start_after or ""
    page = await listed(
        context.services,
        bucket,
        prefix=input.prefix or "",
        delimiter=input.delimiter or "",
        after=after,
        limit=input.max_keys,
    )
    return ListObjectsV2Result(
        name=bucket.name,
        max_keys=input.max_keys,
        key_count=len(page),
        is_truncated=page.more,
        contents=page.entries,
        common_prefixes=page.prefixes,
        owner=_owner(context) if input.fetch_owner else None,
        prefix=input.prefix,
        delimiter=input.delimiter,
        start_after=input.start_after,
        continuation_token=input.continuation_token,
        next_continuation_token=token_of(page.last) if page.more else None,
        encoding_type=input.encoding_type,
        bucket_region=region_of(bucket.region),
    )


async def list_object_versions(
    context: Context, input: ListObjectVersions
) -> ListObjectVersionsResult:
    """Every object is the one version of its key: no bucket has had versioning.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
    """
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    if input.version_id_marker is not None and not input.key_marker:
        raise S3Error(
            "InvalidArgument",
            "A version-id marker cannot be specified without a key marker.",
            ArgumentName="version-id-marker",
            ArgumentValue=input.version_id_marker,
        )
    page = await listed(
        context.services,
        bucket,
        prefix=input.prefix or "",
        delimiter=input.delimiter or "",
        after=input.key_marker or "",
        limit=input.max_keys,
    )
    ends_with_version = page.more and page.last == (page.entries[-1][0] if page.entries else "")
    return ListObjectVersionsResult(
        name=bucket.name,
        max_keys=input.max_keys,
        is_truncated=page.more,
        versions=[
            ListedVersion(version_id=NULL_VERSION, is_latest=True, object=row)
            for row in page.entries
        ],
        common_prefixes=page.prefixes,
        owner=_owner(context),
        prefix=input.prefix,
        delimiter=input.delimiter,
        key_marker=input.key_marker,
        version_id_marker=input.version_id_marker,
        next_key_marker=page.last if page.more else None,
        next_version_id_marker=NULL_VERSION if ends_with_version else None,
        encoding_type=input.encoding_type,
    )


def _owner(context: Context) -> Owner:
    owner = context.services.owner
    return Owner(id=owner.id, display_name=owner.display_name)

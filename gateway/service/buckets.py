"""Buckets: create, look at, list, delete."""

from gateway.catalog.errors import BucketExists
from gateway.s3.errors import S3Error
from gateway.s3.inputs.buckets import (
    MAX_BUCKETS,
    CreateBucket,
    DeleteBucket,
    GetBucketLocation,
    HeadBucket,
    ListBuckets,
)
from gateway.s3.listing_tokens import after_of, token_of
from gateway.s3.results import (
    CreateBucketResult,
    DeleteBucketResult,
    GetBucketLocationResult,
    HeadBucketResult,
    ListBucketsResult,
    ListedBucket,
    Owner,
)
from gateway.service.context import Context
from gateway.service.outside import first_found, is_empty

_FORGIVING = "us-east-1"
"""The region where creating an own bucket again succeeds."""


def location_of(region: str) -> str | None:
    """What GetBucketLocation says of a region: nothing for us-east-1."""
    return None if region == "us-east-1" else region


def region_of(location: str) -> str:
    """The region of a bucket made in ``location``: the old name ``EU`` is eu-west-1.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html
    """
    return "eu-west-1" if location == "EU" else location


async def create_bucket(context: Context, input: CreateBucket) -> CreateBucketResult:
    """A bucket in the region asked for; any region is ours.

    Creating an own bucket again is refused but in us-east-1, as S3 does it.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
    """
    services = context.services
    wanted = input.create_bucket_configuration
    region = (wanted.location_constraint if wanted is not None else None) or services.region
    try:
        await services.catalog.create_bucket(
            input.bucket,
            region=region,
            storage=services.default_storage,
            now_ns=services.now_ns(),
            indexed=await is_empty(services, services.default_storage, input.bucket),
        )
    except BucketExists:
        known = await services.catalog.bucket(input.bucket)
        if (region, known.region) != (_FORGIVING, _FORGIVING):
            raise S3Error("BucketAlreadyOwnedByYou", BucketName=input.bucket) from None
    return CreateBucketResult(location=f"/{input.bucket}")


async def head_bucket(context: Context, input: HeadBucket) -> HeadBucketResult:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html"""
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    return HeadBucketResult(bucket_region=region_of(bucket.region))


async def delete_bucket(context: Context, input: DeleteBucket) -> DeleteBucketResult:
    """Only of an empty bucket. Uploads in progress do not keep it; files that others just put there do.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html
    """
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    await first_found(context.services, bucket)
    await context.services.catalog.delete_bucket(input.bucket)
    return DeleteBucketResult()


async def get_bucket_location(
    context: Context, input: GetBucketLocation
) -> GetBucketLocationResult:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html"""
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    return GetBucketLocationResult(location_constraint=location_of(bucket.region))


async def list_buckets(context: Context, input: ListBuckets) -> ListBucketsResult:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html"""
    services = context.services
    limit = input.max_buckets or MAX_BUCKETS
    after = after_of(input.continuation_token) if input.continuation_token else ""
    found = await services.catalog.buckets(prefix=input.prefix or "", after=after, limit=limit + 1)
    page = found[:limit]
    more = len(found) > limit
    return ListBucketsResult(
        buckets=tuple(
            ListedBucket(
                name=bucket.name,
                creation_date=bucket.created_ns // 10**9,
                bucket_region=region_of(bucket.region),
            )
            for bucket in page
            if input.bucket_region in {None, region_of(bucket.region)}
        ),
        owner=Owner(id=services.owner.id, display_name=services.owner.display_name),
        continuation_token=token_of(page[-1].name) if more else None,
        prefix=input.prefix,
    )

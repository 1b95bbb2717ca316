"""Inputs about buckets."""

from gateway.s3.fields import document, header, path, query, request_input
from gateway.s3.names import new_bucket_name
from gateway.s3.parsers import whole
from gateway.s3.xml_in import CreateBucketConfiguration, parse_create_bucket_configuration

MAX_BUCKETS = 10_000
_OWNER = "x-amz-expected-bucket-owner"


@request_input
class ListBuckets:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html

    ``max_buckets`` is None without any parameter of its own: then all are listed.
    """

    max_buckets: int | None = query("max-buckets", whole(1, MAX_BUCKETS), default=None)
    continuation_token: str | None = query("continuation-token", default=None)
    prefix: str | None = query("prefix", default=None)
    bucket_region: str | None = query("bucket-region", default=None)


@request_input
class CreateBucket:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html"""

    bucket: str = path("Bucket", new_bucket_name)
    create_bucket_configuration: CreateBucketConfiguration | None = document(
        "CreateBucketConfiguration", parse_create_bucket_configuration, default=None
    )


@request_input
class HeadBucket:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html"""

    bucket: str = path("Bucket")
    expected_bucket_owner: str | None = header(_OWNER, default=None)


@request_input
class DeleteBucket:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html"""

    bucket: str = path("Bucket")
    expected_bucket_owner: str | None = header(_OWNER, default=None)


@request_input
class GetBucketLocation:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html"""

    bucket: str = path("Bucket")
    expected_bucket_owner: str | None = header(_OWNER, default=None)

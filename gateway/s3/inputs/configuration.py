"""Inputs of the reads of configuration (gateway.s3.config_documents)."""

from gateway.s3.fields import header, path, query, request_input
from gateway.s3.parsers import version_id

_OWNER = "x-amz-expected-bucket-owner"


@request_input
class BucketConfiguration:
    """Any GET of a bucket's configuration. ``id`` names one of a list of configurations."""

    bucket: str = path("Bucket")
    id: str | None = query("id", default=None)
    expected_bucket_owner: str | None = header(_OWNER, default=None)


@request_input
class ObjectConfiguration:
    """GetObjectRetention, GetObjectLegalHold."""

    bucket: str = path("Bucket")
    key: str = path("Key")
    version_id: str | None = query("versionId", version_id, default=None)
    expected_bucket_owner: str | None = header(_OWNER, default=None)


@request_input
class GetObjectAcl:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAcl.html"""

    bucket: str = path("Bucket")
    key: str = path("Key")
    version_id: str | None = query("versionId", version_id, default=None)
    expected_bucket_owner: str | None = header(_OWNER, default=None)

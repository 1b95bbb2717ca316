"""Inputs of the tags of an object."""

from gateway.s3.fields import document, header, path, query, request_input
from gateway.s3.parsers import checksum_algorithm, version_id
from gateway.s3.xml_in import parse_tagging

_OWNER = "x-amz-expected-bucket-owner"


@request_input
class GetObjectTagging:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html"""

    bucket: str = path("Bucket")
    key: str = path("Key")
    version_id: str | None = query("versionId", version_id, default=None)
    expected_bucket_owner: str | None = header(_OWNER, default=None)


@request_input
class PutObjectTagging:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html"""

    bucket: str = path("Bucket")
    key: str = path("Key")
    version_id: str | None = query("versionId", version_id, default=None)
    content_md5: str | None = header("Content-MD5", default=None)
    checksum_algorithm: str | None = header(
        "x-amz-sdk-checksum-algorithm", checksum_algorithm, default=None
    )
    tagging: tuple[tuple[str, str], ...] = document("Tagging", parse_tagging)
    expected_bucket_owner: str | None = header(_OWNER, default=None)


@request_input
class DeleteObjectTagging:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjectTagging.html"""

    bucket: str = path("Bucket")
    key: str = path("Key")
    version_id: str | None = query("versionId", version_id, default=None)
    expected_bucket_owner: str | None = header(_OWNER, default=None)

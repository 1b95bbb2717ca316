"""Inputs of reading, writing and deleting objects.

ETags and ranges are handed on as sent: what they mean depends on the object
(gateway.s3.conditions, gateway.s3.ranges). Dates are Unix seconds; the dates of conditions that are
none count as not sent (RFC 9110, 13.1.3).
"""

from collections.abc import Mapping

from gateway.s3.dates import parse_http_date
from gateway.s3.errors import S3Error
from gateway.s3.fields import checksums, document, header, metadata, path, query, request_input
from gateway.s3.parsers import (
    checksum_algorithm,
    checksum_mode,
    date,
    marker_number,
    page_size_or_default,
    part_number,
    redirect_location,
    some_of,
    storage_class,
    version_id,
    whole,
)
from gateway.s3.tagging import parse_tagging_header
from gateway.s3.xml_in import Delete, parse_delete

MAX_PARTS = 1000
OBJECT_ATTRIBUTES = ("ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize")
_OWNER = "x-amz-expected-bucket-owner"
_SIZE = whole(0, 2**63 - 1)
_known_attributes = some_of(OBJECT_ATTRIBUTES, "Invalid attribute name specified.")


def _no_attributes() -> S3Error:
    return S3Error(
        "InvalidRequest",
        "The x-amz-object-attributes header specifying the attributes to be retrieved is either "
        "missing or empty",
    )


def _object_attributes(value: str) -> tuple[str, ...]:
    names = _known_attributes(value)
    if not names:
        raise _no_attributes()
    return names


@request_input
class PutObject:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html"""

    bucket: str = path("Bucket")
    key: str = path("Key")
    cache_control: str | None = header("Cache-Control", default=None)
    content_disposition: str | None = header("Content-Disposition", default=None)
    content_encoding: str | None = header("Content-Encoding", default=None)
    content_language: str | None = header("Content-Language", default=None)
    content_md5: str | None = header("Content-MD5", default=None)
    content_type: str | None = header("Content-Type", default=None)
    expires: str | None = header("Expires", default=None)
    """As sent: S3 keeps what it is given."""
    checksum_algorithm: str | None = header(
        "x-amz-sdk-checksum-algorithm", checksum_algorithm, default=None
    )
    checksums: Mapping[str, str] = checksums(default_factory=dict)
    if_match: str | None = header("If-Match", default=None)
    if_none_match: str | None = header("If-None-Match", default=None)
    metadata: Mapping[str, str] = metadata(default_factory=dict)
    storage_class: str | None = header("x-amz-storage-class", storage_class, default=None)
    website_redirect_location: str | None = header(
        "x-amz-website-redirect-location", redirect_location, default=None
    )
    tagging: tuple[tuple[str, str], ...] = header("x-amz-tagging", parse_tagging_header, default=())
    expected_bucket_owner: str | None = header(_OWNER, default=None)


@request_input
class GetObject:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html"""

    bucket: str = path("Bucket")
    key: str = path("Key")
    if_match: str | None = header("If-Match", default=None)
    if_modified_since: int | None = header("If-Modified-Since", parse_http_date, default=None)
    if_none_match: str | None = header("If-None-Match", default=None)
    if_unmodified_since: int | None = header("If-Unmodified-Since", parse_http_date, default=None)
    range: str | None = header("Range", default=None)
    response_cache_control: str | None = query("response-cache-control", default=None)
    response_content_disposition: str | None = query("response-content-disposition", default=None)
    response_content_encoding: str | None = query("response-content-encoding", default=None)
    response_content_language: str | None = query("response-content-language", default=None)
    response_content_type: str | None = query("response-content-type", default=None)
    response_expires: str | None = query("response-expires", default=None)
    version_id: str | None = query("versionId", version_id, default=None)
    part_number: int | None = query("partNumber", part_number, default=None)
    expected_bucket_owner: str | None = header(_OWNER, default=None)
    checksum_mode: str | None = header("x-amz-checksum-mode", checksum_mode, default=None)


@request_input
class HeadObject(GetObject):
    """The same, answered without the bytes.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
    """


@request_input
class GetObjectAttributes:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html"""

    bucket: str = path("Bucket")
    key: str = path("Key")
    version_id: str | None = query("versionId", version_id, default=None)
    max_parts: int = header("x-amz-max-parts", page_size_or_default(MAX_PARTS), default=MAX_PARTS)
    part_number_marker: int = header("x-amz-part-number-marker", marker_number, default=0)
    object_attributes: tuple[str, ...] = header(
        "x-amz-object-attributes", _object_attributes, missing=_no_attributes
    )
    expected_bucket_owner: str | None = header(_OWNER, default=None)


@request_input
class DeleteObject:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html"""

    bucket: str = path("Bucket")
    key: str = path("Key")
    version_id: str | None = query("versionId", version_id, default=None)
    if_match: str | None = header("If-Match", default=None)
    if_match_last_modified_time: int | None = header(
        "x-amz-if-match-last-modified-time", date, default=None
    )
    if_match_size: int | None = header("x-amz-if-match-size", _SIZE, default=None)
    expected_bucket_owner: str | None = header(_OWNER, default=None)


@request_input
class DeleteObjects:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""

    bucket: str = path("Bucket")
    delete: Delete = document("Delete", parse_delete)
    checksum_algorithm: str | None = header(
        "x-amz-sdk-checksum-algorithm", checksum_algorithm, default=None
    )
    expected_bucket_owner: str | None = header(_OWNER, default=None)

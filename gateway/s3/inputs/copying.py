"""Inputs of the two copies."""

from collections.abc import Mapping

from gateway.s3.copy_source import CopySource, parse_copy_source
from gateway.s3.dates import parse_http_date
from gateway.s3.fields import header, metadata, path, query, request_input
from gateway.s3.parsers import (
    checksum_algorithm,
    one_of,
    part_number,
    redirect_location,
    storage_class,
)
from gateway.s3.tagging import parse_tagging_header

_OWNER = "x-amz-expected-bucket-owner"
_SOURCE_OWNER = "x-amz-source-expected-bucket-owner"
_DIRECTIVES = ("COPY", "REPLACE")


@request_input
class CopyObject:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html"""

    bucket: str = path("Bucket")
    key: str = path("Key")
    copy_source: CopySource = header("x-amz-copy-source", parse_copy_source)
    copy_source_if_match: str | None = header("x-amz-copy-source-if-match", default=None)
    copy_source_if_modified_since: int | None = header(
        "x-amz-copy-source-if-modified-since", parse_http_date, default=None
    )
    copy_source_if_none_match: str | None = header("x-amz-copy-source-if-none-match", default=None)
    copy_source_if_unmodified_since: int | None = header(
        "x-amz-copy-source-if-unmodified-since", parse_http_date, default=None
    )
    if_match: str | None = header("If-Match", default=None)
    if_none_match: str | None = header("If-None-Match", default=None)
    metadata_directive: str = header(
        "x-amz-metadata-directive",
        one_of(_DIRECTIVES, "Unknown metadata directive."),
        default="COPY",
    )
    tagging_directive: str = header(
        "x-amz-tagging-directive", one_of(_DIRECTIVES, "Unknown tagging directive."), default="COPY"
    )
    cache_control: str | None = header("Cache-Control", default=None)
    content_disposition: str | None = header("Content-Disposition", default=None)
    content_encoding: str | None = header("Content-Encoding", default=None)
    content_language: str | None = header("Content-Language", default=None)
    content_type: str | None = header("Content-Type", default=None)
    expires: str | None = header("Expires", default=None)
    checksum_algorithm: str | None = header(
        "x-amz-checksum-algorithm", checksum_algorithm, default=None
    )
    metadata: Mapping[str, str] = metadata(default_factory=dict)
    storage_class: str | None = header("x-amz-storage-class", storage_class, default=None)
    website_redirect_location: str | None = header(
        "x-amz-website-redirect-location", redirect_location, default=None
    )
    tagging: tuple[tuple[str, str], ...] = header("x-amz-tagging", parse_tagging_header, default=())
    expected_bucket_owner: str | None = header(_OWNER, default=None)
    expected_source_bucket_owner: str | None = header(_SOURCE_OWNER, default=None)


@request_input
class UploadPartCopy:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html"""

    bucket: str = path("Bucket")
    key: str = path("Key")
    upload_id: str = query("uploadId")
    part_number: int = query("partNumber", part_number)
    copy_source: CopySource = header("x-amz-copy-source", parse_copy_source)
    copy_source_if_match: str | None = header("x-amz-copy-source-if-match", default=None)
    copy_source_if_modified_since: int | None = header(
        "x-amz-copy-source-if-modified-since", parse_http_date, default=None
    )
    copy_source_if_none_match: str | None = header("x-amz-copy-source-if-none-match", default=None)
    copy_source_if_unmodified_since: int | None = header(
        "x-amz-copy-source-if-unmodified-since", parse_http_date, default=None
    )
    copy_source_range: str | None = header("x-amz-copy-source-range", default=None)
    expected_bucket_owner: str | None = header(_OWNER, default=None)
    expected_source_bucket_owner: str | None = header(_SOURCE_OWNER, default=None)

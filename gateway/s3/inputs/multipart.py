"""Inputs of multipart uploads (UploadPartCopy is with the copies)."""

from collections.abc import Mapping

from gateway.s3.fields import checksums, document, header, metadata, path, query, request_input
from gateway.s3.parsers import (
    checksum_algorithm,
    checksum_type,
    marker_number,
    object_size,
    page_size,
    part_number,
    redirect_location,
    storage_class,
    url_encoding,
)
from gateway.s3.tagging import parse_tagging_header
from gateway.s3.xml_in import CompletedMultipartUpload, parse_complete_multipart_upload

MAX_PARTS = 1000
MAX_UPLOADS = 1000
_OWNER = "x-amz-expected-bucket-owner"


@request_input
class CreateMultipartUpload:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html"""

    bucket: str = path("Bucket")
    key: str = path("Key")
    cache_control: str | None = header("Cache-Control", default=None)
    content_disposition: str | None = header("Content-Disposition", default=None)
    content_encoding: str | None = header("Content-Encoding", default=None)
    content_language: str | None = header("Content-Language", default=None)
    content_type: str | None = header("Content-Type", default=None)
    expires: str | None = header("Expires", default=None)
    checksum_algorithm: str | None = header(
        "x-amz-checksum-algorithm", checksum_algorithm, default=None
    )
    checksum_type: str | None = header("x-amz-checksum-type", checksum_type, default=None)
    metadata: Mapping[str, str] = metadata(default_factory=dict)
    storage_class: str | None = header("x-amz-storage-class", storage_class, default=None)
    website_redirect_location: str | None = header(
        "x-amz-website-redirect-location", redirect_location, default=None
    )
    tagging: tuple[tuple[str, str], ...] = header("x-amz-tagging", parse_tagging_header, default=())
    expected_bucket_owner: str | None = header(_OWNER, default=None)


@request_input
class UploadPart:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html"""

    bucket: str = path("Bucket")
    key: str = path("Key")
    upload_id: str = query("uploadId")
    part_number: int = query("partNumber", part_number)
    content_md5: str | None = header("Content-MD5", default=None)
    checksum_algorithm: str | None = header(
        "x-amz-sdk-checksum-algorithm", checksum_algorithm, default=None
    )
    checksums: Mapping[str, str] = checksums(default_factory=dict)
    expected_bucket_owner: str | None = header(_OWNER, default=None)


@request_input
class ListParts:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html"""

    bucket: str = path("Bucket")
    key: str = path("Key")
    upload_id: str = query("uploadId")
    max_parts: int = query("max-parts", page_size(MAX_PARTS), default=MAX_PARTS)
    part_number_marker: int = query("part-number-marker", marker_number, default=0)
    expected_bucket_owner: str | None = header(_OWNER, default=None)


@request_input
class ListMultipartUploads:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html"""

    bucket: str = path("Bucket")
    delimiter: str | None = query("delimiter", default=None)
    encoding_type: str | None = query("encoding-type", url_encoding, default=None)
    key_marker: str | None = query("key-marker", default=None)
    max_uploads: int = query("max-uploads", page_size(MAX_UPLOADS), default=MAX_UPLOADS)
    prefix: str | None = query("prefix", default=None)
    upload_id_marker: str | None = query("upload-id-marker", default=None)
    expected_bucket_owner: str | None = header(_OWNER, default=None)


@request_input
class CompleteMultipartUpload:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html"""

    bucket: str = path("Bucket")
    key: str = path("Key")
    upload_id: str = query("uploadId")
    multipart_upload: CompletedMultipartUpload = document(
        "CompleteMultipartUpload", parse_complete_multipart_upload
    )
    checksums: Mapping[str, str] = checksums(default_factory=dict)
    checksum_type: str | None = header("x-amz-checksum-type", checksum_type, default=None)
    mpu_object_size: int | None = header("x-amz-mp-object-size", object_size, default=None)
    if_match: str | None = header("If-Match", default=None)
    if_none_match: str | None = header("If-None-Match", default=None)
    expected_bucket_owner: str | None = header(_OWNER, default=None)


@request_input
class AbortMultipartUpload:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html"""

    bucket: str = path("Bucket")
    key: str = path("Key")
    upload_id: str = query("uploadId")
    expected_bucket_owner: str | None = header(_OWNER, default=None)

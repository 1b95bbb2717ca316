"""Results as answers: status, headers and body as S3 sends them. One function a result."""

from collections.abc import Mapping
from typing import Final

from gateway.s3 import xml_listings, xml_out
from gateway.s3.dates import http_date
from gateway.s3.listings import ListObjectsResult, ListObjectsV2Result, ListObjectVersionsResult
from gateway.s3.message import Response, Stream
from gateway.s3.metadata import DEFAULT_CONTENT_TYPE, sent_value
from gateway.s3.results import (
    AbortMultipartUploadResult,
    CompleteMultipartUploadResult,
    CopyObjectResult,
    CreateBucketResult,
    CreateMultipartUploadResult,
    DeleteBucketResult,
    DeleteObjectResult,
    DeleteObjectsResult,
    DeleteObjectTaggingResult,
    DocumentResult,
    GetBucketLocationResult,
    GetObjectAttributesResult,
    GetObjectResult,
    GetObjectTaggingResult,
    HeadBucketResult,
    HeadObjectResult,
    ListBucketsResult,
    ListMultipartUploadsResult,
    ListPartsResult,
    PutObjectResult,
    PutObjectTaggingResult,
    UploadPartCopyResult,
    UploadPartResult,
)

_STANDARD: Final = {
    "cache-control": "Cache-Control",
    "content-disposition": "Content-Disposition",
    "content-encoding": "Content-Encoding",
    "content-language": "Content-Language",
    "content-type": "Content-Type",
    "expires": "Expires",
}
_VERSION: Final = "x-amz-version-id"
_REGION: Final = "x-amz-bucket-region"


def document(result: DocumentResult) -> Response:
    """A configuration, as it is."""
    return Response(headers={"Content-Type": result.content_type}, body=result.document)


def create_bucket(result: CreateBucketResult) -> Response:
    """200, with Location."""
    return Response(headers={"Location": result.location})


def head_bucket(result: HeadBucketResult) -> Response:
    """200, with the region."""
    return Response(
        headers={
            _REGION: result.bucket_region,
            "x-amz-access-point-alias": "false",
            "Content-Type": "application/xml",
        }
    )


def delete_bucket(_result: DeleteBucketResult) -> Response:
    """204."""
    return Response(status=204)


def list_buckets(result: ListBucketsResult) -> Response:
    """A document."""
    return _xml(xml_out.list_buckets(result))


def get_bucket_location(result: GetBucketLocationResult) -> Response:
    """A document."""
    return _xml(xml_out.bucket_location(result))


def put_object(result: PutObjectResult) -> Response:
    """200, with ETag and checksum."""
    headers = {"ETag": f'"{result.e_tag}"'}
    _add_checksums(headers, result.checksums, result.checksum_type)
    _add(headers, _VERSION, result.version_id)
    if result.size is not None:
        headers["x-amz-object-size"] = str(result.size)
    return Response(headers=headers)


def get_object(result: GetObjectResult) -> Response:
    """200, or 206 with Content-Range."""
    return _object(result, result.body)


def head_object(result: HeadObjectResult) -> Response:
    """The same without the body, but with its Content-Length."""
    response = _object(result, b"")
    part = result.content_range
    response.headers["Content-Length"] = str(result.size if part is None else part.length)
    return response


def _object(result: HeadObjectResult, body: bytes | Stream) -> Response:
    headers = {
        "Last-Modified": http_date(result.last_modified),
        "ETag": f'"{result.e_tag}"',
        "Accept-Ranges": "bytes",
        "Content-Type": DEFAULT_CONTENT_TYPE,
    }
    for name, value in result.headers.items():
        headers[_STANDARD.get(name, name)] = value
    for name, value in result.metadata.items():
        headers[f"x-amz-meta-{name}"] = sent_value(value)
    if result.checksums:
        _add_checksums(headers, result.checksums, result.checksum_type)
    if result.storage_class != "STANDARD":
        headers["x-amz-storage-class"] = result.storage_class
    if result.tag_count:
        headers["x-amz-tagging-count"] = str(result.tag_count)
    if result.parts_count is not None:
        headers["x-amz-mp-parts-count"] = str(result.parts_count)
    _add(headers, _VERSION, result.version_id)
    _add(headers, "x-amz-restore", result.restore)
    _add(headers, "x-amz-archive-status", result.archive_status)
    _add(headers, "x-amz-expiration", result.expiration)
    _add(headers, "x-amz-website-redirect-location", result.website_redirect_location)
    part = result.content_range
    if part is None:
        return Response(headers=headers, body=body)
    if part.length:
        headers["Content-Range"] = f"bytes {part.first}-{part.last}/{result.size}"
    return Response(status=206, headers=headers, body=body)


def delete_object(result: DeleteObjectResult) -> Response:
    """204."""
    headers: dict[str, str] = {}
    if result.delete_marker:
        headers["x-amz-delete-marker"] = "true"
    _add(headers, _VERSION, result.version_id)
    return Response(status=204, headers=headers)


def delete_objects(result: DeleteObjectsResult) -> Response:
    """A document."""
    return _xml(xml_out.delete_result(result))


def copy_object(result: CopyObjectResult) -> Response:
    """A document."""
    response = _xml(xml_out.copy_object(result))
    _add(response.headers, "x-amz-copy-source-version-id", result.copy_source_version_id)
    _add(response.headers, _VERSION, result.version_id)
    return response


def list_objects(result: ListObjectsResult) -> Response:
    """A document, and the region."""
    response = _xml(xml_listings.list_objects(result))
    _add(response.headers, _REGION, result.bucket_region)
    return response


def list_objects_v2(result: ListObjectsV2Result) -> Response:
    """A document, and the region."""
    response = _xml(xml_listings.list_objects_v2(result))
    _add(response.headers, _REGION, result.bucket_region)
    return response


def list_object_versions(result: ListObjectVersionsResult) -> Response:
    """200, with the page."""
    return _xml(xml_listings.list_object_versions(result))


def get_object_attributes(result: GetObjectAttributesResult) -> Response:
    """A document, and Last-Modified."""
    response = _xml(xml_out.object_attributes(result))
    response.headers["Last-Modified"] = http_date(result.last_modified)
    _add(response.headers, _VERSION, result.version_id)
    return response


def create_multipart_upload(result: CreateMultipartUploadResult) -> Response:
    """A document."""
    response = _xml(xml_out.initiate_multipart_upload(result))
    _add(response.headers, "x-amz-checksum-algorithm", result.checksum_algorithm)
    _add(response.headers, "x-amz-checksum-type", result.checksum_type)
    _add_abort(response.headers, result.abort_date, result.abort_rule_id)
    return response


def upload_part(result: UploadPartResult) -> Response:
    """200, with ETag and checksum."""
    headers = {"ETag": f'"{result.e_tag}"'}
    _add_checksums(headers, result.checksums, None)
    return Response(headers=headers)


def upload_part_copy(result: UploadPartCopyResult) -> Response:
    """A document."""
    response = _xml(xml_out.copy_part(result))
    _add(response.headers, "x-amz-copy-source-version-id", result.copy_source_version_id)
    return response


def list_parts(result: ListPartsResult) -> Response:
    """A document."""
    response = _xml(xml_out.list_parts(result))
    _add_abort(response.headers, result.abort_date, result.abort_rule_id)
    return response


def list_multipart_uploads(result: ListMultipartUploadsResult) -> Response:
    """A document."""
    return _xml(xml_out.list_multipart_uploads(result))


def complete_multipart_upload(result: CompleteMultipartUploadResult) -> Response:
    """A document."""
    response = _xml(xml_out.complete_multipart_upload(result))
    _add(response.headers, _VERSION, result.version_id)
    return response


def abort_multipart_upload(_result: AbortMultipartUploadResult) -> Response:
    """204."""
    return Response(status=204)


def get_object_tagging(result: GetObjectTaggingResult) -> Response:
    """A document."""
    response = _xml(xml_out.tagging(result))
    _add(response.headers, _VERSION, result.version_id)
    return response


def put_object_tagging(result: PutObjectTaggingResult) -> Response:
    """200."""
    headers: dict[str, str] = {}
    _add(headers, _VERSION, result.version_id)
    return Response(headers=headers)


def delete_object_tagging(result: DeleteObjectTaggingResult) -> Response:
    """204."""
    headers: dict[str, str] = {}
    _add(headers, _VERSION, result.version_id)
    return Response(status=204, headers=headers)


def _xml(body: bytes) -> Response:
    return Response(headers={"Content-Type": "application/xml"}, body=body)


def _add(headers: dict[str, str], name: str, value: str | None) -> None:
    if value is not None:
        headers[name] = value


def _add_abort(headers: dict[str, str], date: int | None, rule: str | None) -> None:
    if date is not None:
        headers["x-amz-abort-date"] = http_date(date)
    _add(headers, "x-amz-abort-rule-id", rule)


def _add_checksums(
    headers: dict[str, str], checksums: Mapping[str, str], type_: str | None
) -> None:
    for algorithm, value in checksums.items():
        headers[f"x-amz-checksum-{algorithm.lower()}"] = value
    if checksums and type_ is not None:
        headers["x-amz-checksum-type"] = type_

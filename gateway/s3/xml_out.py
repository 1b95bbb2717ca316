"""Results as XML, each in one pass, elements in the order S3 sends them. Listings of objects have
a module of their own (gateway.s3.xml_listings)."""

from gateway.s3 import xml_elements as xml
from gateway.s3.results import (
    CompleteMultipartUploadResult,
    CopyObjectResult,
    CreateMultipartUploadResult,
    DeleteObjectsResult,
    GetBucketLocationResult,
    GetObjectAttributesParts,
    GetObjectAttributesResult,
    GetObjectTaggingResult,
    ListBucketsResult,
    ListMultipartUploadsResult,
    ListPartsResult,
    UploadPartCopyResult,
)
from gateway.s3.xml_text import escape, escape_echo


def list_buckets(result: ListBucketsResult) -> bytes:
    """ListAllMyBucketsResult."""
    buckets = "".join(
        f"<Bucket>{xml.element('Name', bucket.name)}{xml.time('CreationDate', bucket.creation_date)}"
        f"{xml.element('BucketRegion', bucket.bucket_region)}</Bucket>"
        for bucket in result.buckets
    )
    return xml.document(
        "ListAllMyBucketsResult",
        xml.owner("Owner", result.owner),
        f"<Buckets>{buckets}</Buckets>",
        xml.element("Prefix", result.prefix),
        xml.element("ContinuationToken", result.continuation_token),
    )


def bucket_location(result: GetBucketLocationResult) -> bytes:
    """LocationConstraint; empty for us-east-1."""
    return xml.document("LocationConstraint", escape(result.location_constraint or ""))


def delete_result(result: DeleteObjectsResult) -> bytes:
    """DeleteResult."""
    deleted = "".join(
        f"<Deleted>{xml.element('Key', each.key)}{xml.element('VersionId', each.version_id)}"
        f"{xml.flag('DeleteMarker', True) if each.delete_marker else ''}"
        f"{xml.element('DeleteMarkerVersionId', each.delete_marker_version_id)}</Deleted>"
        for each in result.deleted
    )
    errors = "".join(
        f"<Error>{xml.element('Key', each.key)}{xml.element('VersionId', each.version_id)}"
        f"{xml.element('Code', each.code)}{xml.element('Message', each.message)}</Error>"
        for each in result.errors
    )
    return xml.document("DeleteResult", deleted, errors)


def copy_object(result: CopyObjectResult) -> bytes:
    """CopyObjectResult."""
    return xml.document(
        "CopyObjectResult",
        xml.time("LastModified", result.last_modified),
        xml.etag(result.e_tag),
        xml.element("ChecksumType", result.checksum_type),
        xml.checksums(result.checksums),
    )


def copy_part(result: UploadPartCopyResult) -> bytes:
    """CopyPartResult."""
    return xml.document(
        "CopyPartResult",
        xml.time("LastModified", result.last_modified),
        xml.etag(result.e_tag),
        xml.checksums(result.checksums),
    )


def object_attributes(result: GetObjectAttributesResult) -> bytes:
    """GetObjectAttributesResponse. Its ETag stands without quotes, as S3 sends it."""
    checksum = ""
    if result.checksums:
        type_ = xml.element("ChecksumType", result.checksum_type)
        checksum = f"<Checksum>{xml.checksums(result.checksums)}{type_}</Checksum>"
    return xml.document(
        "GetObjectAttributesResponse",
        xml.element("ETag", result.e_tag),
        checksum,
        "" if result.object_parts is None else _object_parts(result.object_parts),
        xml.element("StorageClass", result.storage_class),
        xml.whole("ObjectSize", result.object_size),
    )


def _object_parts(parts: GetObjectAttributesParts) -> str:
    listed = "".join(
        f"<Part>{xml.whole('PartNumber', part.part_number)}{xml.whole('Size', part.size)}"
        f"{xml.checksums(part.checksums)}</Part>"
        for part in parts.parts
    )
    return (
        f"<ObjectParts>{xml.whole('PartsCount', parts.total_parts_count)}"
        f"{xml.whole('PartNumberMarker', parts.part_number_marker)}"
        f"{xml.whole('NextPartNumberMarker', parts.next_part_number_marker)}"
        f"{xml.whole('MaxParts', parts.max_parts)}{xml.flag('IsTruncated', parts.is_truncated)}"
        f"{listed}</ObjectParts>"
    )


def initiate_multipart_upload(result: CreateMultipartUploadResult) -> bytes:
    """InitiateMultipartUploadResult."""
    return xml.document(
        "InitiateMultipartUploadResult",
        xml.element("Bucket", result.bucket),
        f"<Key>{escape_echo(result.key)}</Key>",
        xml.element("UploadId", result.upload_id),
    )


def list_parts(result: ListPartsResult) -> bytes:
    """ListPartsResult."""
    parts = "".join(
        f"<Part>{xml.whole('PartNumber', part.part_number)}"
        f"{xml.time('LastModified', part.last_modified)}{xml.etag(part.e_tag)}"
        f"{xml.whole('Size', part.size)}{xml.checksums(part.checksums)}</Part>"
        for part in result.parts
    )
    return xml.document(
        "ListPartsResult",
        xml.element("Bucket", result.bucket),
        f"<Key>{escape_echo(result.key)}</Key>",
        xml.element("UploadId", result.upload_id),
        xml.owner("Initiator", result.initiator),
        xml.owner("Owner", result.owner),
        xml.element("StorageClass", result.storage_class),
        xml.whole("PartNumberMarker", result.part_number_marker),
        xml.whole("NextPartNumberMarker", result.next_part_number_marker),
        xml.whole("MaxParts", result.max_parts),
        xml.flag("IsTruncated", result.is_truncated),
        xml.element("ChecksumAlgorithm", result.checksum_algorithm),
        xml.element("ChecksumType", result.checksum_type),
        parts,
    )


def list_multipart_uploads(result: ListMultipartUploadsResult) -> bytes:
    """ListMultipartUploadsResult."""
    name = xml.name_writer(result.encoding_type)
    uploads = "".join(
        f"<Upload><Key>{name(upload.key)}</Key>{xml.element('UploadId', upload.upload_id)}"
        f"{xml.owner('Initiator', upload.initiator)}{xml.owner('Owner', upload.owner)}"
        f"{xml.element('StorageClass', upload.storage_class)}{xml.time('Initiated', upload.initiated)}"
        f"{xml.element('ChecksumAlgorithm', upload.checksum_algorithm)}"
        f"{xml.element('ChecksumType', upload.checksum_type)}</Upload>"
        for upload in result.uploads
    )
    return xml.document(
        "ListMultipartUploadsResult",
        xml.element("Bucket", result.bucket),
        f"<KeyMarker>{name(result.key_marker or '')}</KeyMarker>",
        f"<UploadIdMarker>{escape(result.upload_id_marker or '')}</UploadIdMarker>",
        xml.given("NextKeyMarker", result.next_key_marker, name),
        xml.given("NextUploadIdMarker", result.next_upload_id_marker, escape),
        xml.given("Delimiter", result.delimiter, name),
        f"<Prefix>{name(result.prefix or '')}</Prefix>",
        xml.whole("MaxUploads", result.max_uploads),
        xml.element("EncodingType", result.encoding_type),
        xml.flag("IsTruncated", result.is_truncated),
        uploads,
        xml.common_prefixes(result.common_prefixes, result.encoding_type),
    )


def complete_multipart_upload(result: CompleteMultipartUploadResult) -> bytes:
    """CompleteMultipartUploadResult."""
    return xml.document(
        "CompleteMultipartUploadResult",
        xml.element("Location", result.location),
        xml.element("Bucket", result.bucket),
        f"<Key>{escape_echo(result.key)}</Key>",
        xml.etag(result.e_tag),
        xml.checksums(result.checksums),
        xml.element("ChecksumType", result.checksum_type),
    )


def tagging(result: GetObjectTaggingResult) -> bytes:
    """Tagging."""
    tags = "".join(
        f"<Tag>{xml.element('Key', key)}{xml.element('Value', value)}</Tag>"
        for key, value in result.tag_set
    )
    return xml.document("Tagging", f"<TagSet>{tags}</TagSet>")

"""Results as XML, each in one pass, elements in the order S3 sends them.

``encoding-type=url`` percent-encodes keys, prefixes, delimiters and markers, ``/`` kept. S3 writes a
blank as ``+`` there; we write ``%20``, which those who decode ``+`` read alike, and those who do not
as well.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import repeat
from typing import Final, TypeVar
from urllib.parse import quote

from gateway.s3.dates import iso_date
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
    ListedObject,
    ListedVersion,
    ListMultipartUploadsResult,
    ListObjectsResult,
    ListObjectsV2Result,
    ListObjectVersionsResult,
    ListPartsResult,
    Owner,
    UploadPartCopyResult,
)
from gateway.s3.xml_text import escape, escape_echo, is_plain

Value = TypeVar("Value", bound=Hashable)

_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_XMLNS: Final = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_PLAIN: Final = re.compile(r"[A-Za-z0-9/._*~-]*", re.ASCII)


def url_encode(text: str) -> str:
    """As ``encoding-type=url`` has it: UTF-8, percent-encoded but for letters, digits, ``/.-_*~``."""
    return text if _PLAIN.fullmatch(text) else quote(text, safe="/*", errors="replace")


def _name_writer(encoding_type: str | None) -> Callable[[str], str]:
    return url_encode if encoding_type == "url" else escape


def _element(name: str, text: str | None) -> str:
    return "" if text is None else f"<{name}>{escape(text)}</{name}>"


def _whole(name: str, number: int | None) -> str:
    return "" if number is None else f"<{name}>{number}</{name}>"


def _flag(name: str, value: bool) -> str:
    return f"<{name}>{'true' if value else 'false'}</{name}>"


def _time(name: str, seconds: int) -> str:
    return f"<{name}>{iso_date(seconds)}</{name}>"


def _etag(etag: str) -> str:
    return f"<ETag>&quot;{escape(etag)}&quot;</ETag>"


def _checksums(checksums: Mapping[str, str]) -> str:
    return "".join(
        f"<Checksum{name}>{escape(value)}</Checksum{name}>" for name, value in checksums.items()
    )


def _owner(name: str, owner: Owner | None) -> str:
    if owner is None:
        return ""
    return (
        f"<{name}>{_element('ID', owner.id)}{_element('DisplayName', owner.display_name)}</{name}>"
    )


def _document(root: str, *parts: str) -> bytes:
    # Joined once: a page is some 300 KB, and every copy of that is felt.
    return "".join((_HEAD, f"<{root} {_XMLNS}>", *parts, f"</{root}>")).encode()


def list_buckets(result: ListBucketsResult) -> bytes:
    """ListAllMyBucketsResult."""
    buckets = "".join(
        f"<Bucket>{_element('Name', bucket.name)}{_time('CreationDate', bucket.creation_date)}"
        f"{_element('BucketRegion', bucket.bucket_region)}</Bucket>"
        for bucket in result.buckets
    )
    return _document(
        "ListAllMyBucketsResult",
        _owner("Owner", result.owner),
        f"<Buckets>{buckets}</Buckets>",
        _element("Prefix", result.prefix),
        _element("ContinuationToken", result.continuation_token),
    )


def bucket_location(result: GetBucketLocationResult) -> bytes:
    """LocationConstraint; empty for us-east-1."""
    return _document("LocationConstraint", escape(result.location_constraint or ""))


def list_objects(result: ListObjectsResult) -> bytes:
    """ListBucketResult of version 1."""
    name = _name_writer(result.encoding_type)
    return _document(
        "ListBucketResult",
        _element("Name", result.name),
        f"<Prefix>{name(result.prefix or '')}</Prefix>",
        f"<Marker>{name(result.marker or '')}</Marker>",
        _given("NextMarker", result.next_marker, name),
        _whole("MaxKeys", result.max_keys),
        _given("Delimiter", result.delimiter, name),
        _element("EncodingType", result.encoding_type),
        _flag("IsTruncated", result.is_truncated),
        *_contents(result.contents, result.encoding_type),
        _common_prefixes(result.common_prefixes, name),
    )


def list_objects_v2(result: ListObjectsV2Result) -> bytes:
    """ListBucketResult of version 2."""
    name = _name_writer(result.encoding_type)
    return _document(
        "ListBucketResult",
        _element("Name", result.name),
        f"<Prefix>{name(result.prefix or '')}</Prefix>",
        _element("ContinuationToken", result.continuation_token),
        _element("NextContinuationToken", result.next_continuation_token),
        _given("StartAfter", result.start_after, name),
        _whole("KeyCount", result.key_count),
        _whole("MaxKeys", result.max_keys),
        _given("Delimiter", result.delimiter, name),
        _element("EncodingType", result.encoding_type),
        _flag("IsTruncated", result.is_truncated),
        *_contents(result.contents, result.encoding_type),
        _common_prefixes(result.common_prefixes, name),
    )


def list_object_versions(result: ListObjectVersionsResult) -> bytes:
    """ListVersionsResult."""
    name = _name_writer(result.encoding_type)
    return _document(
        "ListVersionsResult",
        _element("Name", result.name),
        f"<Prefix>{name(result.prefix or '')}</Prefix>",
        f"<KeyMarker>{name(result.key_marker or '')}</KeyMarker>",
        _element("VersionIdMarker", result.version_id_marker or ""),
        _given("NextKeyMarker", result.next_key_marker, name),
        _element("NextVersionIdMarker", result.next_version_id_marker),
        _whole("MaxKeys", result.max_keys),
        _given("Delimiter", result.delimiter, name),
        _element("EncodingType", result.encoding_type),
        _flag("IsTruncated", result.is_truncated),
        *(_version(version, name) for version in result.versions),
        _common_prefixes(result.common_prefixes, name),
    )


def _version(version: ListedVersion, name: Callable[[str], str]) -> str:
    listed = version.object
    return (
        f"<Version><Key>{name(listed.key)}</Key>"
        f"{_element('VersionId', version.version_id)}{_flag('IsLatest', version.is_latest)}"
        f"<LastModified>{iso_date(listed.last_modified)}</LastModified>"
        f"<ETag>&quot;{escape(listed.e_tag)}&quot;</ETag>"
        f"{_checksum_kind((listed.checksum_algorithm, listed.checksum_type))}"
        f"{_whole('Size', listed.size)}{_owner('Owner', listed.owner)}"
        f"{_element('StorageClass', listed.storage_class)}</Version>"
    )


def _given(element: str, text: str | None, name: Callable[[str], str]) -> str:
    """An element that S3 leaves out where the parameter was empty or not there."""
    return f"<{element}>{name(text)}</{element}>" if text else ""


def _contents(contents: Sequence[ListedObject], encoding_type: str | None) -> list[str]:
    """A thousand of these make a page, so it is written by columns: what is alike, once."""
    if not contents:
        return []
    keys, times, etags, sizes, classes, algorithms, types, owners = zip(*contents, strict=True)
    rows = zip(
        _names(keys, encoding_type),
        map(iso_date, times),
        _names(etags, None),
        _column(zip(algorithms, types, strict=True), _checksum_kind),
        sizes,
        _column(owners, lambda owner: _owner("Owner", owner)),
        _column(classes, escape),
        strict=False,
    )
    return [
        f"<Contents><Key>{key}</Key><LastModified>{time}</LastModified>"
        f"<ETag>&quot;{etag}&quot;</ETag>{checksum}<Size>{size}</Size>{owner}"
        f"<StorageClass>{storage_class}</StorageClass></Contents>"
        for key, time, etag, checksum, size, owner, storage_class in rows
    ]


def _checksum_kind(kind: tuple[str | None, str | None]) -> str:
    algorithm, type_ = kind
    return f"{_element('ChecksumAlgorithm', algorithm)}{_element('ChecksumType', type_)}"


def _column(values: Iterable[Value], write: Callable[[Value], str]) -> Iterable[str]:
    """Each value written; every different one once. Endless if all are alike."""
    values = tuple(values)
    texts = {value: write(value) for value in set(values)}
    if len(texts) == 1:
        return repeat(next(iter(texts.values())))
    return [texts[value] for value in values]


def _names(names: Sequence[str], encoding_type: str | None) -> Sequence[str]:
    """Keys as they are written. Mostly they stand as they are: one look at all of them tells."""
    together = "".join(names)
    if encoding_type == "url":
        return names if _PLAIN.fullmatch(together) else [url_encode(name) for name in names]
    return names if is_plain(together) else [escape(name) for name in names]


def _common_prefixes(prefixes: Iterable[str], name: Callable[[str], str]) -> str:
    return "".join(
        f"<CommonPrefixes><Prefix>{name(prefix)}</Prefix></CommonPrefixes>" for prefix in prefixes
    )


def delete_result(result: DeleteObjectsResult) -> bytes:
    """DeleteResult."""
    deleted = "".join(
        f"<Deleted>{_element('Key', each.key)}{_element('VersionId', each.version_id)}"
        f"{_flag('DeleteMarker', True) if each.delete_marker else ''}"
        f"{_element('DeleteMarkerVersionId', each.delete_marker_version_id)}</Deleted>"
        for each in result.deleted
    )
    errors = "".join(
        f"<Error>{_element('Key', each.key)}{_element('VersionId', each.version_id)}"
        f"{_element('Code', each.code)}{_element('Message', each.message)}</Error>"
        for each in result.errors
    )
    return _document("DeleteResult", deleted, errors)


def copy_object(result: CopyObjectResult) -> bytes:
    """CopyObjectResult."""
    return _document(
        "CopyObjectResult",
        _time("LastModified", result.last_modified),
        _etag(result.e_tag),
        _element("ChecksumType", result.checksum_type),
        _checksums(result.checksums),
    )


def copy_part(result: UploadPartCopyResult) -> bytes:
    """CopyPartResult."""
    return _document(
        "CopyPartResult",
        _time("LastModified", result.last_modified),
        _etag(result.e_tag),
        _checksums(result.checksums),
    )


def object_attributes(result: GetObjectAttributesResult) -> bytes:
    """GetObjectAttributesResponse. Its ETag stands without quotes, as S3 sends it."""
    checksum = ""
    if result.checksums:
        type_ = _element("ChecksumType", result.checksum_type)
        checksum = f"<Checksum>{_checksums(result.checksums)}{type_}</Checksum>"
    return _document(
        "GetObjectAttributesResponse",
        _element("ETag", result.e_tag),
        checksum,
        "" if result.object_parts is None else _object_parts(result.object_parts),
        _element("StorageClass", result.storage_class),
        _whole("ObjectSize", result.object_size),
    )


def _object_parts(parts: GetObjectAttributesParts) -> str:
    listed = "".join(
        f"<Part>{_whole('PartNumber', part.part_number)}{_whole('Size', part.size)}"
        f"{_checksums(part.checksums)}</Part>"
        for part in parts.parts
    )
    return (
        f"<ObjectParts>{_whole('PartsCount', parts.total_parts_count)}"
        f"{_whole('PartNumberMarker', parts.part_number_marker)}"
        f"{_whole('NextPartNumberMarker', parts.next_part_number_marker)}"
        f"{_whole('MaxParts', parts.max_parts)}{_flag('IsTruncated', parts.is_truncated)}"
        f"{listed}</ObjectParts>"
    )


def initiate_multipart_upload(result: CreateMultipartUploadResult) -> bytes:
    """InitiateMultipartUploadResult."""
    return _document(
        "InitiateMultipartUploadResult",
        _element("Bucket", result.bucket),
        f"<Key>{escape_echo(result.key)}</Key>",
        _element("UploadId", result.upload_id),
    )


def list_parts(result: ListPartsResult) -> bytes:
    """ListPartsResult."""
    parts = "".join(
        f"<Part>{_whole('PartNumber', part.part_number)}"
        f"{_time('LastModified', part.last_modified)}{_etag(part.e_tag)}"
        f"{_whole('Size', part.size)}{_checksums(part.checksums)}</Part>"
        for part in result.parts
    )
    return _document(
        "ListPartsResult",
        _element("Bucket", result.bucket),
        f"<Key>{escape_echo(result.key)}</Key>",
        _element("UploadId", result.upload_id),
        _owner("Initiator", result.initiator),
        _owner("Owner", result.owner),
        _element("StorageClass", result.storage_class),
        _whole("PartNumberMarker", result.part_number_marker),
        _whole("NextPartNumberMarker", result.next_part_number_marker),
        _whole("MaxParts", result.max_parts),
        _flag("IsTruncated", result.is_truncated),
        _element("ChecksumAlgorithm", result.checksum_algorithm),
        _element("ChecksumType", result.checksum_type),
        parts,
    )


def list_multipart_uploads(result: ListMultipartUploadsResult) -> bytes:
    """ListMultipartUploadsResult."""
    name = _name_writer(result.encoding_type)
    uploads = "".join(
        f"<Upload><Key>{name(upload.key)}</Key>{_element('UploadId', upload.upload_id)}"
        f"{_owner('Initiator', upload.initiator)}{_owner('Owner', upload.owner)}"
        f"{_element('StorageClass', upload.storage_class)}{_time('Initiated', upload.initiated)}"
        f"{_element('ChecksumAlgorithm', upload.checksum_algorithm)}"
        f"{_element('ChecksumType', upload.checksum_type)}</Upload>"
        for upload in result.uploads
    )
    return _document(
        "ListMultipartUploadsResult",
        _element("Bucket", result.bucket),
        f"<KeyMarker>{name(result.key_marker or '')}</KeyMarker>",
        f"<UploadIdMarker>{escape(result.upload_id_marker or '')}</UploadIdMarker>",
        _given("NextKeyMarker", result.next_key_marker, name),
        _given("NextUploadIdMarker", result.next_upload_id_marker, escape),
        _given("Delimiter", result.delimiter, name),
        f"<Prefix>{name(result.prefix or '')}</Prefix>",
        _whole("MaxUploads", result.max_uploads),
        _element("EncodingType", result.encoding_type),
        _flag("IsTruncated", result.is_truncated),
        uploads,
        _common_prefixes(result.common_prefixes, name),
    )


def complete_multipart_upload(result: CompleteMultipartUploadResult) -> bytes:
    """CompleteMultipartUploadResult."""
    return _document(
        "CompleteMultipartUploadResult",
        _element("Location", result.location),
        _element("Bucket", result.bucket),
        f"<Key>{escape_echo(result.key)}</Key>",
        _etag(result.e_tag),
        _checksums(result.checksums),
        _element("ChecksumType", result.checksum_type),
    )


def tagging(result: GetObjectTaggingResult) -> bytes:
    """Tagging."""
    tags = "".join(
        f"<Tag>{_element('Key', key)}{_element('Value', value)}</Tag>"
        for key, value in result.tag_set
    )
    return _document("Tagging", f"<TagSet>{tags}</TagSet>")

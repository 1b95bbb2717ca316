"""What handlers give back: one class an operation, named as the operation plus ``Result``.

Fields are the members of S3's model in snake case. Everywhere: times are Unix seconds (int, UTC);
ETags are without quotes; ``checksums`` maps S3's algorithm names (``CRC32`` …) to base64 text, with
``-N`` behind it if composite; keys, prefixes and delimiters are plain text (``encoding_type`` says
that the answer is to encode them). None or empty leaves the header or element out. ``gateway.s3.answers``
turns results into answers. HeadObjectResult and GetObjectResult are not frozen only because making a
frozen one of that many fields costs four times as much, on the hottest path.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.s3.message import Stream
from gateway.s3.ranges import ByteRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """An account."""

    id: str
    display_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentResult:
    """A configuration read: the XML (or JSON policy) as it is sent."""

    document: bytes
    content_type: str = "application/xml"


# Buckets


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateBucketResult:
    """``location``: ``/bucket``, as S3 answers."""

    location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadBucketResult:
    """``bucket_region``: where the bucket is."""

    bucket_region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteBucketResult:
    """Nothing to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedBucket:
    """One bucket of ListBuckets."""

    name: str
    creation_date: int
    bucket_region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListBucketsResult:
    """``continuation_token``: for the next page, None on the last."""

    buckets: Sequence[ListedBucket]
    owner: Owner
    continuation_token: str | None = None
    prefix: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBucketLocationResult:
    """``location_constraint``: None for us-east-1."""

    location_constraint: str | None


# Objects


@dataclass(frozen=True, slots=True, kw_only=True)
class PutObjectResult:
    """``size`` is answered only for appended objects; leave it None."""

    e_tag: str
    checksums: Mapping[str, str] = field(default_factory=dict)
    checksum_type: str | None = None
    version_id: str | None = None
    size: int | None = None


@dataclass(slots=True, kw_only=True)
class HeadObjectResult:
    """What is told of an object besides its bytes.

    ``size``: of the whole object. ``content_range``: the part of it that was asked for; then the
    answer is 206. ``headers``: standard headers by lower-case name (``content-type`` …), with the
    ``response-*`` overrides already applied. ``metadata``: names without ``x-amz-meta-``.
    ``checksums`` and ``checksum_type``: only if checksum mode was asked for. ``parts_count``: only
    if a part was asked for. ``missing_meta``: entries S3 could not send; it has none.
    """

    size: int
    last_modified: int
    e_tag: str
    content_range: ByteRange | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    checksums: Mapping[str, str] = field(default_factory=dict)
    checksum_type: str | None = None
    parts_count: int | None = None
    tag_count: int | None = None
    storage_class: str = "STANDARD"
    restore: str | None = None
    archive_status: str | None = None
    expiration: str | None = None
    version_id: str | None = None
    website_redirect_location: str | None = None


@dataclass(slots=True, kw_only=True)
class GetObjectResult(HeadObjectResult):
    """The same, and the bytes: ``body`` holds exactly ``content_range``, or all of the object."""

    body: bytes | Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteObjectResult:
    """``delete_marker``: whether a marker was made, or is what was deleted."""

    delete_marker: bool = False
    version_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedObject:
    """A key that is gone."""

    key: str
    version_id: str | None = None
    delete_marker: bool = False
    delete_marker_version_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteError:
    """A key that was not deleted, and why: S3's code and message."""

    key: str
    code: str
    message: str
    version_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteObjectsResult:
    """In quiet mode ``deleted`` is empty."""

    deleted: Sequence[DeletedObject] = ()
    errors: Sequence[DeleteError] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyObjectResult:
    """The copy."""

    e_tag: str
    last_modified: int
    checksums: Mapping[str, str] = field(default_factory=dict)
    checksum_type: str | None = None
    copy_source_version_id: str | None = None
    version_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectPart:
    """One part of a completed multipart upload."""

    part_number: int
    size: int
    checksums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetObjectAttributesParts:
    """A page of the parts. ``parts`` is told only where the upload had checksums."""

    total_parts_count: int
    part_number_marker: int = 0
    next_part_number_marker: int | None = None
    max_parts: int = 1000
    is_truncated: bool = False
    parts: Sequence[ObjectPart] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GetObjectAttributesResult:
    """Only what was asked for is set. ``storage_class`` is told even if it is STANDARD."""

    last_modified: int
    e_tag: str | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)
    checksum_type: str | None = None
    object_parts: GetObjectAttributesParts | None = None
    storage_class: str | None = None
    object_size: int | None = None
    version_id: str | None = None


# Multipart uploads


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateMultipartUploadResult:
    """``abort_date``, ``abort_rule_id``: when which lifecycle rule ends the upload."""

    bucket: str
    key: str
    upload_id: str
    checksum_algorithm: str | None = None
    checksum_type: str | None = None
    abort_date: int | None = None
    abort_rule_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPartResult:
    """The part."""

    e_tag: str
    checksums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPartCopyResult:
    """The part."""

    e_tag: str
    last_modified: int
    checksums: Mapping[str, str] = field(default_factory=dict)
    copy_source_version_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of an upload in progress."""

    part_number: int
    last_modified: int
    e_tag: str
    size: int
    checksums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPartsResult:
    """``next_part_number_marker``: the last part's number; S3 tells it always, 0 for no parts."""

    bucket: str
    key: str
    upload_id: str
    max_parts: int
    is_truncated: bool
    parts: Sequence[Part] = ()
    part_number_marker: int = 0
    next_part_number_marker: int | None = None
    initiator: Owner | None = None
    owner: Owner | None = None
    storage_class: str = "STANDARD"
    checksum_algorithm: str | None = None
    checksum_type: str | None = None
    abort_date: int | None = None
    abort_rule_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipartUpload:
    """One upload in progress."""

    key: str
    upload_id: str
    initiated: int
    storage_class: str = "STANDARD"
    initiator: Owner | None = None
    owner: Owner | None = None
    checksum_algorithm: str | None = None
    checksum_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListMultipartUploadsResult:
    """``encoding_type``: ``url``."""

    bucket: str
    max_uploads: int
    is_truncated: bool
    uploads: Sequence[MultipartUpload] = ()
    common_prefixes: Sequence[str] = ()
    prefix: str | None = None
    delimiter: str | None = None
    key_marker: str | None = None
    upload_id_marker: str | None = None
    next_key_marker: str | None = None
    next_upload_id_marker: str | None = None
    encoding_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteMultipartUploadResult:
    """``location``: the object's URL."""

    location: str
    bucket: str
    key: str
    e_tag: str
    checksums: Mapping[str, str] = field(default_factory=dict)
    checksum_type: str | None = None
    version_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortMultipartUploadResult:
    """Nothing to tell."""


# Tags


@dataclass(frozen=True, slots=True, kw_only=True)
class GetObjectTaggingResult:
    """``tag_set``: (key, value), in the order they were put."""

    tag_set: Sequence[tuple[str, str]]
    version_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PutObjectTaggingResult:
    """``version_id``: of the object tagged."""

    version_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteObjectTaggingResult:
    """``version_id``: of the object whose tags are gone."""

    version_id: str | None = None

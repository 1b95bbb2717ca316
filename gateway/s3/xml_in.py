"""The XML documents of requests, as values. What S3 would not take is S3Error MalformedXML."""

import re
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from gateway.s3.checksums import DIGEST_SIZES
from gateway.s3.dates import parse_http_date, parse_iso_date
from gateway.s3.errors import S3Error
from gateway.s3.etag import unquote
from gateway.s3.tagging import check_tags
from gateway.s3.xml_reading import Document, malformed

MAX_OBJECTS: Final = 1000
MAX_PART_NUMBER: Final = 10_000
_COMPLETE_LIMIT: Final = 2 * 1024 * 1024
"""10,000 parts with ETag and a SHA-256 each take some 1.6 MB."""
_MAX_DIGITS: Final = 18

_OBJECT: Final = frozenset({"Key", "VersionId", "ETag", "LastModifiedTime", "Size"})
_CHECKSUMS: Final = {f"Checksum{name}": name for name in DIGEST_SIZES}
_PART: Final = frozenset({"PartNumber", "ETag", *_CHECKSUMS})
_TAG: Final = frozenset({"Key", "Value"})
_REGION: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateBucketConfiguration:
    """``location_constraint``: the region asked for, None if none is."""

    location_constraint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectIdentifier:
    """One object to delete, and what must hold of it. ``e_tag`` without quotes, ``*`` for any;
    ``last_modified_time`` in Unix seconds."""

    key: str
    version_id: str | None = None
    e_tag: str | None = None
    last_modified_time: int | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Objects to delete, 1 to 1,000. ``quiet``: tell failures only."""

    objects: tuple[ObjectIdentifier, ...]
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedPart:
    """One part of the object to be. ``e_tag`` without quotes; ``checksums`` by algorithm."""

    part_number: int
    e_tag: str
    checksums: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedMultipartUpload:
    """The parts, 1 to 10,000, in the order sent."""

    parts: tuple[CompletedPart, ...]


def parse_create_bucket_configuration(body: bytes) -> CreateBucketConfiguration:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucketConfiguration.html

    S3Error NotImplemented for Location and Bucket, which make directory buckets, and for Tags;
    InvalidLocationConstraint for what cannot be the name of a region.
    """
    document = Document(body, "CreateBucketConfiguration")
    region = None
    seen = set()
    for name, element in document.children(document.root):
        if name in seen:
            raise malformed()
        seen.add(name)
        match name:
            case "LocationConstraint":
                region = document.text(element)
                if _REGION.fullmatch(region) is None:
                    raise S3Error("InvalidLocationConstraint", LocationConstraint=region)
            case "Location" | "Bucket" | "Tags":
                if len(element):
                    raise S3Error("NotImplemented", f"{name} of a new bucket is not implemented.")
            case _:
                raise malformed()
    return CreateBucketConfiguration(location_constraint=region)


def parse_delete(body: bytes) -> Delete:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Delete.html

    Keys of control characters are read too, raw or as references.
    """
    document = Document(body, "Delete", limit=_COMPLETE_LIMIT)
    objects: list[ObjectIdentifier] = []
    quiet: bool | None = None
    for name, element in document.children(document.root):
        if name == "Object" and len(objects) < MAX_OBJECTS:
            objects.append(_object(document, element))
        elif name == "Quiet" and quiet is None:
            quiet = _boolean(document.text(element))
        else:
            raise malformed()
    if not objects:
        raise malformed()
    return Delete(objects=tuple(objects), quiet=bool(quiet))


def parse_complete_multipart_upload(body: bytes) -> CompletedMultipartUpload:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompletedMultipartUpload.html

    S3Error InvalidRequest for an empty body, InvalidArgument for a part number of less than 1.
    """
    if not body.strip():
        raise S3Error("InvalidRequest", "You must specify at least one part")
    document = Document(body, "CompleteMultipartUpload", limit=_COMPLETE_LIMIT)
    parts: list[CompletedPart] = []
    for name, element in document.children(document.root):
        if name != "Part" or len(parts) >= MAX_PART_NUMBER:
            raise malformed()
        parts.append(_part(document, element))
    if not parts:
        raise malformed()
    return CompletedMultipartUpload(parts=tuple(parts))


def parse_tagging(body: bytes) -> tuple[tuple[str, str], ...]:
    """The (key, value) of a Tagging document. S3Error InvalidTag, BadRequest as ``check_tags``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_Tagging.html
    """
    document = Document(body, "Tagging")
    sets = list(document.children(document.root))
    if [name for name, _ in sets] != ["TagSet"]:
        raise malformed()
    tags = []
    for name, element in document.children(sets[0][1]):
        texts = document.texts(element, _TAG)
        if name != "Tag" or texts.keys() != _TAG:
            raise malformed()
        tags.append((texts["Key"], texts["Value"]))
    check_tags(tags)
    return tuple(tags)


def _object(document: Document, element: etree._Element) -> ObjectIdentifier:
    texts = document.texts(element, _OBJECT)
    key = texts.get("Key")
    if not key:
        raise malformed()
    e_tag = texts.get("ETag")
    size = texts.get("Size")
    modified = texts.get("LastModifiedTime")
    return ObjectIdentifier(
        key=key,
        version_id=texts.get("VersionId") or None,
        e_tag=None if e_tag is None else unquote(e_tag),
        last_modified_time=None if modified is None else _time(modified),
        size=None if size is None else _number(size),
    )


def _part(document: Document, element: etree._Element) -> CompletedPart:
    texts = document.texts(element, _PART)
    number = texts.pop("PartNumber", None)
    e_tag = texts.pop("ETag", None)
    if number is None or e_tag is None:
        raise malformed()
    part_number = _number(number)
    if part_number < 1:
        raise S3Error(
            "InvalidArgument",
            "PartNumber must be >= 1",
            ArgumentName="PartNumber",
            ArgumentValue=number,
        )
    if part_number > MAX_PART_NUMBER:
        raise malformed()
    return CompletedPart(
        part_number=part_number,
        e_tag=unquote(e_tag),
        checksums={_CHECKSUMS[name]: value for name, value in texts.items()},
    )


def _number(text: str) -> int:
    text = text.strip()
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > _MAX_DIGITS:
        raise malformed()
    return int(text)


def _boolean(text: str) -> bool:
    match text.strip().lower():
        case "true" | "1":
            return True
        case "false" | "0":
            return False
        case _:
            raise malformed()


def _time(text: str) -> int:
    seconds = parse_http_date(text)
    if seconds is None:
        seconds = parse_iso_date(text)
    if seconds is None:
        raise malformed()
    return seconds

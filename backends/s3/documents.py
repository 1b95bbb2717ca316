"""The XML of S3's answers, read within bounds; and the one document that is sent."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote_plus

from lxml import etree

from backends.errors import Unavailable
from backends.http.dates import LATEST

MAX_PAGE = 8 * 1024 * 1024
"""Bytes of a page of a listing: 1,000 keys of 1,024 bytes, each byte as ``%XX``, and as much again."""
MAX_DOCUMENT = 1024 * 1024

_CODE = re.compile(r"[A-Za-z0-9.]{1,64}", re.ASCII)
REGION = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)
"""What may be told as a region, to sign for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What an error document says, as far as it is of use. Nothing else of it goes on."""

    code: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    key: str
    size: int
    etag: str
    modified_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """``token`` leads to the next page; None at the end, "" if it must be made of the last key."""

    entries: Sequence[Entry]
    token: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """One upload that is open."""

    key: str
    upload: str
    begun_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingPage:
    """``after``: key and id that lead to the next page; None at the end."""

    uploads: Sequence[Pending]
    after: tuple[str, str] | None


def read_error(body: bytes) -> Said:
    """What an error says; nothing if it is none of S3's."""
    root = _root(body)
    if root is None or _local(root) != "Error":
        return Said()
    code, region = _text(root, "Code"), _text(root, "Region")
    return Said(
        code=code if _CODE.fullmatch(code) else "",
        region=region if REGION.fullmatch(region) else "",
    )


def read_result(body: bytes, name: str) -> etree._Element | Said:
    """The document ``name``, or the error that came in its place, as it may even with 200."""
    root = _root(body)
    if root is not None and _local(root) == name:
        return root
    if root is not None and _local(root) == "Error":
        return read_error(body)
    raise Unavailable(f"the answer is no {name}")


def etag_in(result: etree._Element) -> str:
    """The ETag in a result. Unavailable if there is none."""
    return plain_etag(_text(result, "ETag"))


def upload_id_in(result: etree._Element) -> str:
    """The id of a multipart upload. Unavailable if there is none."""
    upload = _text(result, "UploadId")
    if not 0 < len(upload) <= 4096:
        raise Unavailable("the answer holds no id of an upload")
    return upload


def read_page(body: bytes) -> Page:
    """One page of a listing. Unavailable if it cannot be understood in full."""
    root = _root(body)
    if root is None or _local(root) != "ListBucketResult":
        raise Unavailable("the answer is no listing")
    encoded = _text(root, "EncodingType") == "url"
    entries = [_entry(child, encoded=encoded) for child in root if _local(child) == "Contents"]
    if _text(root, "IsTruncated") != "true":
        return Page(entries=entries, token=None)
    return Page(entries=entries, token=_text(root, "NextContinuationToken"))


def read_pending(body: bytes) -> PendingPage:
    """One page of the uploads that are open. Unavailable if it cannot be understood in full."""
    root = _root(body)
    if root is None or _local(root) != "ListMultipartUploadsResult":
        raise Unavailable("the answer is no listing of uploads")
    encoded = _text(root, "EncodingType") == "url"
    uploads = [
        Pending(
            key=_key(_text(child, "Key"), encoded=encoded),
            upload=upload_id_in(child),
            begun_ns=_time_ns(_text(child, "Initiated")),
        )
        for child in root
        if _local(child) == "Upload"
    ]
    if _text(root, "IsTruncated") != "true":
        return PendingPage(uploads=uploads, after=None)
    key = _key(_text(root, "NextKeyMarker"), encoded=encoded)
    return PendingPage(uploads=uploads, after=(key, _text(root, "NextUploadIdMarker")))


def complete_document(parts: Sequence[tuple[int, str]]) -> bytes:
    """The document that completes an upload."""
    root = etree.Element("CompleteMultipartUpload")
    for number, etag in parts:
        part = etree.SubElement(root, "Part")
        etree.SubElement(part, "PartNumber").text = str(number)
        etree.SubElement(part, "ETag").text = f'"{etag}"'
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def plain_etag(said: str) -> str:
    """An ETag without its quotes. Unavailable if there is none: nothing could be told apart by it."""
    etag = said.removeprefix("W/").strip('"')
    if not etag or len(etag) > 256 or not etag.isprintable():
        raise Unavailable("the answer holds no ETag")
    return etag


def _entry(contents: etree._Element, *, encoded: bool) -> Entry:
    key, size = _text(contents, "Key"), _text(contents, "Size")
    if not size.isascii() or not size.isdigit() or len(size) > 18:
        raise Unavailable("the listing holds an object without a size")
    return Entry(
        key=_key(key, encoded=encoded),
        size=int(size),
        etag=plain_etag(_text(contents, "ETag")),
        modified_ns=_time_ns(_text(contents, "LastModified")),
    )


def _key(told: str, *, encoded: bool) -> str:
    return unquote_plus(told, errors="surrogateescape") if encoded else told


def _time_ns(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Unavailable("the listing holds something without a time") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if moment > LATEST:
        raise Unavailable("the listing holds something of a time that cannot be")
    # To the second, as a HEAD tells it.
    return int(moment.timestamp()) * 1_000_000_000


def _text(parent: etree._Element, name: str) -> str:
    for child in parent:
        if _local(child) == name:
            return child.text or ""
    return ""


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _root(body: bytes) -> etree._Element | None:
    """The document's element; None for what is no XML, or declares what no answer of S3 does."""
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        collect_ids=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        # Completing and copying may begin their answers with white space, to keep a connection.
        root = etree.fromstring(body.lstrip(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    return (
        root
        if b"<!DOCTYPE" not in body and root.getroottree().docinfo.internalDTD is None
        else None
    )

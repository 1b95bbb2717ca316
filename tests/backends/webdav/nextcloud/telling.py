"""Properties, and the documents that tell of them, as sabre/dav writes them."""

import mimetypes
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import quote
from xml.sax.saxutils import escape

from lxml import etree

from tests.backends.webdav.nextcloud.refusing import Refused
from tests.backends.webdav.nextcloud.tree import Node

DAV = "{DAV:}"
_OC = "{http://owncloud.org/ns}"
_NC = "{http://nextcloud.org/ns}"
_PREFIXES = {"DAV:": "d", "http://owncloud.org/ns": "oc", "http://nextcloud.org/ns": "nc"}
_ALL = [f"{DAV}{name}" for name in ("getlastmodified", "getcontentlength", "resourcetype")]
_ALL += [f"{DAV}{name}" for name in ("quota-used-bytes", "quota-available-bytes")]
_ALL += [f"{DAV}{name}" for name in ("getetag", "getcontenttype")]
PROTECTED = {f"{DAV}{name}" for name in ("getcontentlength", "getlastmodified", "resourcetype")}
PROTECTED |= {f"{_OC}{name}" for name in ("id", "fileid", "permissions", "size", "checksums")}
PROTECTED |= {f"{_NC}has-preview", f"{DAV}displayname"}

Xml = str
"""Text that is markup already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """``free``: -3 where there is no limit, as Nextcloud tells."""

    used: int
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a PROPPATCH asks for, by name; None removes."""

    values: Mapping[str, str | None]


def fileid(number: int) -> str:
    """``oc:id`` and the header OC-FileId: the number and the instance."""
    return f"{number:08d}oc8k2emulator"


def date(seconds: int) -> str:
    """As HTTP writes it."""
    return formatdate(seconds, usegmt=True)


def content_type(name: str) -> str:
    """By the name alone."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def of_node(node: Node, kept: Mapping[str, str], quota: Quota) -> dict[str, Xml]:
    """All properties that a node of the files has."""
    told = {
        f"{DAV}getlastmodified": date(node.modified_s),
        f"{DAV}getetag": f'"{node.etag}"',
        f"{DAV}resourcetype": "<d:collection/>" if node.folder else "",
        f"{DAV}displayname": escape(node.name),
        f"{_OC}id": fileid(node.fileid),
        f"{_OC}fileid": str(node.fileid),
        f"{_OC}permissions": "RGDNVCK" if node.folder else "RGDNVW",
        f"{_OC}size": str(node.size),
        f"{_NC}has-preview": "false",
        **{name: escape(value) for name, value in kept.items()},
    }
    if node.folder:
        told[f"{DAV}quota-used-bytes"] = str(quota.used)
        told[f"{DAV}quota-available-bytes"] = str(quota.free)
    else:
        told[f"{DAV}getcontentlength"] = str(node.size)
        told[f"{DAV}getcontenttype"] = escape(content_type(node.name))
        told[f"{_NC}upload_time"] = str(node.uploaded_s)
        if node.checksum:
            told[f"{_OC}checksums"] = f"<oc:checksum>{escape(node.checksum)}</oc:checksum>"
    return told


def of_chunk(size: int, modified_s: int, etag: str) -> dict[str, Xml]:
    """What sabre/dav itself tells of a file: a chunk is none of Nextcloud's nodes."""
    return {
        f"{DAV}getlastmodified": date(modified_s),
        f"{DAV}getetag": f'"{etag}"',
        f"{DAV}resourcetype": "",
        f"{DAV}getcontentlength": str(size),
        f"{DAV}getcontenttype": "application/octet-stream",
    }


def asked(body: bytes) -> list[str]:
    """The properties that a PROPFIND asks for; those of ``allprop`` if it names none."""
    if not body:
        return _ALL
    return [str(each.tag) for each in _parsed(body).iterfind(f"{DAV}prop/*")] or _ALL


def changes(body: bytes) -> Changes:
    """What a PROPPATCH says."""
    values: dict[str, str | None] = {}
    for each in _parsed(body):
        for prop in each.iterfind(f"{DAV}prop/*"):
            values[str(prop.tag)] = (
                "".join(map(str, prop.itertext())) if each.tag == f"{DAV}set" else None
            )
    return Changes(values=values)


def response(href: str, told: Mapping[str, Xml], names: Iterable[str]) -> Xml:
    """One ``d:response``: what there is with 200, what there is not with 404."""
    names = list(names)
    found = "".join(_element(name, told[name]) for name in names if name in told)
    lacking = "".join(_element(name, "") for name in names if name not in told)
    return _response(href, {200: found, 404: lacking})


def outcome(href: str, statuses: Mapping[str, int]) -> Xml:
    """One ``d:response`` to a PROPPATCH."""
    by_status: dict[int, str] = {}
    for name, status in statuses.items():
        by_status[status] = by_status.get(status, "") + _element(name, "")
    return _response(href, by_status)


def multistatus(responses: Iterable[Xml]) -> Xml:
    """The whole document."""
    spaces = 'xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns" xmlns:oc="http://owncloud.org/ns" '
    spaces += 'xmlns:nc="http://nextcloud.org/ns"'
    body = "".join(responses)
    return f'<?xml version="1.0"?>\n<d:multistatus {spaces}>{body}</d:multistatus>'


def encoded(path: str) -> str:
    """As sabre/http encodes paths: in lower case."""
    return re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), quote(path, safe="/-_.~()"))


def _response(href: str, by_status: Mapping[int, Xml]) -> Xml:
    reasons = {200: "OK", 403: "Forbidden", 404: "Not Found", 424: "Failed Dependency"}
    stats = "".join(
        f"<d:propstat><d:prop>{props}</d:prop>"
        f"<d:status>HTTP/1.1 {status} {reasons[status]}</d:status></d:propstat>"
        for status, props in by_status.items()
        if props
    )
    return f"<d:response><d:href>{encoded(href)}</d:href>{stats}</d:response>"


def _element(name: str, value: Xml) -> Xml:
    space, _, local = name.removeprefix("{").rpartition("}")
    prefix = _PREFIXES.get(space)
    if prefix is None:
        return f'<x1:{local} xmlns:x1="{escape(space)}">{value}</x1:{local}>'
    return f"<{prefix}:{local}>{value}</{prefix}:{local}>"


def _parsed(body: bytes) -> etree._Element:
    try:
        return etree.fromstring(body, etree.XMLParser(resolve_entities=False))
    except etree.XMLSyntaxError as error:
        raise Refused(400, str(error)) from None

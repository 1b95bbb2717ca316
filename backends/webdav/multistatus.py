"""The answer of PROPFIND: one resource after the other, however many there are."""

from collections.abc import AsyncGenerator, AsyncIterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime

from lxml import etree

from backends.errors import Unavailable

DAV = "{DAV:}"
OURS = "{urn:s3front}"
"""Namespace of the properties that are ours."""

MAX_RESPONSE = 1024 * 1024
"""Bytes that one resource may take."""
MAX_DOCUMENT = 4 * 1024**3

_RESPONSE = f"{DAV}response"
_MULTISTATUS = f"{DAV}multistatus"
# Bytes that no XML document may hold, and some servers put into theirs with a name. DEL may be in
# one, but in no path: the resource is passed over, the document is read.
_LEGAL = bytes(0x7F if byte < 0x20 and byte not in b"\t\n\r" else byte for byte in range(256))


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What a server tells of one href. What it does not tell is None."""

    href: str
    status: int = 200
    is_folder: bool = False
    size: int | None = None
    etag: str | None = None
    """Without quotes and without ``W/``."""
    is_weak: bool = False
    modified_s: int | None = None
    kept: Mapping[str, str] = field(default_factory=dict)
    """The properties that are ours, by local name."""

    @property
    def is_half_told(self) -> bool:
        """Whether it is a file without a size, or with neither ETag nor time."""
        state = self.modified_s if self.etag is None else self.etag
        return not self.is_folder and (self.size is None or state is None)


async def resources(pieces: AsyncIterable[bytes]) -> AsyncGenerator[Resource, None]:
    """The resources of a multistatus document, as it comes in.

    Unavailable if it is none, not well-formed, cut off, or larger than any should be.
    """
    parser = etree.XMLPullParser(
        events=("start", "end"), resolve_entities=False, no_network=True, huge_tree=False
    )
    whole = 0
    since = 0
    state = _State()
    async for piece in pieces:
        whole += len(piece)
        since += len(piece)
        try:
            parser.feed(piece.translate(_LEGAL))
            found = list(state.took(parser))
        except etree.XMLSyntaxError:
            raise Unavailable("the answer to PROPFIND is no XML") from None
        if found:
            since = 0
        if since > MAX_RESPONSE or whole > MAX_DOCUMENT:
            raise Unavailable("the answer to PROPFIND is larger than any should be")
        for resource in found:
            yield resource
    if not state.ended:
        raise Unavailable("the answer to PROPFIND is cut off")


def statuses(document: bytes) -> list[int]:
    """All numbers of status lines in a small document. Unavailable if it is no XML."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(document.translate(_LEGAL), parser)
    except etree.XMLSyntaxError:
        raise Unavailable("the answer is no XML") from None
    return [_status(parent) for parent in root.iter() if parent.find(f"{DAV}status") is not None]


class _State:
    def __init__(self) -> None:
        self.ended = False
        self._root: etree._Element | None = None

    def took(self, parser: etree.XMLPullParser) -> Iterator[Resource]:
        """The resources that have become whole; what was read of them is let go."""
        for event, element in parser.read_events():
            if isinstance(element, tuple | None):
                continue
            root = self._root
            if root is None:
                if (
                    element.tag != _MULTISTATUS
                    or element.getroottree().docinfo.internalDTD is not None
                ):
                    raise Unavailable("the answer to PROPFIND is no multistatus")
                self._root = element
            elif event == "end" and element is root:
                self.ended = True
            elif event == "end" and element.getparent() is root:
                if element.tag == _RESPONSE:
                    yield _resource(element)
                # The parser still needs the element itself, but not what was before it.
                element.clear()
                while element.getprevious() is not None:
                    del root[0]


def _resource(response: etree._Element) -> Resource:
    href = response.findtext(f"{DAV}href")
    if not href:
        raise Unavailable("the answer to PROPFIND tells of something without a name")
    found: dict[str, etree._Element] = {}
    for propstat in response.iterchildren(f"{DAV}propstat"):
        if _status(propstat) // 100 == 2:
            for prop in propstat.iterfind(f"{DAV}prop/*"):
                found[str(prop.tag)] = prop
    etag = _text(found.get(f"{DAV}getetag"))
    kind = found.get(f"{DAV}resourcetype")
    return Resource(
        href=href,
        status=_status(response),
        is_folder=kind is not None and kind.find(f"{DAV}collection") is not None,
        size=_size(_text(found.get(f"{DAV}getcontentlength"))),
        etag=opaque(etag),
        is_weak=etag.startswith("W/"),
        modified_s=seconds(_text(found.get(f"{DAV}getlastmodified"))),
        kept={
            name.removeprefix(OURS): _text(prop)
            for name, prop in found.items()
            if name.startswith(OURS)
        },
    )


def opaque(etag: str) -> str | None:
    """What is between the quotes of an entity tag; None if it is empty."""
    return etag.strip().removeprefix("W/").strip('"') or None


def seconds(date: str) -> int | None:
    """The Unix time of an HTTP date; None if it is none."""
    try:
        parsed = parsedate_to_datetime(date)
    except (ValueError, IndexError):
        return None
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())


def _status(element: etree._Element) -> int:
    """The number in a status line; 200 where there is none."""
    line = element.findtext(f"{DAV}status")
    if line is None:
        return 200
    number = line.split()[1:2]
    return int(number[0]) if number and number[0].isascii() and number[0].isdigit() else 500


def _text(element: etree._Element | None) -> str:
    return "" if element is None else (element.text or "").strip()


def _size(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None

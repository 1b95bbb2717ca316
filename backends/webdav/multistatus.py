"""The answer of PROPFIND: one resource after the other, however many there are."""

from collections.abc import AsyncGenerator, AsyncIterable, Iterator, Mapping
from dataclasses import dataclass, field

from lxml import etree

from backends.errors import Unavailable
from backends.http.dates import seconds_of

DAV = "{DAV:}"
OURS = "{urn:s3front}"
"""Namespace of the properties that are ours."""

MAX_RESPONSE = 1024 * 1024
"""Bytes that one resource may take."""
MAX_DOCUMENT = 4 * 1024**3
LONGEST_ETAG = 1024
"""Characters: it is kept with what is known of each object."""

_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
_RESPONSE = f"{DAV}response"
_HREF = f"{DAV}href"
_PROPSTAT = f"{DAV}propstat"
_PROP = f"{DAV}prop"
_STATUS = f"{DAV}status"
_MULTISTATUS = f"{DAV}multistatus"
_STATUS_DIGITS = 3
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


def only(document: bytes) -> Resource | None:
    """The one resource of a small document; None if it tells of none.

    Unavailable as ``resources``, and if it tells of more.
    """
    try:
        root = etree.fromstring(document.translate(_LEGAL), _PARSER)
    except etree.XMLSyntaxError:
        raise Unavailable("the answer to PROPFIND is no XML, or cut off") from None
    if root.tag != _MULTISTATUS or root.getroottree().docinfo.internalDTD is not None:
        raise Unavailable("the answer to PROPFIND is no multistatus")
    found = [element for element in root if element.tag == _RESPONSE]
    if len(found) > 1:
        raise Unavailable("the answer to PROPFIND tells of more than was asked for")
    return _resource(found[0]) if found else None


def statuses(document: bytes) -> list[int]:
    """All numbers of status lines in a small document. Unavailable if it is no XML."""
    try:
        root = etree.fromstring(document.translate(_LEGAL), _PARSER)
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
    href, line = None, None
    found: dict[str, etree._Element] = {}
    for part in response:
        if part.tag == _PROPSTAT:
            _put_properties(part, found)
        elif part.tag == _HREF and href is None:
            href = part.text
        elif part.tag == _STATUS and line is None:
            line = part.text or ""
    if not href:
        raise Unavailable("the answer to PROPFIND tells of something without a name")
    etag = _text(found.get(f"{DAV}getetag"))
    kind = found.get(f"{DAV}resourcetype")
    return Resource(
        href=href,
        status=_number(line),
        is_folder=kind is not None and kind.find(f"{DAV}collection") is not None,
        size=_size(_text(found.get(f"{DAV}getcontentlength"))),
        etag=opaque(etag),
        is_weak=etag.startswith("W/"),
        modified_s=seconds_of(_text(found.get(f"{DAV}getlastmodified"))),
        kept={
            name.removeprefix(OURS): _text(prop)
            for name, prop in found.items()
            if name.startswith(OURS)
        },
    )


def opaque(etag: str) -> str | None:
    """What is between the quotes of an entity tag; None if it is empty. Unavailable if it is none that a
    condition can be made of."""
    found = etag.strip().removeprefix("W/").strip('"')
    if len(found) > LONGEST_ETAG or not found.isprintable():
        raise Unavailable("the server tells of an ETag that cannot be one")
    return found or None


def _put_properties(propstat: etree._Element, found: dict[str, etree._Element]) -> None:
    """What a propstat tells, if it tells of success."""
    line = None
    kept: list[etree._Element] = []
    for part in propstat:
        if part.tag == _PROP:
            kept += part.iterchildren("*")  # no comments
        elif part.tag == _STATUS and line is None:
            line = part.text or ""
    if _number(line) // 100 == 2:
        found.update((str(prop.tag), prop) for prop in kept)


def _status(element: etree._Element) -> int:
    return _number(element.findtext(_STATUS))


def _number(line: str | None) -> int:
    """The one in a status line; 200 where there is none."""
    if line is None:
        return 200
    number = line.split()[1:2]
    told = number[0] if number else ""
    return int(told) if len(told) == _STATUS_DIGITS and told.isascii() and told.isdigit() else 500


def _text(element: etree._Element | None) -> str:
    return "" if element is None else (element.text or "").strip()


def _size(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None

"""Reading an XML document of a request: bounded, without DTD, entities or network.

Keys may hold characters no XML 1.0 document can (U+0001 …). Clients send them raw (boto3) or as
references; S3 itself answers MalformedXML to both (boto3 issue 2005). Here both are read: such
characters are replaced, before parsing, by a mark that does not occur in the document, and put back
in the texts.
"""

import re
from collections.abc import Iterator
from typing import Final

from lxml import etree

from gateway.s3.errors import S3Error

NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
LIMIT: Final = 1024 * 1024
"""Bytes of a document."""

_QUALIFIED: Final = f"{{{NAMESPACE}}}"
_RAW: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_REFERENCE: Final = re.compile("&#(?:x([0-9a-fA-F]{1,8})|([0-9]{1,10}));", re.ASCII)
_BASE: Final = 0xF000
"""Replaced characters up to U+001F stand at this offset behind their mark."""
_HIGH: Final = {0xFFFE: 0xF020, 0xFFFF: 0xF021}


class Document:
    """A parsed document. Every refusal is S3Error MalformedXML."""

    def __init__(self, body: bytes, root: str, *, limit: int = LIMIT) -> None:
        """``root``: the name the document element must have."""
        if len(body) > limit:
            raise malformed()
        text = _text(body)
        mark = ""
        if _RAW.search(text) or _REFERENCE.search(text):
            text, mark = _marked(text)
        self._mark = re.compile(f"{mark}(.)") if mark else None
        self.root = _parsed(text)
        if self._name(self.root) != root:
            raise malformed()

    def children(self, element: etree._Element) -> Iterator[tuple[str, etree._Element]]:
        """(name, element) of each child; text besides them is refused."""
        if element.text is not None and not element.text.isspace():
            raise malformed()
        for child in element:
            if child.tail is not None and not child.tail.isspace():
                raise malformed()
            yield self._name(child), child

    def text(self, element: etree._Element) -> str:
        """The text of an element, which may have no children."""
        if len(element):
            raise malformed()
        text = element.text or ""
        return text if self._mark is None else self._mark.sub(_restored, text)

    def texts(self, element: etree._Element, known: frozenset[str]) -> dict[str, str]:
        """Name ▶ text of each child; one that is not known, or there twice, is refused."""
        found: dict[str, str] = {}
        for name, child in self.children(element):
            if name not in known or name in found:
                raise malformed()
            found[name] = self.text(child)
        return found

    def _name(self, element: etree._Element) -> str:
        tag = str(element.tag)
        if tag.startswith(_QUALIFIED):
            return tag[len(_QUALIFIED) :]
        if tag.startswith("{"):
            raise malformed()
        return tag


def malformed() -> S3Error:
    """The one answer to a document S3 would not take."""
    return S3Error("MalformedXML")


def _text(body: bytes) -> str:
    if not body.strip():
        raise S3Error("MissingRequestBodyError")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise malformed() from None
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise malformed()
    declaration = re.match(r"<\?xml\s[^>]*\?>", text)
    if declaration is not None:
        encoding = re.search(r"""encoding\s*=\s*["']([^"']*)["']""", declaration[0])
        if encoding is not None and encoding[1].lower() not in {"utf-8", "utf8", "us-ascii"}:
            raise malformed()
        text = text[declaration.end() :]
    return text


def _marked(text: str) -> tuple[str, str]:
    """``text`` with illegal characters behind a mark; the mark, "" if there was none."""
    references = "<![CDATA[" not in text
    taken = {_code(found) for found in _REFERENCE.finditer(text)} if references else set()
    if not (_RAW.search(text) or any(_illegal(code) for code in taken)):
        return text, ""
    free = (chr(code) for code in range(0xFDD0, 0xFDF0) if code not in taken)
    mark = next((each for each in free if each not in text), None)
    if mark is None:
        raise malformed()

    def of_reference(found: re.Match[str]) -> str:
        code = _code(found)
        return mark + _stand_in(code) if _illegal(code) else found[0]

    if references:
        text = _REFERENCE.sub(of_reference, text)
    return _RAW.sub(lambda found: mark + _stand_in(ord(found[0])), text), mark


def _code(found: re.Match[str]) -> int:
    return int(found[1], 16) if found[1] is not None else int(found[2])


def _illegal(code: int) -> bool:
    return (code < 0x20 and code not in (0x09, 0x0A, 0x0D)) or code in _HIGH


def _stand_in(code: int) -> str:
    return chr(_HIGH.get(code, _BASE + code))


def _restored(found: re.Match[str]) -> str:
    code = ord(found[1])
    for high, stand_in in _HIGH.items():
        if code == stand_in:
            return chr(high)
    return chr(code - _BASE)


def _parsed(text: str) -> etree._Element:
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
        return etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        raise malformed() from None

"""Reading an XML document of a request: bounded, without DTD, entities or network.

Keys may hold characters no XML 1.0 document can (U+0001 …). Clients send them raw (boto3) or as
references; S3 itself answers MalformedXML to both (boto3 issue 2005). Here both are read: such
characters are replaced, before parsing, by a mark that does not occur in the document, and put back
in the texts.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from lxml import etree

from gateway.s3.errors import S3Error

NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
LIMIT: Final = 1024 * 1024
"""Bytes of a document."""

_QUALIFIED: Final = (f"{{{NAMESPACE}}}", f"{{{NAMESPACE.replace('http:', 'https:')}}}")
"""Prefixes of an element's name: some clients write the name space so, and S3 takes it (versitygw #2119)."""
_RAW: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_REFERENCE: Final = re.compile("&#(?:x([0-9a-fA-F]{1,8})|([0-9]{1,10}));", re.ASCII)
_BASE: Final = 0xF000
"""Replaced characters up to U+001F stand at this offset behind their mark."""
_HIGH: Final = {0xFFFE: 0xF020, 0xFFFF: 0xF021}
_ILLEGAL: Final = frozenset({*range(0x20), *_HIGH} - {0x09, 0x0A, 0x0D})
_MAX_ILLEGAL: Final = 100_000
_MAX_SPELLINGS: Final = 100
"""Bounds of what putting them back may cost."""


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
            return tag.rpartition("}")[2]
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
    # A reference inside CDATA is text.
    references = Counter(_REFERENCE.findall(text)) if "<![CDATA[" not in text else Counter()
    illegal = {each: code for each in references if (code := _code(each)) in _ILLEGAL}
    count = len(_RAW.findall(text)) + sum(references[each] for each in illegal)
    if not count:
        return text, ""
    taken = {_code(each) for each in references}
    free = (chr(code) for code in range(0xFDD0, 0xFDF0) if code not in taken)
    mark = next((each for each in free if each not in text), None)
    if mark is None or count > _MAX_ILLEGAL or len(illegal) > _MAX_SPELLINGS:
        raise malformed()
    for (hexadecimal, decimal), code in illegal.items():
        spelling = f"&#x{hexadecimal};" if hexadecimal else f"&#{decimal};"
        text = text.replace(spelling, mark + _stand_in(code))
    return text.translate({code: mark + _stand_in(code) for code in _ILLEGAL}), mark


def _code(reference: tuple[str, str]) -> int:
    hexadecimal, decimal = reference
    return int(hexadecimal, 16) if hexadecimal else int(decimal)


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

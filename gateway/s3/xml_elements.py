"""Pieces of S3's XML documents.

``encoding-type=url`` percent-encodes keys, prefixes, delimiters and markers, ``/`` kept. S3 writes a
blank as ``+`` there; we write ``%20``, which those who decode ``+`` read alike, and those who do not
as well.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from string import ascii_letters, digits
from typing import Final
from urllib.parse import quote

from gateway.s3.dates import iso_date
from gateway.s3.results import Owner
from gateway.s3.xml_text import escape, is_plain

_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_XMLNS: Final = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_PLAIN: Final = re.compile(r"[A-Za-z0-9/._*~-]*", re.ASCII)
_NOT_ENCODED: Final = f"{ascii_letters}{digits}/._*~-".encode()


def url_encode(text: str) -> str:
    """As ``encoding-type=url`` has it: UTF-8, percent-encoded but for letters, digits, ``/.-_*~``."""
    return text if _PLAIN.fullmatch(text) else quote(text, safe="/*", errors="replace")


def name_writer(encoding_type: str | None) -> Callable[[str], str]:
    """How keys and the like are written: as ``escape`` or, asked so, as ``url_encode`` has them."""
    return url_encode if encoding_type == "url" else escape


def element(name: str, text: str | None) -> str:
    """An element with text; nothing for None."""
    return "" if text is None else f"<{name}>{escape(text)}</{name}>"


def whole(name: str, number: int | None) -> str:
    """An element with a number; nothing for None."""
    return "" if number is None else f"<{name}>{number}</{name}>"


def flag(name: str, value: bool) -> str:
    """An element that is ``true`` or ``false``."""
    return f"<{name}>{'true' if value else 'false'}</{name}>"


def time(name: str, seconds: int) -> str:
    """An element with a time, given as Unix seconds."""
    return f"<{name}>{iso_date(seconds)}</{name}>"


def etag(etag: str) -> str:
    """The element of an ETag, in quotes."""
    return f"<ETag>&quot;{escape(etag)}&quot;</ETag>"


def checksums(checksums: Mapping[str, str]) -> str:
    """An element for each checksum."""
    return "".join(
        f"<Checksum{name}>{escape(value)}</Checksum{name}>" for name, value in checksums.items()
    )


def owner(name: str, owner: Owner | None) -> str:
    """The element of an account; nothing for None."""
    if owner is None:
        return ""
    return f"<{name}>{element('ID', owner.id)}{element('DisplayName', owner.display_name)}</{name}>"


def document(root: str, *parts: str) -> bytes:
    """A whole document of S3's name space."""
    # Joined once: a page is some 300 KB, and every copy of that is felt.
    return "".join((_HEAD, f"<{root} {_XMLNS}>", *parts, f"</{root}>")).encode()


def given(element: str, text: str | None, name: Callable[[str], str]) -> str:
    """An element that S3 leaves out where the parameter was empty or not there."""
    return f"<{element}>{name(text)}</{element}>" if text else ""


def common_prefixes(prefixes: Sequence[str], encoding_type: str | None) -> str:
    """The elements of the common prefixes of a listing."""
    return "".join(
        [
            f"<CommonPrefixes><Prefix>{prefix}</Prefix></CommonPrefixes>"
            for prefix in written(prefixes, encoding_type)
        ]
    )


def written(texts: Sequence[str], encoding_type: str | None) -> Sequence[str]:
    """Each as ``name_writer`` has it. Mostly they stand as they are: one look at all of them tells."""
    together = "".join(texts)
    if encoding_type == "url":
        plain = together.isascii() and not together.encode().translate(None, _NOT_ENCODED)
        return texts if plain else [url_encode(text) for text in texts]
    return texts if is_plain(together) else [escape(text) for text in texts]

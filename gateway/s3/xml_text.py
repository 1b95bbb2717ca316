"""Text inside XML, as S3 escapes it."""

import re
from typing import Final

_SPECIAL: Final = re.compile('[&<>"\\x00-\\x1f\\x7f-\\x9f\ud800-\udfff\ufffe\uffff]')
_FORBIDDEN: Final = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\ud800-\udfff\ufffe\uffff]")
_ASCII_AS_IT_IS: Final = bytes(code for code in range(128) if _SPECIAL.fullmatch(chr(code)) is None)
_NAMED: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def escape(text: str) -> str:
    """``text`` as the content of an element.

    Control characters become references, also those no XML 1.0 document may hold: S3 sends
    ``&#x1;``, and asks clients to use ``encoding-type=url`` for such keys. Carriage return and line
    feed become references because parsers normalise line ends
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html, "XML related object key
    constraints"). What is no character at all (a lone surrogate) becomes U+FFFD.
    """
    if _SPECIAL.search(text) is None:
        return text
    return _SPECIAL.sub(_reference, text)


def escape_echo(text: str) -> str:
    """What the client itself has sent, told back: as ``escape``, but in any case a document that
    XML parsers read.

    What no XML 1.0 document may hold becomes U+FFFD. S3 sends a reference to it, and then the client
    learns neither an error's code nor an upload's id.
    """
    return escape(_FORBIDDEN.sub("\ufffd", text))


def is_plain(text: str) -> bool:
    """Whether ``escape`` would leave it as it is."""
    if text.isascii():
        # A tenth of what the expression takes.
        return not text.encode().translate(None, _ASCII_AS_IT_IS)
    return _SPECIAL.search(text) is None


def _reference(found: re.Match[str]) -> str:
    character = found[0]
    named = _NAMED.get(character)
    if named is not None:
        return named
    if "\ud800" <= character <= "\udfff":
        return "\ufffd"
    return f"&#x{ord(character):X};"

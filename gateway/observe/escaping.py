"""Foreign text in a log line: nothing in it can end the line or steer a terminal."""

import re
from json.encoder import encode_basestring_ascii

# C0 and C1 controls, DEL, line and paragraph separators, marks that reorder text, lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)


def quoted(text: str) -> str:
    """The text as a JSON string in printable ASCII, with its quotes."""
    return encode_basestring_ascii(text).replace("\x7f", "\\u007f")


def plain(text: str) -> str:
    """The text for people, what is unsafe written as an escape."""
    return _UNSAFE.sub(_escape, text) if _UNSAFE.search(text) else text


def word(text: str) -> str:
    """As ``plain``, in quotes if it is empty or holds a blank, a quote or an equals sign."""
    text = plain(text)
    if not text or any(character in ' "=' for character in text):
        return '"' + text.replace('"', '\\"') + '"'
    return text


def clipped(text: str, most: int) -> str:
    """At most ``most`` characters of it, with a mark if something is left out."""
    return text if len(text) <= most else text[:most] + "…"


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"

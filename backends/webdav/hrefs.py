"""Paths as parts of URLs, and the URLs in answers as paths."""

import re
from urllib.parse import quote, unquote_to_bytes

_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*")
_PLAIN = re.compile(r"[A-Za-z0-9/._~-]*")
_SLASHES = re.compile("/{2,}")


def encoded(path: str) -> str:
    """``path`` as part of a URL: all is escaped that could mean anything to anybody."""
    return path if _PLAIN.fullmatch(path) else quote(path, safe="/-._~")


def decoded(href: str) -> str | None:
    """The path of a URL or of an absolute path, decoded; None if that is no UTF-8.

    A ``+`` stays one. There are no queries here: a ``?`` that is not escaped belongs to the name.
    """
    path = _ORIGIN.sub("", href.strip(), count=1)
    try:
        return _SLASHES.sub("/", unquote_to_bytes(path).decode())
    except UnicodeDecodeError:
        return None


def below(base: str, href: str) -> str | None:
    """What ``href`` names below the folder ``base`` (decoded, ends with ``/``), without a final ``/``.

    ``""`` for the folder itself; None for what lies elsewhere or is no UTF-8.
    """
    path = decoded(href)
    if path is None:
        return None
    if path == base[:-1]:
        return ""
    return path.removeprefix(base).removesuffix("/") if path.startswith(base) else None

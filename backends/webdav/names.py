"""Which names a WebDAV server can be asked for at all."""

import re

from backends import naming
from backends.errors import NameRefused
from backends.interface import RESERVED, Limits
from backends.webdav.dialect import Dialect

# Listings are XML, and one name that no document can hold would spoil that of its whole folder.
_UNLISTED = re.compile("[\x00-\x1f\x7f-\x9f\ufffe\uffff]")


def is_name(name: str, limits: Limits) -> bool:
    """Whether a listed name can be a segment of a path."""
    return (
        name not in {"", ".", ".."}
        and "/" not in name
        and len(name.encode()) <= limits.max_segment
        and not _UNLISTED.search(name)
    )


def check(path: str, limits: Limits) -> None:
    """NameRefused if no server could be asked for ``path``."""
    naming.segments(path, limits)
    if _UNLISTED.search(path):
        raise NameRefused(f"no listing could hold this name: {path[:200]!r}")


def check_target(path: str, limits: Limits, dialect: Dialect) -> None:
    """NameRefused, too, if this server would not keep ``path``, or not list it."""
    check(path, limits)
    if not holds(path, dialect):
        raise NameRefused(f"{dialect.kind.value} does not keep this name: {path[:200]!r}")


def holds(path: str, dialect: Dialect) -> bool:
    """Whether a server keeps and lists every segment of ``path`` as it is."""
    return all(dialect.holds(part) for part in path.removeprefix(f"{RESERVED}/").split("/"))

"""Which bytes a member's copy is of, said by the copy itself: in front of its self-description.

By that a member that is looked at tells what it holds, a lost ledger is found again, and files of
others are told from ours: a mark names its path, so a file that others moved or copied, mark and all, is theirs.
"""

import re
import zlib

from backends.interface import Stored

_MARK = re.compile(rb"s3front-mirror/(?:1|2 ([0-9a-f]{8})) ([0-9]{1,19}) ([+-])\n")
"""The first version named no path."""
MARK_BYTES = 48
"""What the members' limit of a description is smaller by."""


def marked(path: str, generation: int, description: bytes | None) -> bytes:
    """The description that a member is to keep under that path."""
    sign = b"-" if description is None else b"+"
    mark = b"s3front-mirror/2 %b %d %b\n" % (_named(path), generation, sign)
    return mark + (description or b"")


def generation_of(stored: Stored) -> int | None:
    """Of what a member's ``stat`` told; None if it is not a mirror's, or was put elsewhere."""
    found = None if stored.description is None else _MARK.match(stored.description)
    if found is None or found[1] not in {None, _named(stored.path)}:
        return None
    return int(found[2])


def unmarked(kept: bytes | None) -> bytes | None:
    """What the mirror was given to keep."""
    found = None if kept is None else _MARK.match(kept)
    if kept is None or found is None:
        return kept
    return kept[found.end() :] if found[3] == b"+" else None


def _named(path: str) -> bytes:
    return b"%08x" % zlib.crc32(path.encode())

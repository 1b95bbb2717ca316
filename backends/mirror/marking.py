"""Which bytes a member's copy is of, said by the copy itself: in front of its self-description.

By that a member that is looked at tells what it holds, a lost ledger is found again, and files of
others are told from ours.
"""

import re

_MARK = re.compile(rb"s3front-mirror/1 ([0-9]{1,19}) ([+-])\n")
MARK_BYTES = 48
"""What the members' limit of a description is smaller by."""


def marked(generation: int, description: bytes | None) -> bytes:
    """The description that a member is to keep."""
    sign = b"-" if description is None else b"+"
    return b"s3front-mirror/1 %d %b\n%b" % (generation, sign, description or b"")


def generation_of(kept: bytes | None) -> int | None:
    """Of the bytes that have this description; None if they are not a mirror's."""
    found = None if kept is None else _MARK.match(kept)
    return None if found is None else int(found[1])


def unmarked(kept: bytes | None) -> bytes | None:
    """What the mirror was given to keep."""
    found = None if kept is None else _MARK.match(kept)
    if kept is None or found is None:
        return kept
    return kept[found.end() :] if found[2] == b"+" else None

"""What a storage can do beyond the five verbs, and its bounds."""

from dataclasses import dataclass
from enum import Flag, auto

RESERVED = ".s3front"
"""First segment of every path that is S3front's own."""

PIECE = 256 * 1024
"""Preferred size in bytes of one piece of a streamed body."""

SERVED = frozenset(
    {
        *("content-type", "content-language", "expires", "cache-control"),
        *("content-disposition", "content-encoding"),
    }
)
"""Headers, by lower-case name, that a storage can be told to answer others with."""

MAX_DESCRIPTION = 2 * 1024 * 1024
"""Longest self-description in bytes."""


class Can(Flag):
    """What a storage does beyond the five verbs."""

    NOTHING = 0
    STAGE = auto()
    """Has ``stage``, ``place``, ``staged`` and the sync verbs that go with them."""
    PARTS_IN_PLACE = auto()
    """Staged bytes may be written at any offset by several writers at once (sparse)."""
    KERNEL_COPY = auto()
    """``Staged.copy`` moves no byte through this process."""
    WATCH = auto()
    """Others may change what lies under its paths: has ``glance``, ``examine``, ``changes``."""

    REPLICATE = auto()
    """Has ``replicate`` and ``sync``: can be the source and the target of a backup."""

    UNSIZED = auto()
    """``write`` takes bodies of unknown size."""
    TREE = auto()
    """Keeps the rule of file systems: nothing lies below a path that holds bytes."""
    UNIQUE = auto()
    """Each write has a fingerprint of its own, even of the same bytes."""
    OUTLIVE = auto()
    """An open reading gives the bytes it was opened for, whatever becomes of the path meanwhile.

    Without it such a reading may end with Damaged, but never gives other bytes.
    """
    CREATE = auto()
    """``write``, ``copy`` and ``complete_parts`` can refuse to replace anything, at one moment."""
    DESCRIBE = auto()
    """``write``, ``copy`` and ``begin_parts`` take a self-description, which ``stat`` tells."""
    HEADERS = auto()
    """``write``, ``copy`` and ``begin_parts`` take headers that others are answered with, where they can
    read; ``stat`` tells those."""
    COPY = auto()
    """Has ``copy``: the storage copies by itself, no byte through this process."""
    MOVE = auto()
    """Has ``move``: another name for the same bytes, at one moment."""
    PARTS = auto()
    """Has ``begin_parts`` and the verbs that go with it."""
    COPY_PARTS = auto()
    """Has ``copy_part``."""
    OPEN_PARTS = auto()
    """Has ``open_parts``."""
    LINK = auto()
    """Has ``link``: others can read a path for a while without us."""
    ETAGS = auto()
    """The stamp of a fingerprint is an ETag as S3 makes them, wherever it looks like one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Facts of a storage, in bytes."""

    max_segment: int = 255
    max_path: int = 4096
    max_object: int = 5 * 1024**4
    max_write: int = 5 * 1024**4
    """Largest body of one ``write`` or ``write_part``."""
    min_part: int = 0
    """Smallest part but the last."""
    max_description: int = MAX_DESCRIPTION

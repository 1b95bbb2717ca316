"""What lies under paths that others may change (Can.WATCH), and what happened to it."""

from dataclasses import dataclass
from enum import Enum

from backends.interface.stored import Fingerprint, Stored


class Nature(Enum):
    """What is under a path, to whoever must know whether it can be an object's bytes."""

    NOTHING = "nothing"
    BYTES = "bytes"
    """A regular file."""
    BUSY = "busy"
    """A regular file that somebody is still writing (told by ``Storage.examine`` only)."""
    FOLDER = "folder"
    OTHER = "other"
    """What is never read: a link, a pipe, a socket, a device."""
    CLOSED = "closed"
    """What we may not look at or open: it may be anything, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What a path is; ``fingerprint`` if it is BYTES."""

    nature: Nature
    fingerprint: Fingerprint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a path is, seen from near. ``stored`` (with its description) if it is BYTES."""

    nature: Nature
    stored: Stored | None = None
    touched_ns: int = 0
    """When anything of it, its name included, was last changed (Unix nanoseconds)."""


class What(Enum):
    """What a ``Change`` tells of its path."""

    FILE = "file"
    """Something that is no directory appeared, vanished or was changed there."""
    CLOSED = "closed"
    """The same, and a writer of it has just finished."""
    TREE = "tree"
    """Anything may have changed there and below; ``""`` is the whole storage."""
    BLIND = "blind"
    """Not everything can be watched: from here on changes may go untold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that somebody, perhaps we, did to a path."""

    what: What
    path: str

"""The values that tell a catalog what others did to the bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from backends.interface import Fingerprint
from gateway.catalog.records import Bucket, Version

UNDIGESTED = "-0"
"""How an ETag ends whose bytes have not been read yet: no upload has no parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What was known of a key, and of its natural path, before somebody looked at the path.

    For storages behind a network, which no transaction can look at.
    """

    version: Version | None
    owned: bool
    """The path is being written or cleared by us."""
    freed: int
    """How many paths had been freed: what has been since may have held our bytes when it was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Bytes seen under the natural path of a key that are not those of its row."""

    key: str
    path: str
    fingerprint: Fingerprint
    modified_ns: int
    etag: str
    """Ends in UNDIGESTED unless the bytes' own description tells it."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """What a new object gets; one that had a row keeps its own."""
    stale: bool = False
    """Bytes of this very key that have lain there for long: without a row, or one of a missing object,
    they are none. A deletion was undone, or the catalog lost."""
    was: tuple[str, str] | None = None
    """Bucket and key that the bytes' own description names, if it is another: they were moved."""
    described: Version | None = None
    """What that description tells, where no row tells better; its location is not looked at."""
    standing: Standing | None = None
    """Before it was seen, on storages without Can.STAGE."""


class Adoption(Enum):
    """What became of what was found."""

    NEW = "new"
    CHANGED = "changed"
    """The object has these bytes now, and kept its headers, metadata and tags."""
    RESTORED = "restored"
    """It had been missing; as CHANGED, or all as it was if the bytes are the same."""
    SAME = "same"
    """The row tells of these bytes already."""
    IN_THE_WAY = "in the way"
    """The key's object has its bytes elsewhere: what lies here is left alone."""
    OWNED = "owned"
    """The path belongs to another key, or the bytes to an object that was deleted."""
    GONE = "gone"
    """Other bytes or none are there by now, or what was deleted there may still go: look again."""
    OURS = "ours"
    """The path is being written or cleared by us: nothing is known of what was seen there."""


class Absence(Enum):
    """What became of an object that was to be marked missing."""

    MISSING = "missing"
    THERE = "there"
    """Its bytes, or others, are there: look again."""
    NO_OBJECT = "no object"


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingLimit:
    """When absence is no longer believed: more than ``count`` objects of a bucket and more than
    ``share`` of it, within ``window_ns``."""

    count: int = 1_000
    share: float = 0.2
    window_ns: int = 3_600 * 10**9


class Lying(NamedTuple):
    """Where the bytes of a current object lie. A tuple, since a page makes many of them."""

    key: str
    fingerprint: Fingerprint
    path: str
    natural: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Digested:
    """The ETag of bytes of that fingerprint; None if there is nothing to be digested any more."""

    bucket_id: int
    key: str
    fingerprint: Fingerprint | None = None
    etag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Undigested:
    """An object whose ETag is provisional; ``version`` None if it is gone or has a real one.

    ``was``: its ETag before the bytes were touched, if it had a real one.
    """

    bucket_id: int
    key: str
    bucket: Bucket | None
    version: Version | None
    was: str | None = None

"""The values a catalog keeps. Keys are str (valid UTF-8, at most 1,024 bytes), times Unix ns.

Nobody changes one. Checksum, Location and Version are not frozen only because each read of an object
makes them, and a frozen one costs four times as much.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from backends.interface import Fingerprint

NULL_VERSION = "null"
"""Version id of objects in buckets that never had versioning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket. ``generation`` grows with each change of its configuration."""

    id: int
    name: str
    created_ns: int
    region: str
    storage: str
    """Name of the storage new objects go to."""
    generation: int = 0
    indexes: bool = True
    """Whether what others put there, behind a network, is to be known in advance …"""
    indexed: bool = False
    """… and is: listings need not ask the storage."""


@dataclass(slots=True, kw_only=True)
class Checksum:
    """``algorithm`` and ``type`` as S3 spells them; ``value`` base64, with ``-N`` if composite."""

    algorithm: str
    type: str
    value: str


@dataclass(slots=True, kw_only=True)
class Location:
    """Where the bytes of one version are.

    They are under ``path`` or, until placed, staged under ``staged``; whichever matches
    ``fingerprint``. ``natural`` says that ``path`` is the preferred ``bucket/key``.
    """

    storage: str
    path: str
    staged: str | None
    fingerprint: Fingerprint
    natural: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFact:
    """Size and checksum of one part of a completed multipart upload."""

    number: int
    size: int
    checksum: str | None = None


@dataclass(slots=True, kw_only=True)
class Version:
    """One version of a key: everything S3 can ask about it."""

    key: str
    version_id: str = NULL_VERSION
    sequence: int
    """Orders the versions of one key; microseconds, raised where needed to grow per key."""
    size: int
    etag: str
    """Without quotes."""
    modified_ns: int
    storage_class: str = "STANDARD"
    headers: Mapping[str, str] = field(default_factory=dict)
    """Standard headers to answer with, by lower-case name (content-type, cache-control …)."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """User metadata, names lower-case without ``x-amz-meta-``."""
    tags: Sequence[tuple[str, str]] = ()
    checksum: Checksum | None = None
    parts: Sequence[PartFact] = ()
    location: Location

    @property
    def checksums(self) -> Mapping[str, str]:
        """The checksum as answers have it: value by algorithm, empty if there is none."""
        return {} if self.checksum is None else {self.checksum.algorithm: self.checksum.value}


EntryRow = tuple[str, int, str, int, str, str | None, str | None]
"""An Entry that was not made one: a page has a thousand of them, and making one takes 0.2 µs."""


class Entry(NamedTuple):
    """What a listing tells of one current object."""

    key: str
    size: int
    etag: str
    modified_ns: int
    storage_class: str
    checksum_algorithm: str | None = None
    checksum_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of a bucket's objects and common prefixes, each in UTF-8 byte order."""

    entries: Sequence[EntryRow] = ()
    prefixes: Sequence[str] = ()
    more: bool
    """Whether anything is left behind ``last``."""

    @property
    def last(self) -> str:
        """The last key or common prefix; "" of an empty page."""
        key = self.entries[-1][0] if self.entries else ""
        prefix = self.prefixes[-1] if self.prefixes else ""
        return max(key, prefix, key=str.encode)

    @property
    def items(self) -> list[Entry | str]:
        """Entries and common prefixes (those are str), merged in UTF-8 byte order."""
        items: list[Entry | str] = [*map(Entry._make, self.entries), *self.prefixes]
        items.sort(key=lambda item: (item if isinstance(item, str) else item.key).encode())
        return items

    def __len__(self) -> int:
        return len(self.entries) + len(self.prefixes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What must hold of the current object when a write is decided.

    ``absent``: If-None-Match: *. ``etags``: If-Match, unquoted, ``*`` for any. ``size`` and
    ``modified_s`` (Unix seconds): the further conditions of a conditional delete.
    """

    absent: bool = False
    etags: Sequence[str] = ()
    size: int | None = None
    modified_s: int | None = None


ALWAYS = Condition()


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A multipart upload in progress."""

    id: str
    bucket_id: int
    key: str
    initiated_ns: int
    storage: str
    storage_class: str = "STANDARD"
    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Sequence[tuple[str, str]] = ()
    checksum_algorithm: str | None = None
    checksum_type: str | None = None
    part_size: int | None = None
    """Set by the first claim; parts of this size may lie in place in one staged file."""
    completing: bool = False
    path: str | None = None
    """Where the storage itself puts the parts together (Can.PARTS) …"""
    parts: str | None = None
    """… and its id of that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One uploaded part. ``offset`` is set if it lies in place in the upload's shared staged file."""

    number: int
    attempt: str
    """Random; tells attempts at one number apart. Names the staged file if not in place."""
    size: int
    etag: str
    modified_ns: int
    checksum: str | None = None
    offset: int | None = None
    tag: str | None = None
    """What the storage calls it: its tag there (Can.PARTS), or the stamp of a file of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What a finished upload became, kept so that completing again gives the same answer."""

    upload_id: str
    bucket_id: int
    key: str
    version_id: str
    etag: str
    checksum: Checksum | None = None
    parts: Sequence[tuple[int, str]] = ()
    """Numbers and ETags that were asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is not as it was written, seen by a verification.

    ``kind``: one word, by which findings of one key are told apart. ``sequence``: of the version it
    is about; the finding is void once the key has another, or none. Without one it is about
    the catalog itself (``bucket`` and ``key`` are empty then) and stays until it is cleared.
    """

    bucket: str = ""
    key: str = ""
    kind: str
    detail: str
    sequence: int | None = None
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Where an attempt at a part may write: at ``offset`` of the upload's shared staged file, or
    (None) to a staged file of its own."""

    offset: int | None

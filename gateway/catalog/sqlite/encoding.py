"""Records as rows, rows as records.

Most objects have a content type and nothing else: that has a column of its own. Whatever more there
is of headers, user metadata and tags is one JSON text. Parts are decoded only if somebody asks.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, overload

from backends.interface import Fingerprint
from gateway.catalog.records import NULL_VERSION, Checksum, Location, PartFact, Version

USUAL_CLASS = "STANDARD"
_CONTENT_TYPE = "content-type"
_compact = json.JSONEncoder(separators=(",", ":")).encode

VERSION_COLUMNS = (
    "size, etag, modified_ns, storage_class, checksum_algorithm, checksum_type, checksum_value, "
    "version_id, sequence, storage, path, natural, staged, fingerprint_size, stamp, content_type, "
    "facts, parts"
)
"""What ``version_of`` takes, in order."""

SEQUENCE, STORAGE, PATH, NATURAL, STAGED, FINGERPRINT_SIZE, STAMP = 8, 9, 10, 11, 12, 13, 14
"""Where in such a row."""


def version_of(bucket: str, key: str, row: tuple[Any, ...]) -> Version:
    """The version that a row of VERSION_COLUMNS tells."""
    (
        size, etag, modified_ns, storage_class, algorithm, checksum_type, value, version_id,
        sequence, _, _, _, _, _, _, content_type, facts, parts,
    ) = row  # fmt: skip
    headers, metadata, tags = unpacked(content_type, facts)
    return Version(
        key=key,
        version_id=NULL_VERSION if version_id is None else version_id,
        sequence=sequence,
        size=size,
        etag=etag,
        modified_ns=modified_ns,
        storage_class=USUAL_CLASS if storage_class is None else storage_class,
        headers=headers,
        metadata=metadata,
        tags=tags,
        checksum=checksum_of(algorithm, checksum_type, value),
        parts=() if parts is None else StoredParts(parts),
        location=location_of(bucket, key, row),
    )


def location_of(bucket: str, key: str, row: tuple[Any, ...]) -> Location:
    """The location that a row of VERSION_COLUMNS tells."""
    path, size = row[PATH], row[FINGERPRINT_SIZE]
    return Location(
        storage=row[STORAGE],
        path=f"{bucket}/{key}" if path is None else path,
        staged=row[STAGED],
        fingerprint=Fingerprint(size=row[0] if size is None else size, stamp=row[STAMP]),
        natural=bool(row[NATURAL]),
    )


def row_of(bucket: str, version: Version) -> tuple[Any, ...]:
    """A row of VERSION_COLUMNS that tells the version."""
    location, checksum, size = version.location, version.checksum, version.size
    fingerprint = location.fingerprint
    content_type, facts = packed(version.headers, version.metadata, version.tags)
    return (
        size,
        version.etag,
        version.modified_ns,
        None if version.storage_class == USUAL_CLASS else version.storage_class,
        None if checksum is None else checksum.algorithm,
        None if checksum is None else checksum.type,
        None if checksum is None else checksum.value,
        None if version.version_id == NULL_VERSION else version.version_id,
        version.sequence,
        location.storage,
        None if location.path == f"{bucket}/{version.key}" else location.path,
        int(location.natural),
        location.staged,
        None if fingerprint.size == size else fingerprint.size,
        fingerprint.stamp,
        content_type,
        facts,
        packed_parts(version.parts),
    )


def packed(
    headers: Mapping[str, str], metadata: Mapping[str, str], tags: Sequence[tuple[str, str]]
) -> tuple[str | None, str | None]:
    """Columns content_type and facts."""
    content_type = headers.get(_CONTENT_TYPE)
    if not metadata and not tags and len(headers) == (content_type is not None):
        return content_type, None
    facts: dict[str, Any] = {}
    if len(headers) > (content_type is not None):
        facts["h"] = {name: value for name, value in headers.items() if name != _CONTENT_TYPE}
    if metadata:
        facts["m"] = dict(metadata)
    if tags:
        facts["t"] = [list(tag) for tag in tags]
    return content_type, _compact(facts)


def unpacked(
    content_type: str | None, facts: str | None
) -> tuple[dict[str, str], dict[str, str], tuple[tuple[str, str], ...]]:
    """Headers, metadata and tags of columns content_type and facts."""
    headers = {} if content_type is None else {_CONTENT_TYPE: content_type}
    if facts is None:
        return headers, {}, ()
    found = json.loads(facts)
    headers.update(found.get("h", {}))
    return headers, found.get("m", {}), tuple((name, value) for name, value in found.get("t", ()))


def checksum_of(algorithm: str | None, type: str | None, value: str | None) -> Checksum | None:
    """The checksum that three columns tell."""
    if algorithm is None or type is None or value is None:
        return None
    return Checksum(algorithm=algorithm, type=type, value=value)


def packed_parts(parts: Sequence[PartFact]) -> bytes | None:
    """Column parts: JSON, an array of arrays; no checksum is left out."""
    if isinstance(parts, StoredParts):
        return parts.packed
    if not parts:
        return None
    rows = (
        (part.number, part.size)
        if part.checksum is None
        else (part.number, part.size, part.checksum)
        for part in parts
    )
    return _compact(list(rows)).encode()


class StoredParts(Sequence[PartFact]):
    """Up to 10,000 parts of an object, decoded when first looked at. Equal to a tuple of them."""

    __slots__ = ("_parts", "packed")

    def __init__(self, packed: bytes) -> None:
        self.packed = packed
        self._parts: tuple[PartFact, ...] | None = None

    def __len__(self) -> int:
        return len(self._decoded())

    @overload
    def __getitem__(self, index: int) -> PartFact: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[PartFact, ...]: ...
    def __getitem__(self, index: int | slice) -> PartFact | tuple[PartFact, ...]:
        return self._decoded()[index]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sequence):
            return self._decoded() == tuple(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._decoded())

    def __bool__(self) -> bool:
        return True  # an empty one is stored as none

    def __repr__(self) -> str:
        return repr(self._decoded())

    def _decoded(self) -> tuple[PartFact, ...]:
        if self._parts is None:
            self._parts = tuple(
                PartFact(number=number, size=size, checksum=checksum[0] if checksum else None)
                for number, size, *checksum in json.loads(self.packed)
            )
        return self._parts

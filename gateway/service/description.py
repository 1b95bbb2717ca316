"""What stored bytes say about themselves: immutable facts of their version, in one record format.

Kept with the bytes by the storage (an extended attribute, a sidecar, user metadata …), so that the
catalog can be rebuilt and crashed publishing can be finished. The storage voids it when the bytes
change. All is as it was when the bytes were written: what is changed afterwards without writing them
(tags, a copy of an object onto itself) is in the catalog and its snapshots alone.

Where it is written before the bytes (on storages behind a network), it tells what is known by then: an
empty ETag says that ETag, checksum and parts, and the size of an upload, were not.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from gateway.catalog.records import (
    NULL_VERSION,
    Checksum,
    Location,
    PartFact,
    Version,
)

_FORMAT = 2
_USUAL_CLASS = "STANDARD"
_quoted = json.encoder.encode_basestring
_compact = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A version and its bucket, but for where its bytes are."""

    bucket: str
    key: str
    version_id: str = NULL_VERSION
    sequence: int
    etag: str
    size: int
    modified_ns: int | None = None
    """None in records of format 1, which told nothing of what follows either."""
    storage_class: str = _USUAL_CLASS
    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Sequence[tuple[str, str]] = ()
    checksum: Checksum | None = None
    parts: Sequence[PartFact] = ()

    def version(self, location: Location, *, modified_ns: int) -> Version:
        """The version, its bytes at ``location``; ``modified_ns`` if the record does not tell it."""
        return Version(
            key=self.key,
            version_id=self.version_id,
            sequence=self.sequence,
            size=self.size,
            etag=self.etag,
            modified_ns=modified_ns if self.modified_ns is None else self.modified_ns,
            storage_class=self.storage_class,
            headers=self.headers,
            metadata=self.metadata,
            tags=self.tags,
            checksum=self.checksum,
            parts=self.parts,
            location=location,
        )


def describe(bucket: str, version: Version) -> Description:
    """What the bytes of a version of that bucket are to say."""
    return Description(
        bucket=bucket,
        key=version.key,
        version_id=version.version_id,
        sequence=version.sequence,
        etag=version.etag,
        size=version.size,
        modified_ns=version.modified_ns,
        storage_class=version.storage_class,
        headers=version.headers,
        metadata=version.metadata,
        tags=version.tags,
        checksum=version.checksum,
        parts=version.parts,
    )


def encode(description: Description) -> bytes:
    """One record, UTF-8 JSON. What is usual is left out; 10,000 parts take less than 1.2 MiB."""
    return record_of(description.bucket, description)


def record_of(bucket: str, version: Version | Description) -> bytes:
    """The same of a version, without making a description of it first."""
    checksum = version.checksum
    record = (
        f'{{"f":{_FORMAT},"b":{_quoted(bucket)},"k":{_quoted(version.key)},"q":{version.sequence},'
        f'"e":{_quoted(version.etag)},"n":{version.size},'
        f'"t":{"null" if version.modified_ns is None else version.modified_ns}'
    )
    unusual: dict[str, Any] = {}
    if version.version_id != NULL_VERSION:
        unusual["v"] = version.version_id
    if version.storage_class != _USUAL_CLASS:
        unusual["c"] = version.storage_class
    if version.headers:
        unusual["h"] = dict(version.headers)
    if version.metadata:
        unusual["m"] = dict(version.metadata)
    if version.tags:
        unusual["g"] = [list(tag) for tag in version.tags]
    if checksum is not None:
        unusual["s"] = [checksum.algorithm, checksum.type, checksum.value]
    if version.parts:
        unusual["p"] = _packed(version.parts)
    if unusual:
        record = f"{record},{_compact(unusual)[1:]}"
    else:
        record += "}"
    # Lone surrogates are no characters, but a header may have held them.
    return record.encode("utf-8", "surrogatepass")


def record_of_at_most(bucket: str, version: Version, most: int) -> bytes | None:
    """The same in at most so many bytes: if need be without headers, metadata, tags and parts. None if
    not even that can be."""
    record = record_of(bucket, version)
    if len(record) > most:
        record = record_of(
            bucket, replace(version, headers={}, metadata={}, tags=(), checksum=None, parts=())
        )
    return record if len(record) <= most else None


def decode(record: bytes) -> Description | None:
    """The description, or None if the record is not one of ours (or of a later format)."""
    try:
        fields = json.loads(record)
        known = fields["f"]
        if known not in {1, _FORMAT}:
            return None
        description: dict[str, Any] = {
            "bucket": _text(fields["b"]),
            "key": _text(fields["k"]),
            "version_id": _text(fields.get("v", NULL_VERSION)),
            "sequence": _number(fields["q"]),
            "etag": _text(fields["e"]),
            "size": _number(fields["n"]),
        }
        return Description(**description) if known == 1 else _whole(description, fields)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _whole(description: dict[str, Any], fields: dict[str, Any]) -> Description:
    modified_ns, checksum = fields["t"], fields.get("s")
    return Description(
        **description,
        modified_ns=None if modified_ns is None else _number(modified_ns),
        storage_class=_text(fields.get("c", _USUAL_CLASS)),
        headers=_texts(fields.get("h", {})),
        metadata=_texts(fields.get("m", {})),
        tags=tuple((_text(name), _text(value)) for name, value in fields.get("g", ())),
        checksum=None if checksum is None else _checksum(*checksum),
        parts=_unpacked(fields["p"]) if "p" in fields else (),
    )


def _packed(parts: Sequence[PartFact]) -> list[Any]:
    """Numbers and sizes as runs, checksums as one text: an array of three.

    Parts of one size numbered in a row are one run [first number, size, how many]. Checksums of one
    length in bytes are that length and all of them one behind the other, in base64; None if no part
    has one; else (a mixture, which nobody makes on purpose) an array of them.
    """
    runs = []
    for (ahead, size), run in groupby(
        enumerate(parts), lambda item: (item[1].number - item[0], item[1].size)
    ):
        first, *others = run
        runs.append([first[0] + ahead, size, 1 + len(others)])
    checksums = [part.checksum for part in parts]
    if all(value is None for value in checksums):
        return [runs, None, None]
    try:
        raw = [b64decode(value or "", validate=True) for value in checksums]
    except ValueError:
        raw = []
    length = len(raw[0]) if raw else 0
    canonical = raw and [b64encode(value).decode() for value in raw] == checksums
    if not canonical or not length or any(len(value) != length for value in raw):
        return [runs, None, checksums]
    return [runs, length, b64encode(b"".join(raw)).decode()]


def _unpacked(packed: Any) -> tuple[PartFact, ...]:
    runs, length, told = packed
    sizes = [
        (_number(first) + ahead, _number(size))
        for first, size, count in runs
        for ahead in range(min(_number(count), _MOST_PARTS))
    ]
    if told is None:
        checksums: list[str | None] = [None] * len(sizes)
    elif length is None:
        checksums = [None if value is None else _text(value) for value in told]
    else:
        raw = b64decode(told, validate=True)
        checksums = [
            b64encode(raw[at : at + length]).decode() for at in range(0, len(raw), _number(length))
        ]
    return tuple(
        PartFact(number=number, size=size, checksum=checksum)
        for (number, size), checksum in zip(sizes, checksums, strict=True)
    )


_MOST_PARTS = 10_000


def _checksum(algorithm: Any, type: Any, value: Any) -> Checksum:
    return Checksum(algorithm=_text(algorithm), type=_text(type), value=_text(value))


def _texts(value: Any) -> dict[str, str]:
    return {_text(name): _text(text) for name, text in value.items()}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError
    return value

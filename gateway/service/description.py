"""What stored bytes say about themselves: immutable facts of their version, in one record format.

Kept with the bytes by the storage (an extended attribute, a sidecar, user metadata …), so that the
catalog can be rebuilt and crashed publishing can be finished. The storage voids it when the bytes
change.
"""

import json
from dataclasses import dataclass

_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """Bucket, key, version, place in their order, ETag and size of stored bytes."""

    bucket: str
    key: str
    version_id: str
    sequence: int
    etag: str
    size: int


def encode(description: Description) -> bytes:
    """One record, UTF-8 JSON."""
    return json.dumps(
        {
            "f": _FORMAT,
            "b": description.bucket,
            "k": description.key,
            "v": description.version_id,
            "q": description.sequence,
            "e": description.etag,
            "n": description.size,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()


def decode(record: bytes) -> Description | None:
    """The description, or None if the record is not one of ours (or of a later format)."""
    try:
        fields = json.loads(record)
        if fields["f"] != _FORMAT:
            return None
        return Description(
            bucket=str(fields["b"]),
            key=str(fields["k"]),
            version_id=str(fields["v"]),
            sequence=int(fields["q"]),
            etag=str(fields["e"]),
            size=int(fields["n"]),
        )
    except (ValueError, KeyError, TypeError):
        return None

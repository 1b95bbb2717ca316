"""The one form in which self-descriptions are kept, whatever keeps them."""

import hashlib

from backends.errors import Damaged

_MAGIC = b"s3front description 1"


def packed(of: str, description: bytes) -> bytes:
    """A record of ``description``; ``of`` is one line that tells what it describes."""
    body = of.encode() + b"\n" + description
    return b"\n".join([_MAGIC, hashlib.sha256(body).hexdigest().encode(), body])


def unpacked(record: bytes, of: str) -> bytes | None:
    """The description in a record; None if it describes something else.

    Damaged if it is not what was written.
    """
    described, description = _read(record)
    return description if described == of.encode() else None


def subject(record: bytes) -> str:
    """What a record is of. Damaged as ``unpacked``."""
    return _read(record)[0].decode()


def _read(record: bytes) -> tuple[bytes, bytes]:
    magic, _, rest = record.partition(b"\n")
    digest, _, body = rest.partition(b"\n")
    if magic != _MAGIC or hashlib.sha256(body).hexdigest().encode() != digest:
        raise Damaged("a description is not what was written")
    described, _, description = body.partition(b"\n")
    return described, description

"""S3's checksums: names, values, how those of parts make one of the whole.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html

A value is base64 of the digest's bytes: CRCs big-endian, xxHashes in their canonical form (big-endian
too), as the AWS SDKs send them. FULL_OBJECT is the checksum of all bytes; COMPOSITE is the checksum
of the parts' digests one behind the other, with ``-`` and their number.
"""

import binascii
import hashlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol

from isal import isal_zlib

from gateway.s3.errors import S3Error

Bytes = bytes | memoryview

FULL_OBJECT: Final = "FULL_OBJECT"
COMPOSITE: Final = "COMPOSITE"

DIGEST_SIZES: Final = {
    "CRC32": 4,
    "CRC32C": 4,
    "SHA1": 20,
    "SHA256": 32,
    "CRC64NVME": 8,
    "SHA512": 64,
    "MD5": 16,
    "XXHASH64": 8,
    "XXHASH3": 8,
    "XXHASH128": 16,
}
"""Algorithm ▶ bytes of a digest, in the order of S3's model."""

_TYPES: Final = {"CRC32": (COMPOSITE, FULL_OBJECT), "CRC32C": (COMPOSITE, FULL_OBJECT)} | {
    "CRC64NVME": (FULL_OBJECT,)
}
"""Types a multipart upload may have, the default first. Others: COMPOSITE."""


def load() -> None:
    """Import what takes 40 ms to import: else the first bytes that need it wait for that."""
    _crt()


def _crt() -> Any:
    # Most clients send CRC32, and a start should not wait for the others.
    from awscrt import checksums  # type: ignore[import-untyped]  # noqa: PLC0415 - no type hints

    return checksums


class Hasher(Protocol):
    """Takes bytes piece by piece."""

    def update(self, data: Bytes, /) -> None:
        """The next bytes."""

    def digest(self) -> bytes:
        """Of all bytes so far. Nothing may follow."""


class _Crc:
    """A CRC that runs on. For CRC32, zlib and awscrt take twelve times as long as ISA-L (measured)."""

    __slots__ = ("_size", "_step", "_value")

    def __init__(self, step: Callable[[Bytes, int], int], size: int) -> None:
        self._step = step
        self._size = size
        self._value = 0

    def update(self, data: Bytes, /) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


class _XXHash:
    __slots__ = ("_state",)

    def __init__(self, state: Any) -> None:
        self._state = state

    def update(self, data: Bytes, /) -> None:
        # awscrt takes nothing else here, though its CRCs do.
        self._state.update(data if isinstance(data, bytes) else bytes(data))

    def digest(self) -> bytes:
        digest: bytes = self._state.finalize()
        return digest


_HASHERS: Final[dict[str, Callable[[], Hasher]]] = {
    "CRC32": lambda: _Crc(isal_zlib.crc32, 4),
    "CRC32C": lambda: _Crc(_crt().crc32c, 4),
    "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
    "SHA256": hashlib.sha256,
    "CRC64NVME": lambda: _Crc(_crt().crc64nvme, 8),
    "SHA512": hashlib.sha512,
    "MD5": lambda: hashlib.md5(usedforsecurity=False),
    "XXHASH64": lambda: _XXHash(_crt().XXHash.new_xxhash64()),
    "XXHASH3": lambda: _XXHash(_crt().XXHash.new_xxhash3_64()),
    "XXHASH128": lambda: _XXHash(_crt().XXHash.new_xxhash3_128()),
}
_COMBINE: Final[dict[str, Callable[[int, int, int], int]]] = {
    "CRC32": lambda *of: int(_crt().combine_crc32(*of)),
    "CRC32C": lambda *of: int(_crt().combine_crc32c(*of)),
    "CRC64NVME": lambda *of: int(_crt().combine_crc64nvme(*of)),
}


class Digests:
    """Digests of the same bytes, in one pass.

    Not for two threads at once. After the first reading nothing may follow.
    """

    __slots__ = ("_algorithms", "_hashers", "_read", "size")

    size: int
    """Bytes so far."""

    def __init__(self, algorithms: Iterable[str] = ()) -> None:
        self._algorithms = {name: _HASHERS[name]() for name in algorithms}
        self._hashers: tuple[Hasher, ...] = tuple(self._algorithms.values())
        self._read: dict[str, bytes] = {}
        self.size = 0

    def update(self, data: Bytes) -> None:
        """The next bytes."""
        self.size += len(data)
        for each in self._hashers:
            each.update(data)

    def digest(self, algorithm: str) -> bytes:
        """The digest of an algorithm given at the start. KeyError for others."""
        if algorithm not in self._read:
            self._read[algorithm] = self._algorithms[algorithm].digest()
        return self._read[algorithm]

    def value(self, algorithm: str) -> str:
        """The same as S3 writes it, in base64."""
        return encode(self.digest(algorithm))


def hasher_of(algorithm: str) -> Hasher:
    """A new one, of one algorithm of DIGEST_SIZES. KeyError for others."""
    return _HASHERS[algorithm]()


def checksum_of(algorithm: str, data: bytes) -> str:
    """The checksum of ``data``, as S3 writes it."""
    hasher = _HASHERS[algorithm]()
    hasher.update(data)
    return encode(hasher.digest())


def encode(digest: bytes) -> str:
    """Base64, as S3 writes digests."""
    return b64encode(digest).decode("ascii")


def decode(algorithm: str, value: str) -> bytes | None:
    """The digest of a value (without ``-N``); None if it is not one of this algorithm."""
    try:
        digest = b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest if len(digest) == DIGEST_SIZES[algorithm] else None


def default_type(algorithm: str) -> str:
    """The type of a multipart upload that names none: FULL_OBJECT for CRC64NVME, else COMPOSITE."""
    return _TYPES.get(algorithm, (COMPOSITE,))[0]


def require_type(algorithm: str, type_: str) -> None:
    """Refuse what S3 cannot combine: S3Error InvalidRequest.

    CRC32 and CRC32C know both types, CRC64NVME only FULL_OBJECT, all others only COMPOSITE.
    """
    if type_ not in _TYPES.get(algorithm, (COMPOSITE,)):
        raise S3Error(
            "InvalidRequest",
            f"The {type_} checksum type cannot be used with the {algorithm.lower()} checksum "
            "algorithm.",
        )


def composite(algorithm: str, values: Sequence[str]) -> str:
    """The COMPOSITE checksum of parts, given theirs in order. ValueError if one is malformed."""
    hasher = _HASHERS[algorithm]()
    for value in values:
        hasher.update(_digest(algorithm, value))
    return f"{encode(hasher.digest())}-{len(values)}"


def full_object(algorithm: str, parts: Iterable[tuple[str, int]]) -> str:
    """The FULL_OBJECT checksum of parts, given (value, size) in order, without their bytes.

    Only CRCs can do that: KeyError for others, ValueError for a malformed value.
    """
    combine = _COMBINE[algorithm]
    whole = 0
    for value, size in parts:
        whole = combine(whole, int.from_bytes(_digest(algorithm, value), "big"), size)
    return encode(whole.to_bytes(DIGEST_SIZES[algorithm], "big"))


def _digest(algorithm: str, value: str) -> bytes:
    digest = decode(algorithm, value)
    if digest is None:
        raise ValueError(f"not a {algorithm}: {value!r}")
    return digest

"""S3's checksums, computed apart from server and client."""

import base64
import hashlib
from collections.abc import Callable, Mapping

from awscrt import checksums as crt  # type: ignore[import-untyped]  # it ships no types


def _crc(function: Callable[[bytes], int], size: int) -> Callable[[bytes], bytes]:
    return lambda data: function(data).to_bytes(size, "big")


_DIGESTS: Mapping[str, Callable[[bytes], bytes]] = {
    "CRC32": _crc(crt.crc32, 4),
    "CRC32C": _crc(crt.crc32c, 4),
    "CRC64NVME": _crc(crt.crc64nvme, 8),
    "SHA1": lambda data: hashlib.sha1(data).digest(),
    "SHA256": lambda data: hashlib.sha256(data).digest(),
    "SHA512": lambda data: hashlib.sha512(data).digest(),
    "MD5": lambda data: hashlib.md5(data).digest(),
    "XXHASH64": crt.XXHash.compute_xxhash64,
    "XXHASH3": crt.XXHash.compute_xxhash3_64,
    "XXHASH128": crt.XXHash.compute_xxhash3_128,
}
ALGORITHMS = tuple(_DIGESTS)
FULL_OBJECT = ("CRC32", "CRC32C", "CRC64NVME")
"""Can be combined from those of the parts, so a multipart object may have one of its whole."""


def checksum(algorithm: str, data: bytes) -> str:
    """Base64, as S3's headers carry it."""
    return base64.b64encode(_DIGESTS[algorithm](data)).decode()


def composite(algorithm: str, parts: list[bytes]) -> str:
    """The checksum of the parts' checksums, and their number.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
    """
    digest = _DIGESTS[algorithm]
    joined = b"".join(digest(part) for part in parts)
    return f"{base64.b64encode(digest(joined)).decode()}-{len(parts)}"


def field(algorithm: str) -> str:
    """The name of botocore's member: ``ChecksumCRC32`` …"""
    return f"Checksum{algorithm}"

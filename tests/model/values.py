"""What the model keeps, and how digests are told."""

import zlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import md5, sha256
from typing import Any

from awscrt import checksums as crt  # type: ignore[import-untyped]  # has no type hints

from tests.model.told import Sent

DEFAULT_ALGORITHM = "CRC64NVME"


def checksum_of(algorithm: str, body: bytes) -> str:
    """Base64, as S3 tells it."""
    if algorithm == "SHA256":
        return b64encode(sha256(body).digest()).decode()
    if algorithm == "CRC32":
        return b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    return b64encode(crt.crc64nvme(body).to_bytes(8, "big")).decode()


def composite_of(algorithm: str, bodies: Sequence[bytes]) -> str:
    """The checksum of the parts' checksums, and their number."""
    hashes = b"".join(
        sha256(body).digest() if algorithm == "SHA256" else zlib.crc32(body).to_bytes(4, "big")
        for body in bodies
    )
    return f"{checksum_of(algorithm, hashes)}-{len(bodies)}"


def etag_of(body: bytes) -> str:
    """The ETag of what is put whole, without quotes."""
    return md5(body).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """Algorithm, COMPOSITE or FULL_OBJECT, value."""

    algorithm: str
    type: str
    value: str

    @property
    def headers(self) -> dict[str, str]:
        """As GET and PUT tell it."""
        return {
            f"x-amz-checksum-{self.algorithm.lower()}": self.value,
            "x-amz-checksum-type": self.type,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One object."""

    body: bytes
    etag: str
    headers: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    tags: tuple[tuple[str, str], ...] = ()
    storage_class: str = "STANDARD"
    checksum: Checksum
    parts: tuple[bytes, ...] = ()
    """Of an object made by a multipart upload."""

    def told_headers(self) -> dict[str, Any]:
        """The headers of GET and HEAD that speak of the object, whatever was asked for."""
        told: dict[str, Any] = {"etag": f'"{self.etag}"', "content-type": "binary/octet-stream"}
        told |= self.headers
        told |= {f"x-amz-meta-{name}": value for name, value in self.metadata.items()}
        if self.tags:
            told["x-amz-tagging-count"] = str(len(self.tags))
        if self.storage_class != "STANDARD":
            told["x-amz-storage-class"] = self.storage_class
        return told

    def retagged(self, tags: tuple[tuple[str, str], ...]) -> "Thing":
        """The same with other tags."""
        return replace(self, tags=tags)


def thing_of(body: bytes, sent: Sent) -> Thing:
    """An object put whole."""
    algorithm = sent.algorithm or DEFAULT_ALGORITHM
    return Thing(
        body=body,
        etag=etag_of(body),
        headers=sent.headers,
        metadata=sent.metadata,
        tags=sent.tags,
        storage_class=sent.storage_class or "STANDARD",
        checksum=Checksum(
            algorithm=algorithm, type="FULL_OBJECT", value=checksum_of(algorithm, body)
        ),
    )


@dataclass(slots=True, kw_only=True)
class Upload:
    """A multipart upload in progress."""

    key: str
    sent: Sent
    parts: dict[int, bytes] = field(default_factory=dict)

    def part_checksum(self, body: bytes) -> str | None:
        """As ListParts and UploadPart tell it: only if the upload was started with an algorithm."""
        return None if self.sent.algorithm is None else checksum_of(self.sent.algorithm, body)


@dataclass(slots=True, kw_only=True)
class Bucket:
    """A bucket, and what became of its uploads."""

    things: dict[str, Thing] = field(default_factory=dict)
    uploads: dict[int, Upload] = field(default_factory=dict)
    completed: dict[int, tuple[str, list[tuple[int, str]], dict[str, Any]]] = field(
        default_factory=dict
    )
    """Key, the parts asked for, the answer's facts."""

"""What objects hold: a block of bytes, repeated and cut to a size."""

import hashlib
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from awscrt import checksums  # type: ignore[import-untyped]  # it ships no types

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@cache
def _block() -> bytes:
    # Random, so that nothing on the way can compress it; the same in each run.
    return random.Random(20260101).randbytes(MIB)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """``size`` bytes: one block of 1 MiB over and over. All contents share that block."""

    size: int

    def pieces(self, at_most: int = MIB) -> Iterator[bytes]:
        """The bytes in order, in pieces of ``at_most`` bytes (a divisor of 1 MiB)."""
        cut = _cut(at_most)
        left = self.size
        while left >= at_most:
            yield cut[(self.size - left) // at_most % len(cut)]
            left -= at_most
        if left:
            yield cut[(self.size - left) // at_most % len(cut)][:left]

    def has(self, piece: memoryview, offset: int) -> bool:
        """Whether ``piece`` is what stands at ``offset``. Copies nothing."""
        block = _block()
        start = 0
        while start < len(piece):
            position = (offset + start) % MIB
            end = min(len(piece), start + MIB - position)
            if not block.startswith(piece[start:end], position):
                return False
            start = end
        return offset + len(piece) <= self.size


@cache
def _cut(size: int) -> tuple[bytes, ...]:
    block = _block()
    return tuple(block[start : start + size] for start in range(0, MIB, size))


@cache
def sha256_hex(content: Content) -> str:
    """The SHA-256 of all of it, in hexadecimal."""
    digest = hashlib.sha256()
    for piece in content.pieces():
        digest.update(piece)
    return digest.hexdigest()


@cache
def piece_sha256_hex(piece: bytes) -> str:
    """The SHA-256 of a piece that is used again and again."""
    return hashlib.sha256(piece).hexdigest()


@cache
def crc32(content: Content) -> bytes:
    """The CRC-32 of all of it, 4 bytes, the highest first."""
    value = 0
    for piece in content.pieces():
        value = zlib.crc32(piece, value)
    return value.to_bytes(4, "big")


@cache
def crc64nvme(content: Content) -> bytes:
    """The CRC-64/NVME of all of it, 8 bytes, the highest first."""
    value = 0
    for piece in content.pieces():
        value = checksums.crc64nvme(piece, value)
    return value.to_bytes(8, "big")

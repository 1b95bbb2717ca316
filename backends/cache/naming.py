"""What blocks are called: by hashes, so that no file name tells a path."""

from dataclasses import dataclass
from hashlib import blake2b

from backends.cache.sizes import BLOCK
from backends.interface import Fingerprint

_DIGEST = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """The bytes that a storage has under a path with a fingerprint. ``path``: the hash of the path."""

    path: bytes
    of: Fingerprint

    def block(self, number: int) -> "Block":
        """The block that begins at byte ``number * BLOCK``."""
        said = f"{number}\0{self.of.size}\0{self.of.stamp}".encode("utf-8", "surrogateescape")
        return Block(
            name=blake2b(self.path + said, digest_size=_DIGEST).digest(),
            path=self.path,
            size=min(BLOCK, self.of.size - number * BLOCK),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The name of ``size`` bytes, and the hash of the path that they are of."""

    name: bytes
    path: bytes
    size: int


def hash_of(storage: str, path: str) -> bytes:
    """Of a path of a storage."""
    said = f"{storage}\0{path}".encode("utf-8", "surrogateescape")
    return blake2b(said, digest_size=_DIGEST).digest()

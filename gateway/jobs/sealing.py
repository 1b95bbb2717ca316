"""Files that only who knows a secret can read, or make: frames of AES-256-GCM.

Such a file is MAGIC, a random salt, and frames. Its key comes of secret and salt (by scrypt: the secret
may be a password that somebody chose), so no two files have one. A frame's nonce is its number, and whether
it is the last one is authenticated with it: none can be exchanged, left out or added. Blocks.
"""

import hashlib
import os
from typing import Final

MAGIC: Final = b"s3front-sealed-1\n"
FRAME: Final = 256 * 1024
"""Bytes of each frame but the last, before they are sealed."""
HEAD: Final = len(MAGIC) + 16
TAG: Final = 16


class NotGenuine(Exception):
    """It is not what was sealed with this secret."""


def sealed_size(size: int) -> int:
    """Of a file of that size."""
    frames = max(1, -(-size // FRAME))
    return HEAD + size + frames * TAG


class Sealing:
    """Of one file, frame by frame."""

    def __init__(self, secret: str) -> None:
        self.head = MAGIC + os.urandom(HEAD - len(MAGIC))
        self._frames = _Frames(secret, self.head)

    def sealed(self, data: bytes, *, last: bool) -> bytes:
        """The next frame. All but the last have FRAME bytes."""
        return self._frames.cipher.encrypt(self._frames.next(), data, _marked(last=last))


class Unsealing:
    """The same, the other way round."""

    def __init__(self, secret: str, head: bytes) -> None:
        """Raises NotGenuine."""
        if len(head) != HEAD or not head.startswith(MAGIC):
            raise NotGenuine("it is no sealed file")
        self._frames = _Frames(secret, head)

    def opened(self, frame: bytes, *, last: bool) -> bytes:
        """What the next frame holds. Raises NotGenuine."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as below

        try:
            return self._frames.cipher.decrypt(self._frames.next(), frame, _marked(last=last))
        except InvalidTag:
            raise NotGenuine(
                "it was changed, is not whole, or was sealed with another secret"
            ) from None


class _Frames:
    def __init__(self, secret: str, head: bytes) -> None:
        # Where nothing is sealed it need not be imported.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        key = hashlib.scrypt(
            secret.encode(), salt=head[len(MAGIC) :], n=2**15, r=8, p=1, maxmem=2**26, dklen=32
        )
        self.cipher = AESGCM(key)
        self._number = 0

    def next(self) -> bytes:
        """The nonce of the next frame."""
        self._number += 1
        return self._number.to_bytes(12, "big")


def _marked(*, last: bool) -> bytes:
    return b"last" if last else b"more"

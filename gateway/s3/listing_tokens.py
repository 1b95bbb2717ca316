"""Continuation tokens: opaque to clients, and all there is to know of where a listing stands."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from zlib import crc32

from gateway.s3.errors import S3Error

_VERSION = b"\x01"
_CHECK = 4
_MAX_TOKEN = 4096


def token_of(after: str) -> str:
    """The token that continues a listing behind ``after``, a key or a common prefix."""
    stated = _VERSION + after.encode()
    return urlsafe_b64encode(stated + _check(stated)).rstrip(b"=").decode("ascii")


def after_of(token: str) -> str:
    """What ``token_of`` was given. S3Error InvalidArgument if it made no such token.

    The check catches damage, not malice: a token grants nothing, it only names a place.
    """
    after = _read(token) if len(token) <= _MAX_TOKEN else None
    if after is None or token_of(after) != token:
        raise S3Error(
            "InvalidArgument",
            "The continuation token provided is incorrect",
            ArgumentName="continuation-token",
        )
    return after


def _read(token: str) -> str | None:
    """What stands where the key would stand in a token."""
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        return raw[len(_VERSION) : -_CHECK].decode()
    except ValueError:
        return None


def _check(stated: bytes) -> bytes:
    return crc32(stated).to_bytes(_CHECK, "big")

"""The signing key: four HMACs from the secret, good for one day, region and service.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hmac
from functools import lru_cache

CACHED_KEYS = 1024
"""Signing keys held at most. A secret that is gone leaves when newer keys push it out."""


def derive_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The key that signs requests of ``date`` (``YYYYMMDD``) to ``service`` in ``region``."""
    key = f"AWS4{secret}".encode("utf-8", "surrogateescape")
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode("utf-8", "surrogateescape"), "sha256")
    return key


@lru_cache(maxsize=CACHED_KEYS)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """``derive_key``, remembered."""
    return derive_key(secret, date, region, service)


@lru_cache(maxsize=CACHED_KEYS)
def _keyed(key: bytes) -> hmac.HMAC:
    return hmac.new(key, None, "sha256")


def signature(key: bytes, string_to_sign: str) -> bytes:
    """The signature in hexadecimal, as ASCII bytes."""
    # Copying a keyed HMAC costs two thirds of keying one.
    keyed = _keyed(key).copy()
    keyed.update(string_to_sign.encode("utf-8", "surrogateescape"))
    return keyed.hexdigest().encode("ascii")

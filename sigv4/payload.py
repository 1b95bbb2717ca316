"""The kinds of ``x-amz-content-sha256``: what the client says about the body's hash.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html
"""

import re
from enum import Enum

from sigv4.refusal import invalid_argument, unsupported_algorithm

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""The SHA-256 of no bytes, in hexadecimal."""

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_ALLOWED = (
    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, "
    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER "
    "or a valid sha256 value."
)


class Payload(Enum):
    """How the body is sent and protected. The request's own signature is due in every kind."""

    SIGNED = "sha256"
    """The body's SHA-256 is signed; the caller compares it (either letter case)."""
    UNSIGNED = UNSIGNED_PAYLOAD
    STREAMING_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    STREAMING_SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
    STREAMING_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

    @property
    def streaming(self) -> bool:
        """The body is framed as aws-chunked."""
        return self not in (Payload.SIGNED, Payload.UNSIGNED)

    @property
    def chunks_are_signed(self) -> bool:
        return self in (Payload.STREAMING_SIGNED, Payload.STREAMING_SIGNED_TRAILER)

    @property
    def has_trailer(self) -> bool:
        return self in (Payload.STREAMING_SIGNED_TRAILER, Payload.STREAMING_UNSIGNED_TRAILER)


_KINDS = {
    **{kind.value: kind for kind in Payload if kind is not Payload.SIGNED},
    # What each request without a body says.
    EMPTY_SHA256: Payload.SIGNED,
}


def payload_of(value: str) -> Payload:
    """The kind a header value names. Raises ``Refusal`` for anything S3 would not take.

    The kinds signed with SigV4A are known to S3 and refused by name.
    """
    kind = _KINDS.get(value)
    if kind is not None:
        return kind
    if _SHA256.fullmatch(value):
        return Payload.SIGNED
    if value.startswith("STREAMING-AWS4-ECDSA-"):
        raise unsupported_algorithm("SigV4A (AWS4-ECDSA-P256-SHA256)")
    raise invalid_argument(_ALLOWED, "x-amz-content-sha256", value)

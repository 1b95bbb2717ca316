"""The chain of signatures in an aws-chunked body.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html

Each chunk signs the signature before it, beginning with the request's own (the seed), so chunks can
be neither changed nor left out, reordered or taken from another request. The last chunk is empty;
a trailer is signed after it. Framing and hashing are the caller's.
"""

import hmac
from collections.abc import Iterable
from enum import Enum, auto
from hashlib import sha256

from sigv4.keys import signature
from sigv4.payload import EMPTY_SHA256
from sigv4.refusal import incomplete_body, malformed_trailer, signature_does_not_match
from sigv4.verify import Verified


class _State(Enum):
    CHUNKS = auto()
    ENDED = auto()
    TRAILER = auto()
    BROKEN = auto()


def canonical_trailer(headers: Iterable[tuple[str, str]]) -> bytes:
    """The bytes of a trailer that are signed: a line ``name:value`` each, by name.

    Every line ends with a line feed. ``headers`` without ``x-amz-trailer-signature``.
    """
    lines = sorted(f"{name.lower()}:{value.strip()}\n" for name, value in headers)
    return "".join(lines).encode("utf-8", "surrogateescape")


def _chunk_to_sign(timestamp: str, scope: str, previous: str, sha256_hex: str) -> str:
    return (
        f"AWS4-HMAC-SHA256-PAYLOAD\n{timestamp}\n{scope}\n{previous}\n{EMPTY_SHA256}\n{sha256_hex}"
    )


def _trailer_to_sign(timestamp: str, scope: str, previous: str, trailer: bytes) -> str:
    digest = sha256(trailer).hexdigest()
    return f"AWS4-HMAC-SHA256-TRAILER\n{timestamp}\n{scope}\n{previous}\n{digest}"


class ChunkSigner:
    """Signs the chunks of a body whose request was signed with ``key``; ``seed`` its signature."""

    def __init__(self, *, key: bytes, timestamp: str, scope: str, seed: str) -> None:
        self._key = key
        self._timestamp = timestamp
        self._scope = scope
        self._previous = seed

    def chunk(self, sha256_hex: str) -> str:
        """The signature of the next chunk; ``EMPTY_SHA256`` for the last."""
        to_sign = _chunk_to_sign(self._timestamp, self._scope, self._previous, sha256_hex)
        return self._sign(to_sign)

    def trailer(self, canonical: bytes) -> str:
        """The signature of the trailer, given its ``canonical_trailer``."""
        to_sign = _trailer_to_sign(self._timestamp, self._scope, self._previous, canonical)
        return self._sign(to_sign)

    def _sign(self, to_sign: str) -> str:
        self._previous = signature(self._key, to_sign).decode("ascii")
        return self._previous


class ChunkChain:
    """Verifies the signatures of chunks and trailer, in the order they arrive.

    After one refusal every further check is refused.
    """

    def __init__(self, verified: Verified) -> None:
        if not verified.claim.payload.chunks_are_signed:
            raise ValueError(f"{verified.claim.payload} has no signed chunks")
        self._claim = verified.claim
        self._key = verified.signing_key
        self._timestamp = verified.timestamp
        self._scope = verified.claim.scope
        self._previous = verified.claim.signature
        self._state = _State.CHUNKS

    def check_chunk(self, given: str, sha256_hex: str) -> None:
        """The signature of the next chunk, whose bytes have the SHA-256 ``sha256_hex``.

        The empty last chunk is a chunk, with ``EMPTY_SHA256``.
        Raises ``Refusal``: SignatureDoesNotMatch; IncompleteBody for a chunk after the last.
        """
        if self._state is not _State.CHUNKS:
            self._state = _State.BROKEN
            raise incomplete_body()
        to_sign = _chunk_to_sign(self._timestamp, self._scope, self._previous, sha256_hex)
        self._check(given, to_sign)
        if sha256_hex == EMPTY_SHA256:
            self._state = _State.ENDED

    def check_trailer(self, given: str, canonical: bytes) -> None:
        """The signature of the trailer, given its ``canonical_trailer``.

        Raises ``Refusal``: SignatureDoesNotMatch; MalformedTrailerError for one not announced;
        IncompleteBody before the last chunk.
        """
        if self._state is not _State.ENDED:
            self._state = _State.BROKEN
            raise incomplete_body()
        if not self._claim.payload.has_trailer:
            self._state = _State.BROKEN
            raise malformed_trailer()
        to_sign = _trailer_to_sign(self._timestamp, self._scope, self._previous, canonical)
        self._check(given, to_sign)
        self._state = _State.TRAILER

    def check_complete(self) -> None:
        """The body has ended: all that was announced has arrived and is verified.

        Raises ``Refusal``: IncompleteBody; MalformedTrailerError if only the trailer is missing.
        """
        if self._state is _State.TRAILER:
            return
        if self._state is _State.ENDED:
            if self._claim.payload.has_trailer:
                raise malformed_trailer()
            return
        raise incomplete_body()

    def _check(self, given: str, to_sign: str) -> None:
        expected = signature(self._key, to_sign)
        if not hmac.compare_digest(expected, given.encode("utf-8", "surrogateescape")):
            self._state = _State.BROKEN
            raise signature_does_not_match(
                access_key=self._claim.access_key, given=given, string_to_sign=to_sign
            )
        self._previous = given

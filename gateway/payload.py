"""The body of one request, verified while it streams.

Bytes pass each check once, on their way: aws-chunked framing is removed and its chunk signatures
verified, the signed SHA-256, declared checksums (header or trailer) and Content-MD5 are compared, the
length is counted. A body that fails any of them ends in S3Error before it is known to be whole, so a
wrong or truncated body never becomes an object.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

from gateway.refusals import s3_refusal
from gateway.s3.checksums import COMPOSITE, Digests
from gateway.s3.chunked import (
    ChunkEnd,
    ChunkStart,
    Data,
    Decoder,
    Framing,
    Piece,
    Trailers,
    framing,
)
from gateway.s3.declared import Declared, declared
from gateway.s3.errors import S3Error
from gateway.s3.etag import MD5, etag_of_digest
from gateway.s3.message import Request
from sigv4.payload import Payload as Kind
from sigv4.refusal import Refusal, content_sha256_mismatch
from sigv4.stream import ChunkChain, canonical_trailer
from sigv4.verify import Verified

DEFAULT_ALGORITHM = "CRC64NVME"
"""Kept of every object whose client sends no checksum, as S3 does."""
_INLINE = 64 * 1024
"""Pieces up to this many bytes are hashed where they arrive; larger ones in the pool."""

_KIND = "x-amz-content-sha256"

Give = Callable[[], Sequence[Piece]]
Take = Callable[[Give, int], Awaitable[None]]

Result = TypeVar("Result")


async def _hashed(pool: Executor, size: int, work: Callable[[], Result]) -> Result:
    if size <= _INLINE:
        return work()
    return await asyncio.get_running_loop().run_in_executor(pool, work)


class Hashing:
    """ETag and checksums of bytes that pass by."""

    def __init__(self, pool: Executor, algorithm: str, *, etag: str) -> None:
        """``etag``: what the ETag is made of."""
        self._pool = pool
        self._made_of = etag
        self._digests = Digests(dict.fromkeys((etag, algorithm)))

    async def update(self, piece: bytes) -> None:
        """Take the next bytes."""
        await _hashed(self._pool, len(piece), lambda: self._digests.update(piece))

    @property
    def etag(self) -> str:
        """Of bytes that are one piece."""
        return etag_of_digest(self._made_of, self._digests.digest(self._made_of))

    def checksum(self, algorithm: str) -> str:
        """Base64."""
        return self._digests.value(algorithm)


class _Chunks:
    """aws-chunked content: framing, chunk signatures, trailer."""

    def __init__(self, frame: Framing, verified: Verified) -> None:
        if frame.signed != verified.claim.payload.chunks_are_signed:
            raise S3Error("InvalidRequest", "The body is not framed as x-amz-content-sha256 says.")
        self._decoder = Decoder(frame)
        self._chain = ChunkChain(verified) if frame.signed else None
        self._signature = ""
        self._sha256 = hashlib.sha256()
        self.trailer: dict[str, str] = {}

    def feed(self, raw: Piece) -> list[Piece]:
        """The content in the next bytes of the body, not copied. Raises S3Error or Refusal."""
        content: list[Piece] = []
        for event in self._decoder.feed(raw):
            match event:
                case Data(data):
                    if self._chain is not None:
                        self._sha256.update(data)
                    content.append(data)
                case ChunkStart(_, signature):
                    self._signature = signature or ""
                    self._sha256 = hashlib.sha256()
                case ChunkEnd() if self._chain is not None:
                    self._chain.check_chunk(self._signature, self._sha256.hexdigest())
                case Trailers(_, headers, signature):
                    if self._chain is not None:
                        signed = canonical_trailer(headers.items())
                        self._chain.check_trailer(signature or "", signed)
                    self.trailer = dict(headers)
                case _:
                    pass
        return content

    def finish(self) -> None:
        """The body has ended: nothing of it may be missing. Raises S3Error or Refusal."""
        self._decoder.finish()
        if self._chain is not None:
            self._chain.check_complete()


class Payload:
    """The body of one request. Read once: by ``send`` or ``document``."""

    def __init__(self, request: Request, verified: Verified, pool: Executor) -> None:
        self.pool = pool
        self._request = request
        self._verified = verified
        self._framing: Framing | None = None
        self._framing_known = False
        self._declared = Declared()
        self._algorithm = DEFAULT_ALGORITHM
        self._algorithm_is_asked = False
        self._etag_of: str | None = None
        self._digests = Digests()

    def require_length(self, most: int) -> int:
        """Length of the content in bytes, known before it is read.

        S3Error MissingContentLength (411), EntityTooLarge, or NotImplemented of a body that HTTP chunks,
        as S3 has it. A PUT that tells no length at all is no empty object:
        https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonRequestHeaders.html
        """
        length = self._length()
        told = self._frame() is not None or "content-length" in self._request.headers
        if length is None and "transfer-encoding" in self._request.headers:
            raise S3Error("NotImplemented", Header="Transfer-Encoding")
        if length is None or not told:
            raise S3Error("MissingContentLength")
        if length > most:
            raise S3Error("EntityTooLarge", ProposedSize=str(length), MaxSizeAllowed=str(most))
        return length

    def declare(self, *, etag: str) -> None:
        """Read what the headers say of the content's checksum. S3Error if that cannot be.

        ``etag``: what its ETag is to be made of; who sends a Content-MD5 gets that.
        """
        self._declared = declared(self._request.headers)
        self._etag_of = etag if self._declared.content_md5 is None else MD5
        if self._declared.algorithm is not None:
            self._algorithm = self._declared.algorithm
            self._algorithm_is_asked = True

    def declare_part(self, algorithm: str | None, type_: str | None, *, etag: str) -> None:
        """The same for a part of an upload that was started with a checksum (or without).

        S3Error InvalidRequest if the part's is another one, or missing where it is needed.
        """
        self.declare(etag=etag)
        if algorithm is None:
            self._algorithm = DEFAULT_ALGORITHM
            return
        sent = self._declared.algorithm
        if sent != algorithm and (sent is not None or type_ == COMPOSITE):
            raise S3Error(
                "InvalidRequest",
                f"Checksum Type mismatch occurred, expected checksum Type: {algorithm.lower()}, "
                f"actual checksum Type: {'null' if sent is None else sent.lower()}",
            )
        self._algorithm = algorithm
        self._algorithm_is_asked = True

    @property
    def size(self) -> int:
        """Bytes of content read."""
        return self._digests.size

    @property
    def etag(self) -> str:
        """Of the content, which was declared; after the last piece."""
        of = self._etag_of or MD5
        return etag_of_digest(of, self._digests.digest(of))

    @property
    def algorithm(self) -> str:
        """Of ``checksum``."""
        return self._algorithm

    @property
    def checksum(self) -> str:
        """The checksum that is kept, base64; after the last piece."""
        return self._digests.value(self._algorithm)

    @property
    def shown_checksums(self) -> dict[str, str]:
        """What an answer tells of a part's checksum: only one that was asked for."""
        if not self._algorithm_is_asked:
            return {}
        shown = self._declared.algorithm or self._algorithm
        return {shown: self._digests.value(shown)}

    async def send(self, take: Take) -> None:
        """Give all of the content to ``take``. Returns only if all of it came and all that was said of
        it is true.

        ``take(give, size)`` is to call ``give`` once, in any thread, and to keep a copy of what it
        returns: the content of some ``size`` bytes of the body, hashed as it is asked for, which is
        overwritten when ``take`` has returned.
        Raises S3Error: IncompleteBody, BadDigest, XAmzContentSHA256Mismatch,
        SignatureDoesNotMatch (of a chunk), MalformedTrailerError and others.
        """
        await self._send(take, at_once=False)

    async def _send(self, take: Take, *, at_once: bool) -> None:
        intake = self._intake()
        body = self._request.body
        while raw := await body.read(at_once=at_once):
            await take(partial(intake.feed, raw), len(raw))
        intake.finish()

    async def document(self, most: int, *, checksum_of_body: bool = True) -> bytes:
        """The whole content, which must be small. S3Error MaxMessageLengthExceeded if it is not.

        ``checksum_of_body`` False: the checksum headers speak of something else.
        """
        self._declared = declared(self._request.headers, of_body=checksum_of_body)
        if self._declared.algorithm is not None:
            self._algorithm = self._declared.algorithm
        length = self._length()
        if length is not None and length > most:
            raise S3Error("MaxMessageLengthExceeded")
        content = bytearray()

        async def take(give: Give, size: int) -> None:
            for piece in await _hashed(self.pool, size, give):
                content.extend(piece)
            if len(content) > most:
                raise S3Error("MaxMessageLengthExceeded")

        await self._send(take, at_once=True)
        return bytes(content)

    def _length(self) -> int | None:
        frame = self._frame()
        return self._request.body.length if frame is None else frame.length

    def _frame(self) -> Framing | None:
        if not self._framing_known:
            headers = self._request.headers
            kind = self._verified.claim.payload_hash
            if headers.get(_KIND) != kind:
                # A presigned URL may name it in its query.
                headers = {**headers, _KIND: kind}
            self._framing = framing(headers)
            self._framing_known = True
        return self._framing

    def _intake(self) -> "_Intake":
        algorithms = dict.fromkeys((self._algorithm, *self._declared.algorithms))
        if self._etag_of is not None:
            algorithms[self._etag_of] = None
        self._digests = Digests(algorithms)
        frame = self._frame()
        return _Intake(
            chunks=None if frame is None else _Chunks(frame, self._verified),
            declared=self._declared,
            digests=self._digests,
            verified=self._verified,
        )


def _moved_together(raw: Piece, content: Sequence[Piece]) -> Piece:
    """Parts of ``raw`` in their order, as one: each call of a hash or the kernel may wait for others."""
    if isinstance(raw, bytes):
        return b"".join(content)
    end = 0
    for piece in content:
        begin, end = end, end + len(piece)
        raw[begin:end] = piece
    return raw[:end]


class _Intake:
    """Takes raw bytes, gives content. Synchronous: large pieces are fed in the pool."""

    def __init__(
        self,
        *,
        chunks: _Chunks | None,
        declared: Declared,
        digests: Digests,
        verified: Verified,
    ) -> None:
        self._chunks = chunks
        self._declared = declared
        self._digests = digests
        self._claim = verified.claim
        self._sha256 = hashlib.sha256() if verified.claim.payload is Kind.SIGNED else None

    def feed(self, raw: Piece) -> Sequence[Piece]:
        """The content in the next raw bytes."""
        if self._chunks is None:
            if self._sha256 is not None:
                self._sha256.update(raw)
            self._digests.update(raw)
            return (raw,)
        try:
            content = self._chunks.feed(raw)
        except Refusal as refusal:
            raise s3_refusal(refusal) from None
        if len(content) > 1:
            content = [_moved_together(raw, content)]
        for piece in content:
            self._digests.update(piece)
        return content

    def finish(self) -> None:
        """All bytes have come."""
        try:
            if self._chunks is not None:
                self._chunks.finish()
                self._declared = self._declared.with_trailer(self._chunks.trailer)
            if self._sha256 is not None:
                self._check_sha256(self._sha256.hexdigest())
        except Refusal as refusal:
            raise s3_refusal(refusal) from None
        self._declared.check(self._digests)

    def _check_sha256(self, computed: str) -> None:
        given = self._claim.payload_hash.lower()
        if not hmac.compare_digest(given.encode(), computed.encode()):
            raise content_sha256_mismatch(claimed=given, computed=computed)

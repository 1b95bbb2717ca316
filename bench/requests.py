"""Signed requests, made before they are sent.

A request is good for 15 minutes after ``now`` and as often as one likes, so a scenario signs all it
will send first and measures then. Framing of aws-chunked bodies:
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html,
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from urllib.parse import quote

from bench.content import (
    KIB,
    Content,
    crc32,
    crc64nvme,
    piece_sha256_hex,
    sha256_hex,
)
from sigv4.canonical import Signable
from sigv4.keys import signing_key
from sigv4.payload import EMPTY_SHA256, Payload
from sigv4.sign import Credentials, query_string, sign
from sigv4.stream import ChunkSigner

CHUNK = 64 * KIB
"""Bytes of one aws-chunked chunk; the AWS SDKs send 64 KiB to 1 MiB."""


class Upload(Enum):
    """How a body is sent and protected."""

    SHA256 = "sha256"
    UNSIGNED = "unsigned"
    CHUNKED = "chunked"
    TRAILER_CRC32 = "trailer-crc32"
    TRAILER_CRC64NVME = "trailer-crc64nvme"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A request as bytes: ``head`` to the empty line, then ``body``."""

    head: bytes
    body: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Makes the requests of one scenario: to one ``bucket`` (path style) at ``host``, signed at
    ``now``."""

    host: str
    bucket: str
    credentials: Credentials
    region: str
    now: datetime

    def path(self, key: str) -> str:
        """The path of a key, canonically encoded; of the bucket if the key is empty."""
        return f"/{self.bucket}/{quote(key, safe='/~')}" if key else f"/{self.bucket}"

    def plain(
        self,
        method: str,
        key: str,
        query: Iterable[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Message:
        """A request without body, or with a short one whose SHA-256 is signed."""
        hashed = piece_sha256_hex(body) if body else EMPTY_SHA256
        sent = dict(headers or {})
        if body or method in ("PUT", "POST"):
            sent["content-length"] = str(len(body))
        signed = self._signed(method, key, query, sent, hashed)
        return Message(head=signed.head, body=(body,) if body else ())

    def upload(
        self, key: str, content: Content, kind: Upload, query: Iterable[tuple[str, str]] = ()
    ) -> Message:
        """PUT of ``content``: an object, or a part if ``query`` says so."""
        match kind:
            case Upload.SHA256:
                return self._whole(key, content, query, sha256_hex(content))
            case Upload.UNSIGNED:
                return self._whole(key, content, query, Payload.UNSIGNED.value)
            case Upload.CHUNKED:
                return self._chunked(key, content, query)
            case Upload.TRAILER_CRC32:
                return self._trailed(key, content, query, "x-amz-checksum-crc32", crc32(content))
            case Upload.TRAILER_CRC64NVME:
                value = crc64nvme(content)
                return self._trailed(key, content, query, "x-amz-checksum-crc64nvme", value)

    def _whole(
        self, key: str, content: Content, query: Iterable[tuple[str, str]], payload_hash: str
    ) -> Message:
        length = {"content-length": str(content.size)}
        signed = self._signed("PUT", key, query, length, payload_hash)
        return Message(head=signed.head, body=tuple(content.pieces()))

    def _chunked(self, key: str, content: Content, query: Iterable[tuple[str, str]]) -> Message:
        pieces = list(content.pieces(CHUNK))
        empty = _signed_chunk(0, "0" * 64)
        framing = sum(len(_signed_chunk(len(piece), "0" * 64)) + 2 for piece in pieces)
        headers = _chunked_headers(content.size, framing + content.size + len(empty) + 2)
        signed = self._signed("PUT", key, query, headers, Payload.STREAMING_SIGNED.value)
        signer = self._chunk_signer(signed)
        body = []
        for piece in pieces:
            body += [_signed_chunk(len(piece), signer.chunk(piece_sha256_hex(piece))), piece]
            body.append(b"\r\n")
        body.append(_signed_chunk(0, signer.chunk(EMPTY_SHA256)) + b"\r\n")
        return Message(head=signed.head, body=tuple(body))

    def _trailed(
        self,
        key: str,
        content: Content,
        query: Iterable[tuple[str, str]],
        checksum: str,
        value: bytes,
    ) -> Message:
        body = []
        for piece in content.pieces(CHUNK):
            body += [f"{len(piece):x}\r\n".encode("ascii"), piece, b"\r\n"]
        body.append(f"0\r\n{checksum}:{b64encode(value).decode()}\r\n\r\n".encode("ascii"))
        headers = _chunked_headers(content.size, sum(map(len, body)))
        headers["x-amz-trailer"] = checksum
        kind = Payload.STREAMING_UNSIGNED_TRAILER.value
        return Message(head=self._signed("PUT", key, query, headers, kind).head, body=tuple(body))

    def _signed(
        self,
        method: str,
        key: str,
        query: Iterable[tuple[str, str]],
        headers: Mapping[str, str],
        payload_hash: str,
    ) -> "_Signed":
        path = self.path(key) if self.bucket else "/"
        asked = query_string(sorted(query))
        headers = {"host": self.host, **headers}
        signable = Signable(method=method, path=path, query=asked, headers=headers)
        added = sign(
            signable,
            self.credentials,
            region=self.region,
            now=self.now,
            payload_hash=payload_hash,
        )
        target = f"{path}?{asked}" if asked else path
        lines = [f"{method} {target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in {**headers, **added}.items()]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
        return _Signed(head=head, added=added)

    def _chunk_signer(self, signed: "_Signed") -> ChunkSigner:
        timestamp = signed.added["x-amz-date"]
        date = timestamp[:8]
        return ChunkSigner(
            key=signing_key(self.credentials.secret, date, self.region, "s3"),
            timestamp=timestamp,
            scope=f"{date}/{self.region}/s3/aws4_request",
            seed=signed.added["authorization"].rpartition("Signature=")[2],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signed:
    head: bytes
    added: Mapping[str, str]


def _signed_chunk(size: int, signature: str) -> bytes:
    return f"{size:x};chunk-signature={signature}\r\n".encode("ascii")


def _chunked_headers(decoded: int, length: int) -> dict[str, str]:
    return {
        "content-encoding": "aws-chunked",
        "content-length": str(length),
        "x-amz-decoded-content-length": str(decoded),
    }

"""Bodies in aws-chunked framing, as the SDKs send them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from sigv4.keys import signing_key
from sigv4.stream import ChunkSigner, canonical_trailer
from tests.live.client import REGION, Answer, Client, quoted

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def pieces_of(body: bytes, size: int = 64 * 1024) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Framed:
    """One framed PUT, ready to be sent as it is or with something changed."""

    target: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def send(self, client: Client, *, body: bytes | None = None) -> Answer:
        whole = self.body if body is None else body
        headers = {**self.headers, "content-length": str(len(whole))}
        return client.send("PUT", self.target, headers, whole)


def framed(
    client: Client,
    bucket: str,
    key: str,
    chunks: Sequence[bytes],
    *,
    kind: str = SIGNED,
    trailer: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    length: int | None = None,
    query: str = "",
) -> Framed:
    """``length``: the decoded length that is claimed."""
    now = datetime.now(UTC)
    path = f"/{bucket}/{quoted(key)}"
    decoded = sum(map(len, chunks)) if length is None else length
    told = {
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": str(decoded),
        **({"x-amz-trailer": ",".join(trailer)} if trailer else {}),
        **(headers or {}),
    }
    signed = client.headers("PUT", path, query, headers=told, payload_hash=kind, now=now)
    body = _unsigned(chunks) if kind == UNSIGNED_TRAILER else b""
    lines = b"".join(f"{name}:{value}\r\n".encode() for name, value in (trailer or {}).items())
    if kind != UNSIGNED_TRAILER:
        signer = _signer(client, signed)
        for chunk in [*chunks, b""]:
            signature = signer.chunk(sha256(chunk).hexdigest())
            end = b"\r\n" if chunk else b""
            body += f"{len(chunk):x};chunk-signature={signature}\r\n".encode() + chunk + end
        if trailer:
            seal = signer.trailer(canonical_trailer(trailer.items()))
            lines += f"x-amz-trailer-signature:{seal}\r\n".encode()
    target = f"{path}?{query}" if query else path
    return Framed(target=target, headers=signed, body=body + lines + b"\r\n")


def _unsigned(chunks: Sequence[bytes]) -> bytes:
    framed = [f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" for chunk in chunks]
    return b"".join(framed) + b"0\r\n"


def _signer(client: Client, headers: Mapping[str, str]) -> ChunkSigner:
    timestamp = headers["x-amz-date"]
    return ChunkSigner(
        key=signing_key(client.secret, timestamp[:8], REGION, "s3"),
        timestamp=timestamp,
        scope=f"{timestamp[:8]}/{REGION}/s3/aws4_request",
        seed=headers["authorization"].rpartition("Signature=")[2],
    )

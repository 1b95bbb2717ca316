"""One request, signed in each way S3 knows and in each way that is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

from gateway.s3.checksums import checksum_of
from sigv4.keys import signing_key
from sigv4.payload import UNSIGNED_PAYLOAD
from sigv4.stream import ChunkSigner, canonical_trailer
from tests.live.client import REGION, Answer, Client
from tests.live.framed import SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER

HASH = "the hash of the body"
ABSENT = "no x-amz-content-sha256"
KINDS = (HASH, UNSIGNED_PAYLOAD, SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER, ABSENT)
SIGV4A = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"
NO_KINDS = (
    SIGV4A,
    f"{SIGV4A}-TRAILER",
    "STREAMING-ANYTHING",
    "",
    "streaming-unsigned-payload-trailer",
)

Place = Literal["header", "query", "both"]
PLACES: Sequence[Place] = ("header", "query", "both")
Signature = Literal["right", "wrong", "empty", "absent"]
SIGNATURES: Sequence[Signature] = ("right", "wrong", "empty", "absent")

_CHECKSUM = "x-amz-checksum-crc32c"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked for, before anyone signed it."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def attempt(
    client: Client, asked: Asked, *, kind: str, place: Place, signature: Signature
) -> Answer:
    """Send it, its body of that ``kind``, its signature there and like that."""
    told = {**asked.headers, **_framing_headers(asked.body, kind)}
    target = f"{asked.path}?{asked.query}" if asked.query else asked.path
    headers: Mapping[str, str] = {"host": client.host, **told}
    seed = timestamp = ""
    if place in {"header", "both"}:
        headers, seed = _signed(client, asked, told, kind)
        timestamp = headers["x-amz-date"]
        headers = _spoilt_header(headers, signature)
    if place in {"query", "both"}:
        named = "" if kind == ABSENT else f"X-Amz-Content-Sha256={_named(asked.body, kind)}"
        query = "&".join(filter(None, (asked.query, named)))
        target = client.presigned(asked.method, asked.path, query, headers=told)
        seed = target.rpartition("X-Amz-Signature=")[2]
        timestamp = target.partition("X-Amz-Date=")[2].partition("&")[0]
        target = _spoilt_query(target, signature)
    body = _framed(client, asked.body, kind, seed, timestamp)
    if body or asked.method in {"PUT", "POST"}:
        headers = {**headers, "content-length": str(len(body))}
    return client.send(asked.method, target, headers, body)


def _named(body: bytes, kind: str) -> str:
    return sha256(body).hexdigest() if kind == HASH else kind


def _framing_headers(body: bytes, kind: str) -> dict[str, str]:
    if not kind.startswith("STREAMING-"):
        return {}
    told = {
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": str(len(body)),
    }
    return {**told, "x-amz-trailer": _CHECKSUM} if kind.endswith("TRAILER") else told


def _signed(
    client: Client, asked: Asked, told: Mapping[str, str], kind: str
) -> tuple[Mapping[str, str], str]:
    headers = client.headers(
        asked.method,
        asked.path,
        asked.query,
        headers=told,
        payload_hash=UNSIGNED_PAYLOAD if kind == ABSENT else _named(asked.body, kind),
    )
    if kind == ABSENT:
        del headers["x-amz-content-sha256"]
        headers["authorization"] = headers["authorization"].replace(";x-amz-content-sha256", "")
    return headers, headers["authorization"].rpartition("Signature=")[2]


def _spoilt_header(headers: Mapping[str, str], signature: Signature) -> Mapping[str, str]:
    whole = headers["authorization"]
    start, _, right = whole.rpartition("Signature=")
    match signature:
        case "right":
            return headers
        case "wrong":
            return {**headers, "authorization": f"{start}Signature={_flipped(right)}"}
        case "empty":
            return {**headers, "authorization": f"{start}Signature="}
        case "absent":
            return {**headers, "authorization": start.rstrip(", ")}


def _spoilt_query(target: str, signature: Signature) -> str:
    start, _, right = target.rpartition("&X-Amz-Signature=")
    match signature:
        case "right":
            return target
        case "wrong":
            return f"{start}&X-Amz-Signature={_flipped(right)}"
        case "empty":
            return f"{start}&X-Amz-Signature="
        case "absent":
            return start


def _flipped(signature: str) -> str:
    return ("0" if signature[0] != "0" else "1") + signature[1:]


def _framed(client: Client, body: bytes, kind: str, seed: str, timestamp: str) -> bytes:
    if not kind.startswith("STREAMING-"):
        return body
    trailer = {_CHECKSUM: checksum_of("CRC32C", body)} if kind.endswith("TRAILER") else {}
    lines = b"".join(f"{name}:{value}\r\n".encode() for name, value in trailer.items())
    chunks = [body, b""] if body else [b""]
    if kind == UNSIGNED_TRAILER:
        framed = [b"%x\r\n%s" % (len(chunk), chunk + b"\r\n" if chunk else b"") for chunk in chunks]
        return b"".join(framed) + lines + b"\r\n"
    signer = ChunkSigner(
        key=signing_key(client.secret, timestamp[:8], REGION, "s3"),
        timestamp=timestamp,
        scope=f"{timestamp[:8]}/{REGION}/s3/aws4_request",
        seed=seed,
    )
    whole = b""
    for chunk in chunks:
        signature = signer.chunk(sha256(chunk).hexdigest())
        whole += f"{len(chunk):x};chunk-signature={signature}\r\n".encode()
        whole += chunk + b"\r\n" if chunk else b""
    if trailer:
        seal = signer.trailer(canonical_trailer(trailer.items()))
        lines += f"x-amz-trailer-signature:{seal}\r\n".encode()
    return whole + lines + b"\r\n"

"""Good requests, byte by byte, and what becomes of them."""

import random
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

from gateway.s3.checksums import checksum_of
from tests.live.client import Client
from tests.live.framed import SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER, framed
from tests.wire.raw import head, signed

BUCKET = "mutated"
PRIVATE = b"what only its owner may read"
BODY = b"the body that was signed"
PROTECTED = ("hash", "signed", "signed-trailer", "unsigned-trailer")
"""Keys of the objects whose bytes a signature or a checksum protects: ``BODY`` or none."""
KEYS = frozenset({"private", "unsigned", "presigned", "copy", *PROTECTED})
"""All keys the good requests write."""

_TRAILER = {"x-amz-checksum-crc32c": checksum_of("CRC32C", BODY)}
_KINDS: Mapping[str, tuple[str, Mapping[str, str] | None]] = {
    "signed": (SIGNED, None),
    "signed-trailer": (SIGNED_TRAILER, _TRAILER),
    "unsigned-trailer": (UNSIGNED_TRAILER, _TRAILER),
}
_WORDS = (
    b"\r\n", b"\n", b"\r", b"\x00", b" ", b"\t", b":", b";", b"%", b"%2e%2e%2f", b"%00", b"%2F", b"..",
    b"/", b"//", b"?", b"&", b"?acl", b"&delete", b"&uploads", b"&partNumber=1", b"\xff", b"\xc3\xa9",
    b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n",
    b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
    b"x-amz-copy-source: /mutated/private\r\n", b"x-amz-meta-a: b\r\n", b"Host: other\r\n",
    b"Range: bytes=0-1\r\n", b"chunked", b"0\r\n\r\n", b"5\r\n", b";chunk-signature=", b"HTTP/1.0",
    b"STREAMING-UNSIGNED-PAYLOAD-TRAILER", b"UNSIGNED-PAYLOAD", b"<", b">", b"&amp;", b"<!DOCTYPE x>",
    b"9" * 20, b"-1", b"A" * 300,
)  # fmt: skip


def good_requests(client: Client) -> list[bytes]:
    """One of each kind, signed now."""
    at = f"/{BUCKET}"
    hashed = sha256(BODY).hexdigest()
    length = f"Content-Length: {len(BODY)}"
    delete = b"<Delete><Object><Key>nothing</Key></Object></Delete>"
    tags = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    host = {"Host": client.host}
    copy = {"x-amz-copy-source": f"{at}/private"}
    requests = [
        signed(client, "GET", f"{at}/private"),
        signed(client, "GET", f"{at}/private", "Range: bytes=1-5"),
        signed(client, "HEAD", f"{at}/private"),
        signed(client, "GET", at, query="list-type=2&prefix=p&max-keys=2"),
        signed(client, "GET", "/"),
        signed(client, "DELETE", f"{at}/nothing"),
        signed(client, "PUT", f"{at}/hash", length, payload_hash=hashed) + BODY,
        signed(client, "PUT", f"{at}/unsigned", length) + BODY,
        signed(client, "PUT", f"{at}/copy", "Content-Length: 0", headers=copy),
        signed(client, "POST", at, f"Content-Length: {len(delete)}", query="delete=") + delete,
        signed(client, "PUT", f"{at}/private", f"Content-Length: {len(tags)}", query="tagging=")
        + tags,
        head("GET", client.presigned("GET", f"{at}/private", expires=900), host),
        head("PUT", client.presigned("PUT", f"{at}/presigned", expires=900), host, length) + BODY,
    ]
    for key, (kind, trailer) in _KINDS.items():
        put = framed(client, BUCKET, key, [BODY], kind=kind, trailer=trailer)
        sized = head("PUT", put.target, put.headers, f"Content-Length: {len(put.body)}")
        requests.append(sized + put.body)
    return requests


def mutated(chance: random.Random, good: Sequence[bytes]) -> bytes:
    """One of the good requests after one to four changes."""
    request = bytearray(chance.choice(good))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 4))):
        chance.choice(_CHANGES)(chance, request, good)
    return bytes(request[:100_000])


def _place(chance: random.Random, request: bytearray) -> int:
    return chance.randrange(len(request) + 1)


def _slice(chance: random.Random, request: bytearray) -> slice:
    start = _place(chance, request)
    return slice(start, start + chance.choice((1, 1, 2, 5, 20, 100)))


def _flip(chance: random.Random, request: bytearray, _good: Sequence[bytes]) -> None:
    if request:
        request[chance.randrange(len(request))] ^= 1 << chance.randrange(8)


def _set(chance: random.Random, request: bytearray, _good: Sequence[bytes]) -> None:
    if request:
        request[chance.randrange(len(request))] = chance.randrange(256)


def _insert(chance: random.Random, request: bytearray, _good: Sequence[bytes]) -> None:
    at = _place(chance, request)
    request[at:at] = chance.choice(_WORDS)


def _insert_line(chance: random.Random, request: bytearray, _good: Sequence[bytes]) -> None:
    ends = [at for at in range(len(request)) if request[at : at + 2] == b"\r\n"]
    if ends:
        at = chance.choice(ends) + 2
        request[at:at] = chance.choice(_WORDS)


def _remove(chance: random.Random, request: bytearray, _good: Sequence[bytes]) -> None:
    del request[_slice(chance, request)]


def _repeat(chance: random.Random, request: bytearray, _good: Sequence[bytes]) -> None:
    part = request[_slice(chance, request)]
    at = _place(chance, request)
    request[at:at] = part * chance.choice((1, 1, 2, 50))


def _cut(chance: random.Random, request: bytearray, _good: Sequence[bytes]) -> None:
    del request[_place(chance, request) :]


def _splice(chance: random.Random, request: bytearray, good: Sequence[bytes]) -> None:
    other = bytearray(chance.choice(good))
    request[_place(chance, request) :] = other[_place(chance, other) :]


def _follow(chance: random.Random, request: bytearray, good: Sequence[bytes]) -> None:
    request += chance.choice(good)


_CHANGES: Sequence[Callable[[random.Random, bytearray, Sequence[bytes]], None]] = (
    _flip, _flip, _set, _insert, _insert_line, _remove, _repeat, _cut, _splice, _follow,
)  # fmt: skip

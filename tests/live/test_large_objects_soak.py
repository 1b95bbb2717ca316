"""The largest objects that S3 takes in one request, and larger ones of parts."""

import hashlib
import http.client
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from sigv4.payload import UNSIGNED_PAYLOAD
from tests.live.client import Client
from tests.live.measuring import PEAK_MIB, peak_mib, served
from tests.wire.raw import connected, signed

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

MIB = 1024**2
GIB = 1024**3
LARGEST = 5 * GIB
_PIECE = bytes(range(256)) * 4096


def content(size: int) -> Iterator[bytes]:
    """So many bytes, in pieces of a MiB that all differ."""
    for number in range(size // MIB):
        yield number.to_bytes(8, "big") + _PIECE[8:]


def piece_at(position: int, count: int) -> bytes:
    """What ``content`` has there."""
    first = position // MIB
    last = (position + count - 1) // MIB
    joined = b"".join(n.to_bytes(8, "big") + _PIECE[8:] for n in range(first, last + 1))
    return joined[position - first * MIB :][:count]


def put(client: Client, key: str, size: int) -> tuple[http.client.HTTPResponse, str]:
    """The answer to an upload, and the SHA-256 of what was sent."""
    digest = hashlib.sha256()

    def told() -> Iterator[bytes]:
        for piece in content(size):
            digest.update(piece)
            yield piece

    headers = client.headers("PUT", f"/bucket/{key}", payload_hash=UNSIGNED_PAYLOAD)
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=600)
    connection.request(
        "PUT", f"/bucket/{key}", body=told(), headers={**headers, "content-length": str(size)}
    )
    response = connection.getresponse()
    response.read()
    connection.close()
    return response, digest.hexdigest()


def sha256(client: Client, key: str) -> tuple[int, str]:
    """Length and SHA-256 of an object, read whole."""
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=600)
    headers = client.headers("GET", f"/bucket/{key}", payload_hash=UNSIGNED_PAYLOAD)
    connection.request("GET", f"/bucket/{key}", headers=headers)
    response = connection.getresponse()
    assert response.status == 200
    digest, size = hashlib.sha256(), 0
    while piece := response.read(MIB):
        digest.update(piece)
        size += len(piece)
    connection.close()
    return size, digest.hexdigest()


def used(root: Path) -> int:
    """Bytes of the disk that the server's folder takes."""
    return sum(path.lstat().st_blocks * 512 for path in root.rglob("*"))


def test_five_gibibytes_in_one_request_and_not_a_byte_more(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with served(root) as (client, process):
        client.make_bucket("bucket")
        empty = used(root)
        response, sent = put(client, "key", LARGEST)
        assert response.status == 200
        with connected(client.port) as raw:
            length = f"Content-Length: {LARGEST + 1}"
            raw.send(signed(client, "PUT", "/bucket/more", length))
            reply = raw.reply()
            assert (reply.status, reply.code) == (400, "EntityTooLarge")
            assert f"<MaxSizeAllowed>{LARGEST}</MaxSizeAllowed>".encode() in reply.body
        assert used(root) < empty + LARGEST + MIB
        assert sha256(client, "key") == (LARGEST, sent)
        for position in (0, MIB - 5, 2 * GIB - 5, 4 * GIB - 5, LARGEST - 10):
            answer = client.get("bucket", "key", range=f"bytes={position}-{position + 9}")
            assert answer.status == 206
            assert answer.body == piece_at(position, 10)
        assert client.get("bucket", "key", range="bytes=-3").body == piece_at(LARGEST - 3, 3)
        assert client.get("bucket", "key", range=f"bytes={LARGEST}-").status == 416
        assert client.delete("bucket", "key").status == 204
        assert used(root) < empty + MIB
        assert peak_mib(process) < PEAK_MIB


def test_an_object_of_parts_is_larger_than_one_request_may_be(tmp_path: Path) -> None:
    root = tmp_path / "root"
    parts = 6
    with served(root) as (client, process):
        client.make_bucket("bucket")
        empty = used(root)
        response, _ = put(client, "source", GIB)
        assert response.status == 200
        upload = client.start_upload("bucket", "key")
        etags = []
        for number in range(1, parts + 1):
            answer = client.request(
                "PUT",
                "/bucket/key",
                f"partNumber={number}&uploadId={upload}",
                headers={"x-amz-copy-source": "/bucket/source"},
            )
            etags.append((number, answer.text("ETag") or ""))
        assert client.complete("bucket", "key", upload, etags).status == 200
        assert client.delete("bucket", "source").status == 204
        expected = hashlib.sha256()
        for piece in itertools.chain.from_iterable(content(GIB) for _ in range(parts)):
            expected.update(piece)
        assert sha256(client, "key") == (parts * GIB, expected.hexdigest())
        for position in (GIB - 5, 4 * GIB - 5, 5 * GIB - 5):
            answer = client.get("bucket", "key", range=f"bytes={position}-{position + 9}")
            assert answer.body == piece_at(GIB - 5, 5) + piece_at(0, 5)
        assert client.delete("bucket", "key").status == 204
        assert used(root) < empty + MIB
        assert peak_mib(process) < PEAK_MIB

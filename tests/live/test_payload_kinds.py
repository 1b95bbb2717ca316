"""How a body may be sent, and that a wrong one never becomes an object."""

import http.client
from base64 import b64encode
from hashlib import md5, sha256

import pytest

from gateway.s3.checksums import checksum_of
from sigv4.payload import UNSIGNED_PAYLOAD
from tests.live.client import Answer, Client
from tests.live.framed import (
    SIGNED,
    SIGNED_TRAILER,
    UNSIGNED_TRAILER,
    Framed,
    framed,
    pieces_of,
)
from tests.live.server import Live

BODY = bytes(range(256)) * 800
CRC32C = {"x-amz-checksum-crc32c": checksum_of("CRC32C", BODY)}
KINDS = {
    SIGNED: None,
    SIGNED_TRAILER: CRC32C,
    UNSIGNED_TRAILER: CRC32C,
}


@pytest.fixture
def old(client: Client, bucket: str) -> str:
    """A bucket with an object under ``key`` that no refused body may touch."""
    client.put(bucket, "key", b"old")
    return bucket


def _untouched(live: Live, bucket: str) -> None:
    assert live.client.get(bucket, "key").body == b"old"
    assert live.files(bucket) == ["key"]
    assert live.staged() == []


def _sent(client: Client, bucket: str, kind: str, chunks: list[bytes] | None = None) -> Framed:
    return framed(client, bucket, "key", chunks or pieces_of(BODY), kind=kind, trailer=KINDS[kind])


def test_a_body_whose_hash_is_signed_is_stored(client: Client, bucket: str) -> None:
    assert client.put(bucket, "key", BODY).status == 200
    assert client.get(bucket, "key").body == BODY


def test_an_unsigned_body_is_stored(client: Client, bucket: str) -> None:
    answer = client.request("PUT", f"/{bucket}/key", body=BODY, payload_hash=UNSIGNED_PAYLOAD)
    assert answer.status == 200
    assert client.get(bucket, "key").body == BODY


@pytest.mark.parametrize("kind", KINDS)
def test_a_framed_body_is_stored_without_its_frame(client: Client, bucket: str, kind: str) -> None:
    answer = _sent(client, bucket, kind).send(client)
    assert answer.status == 200
    assert answer.headers["etag"] == f'"{md5(BODY).hexdigest()}"'
    assert client.get(bucket, "key").body == BODY


@pytest.mark.parametrize("kind", [SIGNED, UNSIGNED_TRAILER])
def test_an_empty_framed_body_is_an_empty_object(client: Client, bucket: str, kind: str) -> None:
    trailer = {"x-amz-checksum-crc32": "AAAAAA=="} if kind == UNSIGNED_TRAILER else None
    answer = framed(client, bucket, "key", [], kind=kind, trailer=trailer).send(client)
    assert answer.status == 200
    got = client.get(bucket, "key")
    assert (got.status, got.body, got.headers["content-length"]) == (200, b"", "0")


@pytest.mark.parametrize("body", [b"", b"content"])
def test_a_framed_body_may_be_chunked_by_http_as_well(
    client: Client, bucket: str, body: bytes
) -> None:
    """So mc sends files: the decoded length is told, the length of the frame is not."""
    put = framed(client, bucket, "key", [body] if body else [])
    in_http = b"%x\r\n%s\r\n0\r\n\r\n" % (len(put.body), put.body)
    answer = _chunked_by_http(client, put, in_http)
    assert answer.status == 200, answer.body
    assert client.get(bucket, "key").body == body


def _chunked_by_http(client: Client, put: Framed, in_http: bytes) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=30)
    try:
        connection.putrequest("PUT", put.target, skip_host=True, skip_accept_encoding=True)
        for name, value in put.headers.items():
            connection.putheader(name, value)
        connection.putheader("transfer-encoding", "chunked")
        connection.endheaders(in_http)
        response = connection.getresponse()
        return Answer(status=response.status, headers={}, body=response.read())
    finally:
        connection.close()


@pytest.mark.parametrize("kind", [SIGNED_TRAILER, UNSIGNED_TRAILER])
def test_the_checksum_of_a_trailer_is_kept(client: Client, bucket: str, kind: str) -> None:
    answer = _sent(client, bucket, kind).send(client)
    assert answer.headers["x-amz-checksum-crc32c"] == CRC32C["x-amz-checksum-crc32c"]
    told = client.get(bucket, "key", x_amz_checksum_mode="ENABLED").headers
    assert told["x-amz-checksum-crc32c"] == CRC32C["x-amz-checksum-crc32c"]


@pytest.mark.parametrize(
    ("sent", "stored"),
    [("aws-chunked", None), ("aws-chunked,gzip", "gzip"), ("gzip, aws-chunked", "gzip")],
)
def test_aws_chunked_is_no_content_encoding_of_the_object(
    client: Client, bucket: str, sent: str, stored: str | None
) -> None:
    body = framed(client, bucket, "key", [BODY], headers={"content-encoding": sent})
    assert body.send(client).status == 200
    assert client.get(bucket, "key").headers.get("content-encoding") == stored


def test_a_body_of_another_hash_is_refused_with_both(live: Live, old: str) -> None:
    claimed = sha256(b"other").hexdigest()
    answer = live.client.request("PUT", f"/{old}/key", body=BODY, payload_hash=claimed)
    assert (answer.status, answer.code) == (400, "XAmzContentSHA256Mismatch")
    assert answer.text("ClientComputedContentSHA256") == claimed
    assert answer.text("S3ComputedContentSHA256") == sha256(BODY).hexdigest()
    _untouched(live, old)


def test_a_body_of_another_md5_is_refused(live: Live, old: str) -> None:
    wrong = b64encode(md5(b"other").digest()).decode()
    answer = live.client.put(old, "key", BODY, content_md5=wrong)
    assert (answer.status, answer.code) == (400, "BadDigest")
    _untouched(live, old)


def test_a_content_md5_that_is_none_is_refused(live: Live, old: str) -> None:
    answer = live.client.put(old, "key", BODY, content_md5="nonsense")
    assert (answer.status, answer.code) == (400, "InvalidDigest")
    _untouched(live, old)


@pytest.mark.parametrize("kind", [SIGNED, SIGNED_TRAILER])
@pytest.mark.parametrize("chunk", [0, 1, -1])
def test_a_changed_byte_in_any_signed_chunk_is_refused(
    live: Live, old: str, kind: str, chunk: int
) -> None:
    sent = _sent(live.client, old, kind)
    body = bytearray(sent.body)
    at = body.index(pieces_of(BODY)[0])
    if chunk == 1:
        at += 100_000
    if chunk == -1:
        at = body.rindex(BODY[-100:])
    body[at] ^= 1
    answer = sent.send(live.client, body=bytes(body))
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    _untouched(live, old)


def test_a_changed_chunk_signature_is_refused(live: Live, old: str) -> None:
    sent = _sent(live.client, old, SIGNED)
    at = sent.body.index(b"chunk-signature=") + 20
    body = bytearray(sent.body)
    body[at] = ord("0") if body[at] != ord("0") else ord("1")
    answer = sent.send(live.client, body=bytes(body))
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    _untouched(live, old)


@pytest.mark.parametrize("kind", [SIGNED_TRAILER, UNSIGNED_TRAILER])
def test_a_trailer_with_the_checksum_of_other_bytes_is_refused(
    live: Live, old: str, kind: str
) -> None:
    trailer = {"x-amz-checksum-crc32c": checksum_of("CRC32C", b"other")}
    sent = framed(live.client, old, "key", pieces_of(BODY), kind=kind, trailer=trailer)
    answer = sent.send(live.client)
    assert (answer.status, answer.code) == (400, "BadDigest")
    _untouched(live, old)


def test_a_trailer_whose_signature_is_wrong_is_refused(live: Live, old: str) -> None:
    sent = _sent(live.client, old, SIGNED_TRAILER)
    body = bytearray(sent.body)
    at = body.rindex(b"x-amz-trailer-signature:") + 30
    body[at] = ord("0") if body[at] != ord("0") else ord("1")
    answer = sent.send(live.client, body=bytes(body))
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    _untouched(live, old)


def test_a_trailer_that_was_announced_and_does_not_come_is_refused(live: Live, old: str) -> None:
    sent = _sent(live.client, old, UNSIGNED_TRAILER)
    body = sent.body[: sent.body.rindex(b"x-amz-checksum-crc32c")] + b"\r\n"
    answer = sent.send(live.client, body=body)
    assert (answer.status, answer.code) == (400, "MalformedTrailerError")
    _untouched(live, old)


def test_a_trailer_that_was_not_announced_is_refused(live: Live, old: str) -> None:
    sent = framed(live.client, old, "key", [BODY], kind=UNSIGNED_TRAILER)
    body = sent.body[:-2] + b"x-amz-checksum-crc32:AAAAAA==\r\n\r\n"
    answer = sent.send(live.client, body=body)
    assert (answer.status, answer.code) == (400, "MalformedTrailerError")
    _untouched(live, old)


@pytest.mark.parametrize("kind", [SIGNED, UNSIGNED_TRAILER])
@pytest.mark.parametrize("difference", [-1, 1, -len(BODY), 10**9])
def test_another_decoded_length_than_claimed_is_refused(
    live: Live, old: str, kind: str, difference: int
) -> None:
    sent = framed(
        live.client,
        old,
        "key",
        pieces_of(BODY),
        kind=kind,
        trailer=KINDS[kind],
        length=len(BODY) + difference,
    )
    answer = sent.send(live.client)
    assert (answer.status, answer.code) == (400, "IncompleteBody")
    _untouched(live, old)


@pytest.mark.parametrize("length", ["", "x", "-1", "1e3", "9" * 30])
def test_a_decoded_length_that_is_no_number_is_refused(live: Live, old: str, length: str) -> None:
    sent = framed(live.client, old, "key", [BODY], headers={"x-amz-decoded-content-length": length})
    answer = sent.send(live.client)
    assert (answer.status, answer.code) == (411, "MissingContentLength")
    _untouched(live, old)


def test_a_framed_body_without_its_decoded_length_is_refused(live: Live, old: str) -> None:
    headers = live.client.headers(
        "PUT", f"/{old}/key", headers={"content-encoding": "aws-chunked"}, payload_hash=SIGNED
    )
    answer = live.client.send("PUT", f"/{old}/key", headers, b"0\r\n\r\n")
    assert (answer.status, answer.code) == (411, "MissingContentLength")
    _untouched(live, old)


def test_a_body_framed_otherwise_than_signed_is_refused(live: Live, old: str) -> None:
    headers = {"content-encoding": "aws-chunked", "x-amz-decoded-content-length": "1"}
    sent = live.client.headers(
        "PUT",
        f"/{old}/key",
        headers=headers,
        payload_hash=sha256(b"1\r\nx\r\n0\r\n\r\n").hexdigest(),
    )
    answer = live.client.send("PUT", f"/{old}/key", sent, b"1\r\nx\r\n0\r\n\r\n")
    assert answer.status in {200, 400}
    if answer.status == 200:
        assert live.client.get(old, "key").body == b"x"
    else:
        _untouched(live, old)


def test_bytes_behind_the_last_chunk_are_refused(live: Live, old: str) -> None:
    sent = _sent(live.client, old, UNSIGNED_TRAILER)
    answer = sent.send(live.client, body=sent.body + b"more")
    assert (answer.status, answer.code) == (400, "IncompleteBody")
    _untouched(live, old)


def test_a_short_chunk_before_the_last_is_refused(live: Live, old: str) -> None:
    sent = framed(live.client, old, "key", [b"short", BODY])
    answer = sent.send(live.client)
    assert (answer.status, answer.code) == (403, "InvalidChunkSizeError")
    _untouched(live, old)


def test_a_failing_part_in_place_does_not_touch_its_neighbours(
    live: Live, client: Client, bucket: str
) -> None:
    size = 5 * 1024**2
    upload = client.start_upload(bucket, "big")
    parts = [bytes([number]) * size for number in range(1, 4)]
    etags = [client.put_part(bucket, "big", upload, 1, parts[0]).headers["etag"]]
    third = client.put_part(bucket, "big", upload, 3, parts[2]).headers["etag"]
    # It claims the length that fits in place and sends more.
    query = f"partNumber=2&uploadId={upload}"
    lying = framed(
        client,
        bucket,
        "big",
        pieces_of(b"\xff" * (size + 65536), 65536),
        kind=UNSIGNED_TRAILER,
        length=size,
        query=query,
    )
    assert lying.send(client).code == "IncompleteBody"
    etags.append(client.put_part(bucket, "big", upload, 2, parts[1]).headers["etag"])
    etags.append(third)
    done: Answer = client.complete(bucket, "big", upload, list(enumerate(etags, start=1)))
    assert done.status == 200
    assert client.get(bucket, "big").body == b"".join(parts)
    assert live.staged() + live.staged(upload) == []

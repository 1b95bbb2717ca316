"""Requests as a server reads them."""

import datetime as dt
import hashlib
import zlib
from base64 import b64decode

import pytest
from awscrt import checksums  # type: ignore[import-untyped]  # it ships no types
from hypothesis import given
from hypothesis import strategies as st

from bench.content import GIB, KIB, MIB, Content, sha256_hex
from bench.requests import CHUNK, Message, Requests, Upload
from sigv4.canonical import Signable
from sigv4.mechanism import claim_of
from sigv4.payload import EMPTY_SHA256, Payload
from sigv4.refusal import Refusal
from sigv4.sign import Credentials
from sigv4.stream import ChunkChain
from sigv4.verify import Verified, verify

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
SECRET = "benchmark/secret+0123456789"
REQUESTS = Requests(
    host="127.0.0.1:9000",
    bucket="bench-1",
    credentials=Credentials(access_key="BENCHKEY", secret=SECRET),
    region="eu-central-1",
    now=NOW,
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
SIZES = st.one_of(
    st.integers(0, 3 * CHUNK), st.sampled_from([CHUNK, 2 * CHUNK, MIB - 1, MIB, MIB + 1])
)


def read(message: Message) -> tuple[Signable, bytes]:
    """The request as it arrives; its body has the length it says."""
    lines = message.head.decode("ascii").split("\r\n")
    assert lines[-2:] == ["", ""]
    method, target, version = lines[0].split(" ")
    assert version == "HTTP/1.1"
    path, _, query = target.partition("?")
    headers = dict(line.split(": ", 1) for line in lines[1:-2])
    body = b"".join(message.body)
    assert int(headers.get("content-length", "0")) == len(body)
    return Signable(method=method, path=path, query=query, headers=headers), body


def proved(request: Signable, now: dt.datetime = NOW, secret: str = SECRET) -> Verified:
    claim = claim_of(request)
    assert claim is not None
    return verify(request, claim, secret, now=now, region="eu-central-1")


def unframed(body: bytes) -> tuple[list[tuple[bytes, str]], bytes]:
    """The chunks of an aws-chunked body with their extensions, and what follows the last."""
    chunks = []
    while True:
        line, _, body = body.partition(b"\r\n")
        size, _, extension = line.decode("ascii").partition(";")
        length = int(size, 16)
        chunks.append((body[:length], extension))
        if not length:
            return chunks, body
        assert body[length : length + 2] == b"\r\n"
        body = body[length + 2 :]


@given(
    KEYS,
    st.sampled_from(["GET", "HEAD", "DELETE", "POST", "PUT"]),
    st.lists(st.tuples(KEYS, KEYS), max_size=3),
    st.binary(max_size=20),
)
def test_any_plain_request_is_accepted(
    key: str, method: str, query: list[tuple[str, str]], body: bytes
) -> None:
    message = REQUESTS.plain(method, key, query, {"x-amz-copy-source": "/a/b"}, body)
    request, received = read(message)
    claim = proved(request).claim
    assert claim.payload is Payload.SIGNED
    assert claim.payload_hash == hashlib.sha256(received).hexdigest()


@pytest.mark.parametrize("kind", list(Upload))
@pytest.mark.parametrize("query", [[], [("partNumber", "1"), ("uploadId", "a+b/c=")]])
def test_every_kind_of_upload_is_accepted(kind: Upload, query: list[tuple[str, str]]) -> None:
    request, _ = read(REQUESTS.upload("a/b", Content(size=100 * KIB), kind, query))
    assert proved(request).claim.payload.streaming is (kind not in (Upload.SHA256, Upload.UNSIGNED))


def test_a_request_of_ours_is_refused_with_another_secret_or_too_late() -> None:
    request, _ = read(REQUESTS.plain("GET", "key"))
    with pytest.raises(Refusal, match="SignatureDoesNotMatch"):
        proved(request, secret=f"{SECRET}x")
    with pytest.raises(Refusal, match="RequestTimeTooSkewed"):
        proved(request, now=NOW + dt.timedelta(minutes=15, seconds=1))
    proved(request, now=NOW + dt.timedelta(minutes=14))


@given(SIZES)
def test_whole_bodies_are_the_content(size: int) -> None:
    content = Content(size=size)
    request, body = read(REQUESTS.upload("key", content, Upload.SHA256))
    assert proved(request).claim.payload_hash == hashlib.sha256(body).hexdigest()
    assert read(REQUESTS.upload("key", content, Upload.UNSIGNED))[1] == body
    assert len(body) == size


@given(SIZES)
def test_each_chunk_signs_the_one_before(size: int) -> None:
    content = Content(size=size)
    request, body = read(REQUESTS.upload("key", content, Upload.CHUNKED))
    chain = ChunkChain(proved(request))
    chunks, rest = unframed(body)
    for data, extension in chunks:
        name, _, signature = extension.partition("=")
        assert name == "chunk-signature"
        chain.check_chunk(signature, hashlib.sha256(data).hexdigest())
    chain.check_complete()
    assert rest == b"\r\n"
    assert b"".join(data for data, _ in chunks) == b"".join(content.pieces())
    assert request.headers["x-amz-decoded-content-length"] == str(size)
    assert request.headers["content-encoding"] == "aws-chunked"


@given(SIZES, st.sampled_from([Upload.TRAILER_CRC32, Upload.TRAILER_CRC64NVME]))
def test_the_trailer_holds_the_checksum_that_is_announced(size: int, kind: Upload) -> None:
    request, body = read(REQUESTS.upload("key", Content(size=size), kind))
    assert proved(request).claim.payload is Payload.STREAMING_UNSIGNED_TRAILER
    chunks, rest = unframed(body)
    data = b"".join(chunk for chunk, _ in chunks)
    name, _, value = rest.decode("ascii").partition(":")
    assert value.endswith("\r\n\r\n")
    assert request.headers["x-amz-trailer"] == name
    if kind is Upload.TRAILER_CRC32:
        expected = zlib.crc32(data).to_bytes(4, "big")
    else:
        expected = checksums.crc64nvme(data).to_bytes(8, "big")
    assert b64decode(value) == expected
    assert len(data) == size


def test_a_request_about_no_bucket_lists_buckets() -> None:
    none = Requests(
        host="[::1]:9000", bucket="", credentials=REQUESTS.credentials, region="x", now=NOW
    )
    message = none.plain("GET", "")
    assert message.head.startswith(b"GET / HTTP/1.1\r\nhost: [::1]:9000\r\n")


def test_a_gibibyte_costs_no_gibibyte() -> None:
    pieces = list(Content(size=GIB).pieces())
    assert sum(map(len, pieces)) == GIB
    assert len(set(map(id, pieces))) == 1
    assert sha256_hex(Content(size=0)) == EMPTY_SHA256

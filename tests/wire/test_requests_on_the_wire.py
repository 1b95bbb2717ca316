"""Targets, headers, framing: what is taken and what is refused."""

import pytest

from tests.live.client import Client
from tests.live.server import Live
from tests.wire.raw import Raw, connected, head, signed

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_target_may_be_absolute(client: Client, bucket: str, raw: Raw) -> None:
    client.put(bucket, "key", b"content")
    path = f"/{bucket}/key"
    headers = client.headers("GET", path, payload_hash=EMPTY)
    raw.send(head("GET", f"http://{client.host}{path}", headers))
    reply = raw.reply()
    assert (reply.status, reply.body) == (200, b"content")


@pytest.mark.parametrize("name", ["Host", "Authorization", "x-amz-date", "x-amz-content-sha256"])
def test_a_header_that_must_be_single_is_refused_twice(
    client: Client, bucket: str, raw: Raw, name: str
) -> None:
    path = f"/{bucket}/key"
    whole = client.headers("GET", path, payload_hash=EMPTY)
    raw.send(head("GET", path, whole, f"{name}: {whole[name.lower()]}"))
    reply = raw.reply()
    assert (reply.status, reply.header("content-type")) == (400, "application/xml")
    assert reply.code in {"InvalidArgument", "BadRequest"}
    assert reply.header("x-amz-request-id")
    assert raw.is_closed()


def test_two_content_lengths_are_refused(live: Live, client: Client, bucket: str, raw: Raw) -> None:
    raw.send(signed(client, "PUT", f"/{bucket}/key", "Content-Length: 5", "Content-Length: 6"))
    raw.send(b"12345")
    reply = raw.reply()
    assert (reply.status, reply.header("content-type")) == (400, "application/xml")
    assert raw.is_closed()
    assert live.files(bucket) == []


def test_a_length_and_chunks_at_once_are_refused(
    live: Live, client: Client, bucket: str, raw: Raw
) -> None:
    raw.send(
        signed(client, "PUT", f"/{bucket}/key", "Content-Length: 5", "Transfer-Encoding: chunked")
    )
    raw.send(b"5\r\n12345\r\n0\r\n\r\n")
    assert raw.reply().status == 400
    assert raw.is_closed()
    assert live.files(bucket) == []


def test_http_chunks_without_a_length_are_refused_for_an_object(
    live: Live, client: Client, bucket: str, raw: Raw
) -> None:
    raw.send(signed(client, "PUT", f"/{bucket}/key", "Transfer-Encoding: chunked"))
    raw.send(b"5\r\n12345\r\n0\r\n\r\n")
    reply = raw.reply()
    assert (reply.status, reply.code) == (501, "NotImplemented")
    assert b"<Header>Transfer-Encoding</Header>" in reply.body
    assert live.files(bucket) == []


def test_http_chunks_that_are_none_are_an_incomplete_body(
    client: Client, bucket: str, raw: Raw
) -> None:
    raw.send(signed(client, "POST", f"/{bucket}", "Transfer-Encoding: chunked", query="delete"))
    raw.send(b"zz\r\n<Delete/>\r\n0\r\n\r\n")
    reply = raw.reply()
    assert reply.status == 400
    assert raw.is_closed()


def test_http_chunks_that_break_off_are_given_up(
    live: Live, client: Client, bucket: str, raw: Raw
) -> None:
    raw.send(signed(client, "POST", f"/{bucket}", "Transfer-Encoding: chunked", query="delete"))
    raw.send(b"8\r\n<Delete>\r\n")
    raw.send(b"no size\r\n")
    reply = raw.reply()
    assert (reply.status, reply.code) == (400, "IncompleteBody")
    assert live.event(reply.header("x-amz-request-id")).error_code == reply.code
    raw.close()
    assert client.request("HEAD", f"/{bucket}").status == 200


def test_pipelined_requests_are_answered_in_their_order(
    client: Client, bucket: str, raw: Raw
) -> None:
    for key in "abc":
        client.put(bucket, key, key.encode() * 3)
    put = signed(client, "PUT", f"/{bucket}/d", "Content-Length: 3") + b"ddd"
    gets = [signed(client, "GET", f"/{bucket}/{key}") for key in "abcd"]
    raw.send(gets[0] + put + b"".join(gets[1:]))
    bodies = [raw.reply().body for _ in range(5)]
    assert bodies == [b"aaa", b"", b"bbb", b"ccc", b"ddd"]


def test_a_connection_serves_on_after_an_error(client: Client, bucket: str, raw: Raw) -> None:
    raw.send(signed(client, "GET", f"/{bucket}/none"))
    assert raw.reply().code == "NoSuchKey"
    raw.send(signed(client, "PUT", f"/{bucket}/key", "Content-MD5: junk", "Content-Length: 5"))
    raw.send(b"12345")
    assert raw.reply().code == "InvalidDigest"
    raw.send(signed(client, "PUT", f"/{bucket}/key", "Content-Length: 3") + b"abc")
    assert raw.reply().status == 200
    raw.send(signed(client, "GET", f"/{bucket}/key"))
    assert raw.reply().body == b"abc"


def test_an_unread_body_is_never_taken_for_a_request(client: Client, bucket: str, raw: Raw) -> None:
    client.put(bucket, "secret", b"secret")
    smuggled = signed(client, "GET", f"/{bucket}/secret")
    raw.send(
        signed(
            client, "PUT", f"/{bucket}/key",
            "Content-MD5: junk", f"Content-Length: {len(smuggled)}",
        )
    )  # fmt: skip
    raw.send(smuggled)
    assert raw.reply().code == "InvalidDigest"
    raw.send(signed(client, "GET", f"/{bucket}/none"))
    assert raw.reply().code == "NoSuchKey"


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_head_has_a_length_and_no_body(
    client: Client, bucket: str, raw: Raw, method: str
) -> None:
    client.put(bucket, "key", b"x" * 70_000)
    raw.send(signed(client, method, f"/{bucket}/key"))
    reply = raw.reply(method=method)
    assert (reply.status, reply.header("content-length")) == (200, "70000")
    raw.send(signed(client, "HEAD", f"/{bucket}/none"))
    assert raw.reply(method="HEAD").status == 404
    raw.send(signed(client, "GET", f"/{bucket}/none"))
    assert raw.reply().status == 404


def test_no_content_has_no_length(client: Client, bucket: str, raw: Raw) -> None:
    raw.send(signed(client, "DELETE", f"/{bucket}/key"))
    reply = raw.reply()
    assert reply.status == 204
    assert "content-length" not in reply.headers
    assert "transfer-encoding" not in reply.headers


def test_a_host_may_name_the_bucket(live: Live, client: Client, bucket: str, raw: Raw) -> None:
    host = {"host": f"{bucket}.localhost:{live.port}"}
    raw.send(signed(client, "PUT", "/a/key", "Content-Length: 1", headers=host) + b"x")
    assert raw.reply().status == 200
    assert client.get(bucket, "a/key").body == b"x"
    raw.send(signed(client, "GET", "/", headers=host, query="list-type=2"))
    assert b"<Key>a/key</Key>" in raw.reply().body


def test_below_a_bucket_of_a_host_every_path_is_a_key(
    live: Live, client: Client, bucket: str, raw: Raw
) -> None:
    host = {"host": f"{bucket}.localhost:{live.port}"}
    for path in ("/-/live", "/minio/health/live"):
        raw.send(signed(client, "PUT", path, "Content-Length: 3", headers=host) + b"key")
        assert raw.reply().status == 200
        raw.send(signed(client, "GET", path, headers=host))
        assert raw.reply().body == b"key"
    assert client.keys(bucket) == ["-/live", "minio/health/live"]


@pytest.mark.parametrize("path", ["/-/live", "/-/ready", "/minio/health/live"])
def test_health_is_told_to_anyone(client: Client, raw: Raw, path: str) -> None:
    raw.send(head("GET", path, {"Host": client.host}))
    reply = raw.reply()
    assert reply.status == 200
    assert reply.header("x-amz-request-id")


def test_what_is_not_there_beside_s3_is_not_found(client: Client, raw: Raw) -> None:
    raw.send(head("GET", "/-/nothing", {"Host": client.host}))
    assert raw.reply().status == 404


LONG = "x" * 20_000


@pytest.mark.parametrize(
    "request_head",
    [
        f"GET /{LONG} HTTP/1.1\r\nHost: a\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: a\r\nX-Long: {LONG}\r\n\r\n",
    ],
    ids=["target", "header"],
)
def test_a_head_that_is_too_long_is_refused_as_s3_does_it(
    live: Live, raw: Raw, request_head: str
) -> None:
    raw.send(request_head.encode())
    reply = raw.reply()
    assert (reply.status, reply.code) == (400, "RequestHeaderSectionTooLarge")
    assert reply.header("content-type") == "application/xml"
    assert live.event(reply.header("x-amz-request-id")).status == 400
    assert raw.is_closed()


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize(
    "junk",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"hello\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused_as_s3_does_it(raw: Raw, junk: bytes) -> None:
    raw.send(junk)
    reply = raw.reply()
    assert (reply.status, reply.code) == (400, "BadRequest")
    assert reply.header("x-amz-request-id")
    assert raw.is_closed()


@pytest.mark.usefixtures("live")
def test_a_request_without_a_host_is_served_by_its_signature_or_refused(raw: Raw) -> None:
    raw.send(b"GET / HTTP/1.1\r\n\r\n")
    assert raw.reply().status in {400, 403}


def test_a_split_head_is_put_together(client: Client, bucket: str, live: Live) -> None:
    client.put(bucket, "key", b"content")
    whole = signed(client, "GET", f"/{bucket}/key")
    with connected(live.port) as raw:
        for at in range(0, len(whole), 37):
            raw.send(whole[at : at + 37])
        assert raw.reply().body == b"content"

"""What stands around every answer: S3's ids, and what an error says it is about."""

import http.client
from hashlib import sha256

import pytest

from sigv4.payload import EMPTY_SHA256
from tests.live.client import Answer, Client
from tests.live.server import Live


def test_every_answer_has_both_ids_of_s3(client: Client, bucket: str) -> None:
    client.put(bucket, "key", b"body")
    answers = [
        client.get(bucket, "key"),
        client.request("HEAD", f"/{bucket}/none"),
        client.request("PUT", f"/{bucket}/key", body=b"x", signed=False),
        client.delete(bucket, "key"),
        client.send("GET", "/%zz", {"host": client.host}, b""),
    ]
    assert [answer.status for answer in answers] == [200, 404, 403, 204, 400]
    for answer in answers:
        assert answer.headers["x-amz-request-id"]
        assert answer.headers["x-amz-id-2"]
    assert len({answer.headers["x-amz-request-id"] for answer in answers}) == len(answers)


def test_an_error_repeats_the_ids_of_its_headers(client: Client, bucket: str) -> None:
    for answer in (client.get(bucket, "none"), client.send("GET", "/%zz", {"host": "x"}, b"")):
        assert answer.text("RequestId") == answer.headers["x-amz-request-id"]
        assert answer.text("HostId") == answer.headers["x-amz-id-2"]


@pytest.mark.parametrize(
    ("request_line", "code", "element", "told"),
    [
        ("GET /no-such-bucket", "NoSuchBucket", "BucketName", "no-such-bucket"),
        ("PUT /no-such-bucket/key", "NoSuchBucket", "BucketName", "no-such-bucket"),
        ("DELETE /{bucket}", "BucketNotEmpty", "BucketName", "{bucket}"),
        ("GET /{bucket}/a%20b", "NoSuchKey", "Key", "a b"),
        ("DELETE /{bucket}/none?tagging", "NoSuchKey", "Key", "none"),
        ("GET /{bucket}/key?uploadId=u", "NoSuchUpload", "UploadId", "u"),
        ("DELETE /{bucket}/key?uploadId=u", "NoSuchUpload", "UploadId", "u"),
        ("PUT /{bucket}/key?partNumber=1&uploadId=u", "NoSuchUpload", "UploadId", "u"),
    ],
)
def test_an_error_names_what_it_is_about(
    live: Live, request_line: str, code: str, element: str, told: str
) -> None:
    client, bucket = live.client, live.client.make_bucket("is-about")
    client.put(bucket, "key", b"body")
    method, _, target = request_line.replace("{bucket}", bucket).partition(" ")
    path, _, query = target.partition("?")
    answer = client.request(method, path, query)
    assert (answer.code, answer.text(element)) == (code, told.replace("{bucket}", bucket))


def test_a_missing_source_bucket_is_named_not_the_target(client: Client, bucket: str) -> None:
    headers = {"x-amz-copy-source": "no-such-bucket/key"}
    answer = client.request("PUT", f"/{bucket}/key", headers=headers)
    assert (answer.code, answer.text("BucketName")) == ("NoSuchBucket", "no-such-bucket")


@pytest.mark.parametrize("query", ["", "partNumber=1&uploadId={upload}"])
def test_a_body_of_no_told_length_is_no_empty_object(
    client: Client, bucket: str, query: str
) -> None:
    client.put(bucket, "key", b"body")
    query = query.replace("{upload}", client.start_upload(bucket, "key"))
    answer = _put_without_a_length(client, f"/{bucket}/key", query)
    assert (answer.status, answer.code) == (411, "MissingContentLength")
    assert client.get(bucket, "key").body == b"body"


def test_a_copy_needs_no_length(client: Client, bucket: str) -> None:
    client.put(bucket, "key", b"body")
    source = {"x-amz-copy-source": f"{bucket}/key"}
    assert _put_without_a_length(client, f"/{bucket}/copy", "", source).status == 200
    assert client.get(bucket, "copy").body == b"body"


def test_aws_chunked_beside_a_hash_of_the_whole_body_is_only_a_name(
    client: Client, bucket: str
) -> None:
    body = b"5\r\nno framing"
    answer = client.put(bucket, "key", body, content_encoding="gzip, aws-chunked")
    assert answer.status == 200
    got = client.get(bucket, "key")
    assert (got.body, got.headers["content-encoding"]) == (body, "gzip")
    unsigned = client.request(
        "PUT",
        f"/{bucket}/key",
        headers={"content-encoding": "aws-chunked"},
        body=body,
        payload_hash="UNSIGNED-PAYLOAD",
    )
    assert (unsigned.status, unsigned.code) == (411, "MissingContentLength")
    wrong = client.request(
        "PUT",
        f"/{bucket}/key",
        headers={"content-encoding": "aws-chunked"},
        body=body,
        payload_hash=sha256(b"other").hexdigest(),
    )
    assert (wrong.status, wrong.code) == (400, "XAmzContentSHA256Mismatch")


def test_a_bucket_in_the_eu_is_in_ireland(client: Client) -> None:
    document = (
        b"<CreateBucketConfiguration><LocationConstraint>EU</LocationConstraint>"
        b"</CreateBucketConfiguration>"
    )
    assert client.request("PUT", "/in-the-eu", body=document).status == 200
    assert client.request("GET", "/in-the-eu", "location").xml().text == "EU"
    head = client.request("HEAD", "/in-the-eu")
    assert head.headers["x-amz-bucket-region"] == "eu-west-1"
    for version in ("", "list-type=2"):
        page = client.request("GET", "/in-the-eu", version)
        assert page.headers["x-amz-bucket-region"] == "eu-west-1"
    listed = client.request("GET", "/", "bucket-region=eu-west-1&prefix=in-the-eu")
    assert listed.texts("Buckets/Bucket/BucketRegion") == ["eu-west-1"]


def _put_without_a_length(
    client: Client, path: str, query: str, more: dict[str, str] | None = None
) -> Answer:
    headers = client.headers("PUT", path, query, headers=more, payload_hash=EMPTY_SHA256)
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=30)
    try:
        connection.putrequest(
            "PUT", f"{path}?{query}".rstrip("?"), skip_host=True, skip_accept_encoding=True
        )
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return Answer(
            status=response.status,
            headers={name.lower(): value for name, value in response.getheaders()},
            body=response.read(),
        )
    finally:
        connection.close()

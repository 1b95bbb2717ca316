"""What is recorded of requests, and when it can be seen."""

import asyncio
import http.client
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from gateway.testing import S3Front

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


def test_a_request_is_recorded_as_it_was_sent_and_answered(
    s3: "S3Client", s3front: S3Front
) -> None:
    s3.put_object(Bucket="photos", Key="a b", Body=b"12345", Metadata={"from": "here"})
    s3.get_object(Bucket="photos", Key="a b", Range="bytes=1-3")["Body"].read()
    s3.list_objects_v2(Bucket="photos", Prefix="a")
    put, get, listed = s3front.requests
    assert (put.operation, put.method, put.path) == ("PutObject", "PUT", "/photos/a%20b")
    assert (put.bucket, put.key, put.status, put.error_code) == ("photos", "a b", 200, None)
    assert put.headers["x-amz-meta-from"] == "here"
    assert put.bytes_in >= 5
    assert put.access_key == s3front.access_key
    assert (get.operation, get.status, get.bytes_out) == ("GetObject", 206, 3)
    assert get.headers["range"] == "bytes=1-3"
    assert listed.query["prefix"] == "a"
    assert put.started_ns <= get.started_ns <= listed.started_ns
    assert 0 < put.seconds < 60


def test_neither_signatures_nor_secrets_are_recorded(s3: "S3Client", s3front: S3Front) -> None:
    s3.list_buckets()
    url = s3.generate_presigned_url("list_buckets")
    connection = http.client.HTTPConnection("127.0.0.1", s3front.port, timeout=30)
    connection.request("GET", url.removeprefix(s3front.endpoint_url), headers={"Cookie": "c=1"})
    connection.getresponse().read()
    connection.close()
    signed, presigned = s3front.requests
    assert "authorization" not in signed.headers
    assert "cookie" not in presigned.headers
    assert "X-Amz-Date" in presigned.query
    assert "X-Amz-Signature" not in presigned.query
    assert s3front.secret_key not in repr(list(s3front.requests))


def test_who_has_an_answer_finds_its_record(s3: "S3Client", s3front: S3Front) -> None:
    for count in range(1, 40):
        s3.put_object(Bucket="photos", Key=str(count), Body=bytes(count * 4096))
        assert len(s3front.requests.of("PutObject")) == count
        s3.get_object(Bucket="photos", Key=str(count))["Body"].read()
        assert len(s3front.requests.of("GetObject", key=str(count))) == 1


def test_what_a_signature_refuses_is_recorded_by_its_operation(s3front: S3Front) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", s3front.port, timeout=30)
    connection.request("DELETE", "/photos/a%2Fb")
    assert connection.getresponse().status == 403
    connection.close()
    (denied,) = s3front.requests
    assert (denied.operation, denied.bucket, denied.key) == ("DeleteObject", "photos", "a/b")
    assert (denied.error_code, denied.access_key) == ("AccessDenied", None)


def test_some_are_chosen(s3: "S3Client", s3front: S3Front) -> None:
    s3front.create_bucket("other")
    s3.put_object(Bucket="photos", Key="a", Body=b"")
    s3.put_object(Bucket="other", Key="a", Body=b"")
    s3.head_object(Bucket="other", Key="a")
    assert [one.operation for one in s3front.requests.of(bucket="other")] == [
        "PutObject", "HeadObject",
    ]  # fmt: skip
    assert len(s3front.requests.of("PutObject", key="a")) == 2
    assert s3front.requests.of("PutObject", key="b") == []
    assert [one.key for one in s3front.requests[:2]] == ["a", "a"]
    with pytest.raises(ValueError, match="Did you mean 'PutObject'"):
        s3front.requests.of("PutObjekt")
    s3front.requests.clear()
    assert len(s3front.requests) == 0


def test_what_is_not_there_yet_is_waited_for(s3: "S3Client", s3front: S3Front) -> None:
    def put() -> None:
        for key in "abc":
            s3.put_object(Bucket="photos", Key=key, Body=b"")

    thread = threading.Thread(target=put)
    thread.start()
    try:
        found = s3front.requests.wait_for(3, "PutObject")
    finally:
        thread.join()
    assert [one.key for one in found] == ["a", "b", "c"]


async def test_a_coroutine_can_wait(s3: "S3Client", s3front: S3Front) -> None:
    waiting = asyncio.create_task(asyncio.to_thread(s3front.requests.wait_for, 1, "ListBuckets"))
    await asyncio.to_thread(s3.list_buckets)
    assert [one.status for one in await waiting] == [200]


def test_what_never_comes_is_told_with_what_there_was(s3: "S3Client", s3front: S3Front) -> None:
    s3.list_buckets()
    with pytest.raises(TimeoutError, match=r"0 and not 1 requests of PutObject.*\['ListBuckets'\]"):
        s3front.requests.wait_for(1, "PutObject", timeout=0.01)


def test_what_is_no_request_of_s3_is_recorded_and_health_is_not(s3front: S3Front) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", s3front.port, timeout=30)
    for path in ("/-/ready", "/-/live"):
        connection.request("GET", path)
        assert connection.getresponse().read()
    connection.close()
    with socket.create_connection(("127.0.0.1", s3front.port), timeout=30) as raw:
        raw.sendall(b"nonsense\r\n\r\n")
        assert b" 400 " in raw.recv(100)
    assert [(one.operation, one.status) for one in s3front.requests] == [("-", 400)]

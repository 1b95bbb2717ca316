"""A server for tests comes and goes without a trace."""

import contextlib
import gc
import re
import socket
import subprocess
import sys
import threading
import unittest
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from gateway.testing import S3Front
from tests.testing.boto import client

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


def opened() -> list[str]:
    """What this process has open: paths, and kinds of what has none."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # that of the listing itself is closed already
            found.append(str(descriptor.readlink()).partition("[")[0])
    return sorted(found)


def test_nothing_is_left() -> None:
    with S3Front() as warm, client(warm.client_arguments()) as s3:
        s3.list_buckets()
    gc.collect()
    threads, before = set(threading.enumerate()), opened()
    used: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            with S3Front(buckets=["photos"]) as front, client(front.client_arguments()) as s3:
                used |= {path for path in opened() if "s3front-" in path}
                s3.put_object(Bucket="photos", Key="a", Body=bytes(200_000))
                # Left unread: the server must not wait for it.
                s3.get_object(Bucket="photos", Key="a")
                front.faults.delay("ListBuckets", 600, times=None)
                asking = threading.Thread(target=_ask, args=(s3,))
                asking.start()
                front.requests.wait_for(1, "ListBuckets")
                front.reset()
                asking.join(30)
                assert not asking.is_alive()
        del s3
        gc.collect()
    # What earlier tests left to be closed may be gone by now; nothing may have come.
    assert set(threading.enumerate()) <= threads
    assert not Counter(opened()) - Counter(before)
    folders = re.findall(
        r"^(\S+/s3front-[^/\n]+)/", "\n".join(used.difference(before)), re.MULTILINE
    )
    catalogs = {Path(folder) for folder in folders}
    assert len(catalogs) == 3
    assert [path for path in catalogs if path.exists()] == []


def _ask(s3: "S3Client") -> None:
    s3.list_buckets()


def test_it_stops_while_requests_are_answered() -> None:
    front = S3Front(buckets=["photos"]).start()
    front.faults.delay("ListBuckets", 600)
    failed: list[ConnectionClosedError] = []

    def ask() -> None:
        with client(front_arguments, retries={"total_max_attempts": 1}) as s3:
            try:
                s3.list_buckets()
            except ConnectionClosedError as error:
                failed.append(error)

    front_arguments = front.client_arguments()
    thread = threading.Thread(target=ask)
    thread.start()
    front.requests.wait_for(1, "ListBuckets")
    front.stop()
    thread.join(30)
    assert not thread.is_alive()
    assert failed == []


def test_it_may_be_started_again_and_is_another_one() -> None:
    front = S3Front()
    with front:
        front.create_bucket("photos")
        with pytest.raises(RuntimeError, match="runs already"):
            front.start()
    front.stop()
    with pytest.raises(RuntimeError, match="does not run"):
        _ = front.endpoint_url
    with front, client(front.client_arguments()) as s3:
        assert s3.list_buckets()["Buckets"] == []


def test_a_start_that_fails_leaves_nothing() -> None:
    threads = set(threading.enumerate())
    with pytest.raises(ValueError, match="No bucket can be named 'A'"):
        S3Front(buckets=["photos", "A"]).start()
    assert set(threading.enumerate()) <= threads


def test_a_reset_forgets_everything(s3front: S3Front, s3: "S3Client") -> None:
    s3.put_object(Bucket="photos", Key="a", Body=b"1")
    upload = s3.create_multipart_upload(Bucket="photos", Key="b")["UploadId"]
    fault = s3front.faults.fail("ListBuckets", code="AccessDenied")
    s3front.reset()
    assert len(s3front.requests) == 0
    assert s3front.faults.armed == ()
    assert s3.list_buckets()["Buckets"] == []
    assert fault.fired == 0
    s3front.create_bucket("photos")
    assert s3.list_objects_v2(Bucket="photos")["KeyCount"] == 0
    with pytest.raises(ClientError) as caught:
        s3.abort_multipart_upload(Bucket="photos", Key="b", UploadId=upload)
    assert caught.value.response["Error"]["Code"] == "NoSuchUpload"


def test_what_an_earlier_test_left_under_way_touches_nothing() -> None:
    with S3Front(buckets=["photos"]) as front, client(front.client_arguments()) as s3:
        front.faults.delay("PutObject", 600)
        thread = threading.Thread(
            target=lambda: s3.put_object(Bucket="photos", Key="old", Body=b"1")
        )
        thread.start()
        front.requests.wait_for(1, "PutObject")
        front.reset()
        thread.join(30)
        assert not thread.is_alive()
        assert len(front.requests) == 0
        assert s3.list_objects_v2(Bucket="photos")["KeyCount"] == 0


def test_an_upload_from_before_a_reset_is_answered_and_leaves_no_trace(
    s3front: S3Front, s3: "S3Client"
) -> None:
    url = s3.generate_presigned_url("put_object", {"Bucket": "photos", "Key": "old"})
    target = url.removeprefix(s3front.endpoint_url)
    host = s3front.endpoint_url.removeprefix("http://")
    head = f"PUT {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\nExpect: 100-continue"
    with socket.create_connection(("127.0.0.1", s3front.port), timeout=30) as raw:
        raw.sendall(f"{head}\r\n\r\n".encode())
        # It is being answered: its body is asked for.
        assert raw.recv(100).startswith(b"HTTP/1.1 100")
        s3front.reset()
        raw.sendall(b"old")
        assert raw.recv(100).startswith(b"HTTP/1.1 200")
    assert len(s3front.requests) == 0
    s3front.create_bucket("photos")
    assert s3.list_objects_v2(Bucket="photos")["KeyCount"] == 0


def test_buckets_are_made_and_refused(s3front: S3Front, s3: "S3Client") -> None:
    assert s3front.create_bucket("more") == "more"
    assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == ["more", "photos"]
    with pytest.raises(ValueError, match="There is a bucket 'more' already"):
        s3front.create_bucket("more")
    with pytest.raises(ValueError, match="No bucket can be named 'xn--a'"):
        s3front.create_bucket("xn--a")


def test_each_has_its_own_port_and_keys() -> None:
    with S3Front(region="eu-west-1") as one, S3Front() as other:
        assert one.port != other.port
        assert one.secret_key != other.secret_key
        assert one.access_key != other.access_key
        with client({**other.client_arguments(), "endpoint_url": one.endpoint_url}) as s3:
            with pytest.raises(ClientError) as caught:
                s3.list_buckets()
            assert caught.value.response["Error"]["Code"] == "InvalidAccessKeyId"
        with client(one.client_arguments()) as s3:
            one.create_bucket("here")
            assert s3.get_bucket_location(Bucket="here")["LocationConstraint"] == "eu-west-1"


def test_nothing_is_printed() -> None:
    code = """
import unittest
from gateway.testing import S3Front
import boto3
with S3Front() as front:
    s3 = boto3.client("s3", **front.client_arguments())
    s3.create_bucket(Bucket="photos")
    front.faults.cut("PutObject")
    front.faults.fail("GetObject")
    s3.put_object(Bucket="photos", Key="a", Body=b"1")
    s3.get_object(Bucket="photos", Key="a")["Body"].read()
    front.reset()
    s3.close()
"""
    done = _python(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_is_refused_where_no_test_runs() -> None:
    done = _python("from gateway.testing import S3Front; S3Front().start()")
    assert done.returncode == 1
    assert "OutsideTests: gateway.testing is for tests" in done.stderr
    assert "s3front dev" in done.stderr


def _python(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class OfUnittest(unittest.TestCase):
    """Without pytest's fixtures."""

    def setUp(self) -> None:
        self.front = self.enterContext(S3Front(buckets=["photos"]))
        self.s3 = self.enterContext(client(self.front.client_arguments()))

    def test_an_object(self) -> None:
        self.s3.put_object(Bucket="photos", Key="a", Body=b"1")
        assert len(self.front.requests.of("PutObject")) == 1

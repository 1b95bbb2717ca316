"""boto3: who may, presigned URLs, virtual hosts."""

import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore import UNSIGNED

from tests.clients.bodies import KEYS, MIB, content, sha256
from tests.clients.boto import client, refused, sub_domains_of_localhost
from tests.clients.endpoint import Endpoint

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


def _fetch(
    url: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """Status and body, with no client's help. urllib would call a body a form, of which moto, where it is
    the storage, keeps nothing."""
    told = {"Content-Type": "application/octet-stream", **(headers or {})}
    request = urllib.request.Request(
        url, data=body, method=method, headers=(headers or {}) if body is None else told
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_who_does_not_sign_is_refused(endpoint: Endpoint, s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"secret")
    with client(endpoint, signature_version=UNSIGNED) as anonymous:
        with refused("AccessDenied", 403):
            anonymous.get_object(Bucket=bucket, Key="k")
        with refused("AccessDenied", 403):
            anonymous.put_object(Bucket=bucket, Key="new", Body=b"")
        with refused("AccessDenied", 403):
            anonymous.list_objects_v2(Bucket=bucket)
        with refused("403", 403):
            anonymous.head_object(Bucket=bucket, Key="k")


def test_a_wrong_secret_is_refused(endpoint: Endpoint, bucket: str) -> None:
    with client(endpoint, secret_key="x" * 40) as s3, refused("SignatureDoesNotMatch", 403):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")


def test_an_unknown_access_key_is_refused(endpoint: Endpoint, bucket: str) -> None:
    with (
        client(endpoint, access_key="AKIAUNKNOWN000000000") as s3,
        refused("InvalidAccessKeyId", 403),
    ):
        s3.get_object(Bucket=bucket, Key="k")


@pytest.mark.parametrize("key", ["plain", *KEYS.values()], ids=["plain", *KEYS.keys()])
def test_a_presigned_url_is_read_without_a_client(s3: "S3Client", bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": key}, ExpiresIn=60)
    assert _fetch(url) == (200, key.encode())


def test_a_presigned_url_is_written_and_probed(s3: "S3Client", bucket: str) -> None:
    data = content(2 * MIB)
    target: dict[str, Any] = {"Bucket": bucket, "Key": "a b+é/x"}
    put = s3.generate_presigned_url("put_object", target)
    assert _fetch(put, "PUT", data)[0] == 200
    assert sha256(s3.get_object(**target)["Body"].read()) == sha256(data)
    assert _fetch(s3.generate_presigned_url("head_object", target), "HEAD") == (200, b"")
    assert _fetch(s3.generate_presigned_url("delete_object", target), "DELETE")[0] == 204
    assert _fetch(s3.generate_presigned_url("head_object", target), "HEAD")[0] == 404


def test_a_presigned_url_can_prescribe_headers(s3: "S3Client", bucket: str) -> None:
    target = {"Bucket": bucket, "Key": "k", "ContentType": "text/plain", "Metadata": {"a": "1"}}
    url = s3.generate_presigned_url("put_object", target)
    headers = {"Content-Type": "text/plain", "x-amz-meta-a": "1"}
    assert _fetch(url, "PUT", b"x", headers)[0] == 200
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"a": "1"}
    status, body = _fetch(url, "PUT", b"x", {**headers, "Content-Type": "text/html"})
    assert status == 403
    assert b"<Code>SignatureDoesNotMatch</Code>" in body


def test_a_presigned_answer_is_overridden(s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    url = s3.generate_presigned_url(
        "get_object",
        {"Bucket": bucket, "Key": "k", "ResponseContentDisposition": 'attachment; filename="ü"'},
    )
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.headers["content-disposition"].encode("latin-1") in (
            'attachment; filename="ü"'.encode(),
            'attachment; filename="ü"'.encode("latin-1"),
        )


def test_a_changed_presigned_url_is_refused(s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.put_object(Bucket=bucket, Key="j", Body=b"x")
    url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"})
    changed = {
        "key": url.replace("/k?", "/j?"),
        "parameter": url + "&response-content-type=text/html",
        "expiry": url.replace("Expires=3600", "Expires=3601"),
    }
    for what, other in changed.items():
        assert other != url
        status, body = _fetch(other)
        assert (what, status) == (what, 403)
        assert b"<Code>SignatureDoesNotMatch</Code>" in body
    assert _fetch(url, "PUT", b"x")[0] == 403


def test_an_expired_presigned_url_is_refused(
    s3: "S3Client", bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    earlier = datetime.now(UTC) - timedelta(minutes=5)
    for signer in ("botocore.auth", "botocore.crt.auth"):
        monkeypatch.setattr(f"{signer}.get_current_datetime", lambda *_, **__: earlier)
    url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
    assert f"X-Amz-Date={earlier:%Y%m%dT%H%M%SZ}" in url
    status, body = _fetch(url)
    assert status == 403
    assert b"<Code>AccessDenied</Code>" in body
    assert b"Request has expired" in body


def test_signature_version_2_is_refused_by_name(endpoint: Endpoint, bucket: str) -> None:
    """What boto3 presigns with unless it is told s3v4; the refusal names what to use instead."""
    with client(endpoint, signature_version=None) as s3:
        url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"})
    assert "AWSAccessKeyId=" in url
    status, body = _fetch(url)
    assert status in (400, 403)
    assert b"AWS4-HMAC-SHA256" in body


@pytest.fixture
def hosted(endpoint: Endpoint) -> Iterator["S3Client"]:
    """A client that names buckets in the host."""
    if endpoint.domain is None:
        pytest.skip("S3FRONT_TEST_DOMAIN names no domain for virtual hosts")
    scheme = endpoint.url.partition("://")[0]
    with (
        sub_domains_of_localhost(),
        client(endpoint, url=f"{scheme}://{endpoint.domain}", addressing_style="virtual") as s3,
    ):
        yield s3


def test_buckets_are_reached_by_host_name(hosted: "S3Client", unused_name: str) -> None:
    hosted.create_bucket(Bucket=unused_name)
    for key in ("k", "a//b", "é/日本", "dir/", f"{unused_name}/k"):
        hosted.put_object(Bucket=unused_name, Key=key, Body=key.encode())
        assert hosted.get_object(Bucket=unused_name, Key=key)["Body"].read() == key.encode()
    assert hosted.list_objects_v2(Bucket=unused_name)["KeyCount"] == 5
    assert unused_name in {each["Name"] for each in hosted.list_buckets()["Buckets"]}


def test_a_url_presigned_for_a_host_name_is_read(hosted: "S3Client", bucket: str) -> None:
    hosted.put_object(Bucket=bucket, Key="a b", Body=b"x")
    url = hosted.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "a b"})
    assert url.startswith(f"http://{bucket}.")
    assert _fetch(url) == (200, b"x")

"""What is not built is refused by name, and nothing else happens instead."""

import pytest

from tests.live.client import Client

UNBUILT = {
    "PutBucketVersioning": ("PUT", "", "versioning"),
    "PutBucketPolicy": ("PUT", "", "policy"),
    "DeleteBucketPolicy": ("DELETE", "", "policy"),
    "DeleteBucketLifecycle": ("DELETE", "", "lifecycle"),
    "DeleteBucketCors": ("DELETE", "", "cors"),
    "PutObjectAcl": ("PUT", "/key", "acl"),
    "PutObjectRetention": ("PUT", "/key", "retention"),
    "RestoreObject": ("POST", "/key", "restore"),
    "SelectObjectContent": ("POST", "/key", "select&select-type=2"),
    "GetObjectTorrent": ("GET", "/key", "torrent"),
    "RenameObject": ("PUT", "/key", "renameObject"),
}


@pytest.mark.parametrize("operation", UNBUILT)
def test_an_operation_that_is_not_built_is_named(
    client: Client, bucket: str, operation: str
) -> None:
    method, key, query = UNBUILT[operation]
    client.put(bucket, "key", b"content")
    headers = {"x-amz-rename-source": "/a/b"} if operation == "RenameObject" else {}
    answer = client.request(method, f"/{bucket}{key}", query, headers=headers)
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert operation in (answer.text("Message") or "")
    assert client.get(bucket, "key").body == b"content"


STRAY = ["uploadId=u", "partNumber=1", "acl", "tagging&acl", "versionId=v", "tomorrow"]


@pytest.mark.parametrize("query", STRAY)
def test_a_put_with_a_stray_selector_overwrites_nothing(
    client: Client, bucket: str, query: str
) -> None:
    client.put(bucket, "key", b"old")
    answer = client.request("PUT", f"/{bucket}/key", query, body=b"new")
    assert answer.status >= 400
    assert client.get(bucket, "key").body == b"old"


@pytest.mark.parametrize(
    "query",
    ["partNumber=1", "acl", "uploads", "tomorrow", "tagging&uploadId=u", "legal-hold"],
)
def test_a_delete_with_a_stray_selector_deletes_nothing(
    client: Client, bucket: str, query: str
) -> None:
    client.put(bucket, "key", b"old")
    answer = client.request("DELETE", f"/{bucket}/key", query)
    assert answer.status >= 400
    assert client.get(bucket, "key").body == b"old"


@pytest.mark.parametrize("query", ["tomorrow", "versions", "acl", "uploadId=u", "versionId=v"])
def test_a_delete_of_a_bucket_with_a_stray_selector_leaves_it(
    client: Client, bucket: str, query: str
) -> None:
    assert client.request("DELETE", f"/{bucket}", query).status >= 400
    assert client.request("HEAD", f"/{bucket}").status == 200


def test_a_method_s3_does_not_know_tells_what_is_allowed(client: Client, bucket: str) -> None:
    answer = client.request("PATCH", f"/{bucket}/key")
    assert (answer.status, answer.code) == (405, "MethodNotAllowed")
    assert "PUT" in answer.headers["allow"]


REFUSED_HEADERS = {
    "x-amz-server-side-encryption": "AES256",
    "x-amz-server-side-encryption-customer-algorithm": "AES256",
    "x-amz-object-lock-mode": "GOVERNANCE",
    "x-amz-object-lock-legal-hold": "ON",
    "x-amz-grant-read": "id=1",
    "x-amz-acl": "public-read",
    "x-amz-write-offset-bytes": "0",
}


@pytest.mark.parametrize("name", REFUSED_HEADERS)
def test_a_header_that_asks_for_what_is_not_built_is_named_and_nothing_stored(
    client: Client, bucket: str, name: str
) -> None:
    answer = client.request(
        "PUT", f"/{bucket}/key", headers={name: REFUSED_HEADERS[name]}, body=b"x"
    )
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert answer.text("Header") == name
    assert name in (answer.text("Message") or "")
    assert client.get(bucket, "key").code == "NoSuchKey"


def test_a_checksum_nobody_knows_is_refused_and_nothing_stored(client: Client, bucket: str) -> None:
    answer = client.put(bucket, "key", b"x", x_amz_checksum_crc32z="AAAA")
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert client.get(bucket, "key").code == "NoSuchKey"


@pytest.mark.parametrize("acl", ["private", "bucket-owner-full-control"])
def test_an_acl_that_changes_nothing_is_accepted(client: Client, bucket: str, acl: str) -> None:
    assert client.put(bucket, "key", b"x", x_amz_acl=acl).status == 200


def test_another_owner_than_expected_is_denied(client: Client, bucket: str) -> None:
    headers = {"x-amz-expected-bucket-owner": "111122223333"}
    answer = client.request("GET", f"/{bucket}", headers=headers)
    assert (answer.status, answer.code) == (403, "AccessDenied")

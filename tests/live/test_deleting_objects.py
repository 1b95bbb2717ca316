"""DeleteObject and DeleteObjects."""

import pytest

from gateway.s3.checksums import checksum_of
from tests.live.client import Answer, Client
from tests.live.server import Live


def delete_many(client: Client, bucket: str, items: list[str], *, quiet: bool = False) -> Answer:
    """``items``: the XML inside each Object."""
    objects = "".join(f"<Object>{item}</Object>" for item in items)
    more = "<Quiet>true</Quiet>" if quiet else ""
    return client.request(
        "POST", f"/{bucket}", "delete", body=f"<Delete>{more}{objects}</Delete>".encode()
    )


def test_deleting_what_is_not_there_succeeds(client: Client, bucket: str) -> None:
    answer = client.delete(bucket, "none")
    assert (answer.status, answer.body) == (204, b"")


def test_what_is_deleted_is_gone_from_list_and_disk(
    live: Live, client: Client, bucket: str
) -> None:
    client.put(bucket, "a/b/c", b"1")
    client.put(bucket, "a/d", b"2")
    assert client.delete(bucket, "a/b/c").status == 204
    assert client.keys(bucket) == ["a/d"]
    assert live.files(bucket) == ["a/d"]


def test_a_thousand_keys_at_once(live: Live, client: Client, bucket: str) -> None:
    keys = [f"folder/{number:04}" for number in range(1000)]
    for key in keys[::100]:
        client.put(bucket, key, b"x")
    client.put(bucket, "other", b"x")
    answer = delete_many(client, bucket, [f"<Key>{key}</Key>" for key in keys])
    assert answer.status == 200
    assert answer.texts("Deleted/Key") == keys
    assert answer.texts("Error/Key") == []
    assert client.keys(bucket) == ["other"]
    assert live.files(bucket) == ["other"]


def test_a_thousand_and_one_keys_are_refused(client: Client, bucket: str) -> None:
    client.put(bucket, "0", b"x")
    answer = delete_many(client, bucket, [f"<Key>{number}</Key>" for number in range(1001)])
    assert (answer.status, answer.code) == (400, "MalformedXML")
    assert client.keys(bucket) == ["0"]


def test_quiet_tells_failures_only(client: Client, bucket: str) -> None:
    client.put(bucket, "a", b"x")
    client.put(bucket, "b", b"x")
    answer = delete_many(
        client, bucket, ["<Key>a</Key>", "<Key>b</Key><ETag>other</ETag>"], quiet=True
    )
    assert answer.status == 200
    assert answer.texts("Deleted/Key") == []
    assert answer.texts("Error/Key") == ["b"]
    assert answer.texts("Error/Code") == ["PreconditionFailed"]
    assert client.keys(bucket) == ["b"]


def test_a_condition_of_one_key_does_not_hold_up_the_others(client: Client, bucket: str) -> None:
    etag = client.put(bucket, "a", b"1").headers["etag"].strip('"')
    client.put(bucket, "b", b"2")
    items = [
        f"<Key>a</Key><ETag>{etag}</ETag>",
        "<Key>none</Key><ETag>x</ETag>",
        "<Key>b</Key>",
    ]
    answer = delete_many(client, bucket, items)
    assert answer.texts("Deleted/Key") == ["a", "b"]
    assert answer.texts("Error/Code") == ["NoSuchKey"]
    assert client.keys(bucket) == []


@pytest.mark.parametrize("etag", ["", 'W/"x"', '""', ","])
def test_a_condition_nothing_can_meet_does_not_hold_up_the_others(
    client: Client, bucket: str, etag: str
) -> None:
    for key in ("a", "b"):
        client.put(bucket, key, b"x")
    answer = delete_many(client, bucket, [f"<Key>a</Key><ETag>{etag}</ETag>", "<Key>b</Key>"])
    assert (answer.status, answer.texts("Deleted/Key")) == (200, ["b"])
    assert answer.texts("Error/Code") == ["PreconditionFailed"]
    assert client.keys(bucket) == ["a"]


def test_keys_that_xml_cannot_hold_are_deleted(client: Client, bucket: str) -> None:
    client.put(bucket, "a\x01b", b"x")
    client.put(bucket, "a&b<c", b"x")
    answer = delete_many(client, bucket, ["<Key>a&#x1;b</Key>", "<Key>a&amp;b&lt;c</Key>"])
    assert answer.status == 200
    assert client.keys(bucket) == []


def test_a_document_whose_checksum_is_wrong_deletes_nothing(client: Client, bucket: str) -> None:
    client.put(bucket, "a", b"x")
    body = b"<Delete><Object><Key>a</Key></Object></Delete>"
    headers = {"x-amz-checksum-crc32": checksum_of("CRC32", b"other")}
    answer = client.request("POST", f"/{bucket}", "delete", headers=headers, body=body)
    assert (answer.status, answer.code) == (400, "BadDigest")
    assert client.keys(bucket) == ["a"]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<Delete/>",
        b"<Delete><Object/></Delete>",
        b"<Delete><Object><Key></Key></Object></Delete>",
        b"<Delete><Object><Key>a</Key></Object>",
        b"<Other><Object><Key>a</Key></Object></Other>",
        b'<!DOCTYPE x [<!ENTITY e "a">]><Delete><Object><Key>&e;</Key></Object></Delete>',
    ],
)
def test_a_document_that_is_none_deletes_nothing(
    client: Client, bucket: str, document: bytes
) -> None:
    client.put(bucket, "a", b"x")
    answer = client.request("POST", f"/{bucket}", "delete", body=document)
    assert answer.status == 400
    assert client.keys(bucket) == ["a"]


def test_a_version_that_is_not_there_leaves_the_object(client: Client, bucket: str) -> None:
    client.put(bucket, "a", b"x")
    version = "3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo"
    client.request("DELETE", f"/{bucket}/a", f"versionId={version.replace('+', '%2B')}")
    assert client.get(bucket, "a").body == b"x"
    assert client.request("DELETE", f"/{bucket}/a", "versionId=null").status == 204
    assert client.get(bucket, "a").status == 404


def test_one_of_many_whose_version_id_is_none_is_not_deleted(client: Client, bucket: str) -> None:
    client.put(bucket, "a", b"x")
    answer = client.request(
        "POST",
        f"/{bucket}",
        "delete",
        body=b"<Delete><Object><Key>a</Key><VersionId>abc</VersionId></Object></Delete>",
    )
    assert answer.status == 200
    told = (answer.text("Error/Key"), answer.text("Error/VersionId"), answer.text("Error/Code"))
    assert told == ("a", "abc", "NoSuchVersion")
    assert answer.texts("Deleted/Key") == []
    assert client.get(bucket, "a").body == b"x"


def test_a_document_that_is_too_long_is_not_read(live: Live, client: Client, bucket: str) -> None:
    client.put(bucket, "a", b"x")
    body = b"<Delete><Object><Key>a</Key></Object>" + b" " * 3_000_000 + b"</Delete>"
    answer = client.request("POST", f"/{bucket}", "delete", body=body)
    assert (answer.status, answer.code) == (400, "MaxMessageLengthExceeded")
    assert live.event(answer.headers["x-amz-request-id"]).bytes_in == 0
    assert client.keys(bucket) == ["a"]

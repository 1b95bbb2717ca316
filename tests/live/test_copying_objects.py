"""CopyObject: bytes, metadata, conditions on the source."""

from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate, parsedate_to_datetime
from hashlib import md5

import pytest

from gateway.s3.checksums import checksum_of
from tests.live.client import Answer, Client, quoted
from tests.live.server import Live

BODY = b"to be copied" * 10_000


def copy(client: Client, bucket: str, key: str, source: str, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named["x-amz-copy-source"] = source
    return client.request("PUT", f"/{bucket}/{quoted(key)}", headers=named)


@pytest.fixture
def source(client: Client, bucket: str) -> str:
    """An object with everything an object can have, as a copy source."""
    client.put(
        bucket, "from", BODY,
        content_type="text/plain", cache_control="no-cache", x_amz_meta_a="1",
        x_amz_tagging="t=1", x_amz_website_redirect_location="/w",
    )  # fmt: skip
    return f"/{bucket}/from"


def test_a_copy_has_bytes_etag_and_metadata(client: Client, bucket: str, source: str) -> None:
    answer = copy(client, bucket, "to", source)
    assert answer.status == 200
    assert answer.xml().tag == "CopyObjectResult"
    assert answer.text("ETag") == f'"{md5(BODY).hexdigest()}"'
    assert answer.text("LastModified")
    got = client.get(bucket, "to")
    assert got.body == BODY
    assert got.headers["content-type"] == "text/plain"
    assert got.headers["cache-control"] == "no-cache"
    assert got.headers["x-amz-meta-a"] == "1"
    assert got.headers["x-amz-tagging-count"] == "1"
    assert "x-amz-website-redirect-location" not in got.headers


def test_a_copy_may_replace_metadata_and_tags(client: Client, bucket: str, source: str) -> None:
    copy(
        client, bucket, "to", source,
        x_amz_metadata_directive="REPLACE", x_amz_meta_b="2", content_type="text/html",
        x_amz_tagging_directive="REPLACE", x_amz_tagging="u=2&v=3",
        x_amz_storage_class="STANDARD_IA",
    )  # fmt: skip
    got = client.get(bucket, "to")
    assert got.headers["content-type"] == "text/html"
    assert got.headers["x-amz-meta-b"] == "2"
    assert "x-amz-meta-a" not in got.headers
    assert "cache-control" not in got.headers
    assert got.headers["x-amz-tagging-count"] == "2"
    assert got.headers["x-amz-storage-class"] == "STANDARD_IA"


def test_metadata_sent_without_the_directive_is_not_taken(
    client: Client, bucket: str, source: str
) -> None:
    copy(client, bucket, "to", source, x_amz_meta_b="2")
    got = client.get(bucket, "to")
    assert got.headers["x-amz-meta-a"] == "1"
    assert "x-amz-meta-b" not in got.headers


def test_a_copy_to_another_bucket(live: Live, client: Client, bucket: str, source: str) -> None:
    other = client.make_bucket(f"{bucket}-other")
    assert copy(client, other, "to", source).status == 200
    assert (live.root / other / "to").read_bytes() == BODY


def test_a_copy_outlives_its_source(client: Client, bucket: str, source: str) -> None:
    copy(client, bucket, "to", source)
    client.put(bucket, "from", b"changed")
    client.delete(bucket, "from")
    assert client.get(bucket, "to").body == BODY


def test_a_copy_of_nothing(client: Client, bucket: str) -> None:
    copied = copy(client, bucket, "to", f"/{bucket}/none")
    assert (copied.status, copied.code) == (404, "NoSuchKey")
    copied = copy(client, bucket, "to", "/no-bucket-of-this-name/none")
    assert (copied.status, copied.code) == (404, "NoSuchBucket")


def test_a_copy_of_an_empty_object(client: Client, bucket: str) -> None:
    client.put(bucket, "empty", b"")
    assert copy(client, bucket, "to", f"{bucket}/empty").status == 200
    assert client.get(bucket, "to").body == b""


@pytest.mark.parametrize("key", ["a b+c", "ü/ß", "a%2Fb", "..", "q?x=1"])
def test_a_source_is_decoded_once(client: Client, bucket: str, key: str) -> None:
    client.put(bucket, key, b"that one")
    escaped = quoted(key).replace("/", "%2F")
    assert copy(client, bucket, "to", f"{bucket}/{escaped}").status == 200
    assert client.get(bucket, "to").body == b"that one"


@pytest.mark.usefixtures("source")
def test_a_copy_onto_itself_without_a_change_is_refused(client: Client, bucket: str) -> None:
    client.put(bucket, "plain", b"x")
    answer = copy(client, bucket, "plain", f"/{bucket}/plain")
    assert (answer.status, answer.code) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    "asked", [{"x_amz_storage_class": "STANDARD"}, {"x_amz_website_redirect_location": "/there"}]
)
def test_a_copy_onto_itself_that_asks_for_a_change_is_made(
    client: Client, bucket: str, asked: dict[str, str]
) -> None:
    client.put(bucket, "plain", b"x", x_amz_meta_a="1")
    assert copy(client, bucket, "plain", f"/{bucket}/plain", **asked).status == 200
    got = client.get(bucket, "plain")
    assert (got.body, got.headers["x-amz-meta-a"]) == (b"x", "1")
    redirect = asked.get("x_amz_website_redirect_location")
    assert got.headers.get("x-amz-website-redirect-location") == redirect


def test_a_copy_onto_itself_changes_metadata_and_moves_no_byte(
    live: Live, client: Client, bucket: str, source: str
) -> None:
    before = (live.root / bucket / "from").stat()
    answer = copy(
        client, bucket, "from", source,
        x_amz_metadata_directive="REPLACE", x_amz_meta_c="3",
    )  # fmt: skip
    assert answer.status == 200
    after = (live.root / bucket / "from").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    got = client.get(bucket, "from")
    assert (got.body, got.headers["x-amz-meta-c"]) == (BODY, "3")
    assert "x-amz-meta-a" not in got.headers


def test_a_copy_may_ask_for_another_checksum(client: Client, bucket: str, source: str) -> None:
    answer = copy(client, bucket, "to", source, x_amz_checksum_algorithm="SHA256")
    assert answer.text("ChecksumSHA256") == checksum_of("SHA256", BODY)
    told = client.get(bucket, "to", x_amz_checksum_mode="ENABLED").headers
    assert told["x-amz-checksum-sha256"] == checksum_of("SHA256", BODY)


def test_a_copy_keeps_the_checksum_of_its_source(client: Client, bucket: str, source: str) -> None:
    answer = copy(client, bucket, "to", source)
    assert answer.text("ChecksumCRC64NVME") == checksum_of("CRC64NVME", BODY)
    assert answer.text("ChecksumType") == "FULL_OBJECT"


def test_conditions_on_the_source(client: Client, bucket: str, source: str) -> None:
    head = client.request("HEAD", source)
    etag = head.headers["etag"]
    modified = parsedate_to_datetime(head.headers["last-modified"]).timestamp()
    earlier, same = (formatdate(modified + move, usegmt=True) for move in (-60, 0))
    outcomes = {
        ("if_match", etag): 200,
        ("if_match", '"other"'): 412,
        ("if_none_match", etag): 412,
        ("if_none_match", '"other"'): 200,
        ("if_unmodified_since", earlier): 412,
        ("if_unmodified_since", same): 200,
        ("if_modified_since", same): 412,
        ("if_modified_since", earlier): 200,
    }
    for (name, value), status in outcomes.items():
        answer = copy(client, bucket, "to", source, **{f"x_amz_copy_source_{name}": value})
        assert answer.status == status, name
        if status == 412:
            assert answer.code == "PreconditionFailed"


@pytest.mark.parametrize("wrong", ["bucket-only", "/", "", "%zz/key", "UPPER/key"])
def test_a_source_that_is_none_is_refused(client: Client, bucket: str, wrong: str) -> None:
    client.put(bucket, "key", b"old")
    answer = copy(client, bucket, "key", wrong)
    assert answer.status == 400
    assert client.get(bucket, "key").body == b"old"


def test_a_copy_of_a_multipart_object_is_whole(client: Client, bucket: str) -> None:
    parts = [b"a" * 5 * 1024**2, b"b"]
    client.upload(bucket, "big", parts)
    assert copy(client, bucket, "to", f"{bucket}/big").status == 200
    assert client.get(bucket, "to").body == b"".join(parts)


def test_copies_onto_itself_at_once_all_succeed(client: Client, bucket: str, source: str) -> None:
    def again(number: int) -> int:
        return copy(
            client, bucket, "from", source,
            x_amz_metadata_directive="REPLACE", x_amz_meta_n=str(number),
        ).status  # fmt: skip

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(again, range(24))) == {200}
    assert client.get(bucket, "from").body == BODY

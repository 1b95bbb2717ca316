"""Put, get, head: what is kept with an object and how it is told."""

import re
from email.header import Header, decode_header
from hashlib import md5
from pathlib import Path
from urllib.parse import quote

import pytest

from sigv4.payload import EMPTY_SHA256
from tests.live.client import Client
from tests.live.server import Live

BODY = bytes(range(256)) * 4


def test_the_etag_is_the_md5_in_quotes(client: Client, bucket: str) -> None:
    put = client.put(bucket, "key", BODY)
    assert put.headers["etag"] == f'"{md5(BODY).hexdigest()}"'
    assert client.get(bucket, "key").headers["etag"] == put.headers["etag"]


def test_an_object_is_told_with_all_its_headers(client: Client, bucket: str) -> None:
    given = {
        "content-type": "text/plain; charset=utf-8",
        "cache-control": "max-age=60",
        "content-disposition": 'attachment; filename="x.txt"',
        "content-language": "de-CH",
        "content-encoding": "gzip",
        "expires": "Thu, 01 Dec 1994 16:00:00 GMT",
    }
    client.request("PUT", f"/{bucket}/key", headers=given, body=BODY)
    got = client.get(bucket, "key")
    assert {name: got.headers[name] for name in given} == given
    assert got.headers["accept-ranges"] == "bytes"
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", got.headers["last-modified"])
    assert got.body == BODY


def test_a_compressed_object_is_sent_as_it_was_stored(client: Client, bucket: str) -> None:
    client.put(bucket, "key", b"not really gzip", content_encoding="gzip")
    assert client.get(bucket, "key", accept_encoding="identity").body == b"not really gzip"


def test_an_object_without_a_type_is_octets(client: Client, bucket: str) -> None:
    client.put(bucket, "key", BODY)
    assert client.get(bucket, "key").headers["content-type"] == "binary/octet-stream"


def test_a_head_tells_what_a_get_tells_without_the_body(client: Client, bucket: str) -> None:
    client.put(bucket, "key", BODY, x_amz_meta_a="1")
    got, head = client.get(bucket, "key"), client.request("HEAD", f"/{bucket}/key")
    own = {"x-amz-request-id", "date"}
    assert (head.status, head.body) == (200, b"")
    assert {name: value for name, value in head.headers.items() if name not in own} == {
        name: value for name, value in got.headers.items() if name not in own
    }


def test_a_head_of_a_large_object_tells_its_length(client: Client, bucket: str) -> None:
    client.put(bucket, "key", b"x" * 3_000_000)
    assert client.request("HEAD", f"/{bucket}/key").headers["content-length"] == "3000000"


def test_the_log_is_told_what_was_sent(live: Live, client: Client, bucket: str) -> None:
    client.put(bucket, "key", BODY)
    sent = {
        "GET": client.get(bucket, "key"),
        "range": client.get(bucket, "key", range="bytes=0-9"),
        "HEAD": client.request("HEAD", f"/{bucket}/key"),
        "304": client.get(bucket, "key", if_none_match="*"),
    }
    told = {
        name: live.event(answer.headers["x-amz-request-id"]).bytes_out
        for name, answer in sent.items()
    }
    assert told == {"GET": 1024, "range": 10, "HEAD": 0, "304": 0}


@pytest.mark.parametrize("key", ["none", "a/none"])
def test_a_missing_key_is_no_such_key(client: Client, bucket: str, key: str) -> None:
    answer = client.get(bucket, key)
    assert (answer.status, answer.code, answer.text("Key")) == (404, "NoSuchKey", key)
    head = client.request("HEAD", f"/{bucket}/{key}")
    assert (head.status, head.body) == (404, b"")


def test_a_missing_bucket_is_no_such_bucket(client: Client) -> None:
    answer = client.get("nobody-made-this", "key")
    assert (answer.status, answer.code) == (404, "NoSuchBucket")


def test_metadata_in_ascii_comes_back_as_it_was(client: Client, bucket: str) -> None:
    named = {"x-amz-meta-mixed": "Some value", "x-amz-meta-b": "=?not?q?"}
    signed = client.headers("PUT", f"/{bucket}/key", headers=named, payload_hash=EMPTY_SHA256)
    client.send("PUT", f"/{bucket}/key", {name.title(): signed[name] for name in signed}, b"")
    headers = client.get(bucket, "key").headers
    assert headers["x-amz-meta-mixed"] == "Some value"
    assert headers["x-amz-meta-b"] == "=?not?q?"


def test_metadata_in_utf8_comes_back_in_encoded_words(client: Client, bucket: str) -> None:
    client.put(bucket, "key", b"", x_amz_meta_name="Zürich ✓")
    told = client.get(bucket, "key").headers["x-amz-meta-name"]
    assert told.lower().startswith("=?utf-8?b?")
    assert _decoded(told) == "Zürich ✓"


def test_metadata_in_encoded_words_is_read_as_its_text(client: Client, bucket: str) -> None:
    word = Header("Zürich", "utf-8").encode()
    client.put(bucket, "key", b"", x_amz_meta_name=word)
    assert _decoded(client.get(bucket, "key").headers["x-amz-meta-name"]) == "Zürich"


def _decoded(text: str) -> str:
    ((content, charset),) = decode_header(text)
    assert isinstance(content, bytes)
    return content.decode(charset or "ascii")


def test_metadata_beyond_two_kilobytes_is_refused(client: Client, bucket: str) -> None:
    answer = client.put(bucket, "key", b"", x_amz_meta_a="x" * 2048)
    assert (answer.status, answer.code) == (400, "MetadataTooLarge")
    assert client.put(bucket, "key", b"", x_amz_meta_a="x" * 2047).status == 200


OVERRIDES = {
    "response-content-type": "text/html",
    "response-content-language": "fr",
    "response-expires": "Thu, 01 Dec 1994 16:00:00 GMT",
    "response-cache-control": "no-cache",
    "response-content-disposition": "inline",
    "response-content-encoding": "br",
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_query_replaces_headers_of_an_answer(client: Client, bucket: str, method: str) -> None:
    client.put(bucket, "key", BODY, content_type="text/plain")
    query = "&".join(f"{name}={quote(value)}" for name, value in OVERRIDES.items())
    answer = client.request(method, f"/{bucket}/key", query)
    assert answer.status == 200
    for name, value in OVERRIDES.items():
        assert answer.headers[name.removeprefix("response-")] == value


def test_the_query_cannot_split_an_answer(client: Client, bucket: str) -> None:
    client.put(bucket, "key", BODY)
    answer = client.get(bucket, "key", "response-content-type=a%0D%0Ax-evil%3A%201")
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert "x-evil" not in answer.headers


def test_what_is_refused_late_holds_no_file(client: Client, bucket: str, live: Live) -> None:
    """The query is refused when the object's file is open already."""
    client.put(bucket, "key", BODY)
    answer = client.get(bucket, "key", "response-content-type=a%0D%0Ax-evil%3A%201")
    assert answer.status == 400
    assert not _is_held(live.root / bucket / "key")


def _is_held(file: Path) -> bool:
    return any(link.exists() and link.samefile(file) for link in Path("/proc/self/fd").iterdir())


RANGES = {
    "bytes=0-0": (0, 0),
    "bytes=5-9": (5, 9),
    "bytes=1000-": (1000, 1023),
    "bytes=1000-99999": (1000, 1023),
    "bytes=-10": (1014, 1023),
    "bytes=-99999": (0, 1023),
    "bytes=0-": (0, 1023),
}


@pytest.mark.parametrize("asked", RANGES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_range_is_told_and_sent(client: Client, bucket: str, asked: str, method: str) -> None:
    client.put(bucket, "key", BODY)
    first, last = RANGES[asked]
    answer = client.request(method, f"/{bucket}/key", headers={"range": asked})
    assert answer.status == 206
    assert answer.headers["content-range"] == f"bytes {first}-{last}/1024"
    assert answer.headers["content-length"] == str(last - first + 1)
    assert answer.body == (BODY[first : last + 1] if method == "GET" else b"")


@pytest.mark.parametrize("asked", ["bytes=1024-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_beyond_the_end_is_not_satisfiable(client: Client, bucket: str, asked: str) -> None:
    client.put(bucket, "key", BODY)
    answer = client.get(bucket, "key", range=asked)
    assert (answer.status, answer.code) == (416, "InvalidRange")
    assert answer.headers["content-range"] == "bytes */1024"
    assert answer.text("ActualObjectSize") == "1024"
    assert answer.text("RangeRequested") == asked


@pytest.mark.parametrize("asked", ["bytes=9-5", "items=0-1", "bytes=a-b", "bytes=0-1,5-6", "bytes"])
def test_a_range_that_is_none_gives_the_whole(client: Client, bucket: str, asked: str) -> None:
    client.put(bucket, "key", BODY)
    answer = client.get(bucket, "key", range=asked)
    assert (answer.status, answer.body) == (200, BODY)


def test_any_range_of_an_empty_object_is_not_satisfiable(client: Client, bucket: str) -> None:
    client.put(bucket, "key", b"")
    assert client.get(bucket, "key", range="bytes=0-0").status == 416
    assert client.get(bucket, "key").body == b""


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 262_144, 1_000_001])
def test_a_range_inside_a_larger_object_is_exact(client: Client, bucket: str, size: int) -> None:
    body = bytes(index * 31 % 251 for index in range(size))
    client.put(bucket, "key", body)
    assert client.get(bucket, "key").body == body
    assert client.get(bucket, "key", range="bytes=100-65700").body == body[100:65701]
    assert client.get(bucket, "key", range=f"bytes={size - 1}-").body == body[-1:]


def test_each_part_can_be_got_by_its_number(client: Client, bucket: str) -> None:
    parts = [b"a" * 5 * 1024**2, b"bc"]
    client.upload(bucket, "big", parts)
    for number, part in enumerate(parts, start=1):
        answer = client.get(bucket, "big", f"partNumber={number}")
        assert (answer.status, answer.body) == (206, part)
        assert answer.headers["x-amz-mp-parts-count"] == "2"
    head = client.request("HEAD", f"/{bucket}/big", "partNumber=2")
    assert (head.status, head.headers["content-length"]) == (206, "2")
    assert (
        head.headers["content-range"] == f"bytes {5 * 1024**2}-{5 * 1024**2 + 1}/{5 * 1024**2 + 2}"
    )


def test_an_object_put_whole_is_its_own_part_1(client: Client, bucket: str) -> None:
    client.put(bucket, "key", BODY)
    answer = client.get(bucket, "key", "partNumber=1")
    assert (answer.status, answer.body) == (206, BODY)
    assert "x-amz-mp-parts-count" not in answer.headers


def test_a_part_that_is_not_there_is_not_satisfiable(client: Client, bucket: str) -> None:
    client.put(bucket, "key", BODY)
    answer = client.get(bucket, "key", "partNumber=2")
    assert (answer.status, answer.code) == (416, "InvalidPartNumber")


def test_a_part_and_a_range_at_once_are_refused(client: Client, bucket: str) -> None:
    client.put(bucket, "key", BODY)
    answer = client.get(bucket, "key", "partNumber=1", range="bytes=0-1")
    assert (answer.status, answer.code) == (400, "InvalidRequest")


def test_the_null_version_is_the_object(client: Client, bucket: str) -> None:
    client.put(bucket, "key", BODY)
    assert client.get(bucket, "key", "versionId=null").body == BODY


def test_a_storage_class_is_kept_and_told(client: Client, bucket: str) -> None:
    client.put(bucket, "key", BODY, x_amz_storage_class="STANDARD_IA")
    assert client.get(bucket, "key").headers["x-amz-storage-class"] == "STANDARD_IA"
    listed = client.request("GET", f"/{bucket}", "list-type=2")
    assert listed.text("Contents/StorageClass") == "STANDARD_IA"


def test_the_standard_class_is_not_told(client: Client, bucket: str) -> None:
    client.put(bucket, "key", BODY, x_amz_storage_class="STANDARD")
    assert "x-amz-storage-class" not in client.get(bucket, "key").headers


def test_a_storage_class_s3_does_not_know_is_refused(client: Client, bucket: str) -> None:
    answer = client.put(bucket, "key", BODY, x_amz_storage_class="FASTEST")
    assert (answer.status, answer.code) == (400, "InvalidStorageClass")


def test_a_website_redirect_is_kept_and_told(client: Client, bucket: str) -> None:
    client.put(bucket, "key", b"", x_amz_website_redirect_location="/other")
    answer = client.get(bucket, "key")
    assert answer.status == 200
    assert answer.headers["x-amz-website-redirect-location"] == "/other"


def test_tags_of_a_header_are_counted_and_told(client: Client, bucket: str) -> None:
    client.put(bucket, "key", b"", x_amz_tagging="a=1&b%20c=%C3%BC")
    assert client.get(bucket, "key").headers["x-amz-tagging-count"] == "2"
    tags = client.get(bucket, "key", "tagging")
    assert tags.texts("TagSet/Tag/Key") == ["a", "b c"]
    assert tags.texts("TagSet/Tag/Value") == ["1", "ü"]


def test_tags_are_replaced_and_removed(client: Client, bucket: str) -> None:
    put = client.put(bucket, "key", BODY, x_amz_tagging="a=1")
    document = b"<Tagging><TagSet><Tag><Key>z</Key><Value></Value></Tag></TagSet></Tagging>"
    assert client.request("PUT", f"/{bucket}/key", "tagging", body=document).status == 200
    assert client.get(bucket, "key", "tagging").texts("TagSet/Tag/Key") == ["z"]
    assert client.request("DELETE", f"/{bucket}/key", "tagging").status == 204
    assert client.get(bucket, "key", "tagging").texts("TagSet/Tag/Key") == []
    got = client.get(bucket, "key")
    assert (got.headers["etag"], got.body) == (put.headers["etag"], BODY)
    assert "x-amz-tagging-count" not in got.headers


def test_more_than_ten_tags_are_refused(client: Client, bucket: str) -> None:
    tags = "&".join(f"k{number}=v" for number in range(11))
    answer = client.put(bucket, "key", b"", x_amz_tagging=tags)
    assert (answer.status, answer.code) == (400, "BadRequest")


def test_tags_of_a_missing_key_are_no_such_key(client: Client, bucket: str) -> None:
    document = b"<Tagging><TagSet/></Tagging>"
    for method, body in (("GET", b""), ("PUT", document), ("DELETE", b"")):
        answer = client.request(method, f"/{bucket}/none", "tagging", body=body)
        assert (answer.status, answer.code) == (404, "NoSuchKey")


def test_an_overwrite_leaves_nothing_of_the_old(live: Live, client: Client, bucket: str) -> None:
    client.put(bucket, "key", b"old and longer", x_amz_meta_a="1", x_amz_tagging="a=1")
    client.put(bucket, "key", b"new")
    got = client.get(bucket, "key")
    assert (got.body, got.headers["content-length"]) == (b"new", "3")
    assert "x-amz-meta-a" not in got.headers
    assert "x-amz-tagging-count" not in got.headers
    assert (live.files(bucket), live.staged()) == (["key"], [])


def test_creating_an_own_bucket_again_succeeds_in_us_east_1(client: Client, bucket: str) -> None:
    client.put(bucket, "key", BODY)
    assert client.request("PUT", f"/{bucket}").status == 200
    assert client.get(bucket, "key").body == BODY


def test_creating_an_own_bucket_again_is_refused_elsewhere(client: Client) -> None:
    document = (
        b"<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint>"
        b"</CreateBucketConfiguration>"
    )
    assert client.request("PUT", "/in-ireland", body=document).status == 200
    answer = client.request("PUT", "/in-ireland", body=document)
    assert (answer.status, answer.code) == (409, "BucketAlreadyOwnedByYou")
    assert client.request("GET", "/in-ireland", "location").xml().text == "eu-west-1"


def test_a_bucket_that_holds_something_is_not_deleted(client: Client, bucket: str) -> None:
    client.put(bucket, "key", BODY)
    answer = client.request("DELETE", f"/{bucket}")
    assert (answer.status, answer.code) == (409, "BucketNotEmpty")
    client.delete(bucket, "key")
    assert client.request("DELETE", f"/{bucket}").status == 204
    assert client.request("HEAD", f"/{bucket}").status == 404

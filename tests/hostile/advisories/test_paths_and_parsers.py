"""Text of a client that became a path, a document that read files, a value that became a header."""

import gzip
import io
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from tests.hostile.advisories.marking import covers
from tests.hostile.table_rows import assert_not_served
from tests.live.client import Client, quoted
from tests.live.server import Live

ESCAPES = (
    "../../../etc/passwd",
    "..",
    ".",
    "a/../../b",
    "/etc/passwd",
    "//etc//passwd",
    "..\\..\\windows",
    "C:\\x",
    "a\\..\\b",
    "a\x00b",
    "%2e%2e%2f",
    "%252e%252e",
    ".s3front/credentials",
    "a/.s3front/b",
    "\u2024\u2024/x",
    "x" * 1024,
    "a/" * 500 + "b",
    "con",
    " ",
    "dir/",
    "-rf",
    "~root",
    "$(id)",
)


def _outside(live: Live) -> set[Path]:
    """All paths beside buckets and state."""
    return {path for path in live.root.parent.rglob("*") if live.root not in path.parents}


@covers(
    "CVE-2024-23334",
    "CVE-2025-69226",
    "CVE-2026-54917",
    "s3proxy 86b6ee47",
    "s3proxy bd2c2294",
    "CVE-2023-28433",
    "CVE-2026-42600",
)
def test_a_key_is_a_name_and_no_path(live: Live, client: Client, bucket: str) -> None:
    before = _outside(live)
    for key in ESCAPES:
        assert client.put(bucket, key, key.encode()).status == 200, key
    for key in ESCAPES:
        assert client.get(bucket, key).body == key.encode(), key
    assert _outside(live) == before
    state = (live.root / ".s3front").resolve()
    assert not (state / "credentials").exists()
    for key in ESCAPES:
        assert client.delete(bucket, key).status == 204
    assert client.keys(bucket) == []
    for path in (
        "/../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/.s3front/x",
    ):
        answer = client.request("GET", path)
        assert (answer.status, b"root:" in answer.body) == (400, False)


@covers("Incus GHSA-ccjc")
@pytest.mark.parametrize(
    "upload", ["../../x", "%2e%2e%2fx", "..", "0" * 5000, "%00", "a/b", "upload-1"]
)
def test_an_upload_id_is_no_path(live: Live, client: Client, bucket: str, upload: str) -> None:
    client.put(bucket, "key", b"old")
    before = _outside(live)
    for method, query in (
        ("PUT", f"partNumber=1&uploadId={upload}"),
        ("POST", f"uploadId={upload}"),
        ("GET", f"uploadId={upload}"),
        ("DELETE", f"uploadId={upload}"),
    ):
        body = (
            b""
            if method in {"GET", "DELETE"}
            else (
                b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>a</ETag></Part>"
                b"</CompleteMultipartUpload>"
            )
        )
        answer = client.request(method, f"/{bucket}/key", query, body=body)
        assert answer.status in {400, 404}
    assert _outside(live) == before
    assert client.get(bucket, "key").body == b"old"


_ENTITY = (
    '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    "<Delete><Object><Key>&e;</Key></Object></Delete>"
)


@covers("CVE-2022-47950", "CVE-2025-27136", "s3proxy 7d8d1327")
@pytest.mark.parametrize("query", ["delete=", "tagging=", "uploadId=1", ""])
def test_no_entity_is_read(client: Client, bucket: str, query: str) -> None:
    client.put(bucket, "key", b"old")
    method = "POST" if query in {"delete=", "uploadId=1"} else "PUT"
    path = {"delete=": f"/{bucket}", "": "/new-bucket"}.get(query, f"/{bucket}/key")
    for text in (_ENTITY, _ENTITY.replace("Delete>", "Tagging>")):
        for encoding in ("utf-8", "utf-16", "utf-7"):
            answer = client.request(method, path, query, body=text.encode(encoding))
            assert answer.status in {400, 404}
            assert b"root:" not in answer.body


@covers("CVE-2020-10753", "CVE-2021-3524")
def test_no_value_splits_an_answer(client: Client, bucket: str) -> None:
    client.put(bucket, "key", b"content")
    for name in ("content-type", "content-disposition", "cache-control", "expires"):
        for text in (
            "a%0D%0AInjected:%20yes",
            "a%0AInjected:%20yes",
            "a%0DInjected:%20yes",
            "a%00",
        ):
            answer = client.request("GET", f"/{bucket}/key", f"response-{name}={text}")
            assert (answer.status, answer.code) == (400, "InvalidArgument")
            assert "injected" not in answer.headers
    assert_not_served(client, bucket, "PutBucketCors", b"<CORSConfiguration/>")


@covers("GHSA-x5xv")
def test_no_origin_is_reflected(client: Client, bucket: str) -> None:
    client.put(bucket, "key", b"content")
    for origin in ("https://evil.example", "null", "http://localhost"):
        told = client.get(bucket, "key", origin=origin).headers
        assert not [name for name in told if name.startswith("access-control-")]
        asked = {"origin": origin, "access-control-request-method": "PUT"}
        preflight = client.request("OPTIONS", f"/{bucket}/key", headers=asked, signed=False)
        assert preflight.status == 403
        assert not [name for name in preflight.headers if name.startswith("access-control-")]


@covers("GHSA-v9fg")
def test_nothing_is_served_beside_the_objects_that_a_page_could_attack(client: Client) -> None:
    """There is no console and no preview on this origin: under /-/ are two words of health."""
    for path in (
        "/-/",
        "/-/console",
        "/-/preview",
        "/-/static/app.js",
        "/console",
        "/rustfs/console/",
    ):
        answer = client.request("GET", path, signed=False)
        assert answer.status in {403, 404}
        assert "html" not in answer.headers["content-type"]
        assert "set-cookie" not in answer.headers


@covers("GHSA-f4vq")
def test_an_archive_is_an_object_and_never_unpacked(
    live: Live, client: Client, bucket: str
) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../victim"), io.BytesIO())
    before = _outside(live)
    for name in (
        "x-amz-meta-snowball-auto-extract",
        "x-minio-extract",
        "x-amz-meta-minio-snowball",
    ):
        answer = client.request(
            "PUT", f"/{bucket}/key.tar", headers={name: "true"}, body=packed.getvalue()
        )
        assert answer.status == 200
    assert client.keys(bucket) == ["key.tar"]
    assert client.get(bucket, "key.tar").body == packed.getvalue()
    assert _outside(live) == before


@covers("decompression")
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
def test_a_body_is_never_inflated(client: Client, bucket: str, coding: str) -> None:
    bomb = gzip.compress(bytes(50_000_000), 9)
    assert len(bomb) < 100_000
    tracemalloc.start()
    try:
        assert client.put(bucket, "key", bomb, content_encoding=coding).status == 200
        got = client.get(bucket, "key")
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert (got.body, got.headers["content-encoding"]) == (bomb, coding)
    document = gzip.compress(b"<Delete><Object><Key>key</Key></Object></Delete>")
    answer = client.request(
        "POST", f"/{bucket}", "delete=", headers={"content-encoding": "gzip"}, body=document
    )
    assert (answer.status, answer.code) == (400, "MalformedXML")


@covers("symlink escape")
def test_a_link_leads_nowhere(live: Live, client: Client, bucket: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"outside")
    (live.root / bucket / "link").symlink_to(secret)
    (live.root / bucket / "folder").symlink_to(tmp_path)
    for key in ("link", "folder/secret", "folder/new"):
        assert b"outside" not in client.get(bucket, key).body
        client.put(bucket, key, b"written")
        assert secret.read_bytes() == b"outside"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret"]


@covers("bucketsquatting", "robots.txt")
def test_a_bucket_s_name_means_nothing_else(client: Client, bucket: str) -> None:
    for name in ("-", "-.-", ".well-known", "..", "minio%2fx", "127.0.0.1", "a", "robots..txt"):
        assert client.request("PUT", f"/{name}").status in {400, 404}
    robots = client.request("GET", "/robots.txt", signed=False)
    assert (robots.status, robots.code) == (403, "AccessDenied")
    for query in ("", "list-type=2", "acl"):
        stranger = {"x-amz-expected-bucket-owner": "111122223333"}
        answer = client.request("GET", f"/{bucket}", query, headers=stranger)
        assert (answer.status, answer.code) == (403, "AccessDenied")


@covers("website redirect")
def test_a_redirect_is_told_and_never_followed_or_sent(client: Client, bucket: str) -> None:
    header = "x-amz-website-redirect-location"
    for value in ("http://127.0.0.1:1/x", "/other", "https://evil.example/"):
        assert client.request("PUT", f"/{bucket}/key", headers={header: value}).status == 200
        got = client.get(bucket, "key")
        assert (got.status, got.headers[header]) == (200, value)
        assert "location" not in got.headers
    for value in ("javascript:alert(1)", "ftp://x", "data:text/html,x"):
        answer = client.request("PUT", f"/{bucket}/key", headers={header: value})
        assert answer.code == "InvalidRedirectLocation"
    assert_not_served(client, bucket, "PutBucketWebsite", b"<WebsiteConfiguration/>")


@covers("metadata injection")
def test_metadata_comes_back_as_one_header(client: Client, bucket: str) -> None:
    values = ["=?UTF-8?Q?a=0D=0AInjected:_yes?=", "=?UTF-8?B?DQpJbmplY3RlZDogeWVz?="]
    for value in values:
        answer = client.put(bucket, "key", b"x", x_amz_meta_a=value)
        assert (answer.status, answer.code) == (400, "InvalidArgument")
    for name in ("a%0D%0AInjected", "a%3A%20b", "%00"):
        target = client.presigned("PUT", f"/{bucket}/key", f"x-amz-meta-{name}=yes")
        assert client.send("PUT", target, {"host": client.host}, b"x").status == 400
    assert client.keys(bucket) == []
    client.put(bucket, "key", b"x", x_amz_meta_a="é\u0085\u2028z")
    told = client.get(bucket, "key").headers
    assert told["x-amz-meta-a"].isascii()
    assert quoted("é") == "%C3%A9"

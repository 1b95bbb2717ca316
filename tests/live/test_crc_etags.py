"""Buckets whose ETags are made of the CRC-64/NVME of the bytes."""

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from gateway.s3.checksums import checksum_of, decode
from tests.live.client import Answer, Client
from tests.live.server import running

BODY = b"any bytes" * 10_000
PART = b"p" * 5 * 1024**2
BUCKETS: list[object] = [{"name": "crc", "etag": "crc64nvme"}, "plain"]


def crc(data: bytes, parts: int = 1) -> str:
    digest = decode("CRC64NVME", checksum_of("CRC64NVME", data))
    assert digest is not None
    return f'"{digest.hex()}-{parts}"'


def content_md5(data: bytes) -> str:
    return b64encode(md5(data).digest()).decode()


STORAGES: dict[str, dict[str, Any]] = {
    "local": {},
    "as behind S3": {"storages": {"far": {"type": "memory", "like": "s3"}}},
    "as behind WebDAV": {"storages": {"far": {"type": "memory", "like": "webdav"}}},
}


@pytest.fixture(scope="module", params=STORAGES)
def client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    root = tmp_path_factory.mktemp("crc")
    of_bytes = STORAGES[request.param]
    with running(root, durability="relaxed", buckets=BUCKETS, **of_bytes) as live:
        yield live.client


def copied(client: Client, source: str, to: str, query: str = "") -> Answer:
    answer = client.request("PUT", to, query, headers={"x-amz-copy-source": source})
    assert answer.status == 200, answer
    return answer


@pytest.mark.parametrize("body", [b"", b"x", BODY])
def test_all_answers_tell_the_same(client: Client, body: bytes) -> None:
    put = client.put("crc", "key", body)
    assert put.headers["etag"] == crc(body)
    assert client.get("crc", "key").headers["etag"] == crc(body)
    assert client.request("HEAD", "/crc/key").headers["etag"] == crc(body)
    listed = client.request("GET", "/crc", "list-type=2&prefix=key")
    assert listed.texts("Contents/ETag") == [crc(body)]


def test_no_client_takes_it_for_an_md5(client: Client) -> None:
    etag = client.put("crc", "key", BODY).headers["etag"].strip('"')
    assert re.fullmatch("[0-9a-f]{32}(-[0-9]+)?", etag) is None
    assert re.fullmatch("[0-9a-f]+-[1-9][0-9]*", etag)


def test_other_buckets_have_md5s(client: Client) -> None:
    assert client.put("plain", "key", BODY).headers["etag"] == f'"{md5(BODY).hexdigest()}"'


def test_conditions_hold_and_fail(client: Client) -> None:
    etag = client.put("crc", "key", BODY).headers["etag"]
    assert client.get("crc", "key", if_none_match=etag).status == 304
    assert client.put("crc", "key", b"new", if_match=etag).status == 200
    assert client.put("crc", "key", b"newer", if_match=etag).status == 412
    assert client.get("crc", "key").body == b"new"


def test_it_is_none_of_the_checksum_that_a_client_sends(client: Client) -> None:
    sent = client.put("crc", "key", BODY, x_amz_checksum_crc32=checksum_of("CRC32", BODY))
    assert (sent.status, sent.headers["etag"]) == (200, crc(BODY))


def test_who_sends_an_md5_has_it_verified_and_gets_it(client: Client) -> None:
    wrong = client.put("crc", "other", BODY, content_md5=content_md5(b"other bytes"))
    assert (wrong.status, wrong.code) == (400, "BadDigest")
    assert client.get("crc", "other").status == 404
    right = client.put("crc", "other", BODY, content_md5=content_md5(BODY))
    assert right.headers["etag"] == f'"{md5(BODY).hexdigest()}"'


@pytest.mark.parametrize("algorithm", [None, "CRC32", "SHA256"])
def test_parts_make_the_crc_of_the_whole(client: Client, algorithm: str | None) -> None:
    asked = {} if algorithm is None else {"x_amz_checksum_algorithm": algorithm}
    upload = client.start_upload("crc", "big", **asked)
    etags = []
    for number, data in enumerate((PART, b"end"), start=1):
        name = f"x_amz_checksum_{algorithm or 'crc64nvme'}".lower()
        value = checksum_of(algorithm or "CRC64NVME", data)
        sent = client.put_part("crc", "big", upload, number, data, **{name: value})
        assert sent.headers["etag"] == crc(data)
        etags.append((number, sent.headers["etag"]))
    whole = {} if algorithm != "SHA256" else {"x_amz_checksum_type": "COMPOSITE"}
    elements = {
        number: f"<Checksum{algorithm}>{checksum_of(algorithm, data)}</Checksum{algorithm}>"
        for number, data in enumerate((PART, b"end"), start=1)
        if algorithm is not None
    }
    done = client.complete("crc", "big", upload, etags, more=elements, **whole)
    assert done.text("ETag") == crc(PART + b"end", 2)
    assert client.get("crc", "big").headers["etag"] == crc(PART + b"end", 2)


def test_parts_of_both_kinds_make_an_object_all_the_same(client: Client) -> None:
    upload = client.start_upload("crc", "mixed")
    one = client.put_part("crc", "mixed", upload, 1, PART, content_md5=content_md5(PART))
    two = client.put_part("crc", "mixed", upload, 2, b"end")
    etags = [(1, one.headers["etag"]), (2, two.headers["etag"])]
    done = client.complete("crc", "mixed", upload, etags)
    assert re.fullmatch('"[0-9a-f]{40}-2"', done.text("ETag") or "")
    assert client.get("crc", "mixed").body == PART + b"end"


def test_a_copy_keeps_it_where_such_etags_are_made(client: Client) -> None:
    client.put("crc", "key", BODY)
    assert copied(client, "/crc/key", "/crc/copy").text("ETag") == crc(BODY)
    client.put("plain", "key", BODY)
    kept = copied(client, "/plain/key", "/crc/of-plain")
    assert kept.text("ETag") == f'"{md5(BODY).hexdigest()}"'


def test_a_copy_to_a_bucket_of_md5s_has_an_md5(client: Client) -> None:
    client.put("crc", "key", BODY)
    to = copied(client, "/crc/key", "/plain/copy")
    assert to.text("ETag") == f'"{md5(BODY).hexdigest()}"'
    assert client.get("plain", "copy").body == BODY


@pytest.mark.parametrize(
    ("source", "target"), [("crc", "crc"), ("plain", "crc"), ("crc", "plain"), ("plain", "plain")]
)
def test_copied_parts_are_as_the_target_has_them(client: Client, source: str, target: str) -> None:
    client.put(source, "part", PART)
    upload = client.start_upload(target, "big")
    query = f"partNumber=1&uploadId={upload}"
    etag = copied(client, f"/{source}/part", f"/{target}/big", query).text("ETag") or ""
    assert etag == (crc(PART) if target == "crc" else f'"{md5(PART).hexdigest()}"')
    assert client.complete(target, "big", upload, [(1, etag)]).status == 200


def test_what_is_stored_keeps_its_etag_when_the_setting_is_changed(tmp_path: Path) -> None:
    with running(tmp_path, durability="relaxed", buckets=BUCKETS) as live:
        live.client.put("crc", "old", BODY)
        upload = live.client.start_upload("crc", "big")
        first = live.client.put_part("crc", "big", upload, 1, PART).headers["etag"]
    with running(tmp_path, durability="relaxed") as live:
        client = live.client
        assert client.get("crc", "old", if_match=crc(BODY)).body == BODY
        assert client.put("crc", "new", BODY).headers["etag"] == f'"{md5(BODY).hexdigest()}"'
        second = client.put_part("crc", "big", upload, 2, b"end").headers["etag"]
        assert second == f'"{md5(b"end").hexdigest()}"'
        assert client.complete("crc", "big", upload, [(1, first), (2, second)]).status == 200
        assert client.get("crc", "big").body == PART + b"end"

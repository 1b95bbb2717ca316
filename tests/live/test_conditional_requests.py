"""Conditions of reads and writes, exactly as S3 answers them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate, parsedate_to_datetime
from typing import Any

import pytest

from gateway.catalog.records import Bucket, Version
from tests.live.client import Answer, Client
from tests.live.server import Live

NOBODY = '"00000000000000000000000000000000"'


@pytest.fixture
def etag(client: Client, bucket: str) -> str:
    """Of the object under ``key``."""
    return client.put(bucket, "key", b"content").headers["etag"]


def _moved(answer: Answer, seconds: int) -> str:
    modified = parsedate_to_datetime(answer.headers["last-modified"]).timestamp()
    return formatdate(modified + seconds, usegmt=True)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_match_of_the_etag_gives_the_object(
    client: Client, bucket: str, etag: str, method: str
) -> None:
    for sent in (etag, etag.strip('"'), "*", f"{NOBODY}, {etag}"):
        answer = client.request(method, f"/{bucket}/key", headers={"if-match": sent})
        assert answer.status == 200


@pytest.mark.usefixtures("etag")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_match_of_another_etag_fails(client: Client, bucket: str, method: str) -> None:
    answer = client.request(method, f"/{bucket}/key", headers={"if-match": NOBODY})
    assert answer.status == 412
    if method == "GET":
        assert (answer.code, answer.text("Condition")) == ("PreconditionFailed", "If-Match")
    else:
        assert answer.body == b""


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_none_match_of_the_etag_is_not_modified(
    client: Client, bucket: str, etag: str, method: str
) -> None:
    answer = client.request(method, f"/{bucket}/key", headers={"if-none-match": etag})
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["etag"] == etag
    assert answer.headers["last-modified"]
    assert answer.headers["x-amz-request-id"]


@pytest.mark.usefixtures("etag")
def test_if_none_match_of_another_etag_gives_the_object(client: Client, bucket: str) -> None:
    assert client.get(bucket, "key", if_none_match=NOBODY).body == b"content"


@pytest.mark.usefixtures("etag")
def test_unmodified_since_its_own_time_gives_the_object(client: Client, bucket: str) -> None:
    since = _moved(client.get(bucket, "key"), 0)
    assert client.get(bucket, "key", if_unmodified_since=since).status == 200


@pytest.mark.usefixtures("etag")
def test_modified_after_if_unmodified_since_fails(client: Client, bucket: str) -> None:
    since = _moved(client.get(bucket, "key"), -1)
    answer = client.get(bucket, "key", if_unmodified_since=since)
    assert (answer.status, answer.text("Condition")) == (412, "If-Unmodified-Since")


@pytest.mark.usefixtures("etag")
def test_not_modified_since_its_own_time(client: Client, bucket: str) -> None:
    since = _moved(client.get(bucket, "key"), 0)
    assert client.get(bucket, "key", if_modified_since=since).status == 304


@pytest.mark.usefixtures("etag")
def test_modified_since_an_earlier_time(client: Client, bucket: str) -> None:
    since = _moved(client.get(bucket, "key"), -1)
    assert client.get(bucket, "key", if_modified_since=since).status == 200


@pytest.mark.usefixtures("etag")
def test_a_date_that_is_none_is_no_condition(client: Client, bucket: str) -> None:
    assert client.get(bucket, "key", if_modified_since="yesterday").status == 200


def test_a_matching_etag_outweighs_the_date(client: Client, bucket: str, etag: str) -> None:
    """API_GetObject: If-Match true and If-Unmodified-Since false gives 200."""
    since = _moved(client.get(bucket, "key"), -10)
    answer = client.get(bucket, "key", if_match=etag, if_unmodified_since=since)
    assert answer.status == 200


def test_an_etag_that_is_the_same_outweighs_the_date(
    client: Client, bucket: str, etag: str
) -> None:
    """API_GetObject: If-None-Match false and If-Modified-Since true gives 304."""
    since = _moved(client.get(bucket, "key"), -10)
    answer = client.get(bucket, "key", if_none_match=etag, if_modified_since=since)
    assert answer.status == 304


def test_a_condition_is_decided_before_the_range(client: Client, bucket: str, etag: str) -> None:
    assert client.get(bucket, "key", if_match=NOBODY, range="bytes=100-").status == 412
    assert client.get(bucket, "key", if_none_match=etag, range="bytes=0-1").status == 304


# Writes.


def test_put_if_none_match_makes_a_new_object(client: Client, bucket: str) -> None:
    assert client.put(bucket, "new", b"1", if_none_match="*").status == 200


@pytest.mark.usefixtures("etag")
def test_put_if_none_match_does_not_overwrite(live: Live, client: Client, bucket: str) -> None:
    answer = client.put(bucket, "key", b"other", if_none_match="*")
    assert (answer.status, answer.code) == (412, "PreconditionFailed")
    assert answer.text("Condition") == "If-None-Match"
    assert client.get(bucket, "key").body == b"content"
    assert live.staged() == []


def test_put_if_match_overwrites_what_it_names(client: Client, bucket: str, etag: str) -> None:
    assert client.put(bucket, "key", b"newer", if_match=etag).status == 200
    assert client.get(bucket, "key").body == b"newer"


@pytest.mark.usefixtures("etag")
def test_put_if_match_does_not_overwrite_another(live: Live, client: Client, bucket: str) -> None:
    answer = client.put(bucket, "key", b"newer", if_match=NOBODY)
    assert (answer.status, answer.code) == (412, "PreconditionFailed")
    assert client.get(bucket, "key").body == b"content"
    assert live.staged() == []


def test_put_if_match_of_nothing_is_no_such_key(client: Client, bucket: str) -> None:
    answer = client.put(bucket, "none", b"x", if_match=NOBODY)
    assert (answer.status, answer.code) == (404, "NoSuchKey")


def test_put_if_none_match_of_an_etag_is_not_implemented(
    client: Client, bucket: str, etag: str
) -> None:
    answer = client.put(bucket, "key", b"x", if_none_match=etag)
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert answer.text("Header") == "If-None-Match"
    both = client.put(bucket, "key", b"x", if_none_match="*", if_match=etag)
    assert (both.status, both.text("Header")) == (501, "If-Match,If-None-Match")


def test_one_of_many_makes_the_object(client: Client, bucket: str) -> None:
    start = threading.Barrier(8)

    def put(number: int) -> tuple[int, int]:
        start.wait()
        return number, client.put(bucket, "once", b"%d" % number, if_none_match="*").status

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(put, range(8)))
    winners = [number for number, status in outcomes if status == 200]
    assert len(winners) == 1
    assert {status for _, status in outcomes} <= {200, 409, 412}
    assert client.get(bucket, "once").body == b"%d" % winners[0]


def test_a_put_that_is_overtaken_at_last_leaves_nothing(
    live: Live, client: Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writer comes between the look at the condition and the commit."""
    catalog = live.services.catalog
    publish = catalog.publish

    async def overtaken(of: Bucket, version: Version, **how: Any) -> Version:
        monkeypatch.setattr(catalog, "publish", publish)
        await live.loop.run_in_executor(None, client.put, bucket, "key", b"other")
        return await publish(of, version, **how)

    with monkeypatch.context() as patch:
        patch.setattr(catalog, "publish", overtaken)
        answer = client.put(bucket, "key", b"late", if_none_match="*")
    assert (answer.status, answer.code) == (412, "PreconditionFailed")
    assert client.get(bucket, "key").body == b"other"
    assert live.staged() == []


def test_counting_with_if_match_loses_no_step(client: Client, bucket: str) -> None:
    client.put(bucket, "count", b"0")

    def count(_: int) -> None:
        for _try in range(200):
            seen = client.get(bucket, "count")
            answer = client.put(
                bucket, "count", b"%d" % (int(seen.body) + 1), if_match=seen.headers["etag"]
            )
            if answer.status == 200:
                return
            assert answer.status in {409, 412}
        raise AssertionError("never got through")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(count, range(24)))
    assert client.get(bucket, "count").body == b"24"


def test_delete_if_match_deletes_what_it_names(client: Client, bucket: str, etag: str) -> None:
    answer = client.request("DELETE", f"/{bucket}/key", headers={"if-match": NOBODY})
    assert (answer.status, answer.code) == (412, "PreconditionFailed")
    assert answer.text("Condition") == "If-Match"
    assert client.get(bucket, "key").status == 200
    assert client.request("DELETE", f"/{bucket}/key", headers={"if-match": etag}).status == 204
    assert client.get(bucket, "key").status == 404


def test_delete_if_match_of_nothing_is_no_such_key(client: Client, bucket: str) -> None:
    answer = client.request("DELETE", f"/{bucket}/none", headers={"if-match": "*"})
    assert (answer.status, answer.code, answer.text("Key")) == (404, "NoSuchKey", "none")


def test_complete_if_none_match_does_not_overwrite_and_leaves_the_upload_open(
    client: Client, bucket: str, etag: str
) -> None:
    upload = client.start_upload(bucket, "key")
    part = client.put_part(bucket, "key", upload, 1, b"part").headers["etag"]
    refused = client.complete(bucket, "key", upload, [(1, part)], if_none_match="*")
    assert (refused.status, refused.code) == (412, "PreconditionFailed")
    assert client.get(bucket, "key").body == b"content"
    parts = client.request("GET", f"/{bucket}/key", f"uploadId={upload}")
    assert parts.texts("Part/PartNumber") == ["1"]
    assert client.complete(bucket, "key", upload, [(1, part)], if_match=etag).status == 200
    assert client.get(bucket, "key").body == b"part"


def test_copy_if_none_match_does_not_overwrite(client: Client, bucket: str, etag: str) -> None:
    client.put(bucket, "source", b"source")
    source = {"x-amz-copy-source": f"/{bucket}/source"}
    refused = client.request("PUT", f"/{bucket}/key", headers={**source, "if-none-match": "*"})
    assert (refused.status, refused.code) == (412, "PreconditionFailed")
    assert client.get(bucket, "key").body == b"content"
    copied = client.request("PUT", f"/{bucket}/key", headers={**source, "if-match": etag})
    assert copied.status == 200
    assert client.get(bucket, "key").body == b"source"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_range_of_the_same_object_is_given(
    client: Client, bucket: str, etag: str, method: str
) -> None:
    headers = {"range": "bytes=0-2", "if-range": etag}
    answer = client.request(method, f"/{bucket}/key", headers=headers)
    assert (answer.status, answer.headers["content-range"]) == (206, "bytes 0-2/7")


@pytest.mark.usefixtures("etag")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_instead_of_a_range_of_another_object_all_is_given(
    client: Client, bucket: str, method: str
) -> None:
    for sent_range in ("bytes=0-2", "bytes=700-"):
        headers = {"range": sent_range, "if-range": NOBODY}
        answer = client.request(method, f"/{bucket}/key", headers=headers)
        assert (answer.status, answer.headers["content-length"]) == (200, "7")
        assert "content-range" not in answer.headers
        if method == "GET":
            assert answer.body == b"content"


def test_if_match_goes_before_if_range(client: Client, bucket: str, etag: str) -> None:
    answer = client.get(bucket, "key", range="bytes=0-2", if_range=etag, if_match=NOBODY)
    assert answer.status == 412

"""The main promises about what others do, held on an S3 service over HTTP."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backends.interface import Storage
from gateway.jobs.indexing import Indexing
from gateway.jobs.polling import Polling
from gateway.server import build
from gateway.service import homing
from tests.backends.making import bytes_at
from tests.backends.s3.moto_server import moto_storage
from tests.live.server import Live, running
from tests.remote.left import swept
from tests.remote.test_files_of_others import drop, identified, take
from tests.remote.test_indexing import bucket_of, look_of


@pytest.fixture
def storage() -> Storage:
    return moto_storage(prefix="shared/with-others")


@pytest.fixture
def live(tmp_path: Path, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    monkeypatch.setattr(build, "storages_of", lambda *_: {"main": storage})
    monkeypatch.setattr(homing, "REST_S", 3600)
    with running(tmp_path, durability="relaxed", storages={"main": {"type": "memory"}}) as server:
        for key in ("a", "dir/b", "dir/c.txt", "dir/d/e", "z"):
            drop(server, storage, f"bucket/{key}", key.encode())
        server.client.make_bucket("bucket")
        yield server


KEYS = ["a", "dir/b", "dir/c.txt", "dir/d/e", "z"]


def test_what_was_there_before_us_is_served_and_listed(live: Live) -> None:
    client = live.client
    assert client.keys("bucket") == KEYS
    listed = client.request("GET", "/bucket", "list-type=2&delimiter=%2F&prefix=dir%2F")
    assert listed.texts("Contents/Key") == ["dir/b", "dir/c.txt"]
    assert listed.texts("CommonPrefixes/Prefix") == ["dir/d/"]
    answer = client.get("bucket", "dir/c.txt")
    assert (answer.body, answer.headers["content-type"]) == (b"dir/c.txt", "text/plain")
    etag = hashlib.md5(b"dir/c.txt").hexdigest()
    assert answer.headers["etag"] == f'"{etag}"'
    page = client.request("GET", "/bucket", "list-type=2&max-keys=2&start-after=a")
    assert page.texts("Contents/Key") == ["dir/b", "dir/c.txt"]
    token = page.text("NextContinuationToken") or ""
    assert client.keys("bucket", f"continuation-token={token}&list-type=2") == ["dir/d/e", "z"]


def test_it_is_indexed_and_polled(live: Live, storage: Storage) -> None:
    client = live.client
    client.put("bucket", "ours", b"ours", x_amz_meta_colour="blue")
    outcome = live.run(Indexing(look_of(live), bucket_of(live)).run())
    assert outcome.adopted == 5
    assert bucket_of(live).indexed
    identified(live)
    drop(live, storage, "bucket/new", b"new")
    drop(live, storage, "bucket/ours", b"theirs")
    take(live, storage, "bucket/a")
    polling = Polling(live.services, look_of(live), -1_000.0)
    outcome = live.run(polling.poll(bucket_of(live)))
    assert (outcome.adopted, outcome.changed, outcome.missing) == (1, 1, 0)
    assert live.run(polling.poll(bucket_of(live))).missing == 1
    assert client.keys("bucket") == [*KEYS[1:4], "new", "ours", "z"]
    answer = client.get("bucket", "ours")
    assert (answer.body, answer.headers["x-amz-meta-colour"]) == (b"theirs", "blue")


def test_what_is_written_over_unindexed_bytes_destroys_nothing(
    live: Live, storage: Storage
) -> None:
    client = live.client
    live.run(Indexing(look_of(live), bucket_of(live)).run())
    drop(live, storage, "bucket/late", b"theirs")
    assert client.put("bucket", "late", b"ours").status == 200
    assert client.get("bucket", "late").body == b"ours"
    live.run(swept(live.services))
    assert live.run(bytes_at(storage, "bucket/late")) == b"theirs"
    client.delete("bucket", "late")
    live.run(swept(live.services))
    assert client.get("bucket", "late").body == b"theirs"


def test_what_is_gone_is_gone_only_if_the_storage_is_itself(live: Live, storage: Storage) -> None:
    client = live.client
    assert client.get("bucket", "a").status == 200
    take(live, storage, "bucket/a")
    assert client.get("bucket", "a").status == 503
    identified(live)
    assert client.get("bucket", "a").status == 404
    assert client.keys("bucket") == KEYS[1:]
    drop(live, storage, "bucket/a", b"again")
    assert client.get("bucket", "a").body == b"again"


def test_too_many_are_not_believed(live: Live, storage: Storage) -> None:
    identified(live)
    look = look_of(live)
    look = replace(look, missing=replace(look.missing, count=1, share=0.2))
    live.run(Indexing(look, bucket_of(live)).run())
    for key in KEYS[:3]:
        take(live, storage, f"bucket/{key}")
    polling = Polling(live.services, look, -1_000.0)
    for _ in range(3):
        assert not live.run(polling.poll(bucket_of(live))).anything
    assert live.client.keys("bucket") == KEYS

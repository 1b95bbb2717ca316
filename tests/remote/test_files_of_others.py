"""What others put where a bucket is, behind a network, and what they do to objects there."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from backends.interface import Can, Fingerprint, Limits, Storage, Stored
from backends.remote_memory import AS_S3, AS_WEBDAV
from gateway.jobs import digesting
from gateway.service import finding
from gateway.service.certainty import identify
from tests.backends.making import body, bytes_at
from tests.live.server import Live
from tests.remote.conftest import Serve
from tests.remote.failing_storage import FailingStorage, Fault
from tests.remote.left import swept

THEIRS = b"somebody else's"
MD5 = hashlib.md5(THEIRS).hexdigest()


def drop(live: Live, storage: Storage, path: str, data: bytes = THEIRS) -> Stored:
    return live.run(storage.write(path, body(data), size=len(data)))


def take(live: Live, storage: Storage, path: str) -> None:
    live.run(storage.delete(path))


def is_known(live: Live, key: str) -> bool:
    async def ask() -> bool:
        catalog = live.services.catalog
        return await catalog.get(await catalog.bucket("bucket"), key) is not None

    return live.run(ask())


def identified(live: Live) -> None:
    services = live.services
    assert live.run(identify(services.catalog, "main", services.storages["main"], services.new_id))


@contextmanager
def calls(live: Live, storage: FailingStorage) -> Iterator[list[str]]:
    """What the storage is asked for inside the block."""
    live.run(storage.arm(Fault.NONE, 0))
    made: list[str] = []
    yield made
    made += storage.made


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_was_just_dropped_is_served(live: Live, storage: FailingStorage, method: str) -> None:
    drop(live, storage, "bucket/dir/note.txt")
    answer = live.client.request(method, "/bucket/dir/note.txt")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["content-length"] == str(len(THEIRS))
    assert live.client.get("bucket", "dir/note.txt").body == THEIRS
    assert is_known(live, "dir/note.txt")
    assert live.client.get("bucket", "none").status == 404


def test_its_etag_is_the_storages_own_where_clients_can_take_it(
    live: Live, storage: FailingStorage
) -> None:
    drop(live, storage, "bucket/key")
    etag = live.client.get("bucket", "key").headers["etag"].strip('"')
    if Can.ETAGS in storage.can:
        assert etag == MD5
    else:
        assert etag.endswith("-0")
        live.run(digested(live))
        assert live.client.get("bucket", "key").headers["etag"] == f'"{MD5}"'


async def digested(live: Live) -> None:
    later = replace(live.services, now_ns=lambda: live.services.now_ns() + 10**9)
    assert await digesting.sweep(later) == 1


def test_one_of_parts_is_taken_as_well() -> None:
    storage = FailingStorage(AS_S3, Limits())
    for stamp, is_taken in (("0" * 32 + "-12", True), ("0" * 31, False), ("G" * 32, False)):
        of = Fingerprint(size=1, stamp=stamp)
        assert (finding.etag_of(storage, "path", of) == stamp) is is_taken


def test_a_dropped_object_can_be_copied_tagged_and_deleted(
    live: Live, storage: FailingStorage
) -> None:
    client = live.client
    drop(live, storage, "bucket/source")
    copy = {"x-amz-copy-source": "/bucket/source"}
    assert client.request("PUT", "/bucket/copy", headers=copy).status == 200
    assert client.get("bucket", "copy").body == THEIRS
    drop(live, storage, "bucket/tagged")
    tags = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    assert client.request("PUT", "/bucket/tagged", "tagging", body=tags).status == 200
    assert client.get("bucket", "tagged", "tagging").text("TagSet/Tag/Key") == "a"
    client.delete("bucket", "source")
    assert client.get("bucket", "source").status == 404
    live.run(swept(live.services))
    assert client.get("bucket", "source").status == 404


def test_a_bucket_that_holds_one_is_not_deleted(live: Live, storage: FailingStorage) -> None:
    drop(live, storage, "bucket/key")
    assert live.client.request("DELETE", "/bucket").code == "BucketNotEmpty"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_bytes_that_others_wrote_again_are_the_object_with_all_that_was_known_of_it(
    live: Live, storage: FailingStorage, method: str
) -> None:
    unindexed(live)
    live.client.put("bucket", "key", b"ours", x_amz_meta_colour="blue")
    drop(live, storage, "bucket/key")
    answer = live.client.request(method, "/bucket/key")
    assert answer.status == 200
    assert answer.headers["content-length"] == str(len(THEIRS))
    assert answer.headers["x-amz-meta-colour"] == "blue"
    assert live.client.get("bucket", "key").body == THEIRS


def unindexed(live: Live) -> None:
    """As a bucket that was made where something was already."""

    async def turn() -> None:
        for indexes in (False, True):
            await live.services.catalog.set_indexing("bucket", indexes=indexes)

    live.run(turn())


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_others_removed_is_gone_if_the_storage_is_itself(
    live: Live, storage: FailingStorage, method: str
) -> None:
    unindexed(live)
    live.client.put("bucket", "key", b"ours", x_amz_meta_colour="blue")
    take(live, storage, "bucket/key")
    assert live.client.request(method, "/bucket/key").status == 503
    assert is_known(live, "key")
    identified(live)
    assert live.client.request(method, "/bucket/key").status == 404
    assert not is_known(live, "key")
    drop(live, storage, "bucket/key")
    assert live.client.get("bucket", "key").headers["x-amz-meta-colour"] == "blue"


def test_a_storage_with_another_mark_is_not_believed(live: Live, storage: FailingStorage) -> None:
    identified(live)
    live.client.put("bucket", "key", b"ours")
    take(live, storage, "bucket/key")
    drop(live, storage, ".s3front/o/id/storage-id", b"another")
    assert live.client.get("bucket", "key").status == 503
    assert is_known(live, "key")


def test_where_it_fails_nothing_is_known(live: Live, storage: FailingStorage) -> None:
    drop(live, storage, "bucket/key")
    live.run(storage.arm(Fault.UNAVAILABLE, 1))
    assert live.client.get("bucket", "key").status == 503
    live.run(storage.disarm())
    assert live.client.get("bucket", "key").body == THEIRS


def test_conditions_of_writes_look_until_all_is_indexed(
    live: Live, storage: FailingStorage
) -> None:
    drop(live, storage, "bucket/before")
    unindexed(live)
    client = live.client
    assert client.put("bucket", "before", b"ours", if_none_match="*").status == 412
    live.run(indexed(live))
    drop(live, storage, "bucket/after")
    assert client.put("bucket", "after", b"ours", if_none_match="*").status == 200
    assert client.get("bucket", "after").body == b"ours"
    live.run(swept(live.services))
    assert live.run(bytes_at(storage, "bucket/after")) == THEIRS


async def indexed(live: Live) -> None:
    catalog = live.services.catalog
    await catalog.set_indexed(await catalog.bucket("bucket"))


def test_known_objects_cost_no_look_once_all_is_indexed(
    live: Live, storage: FailingStorage
) -> None:
    live.client.put("bucket", "key", b"ours")
    with calls(live, storage) as made:
        assert live.client.request("HEAD", "/bucket/key").status == 200
    assert made == []
    with calls(live, storage) as made:
        assert live.client.get("bucket", "key").status == 200
    assert made == ["read"]


def test_deleting_what_nobody_has_looked_at_deletes_it(live: Live, storage: FailingStorage) -> None:
    unindexed(live)
    drop(live, storage, "bucket/key")
    assert live.client.delete("bucket", "key").status == 204
    live.run(swept(live.services))
    assert live.client.get("bucket", "key").status == 404
    live.client.put("bucket", "rewritten", b"ours")
    drop(live, storage, "bucket/rewritten")
    assert live.client.delete("bucket", "rewritten").status == 204
    live.run(swept(live.services))
    assert live.client.get("bucket", "rewritten").status == 404


def test_what_lies_in_the_way_of_an_object_stays_and_is_none(
    live: Live, storage: FailingStorage
) -> None:
    drop(live, storage, "bucket/key")
    live.client.put("bucket", "key", b"ours")
    unindexed(live)
    assert live.client.get("bucket", "key").body == b"ours"
    assert live.client.request("HEAD", "/bucket/key").headers["content-length"] == "4"
    live.run(swept(live.services))
    assert live.run(bytes_at(storage, "bucket/key")) == THEIRS
    live.client.delete("bucket", "key")
    assert live.client.get("bucket", "key").body == THEIRS


def test_bytes_that_say_what_they_were_are_that_under_another_name(serve: Serve) -> None:
    storage = FailingStorage(AS_S3, Limits(max_description=2048))
    live = serve(storage)
    live.client.put("bucket", "old", b"ours", x_amz_meta_colour="blue", content_type="text/x")
    of = live.run(storage.stat("bucket/old"))
    live.run(storage.copy("bucket/old", "bucket/new", only_if=of.fingerprint))
    answer = live.client.get("bucket", "new")
    assert (answer.body, answer.headers["content-type"]) == (b"ours", "text/x")
    assert answer.headers["x-amz-meta-colour"] == "blue"


def test_a_write_that_was_given_up_and_comes_late_is_no_object(serve: Serve) -> None:
    storage = FailingStorage(AS_S3, Limits(max_description=2048))
    live = serve(storage)
    live.run(storage.arm(Fault.LATE, 1))
    assert live.client.put("bucket", "key", b"ours").status == 503
    live.run(storage.disarm())
    live.run(swept(live.services))
    live.run(storage.arrive_late())
    assert live.run(bytes_at(storage, "bucket/key")) == b"ours"
    assert live.client.get("bucket", "key").status == 404
    assert live.client.put("bucket", "key", b"again").status == 200
    assert live.client.get("bucket", "key").body == b"again"


def test_without_watching_files_of_others_are_none(serve: Serve, storage: FailingStorage) -> None:
    live = serve(storage)
    object.__setattr__(live.services, "watching", None)
    drop(live, storage, "bucket/key")
    assert live.client.get("bucket", "key").status == 404


def test_what_a_storage_says_is_void_if_the_bytes_are_others() -> None:
    storage = FailingStorage(AS_WEBDAV, Limits())
    of = Fingerprint(size=3, stamp="any")
    said = b'{"f":2,"b":"bucket","k":"key","q":1,"e":"%s","n":%d,"t":1}'
    assert finding.described_before(
        storage, Stored(path="p", fingerprint=of, modified_ns=1, description=said % (b"", 3))
    )
    for etag, size in ((b"", 4), (b"e", 4)):
        stored = Stored(path="p", fingerprint=of, modified_ns=1, description=said % (etag, size))
        assert finding.described_before(storage, stored) is None
    etags = FailingStorage(AS_S3, Limits())
    of = Fingerprint(size=3, stamp="0" * 32)
    stored = Stored(path="p", fingerprint=of, modified_ns=1, description=said % (b"1" * 32, 3))
    assert finding.described_before(etags, stored) is None
    assert finding.described_before(storage, stored) is not None


def test_a_storage_that_is_away_is_not_asked_for_one_digest_after_the_other(serve: Serve) -> None:
    storage = FailingStorage(AS_WEBDAV, Limits())
    live = serve(storage)
    for key in ("a", "b"):
        drop(live, storage, f"bucket/{key}")
        live.client.request("HEAD", f"/bucket/{key}")
    later = replace(live.services, now_ns=lambda: live.services.now_ns() + 10**9)
    away: set[str] = set()
    live.run(storage.arm(Fault.UNAVAILABLE, 1))
    assert live.run(digesting.sweep(later, away)) == 0
    assert storage.made == ["read"]
    assert away == {"main"}
    live.run(storage.disarm())
    assert live.run(digesting.sweep(later, away)) == 0
    assert live.run(digesting.sweep(later)) == 2

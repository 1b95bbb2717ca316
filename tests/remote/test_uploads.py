"""Multipart uploads and copies on storages behind a network."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from backends.interface import Can, Limits, Stored
from backends.remote_memory import AS_S3, AS_WEBDAV
from gateway.catalog.records import Upload
from gateway.service import completing
from tests.backends.making import body, bytes_at
from tests.live.server import Live
from tests.remote.conftest import Serve
from tests.remote.failing_storage import FailingStorage, Fault
from tests.remote.left import check_nothing_is_left, swept

PARTS = [b"a" * 1000, b"b" * 1500, b"end"]
WHOLE = b"".join(PARTS)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completing, "MIN_PART", 1000)


def sent(live: Live, key: str) -> tuple[str, list[tuple[int, str]]]:
    """An upload and its parts."""
    upload = live.client.start_upload("bucket", key)
    return upload, [
        (number, live.client.put_part("bucket", key, upload, number, part).headers["etag"])
        for number, part in enumerate(PARTS, start=1)
    ]


def upload_of(live: Live, key: str, id: str) -> Upload:
    [bucket] = live.run(live.services.catalog.buckets(limit=2))
    return live.run(live.services.catalog.upload(bucket, key, id))


def test_parts_become_an_object_and_leave_nothing(live: Live, storage: FailingStorage) -> None:
    upload, parts = sent(live, "key")
    done = live.client.complete("bucket", "key", upload, parts)
    digests = b"".join(hashlib.md5(part).digest() for part in PARTS)
    etag = f'"{hashlib.md5(digests).hexdigest()}-3"'
    assert (done.status, done.text("ETag")) == (200, etag)
    got = live.client.get("bucket", "key")
    assert (got.body, got.headers["etag"]) == (WHOLE, etag)
    assert live.client.get("bucket", "key", "partNumber=2").body == PARTS[1]
    assert live.client.complete("bucket", "key", upload, parts).text("ETag") == etag
    assert live.run(bytes_at(storage, "bucket/key")) == WHOLE
    live.run(check_nothing_is_left(live.services))


def test_parts_are_the_storages_own_where_it_has_some(live: Live, storage: FailingStorage) -> None:
    live.run(storage.arm(Fault.NONE, 0))
    sent(live, "key")
    assert ("write_part" in storage.made) is (Can.PARTS in storage.can)
    assert ("write" in storage.made) is (Can.PARTS not in storage.can)


def test_uploads_go_with_their_bucket(live: Live) -> None:
    sent(live, "key")
    assert live.client.request("DELETE", "/bucket").status == 204
    live.run(check_nothing_is_left(live.services))


def test_some_of_the_parts_are_completed(live: Live) -> None:
    upload, parts = sent(live, "key")
    assert live.client.complete("bucket", "key", upload, parts[1:]).status == 200
    assert live.client.get("bucket", "key").body == b"".join(PARTS[1:])
    live.run(check_nothing_is_left(live.services))


def test_a_part_sent_again_replaces_the_first(live: Live) -> None:
    upload, parts = sent(live, "key")
    again = live.client.put_part("bucket", "key", upload, 2, b"again" * 300).headers["etag"]
    parts[1] = (2, again)
    assert live.client.complete("bucket", "key", upload, parts).status == 200
    assert live.client.get("bucket", "key").body == PARTS[0] + b"again" * 300 + PARTS[2]
    live.run(check_nothing_is_left(live.services))


def test_a_condition_that_fails_after_all_leaves_all_parts(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload, parts = sent(live, "key")
    catalog, client = live.services.catalog, live.client
    begin = catalog.begin_complete

    async def overtaken(upload_id: str) -> bool:
        unfinished = await begin(upload_id)
        await live.loop.run_in_executor(None, client.put, "bucket", "key", b"other")
        return unfinished

    with monkeypatch.context() as patch:
        patch.setattr(catalog, "begin_complete", overtaken)
        refused = client.complete("bucket", "key", upload, parts[:2], if_none_match="*")
    assert (refused.status, client.get("bucket", "key").body) == (412, b"other")
    assert client.complete("bucket", "key", upload, parts).status == 200
    assert client.get("bucket", "key").body == WHOLE
    live.run(check_nothing_is_left(live.services))


# Completions whose end is unknown


@pytest.fixture
def s3(serve: Serve) -> tuple[Live, FailingStorage]:
    storage = FailingStorage(AS_S3, Limits(max_description=2048))
    return serve(storage), storage


def test_what_was_completed_without_an_answer_is_completed_again(
    s3: tuple[Live, FailingStorage],
) -> None:
    live, storage = s3
    upload, parts = sent(live, "key")
    live.run(storage.arm(Fault.DONE, 1, verb="complete_parts"))
    assert live.client.complete("bucket", "key", upload, parts).status == 503
    live.run(storage.disarm())
    assert live.client.get("bucket", "key").status == 404
    others = live.client.complete("bucket", "key", upload, parts[:1])
    assert others.code == "NoSuchUpload", "these are not the parts that were put together"
    assert live.client.complete("bucket", "key", upload, parts).status == 200
    assert live.client.get("bucket", "key").body == WHOLE
    live.run(check_nothing_is_left(live.services))


def test_what_was_completed_without_an_answer_may_be_aborted(
    s3: tuple[Live, FailingStorage],
) -> None:
    live, storage = s3
    upload, parts = sent(live, "key")
    live.run(storage.arm(Fault.DONE, 1, verb="complete_parts"))
    live.client.complete("bucket", "key", upload, parts)
    live.run(storage.disarm())
    assert live.client.request("DELETE", "/bucket/key", f"uploadId={upload}").status == 204
    live.run(check_nothing_is_left(live.services))
    assert live.client.get("bucket", "key").status == 404


class Overtaken(FailingStorage):
    """Somebody else is between the storage's completion and ours."""

    between: Callable[[], object] | None = None

    async def complete_parts(
        self, path: str, upload: str, parts: Sequence[tuple[int, str]], *, create: bool = False
    ) -> Stored:
        stored = await super().complete_parts(path, upload, parts, create=create)
        between, self.between = self.between, None
        if between is not None:
            await asyncio.to_thread(between)
        return stored


def test_what_was_completed_and_is_refused_is_completed_again_or_removed(serve: Serve) -> None:
    storage = Overtaken(AS_S3 & ~Can.DESCRIBE, Limits())
    live = serve(storage)
    client = live.client
    for again in (True, False):
        upload, parts = sent(live, "key")
        storage.between = lambda: client.put("bucket", "key", b"other")
        refused = client.complete("bucket", "key", upload, parts, if_none_match="*")
        assert (refused.status, client.get("bucket", "key").body) == (412, b"other")
        if again:
            assert client.complete("bucket", "key", upload, parts).status == 200
            assert client.get("bucket", "key").body == WHOLE
        else:
            client.request("DELETE", "/bucket/key", f"uploadId={upload}")
        client.delete("bucket", "key")
        live.run(check_nothing_is_left(live.services))


def test_others_bytes_are_not_taken_for_the_parts(s3: tuple[Live, FailingStorage]) -> None:
    live, storage = s3
    upload, parts = sent(live, "key")
    known = upload_of(live, "key", upload)
    assert (known.path, known.parts is None) == ("bucket/key", False)
    live.run(storage.abort_parts(known.path or "", known.parts or ""))
    foreign = b"x" * len(WHOLE)
    live.run(storage.write("bucket/key", body(foreign), size=len(foreign)))
    assert live.client.complete("bucket", "key", upload, parts).code == "NoSuchUpload"
    assert live.client.request("DELETE", "/bucket/key", f"uploadId={upload}").status == 204
    live.run(swept(live.services))
    assert live.run(bytes_at(storage, "bucket/key")) == foreign


def test_a_part_that_is_not_the_acknowledged_one_is_to_be_sent_again(
    s3: tuple[Live, FailingStorage],
) -> None:
    """An earlier attempt arrived behind a later one."""
    live, storage = s3
    upload, parts = sent(live, "key")
    known = upload_of(live, "key", upload)
    path, id = known.path or "", known.parts or ""
    live.run(storage.write_part(path, id, 2, body(b"earlier"), size=7))
    assert live.client.complete("bucket", "key", upload, parts).code == "InvalidPart"
    again = live.client.put_part("bucket", "key", upload, 2, PARTS[1]).headers["etag"]
    assert again == parts[1][1]
    assert live.client.complete("bucket", "key", upload, parts).status == 200
    assert live.client.get("bucket", "key").body == WHOLE


def test_an_upload_whose_path_was_taken_is_begun_again_elsewhere(
    s3: tuple[Live, FailingStorage],
) -> None:
    live, storage = s3
    upload, parts = sent(live, "key")
    live.run(storage.write("bucket/key", body(b"foreign"), size=7))
    refused = live.client.complete("bucket", "key", upload, parts)
    assert (refused.status, refused.code) == (409, "OperationAborted")
    assert live.client.request("DELETE", "/bucket/key", f"uploadId={upload}").status == 204
    upload, parts = sent(live, "key")
    assert live.client.complete("bucket", "key", upload, parts).status == 200
    assert live.client.get("bucket", "key").body == WHOLE
    assert live.run(bytes_at(storage, "bucket/key")) == b"foreign"


# Limits of the storage


def test_what_is_larger_than_the_storage_takes_is_refused(serve: Serve) -> None:
    live = serve(FailingStorage(AS_S3, Limits(max_write=2000, max_object=3000)))
    client = live.client
    assert client.put("bucket", "key", b"x" * 2000).status == 200
    assert client.put("bucket", "key", b"x" * 2001).code == "EntityTooLarge"
    upload = client.start_upload("bucket", "big")
    assert client.put_part("bucket", "big", upload, 1, b"x" * 2001).code == "EntityTooLarge"
    etags = [
        (number, client.put_part("bucket", "big", upload, number, b"x" * 2000).headers["etag"])
        for number in (1, 2)
    ]
    assert client.complete("bucket", "big", upload, etags).code == "EntityTooLarge"
    assert client.complete("bucket", "big", upload, etags[:1]).status == 200
    live.run(check_nothing_is_left(live.services))


def test_parts_put_together_are_one_write_where_there_are_no_others(serve: Serve) -> None:
    live = serve(FailingStorage(AS_WEBDAV, Limits(max_write=2000)))
    upload, parts = sent(live, "key")
    assert live.client.complete("bucket", "key", upload, parts).code == "EntityTooLarge"
    assert live.client.complete("bucket", "key", upload, parts[1:]).status == 200
    assert live.client.get("bucket", "key").body == b"".join(PARTS[1:])


def test_parts_that_are_smaller_than_the_storage_takes_are_refused(serve: Serve) -> None:
    live = serve(FailingStorage(AS_S3, Limits(min_part=1200)))
    upload, parts = sent(live, "key")
    refused = live.client.complete("bucket", "key", upload, parts)
    assert (refused.code, refused.text("MinSizeAllowed")) == ("EntityTooSmall", "1200")
    assert live.client.complete("bucket", "key", upload, parts[1:]).status == 200


# Copies


def test_the_storage_copies_by_itself_where_it_can(live: Live, storage: FailingStorage) -> None:
    live.client.put("bucket", "key", WHOLE, x_amz_meta_a="1")
    live.run(storage.arm(Fault.NONE, 0))
    copied = live.client.request(
        "PUT", "/bucket/copy", headers={"x-amz-copy-source": "/bucket/key"}
    )
    assert copied.status == 200
    assert ("copy" in storage.made) is (Can.COPY in storage.can)
    assert ("read" in storage.made) is (Can.COPY not in storage.can)
    assert ("write" in storage.made) is (Can.COPY not in storage.can)
    got = live.client.get("bucket", "copy")
    assert (got.body, got.headers["x-amz-meta-a"]) == (WHOLE, "1")
    assert got.headers["etag"] == f'"{hashlib.md5(WHOLE).hexdigest()}"'


def test_a_copy_of_which_something_new_is_to_be_known_is_read(
    live: Live, storage: FailingStorage
) -> None:
    live.client.put("bucket", "key", WHOLE)
    headers = {"x-amz-copy-source": "/bucket/key", "x-amz-checksum-algorithm": "SHA256"}
    live.run(storage.arm(Fault.NONE, 0))
    copied = live.client.request("PUT", "/bucket/copy", headers=headers)
    assert (copied.status, "write" in storage.made) == (200, True)
    got = live.client.get("bucket", "copy", x_amz_checksum_mode="ENABLED")
    assert got.body == WHOLE
    assert "x-amz-checksum-sha256" in got.headers


def test_a_part_is_copied_by_the_storage(s3: tuple[Live, FailingStorage]) -> None:
    live, storage = s3
    live.client.put("bucket", "key", WHOLE)
    upload = live.client.start_upload("bucket", "copy")
    live.run(storage.arm(Fault.NONE, 0))
    copied = live.client.request(
        "PUT",
        "/bucket/copy",
        f"partNumber=1&uploadId={upload}",
        headers={"x-amz-copy-source": "/bucket/key"},
    )
    assert storage.made == ["copy_part"]
    etag = copied.text("ETag") or ""
    assert etag == f'"{hashlib.md5(WHOLE).hexdigest()}"'
    assert live.client.complete("bucket", "copy", upload, [(1, etag)]).status == 200
    assert live.client.get("bucket", "copy").body == WHOLE


def test_what_does_not_fit_into_a_description_is_left_out(serve: Serve) -> None:
    storage = FailingStorage(AS_S3, replace(Limits(), max_description=200))
    live = serve(storage)
    for number, size in enumerate((10, 1000)):
        live.client.put("bucket", f"key{number}", b"data", x_amz_meta_a="m" * size)
        assert len(live.client.get("bucket", f"key{number}").headers["x-amz-meta-a"]) == size
        described = live.run(storage.stat(f"bucket/key{number}")).description or b""
        assert (b'"k":"key' in described, b"mmm" in described) == (True, number == 0)
    live.client.put("bucket", "k" * 200, b"data")
    assert live.run(storage.stat("bucket/" + "k" * 200)).description is None

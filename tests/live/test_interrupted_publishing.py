"""What a crash leaves behind, and what the next start makes of it."""

import os
from pathlib import Path

import pytest

from backends.errors import Unavailable
from backends.local.storage import LocalStorage
from tests.crash.checking import doomed
from tests.live.client import Client
from tests.live.server import running


@pytest.fixture
def unplaced(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No rename succeeds: as if the machine stopped between commit and rename."""
    monkeypatch.setattr(LocalStorage, "place", lambda *_: False)
    return monkeypatch


def _start_over(client: Client, bucket: str) -> None:
    client.make_bucket(bucket)
    client.put(bucket, "a/key", b"old")


@pytest.mark.usefixtures("unplaced")
def test_an_object_that_was_committed_but_not_moved_is_readable_at_once(tmp_path: Path) -> None:
    with running(tmp_path / "root", durability="relaxed") as live:
        live.client.make_bucket("bucket")
        assert live.client.put("bucket", "a/key", b"content").status == 200
        assert live.client.get("bucket", "a/key").body == b"content"
        assert live.client.get("bucket", "a/key", range="bytes=1-3").body == b"ont"
        assert len(live.staged()) == 1


def test_an_object_that_was_committed_but_not_moved_is_at_its_path_after_a_start(
    tmp_path: Path, unplaced: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    with running(root, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        live.client.put("bucket", "a/key", b"content", x_amz_meta_a="1")
        assert not (root / "bucket" / "a" / "key").exists()
    unplaced.undo()
    with running(root, durability="relaxed") as live:
        assert (root / "bucket" / "a" / "key").read_bytes() == b"content"
        got = live.client.get("bucket", "a/key")
        assert (got.body, got.headers["x-amz-meta-a"]) == (b"content", "1")
        assert live.staged() == []


def test_unplaced_bytes_whose_description_is_damaged_are_not_lost(
    tmp_path: Path, unplaced: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    with running(root, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        live.client.put("bucket", "a/key", b"content")
        [name] = live.staged()
        staged = live.services.storages[live.services.default_storage]
        description = staged.staged_description(name)
        file = root / ".s3front" / "staged" / name
        if not description or "user.s3front" not in os.listxattr(file):
            pytest.skip("no extended attributes here")
        record = bytearray(os.getxattr(file, "user.s3front"))
        record[-1] ^= 1
        os.setxattr(file, "user.s3front", record)
        nobodys = file.with_name("put-of-nobody")
        nobodys.write_bytes(b"junk")
        os.setxattr(nobodys, "user.s3front", record)
    unplaced.undo()
    with running(root, durability="relaxed") as live:
        assert live.client.get("bucket", "a/key").body == b"content"
        assert (root / "bucket" / "a" / "key").read_bytes() == b"content"
        assert live.staged() == []


def test_an_overwrite_that_was_committed_but_not_moved_wins(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with running(root, durability="relaxed") as live:
        _start_over(live.client, "bucket")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(LocalStorage, "place", lambda *_: False)
            assert live.client.put("bucket", "a/key", b"newer").status == 200
            assert live.client.get("bucket", "a/key").body == b"newer"
            assert live.client.get("bucket", "a/key", if_none_match='"x"').body == b"newer"
    with running(root, durability="relaxed") as live:
        assert live.client.get("bucket", "a/key").body == b"newer"
        assert (root / "bucket" / "a" / "key").read_bytes() == b"newer"
        assert live.staged() == []


def test_an_upload_that_was_completed_but_not_moved_is_whole_after_a_start(
    tmp_path: Path, unplaced: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    parts = [b"a" * 5 * 1024**2, b"b"]
    with running(root, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        assert live.client.upload("bucket", "big", parts).status == 200
    unplaced.undo()
    with running(root, durability="relaxed") as live:
        assert (root / "bucket" / "big").read_bytes() == b"".join(parts)
        assert live.client.get("bucket", "big").body == b"".join(parts)


def test_staged_bytes_that_nobody_knows_are_dropped_and_uploads_kept(tmp_path: Path) -> None:
    root = tmp_path / "root"
    staged = root / ".s3front" / "staged"
    with running(root, durability="relaxed") as live:
        _start_over(live.client, "bucket")
        upload = live.client.start_upload("bucket", "big")
        etag = live.client.put_part("bucket", "big", upload, 1, b"part").headers["etag"]
    kept = sorted(path.name for path in staged.iterdir())
    (staged / "put-0123abcd-00000000000000000000000000000000").write_bytes(b"half a b")
    (staged / "upload-ffffffffffffffffffffffffffffffff").write_bytes(b"of no upload")
    with running(root, durability="relaxed") as live:
        assert live.staged() + live.staged(upload) == kept
        assert live.client.get("bucket", "a/key").body == b"old"
        assert live.client.complete("bucket", "big", upload, [(1, etag)]).status == 200
        assert live.client.get("bucket", "big").body == b"part"


def test_an_attempt_at_a_part_that_was_never_acknowledged_is_dropped(tmp_path: Path) -> None:
    root = tmp_path / "root"
    staged = root / ".s3front" / "staged"
    with running(root, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        upload = live.client.start_upload("bucket", "big")
        live.client.put_part("bucket", "big", upload, 1, b"first")
        # This one has a file of its own.
        etag = live.client.put_part("bucket", "big", upload, 1, b"second").headers["etag"]
    kept = sorted(path.name for path in staged.iterdir())
    assert len(kept) == 2
    (staged / f"part-{upload}-1-{'0' * 32}").write_bytes(b"thi")
    (staged / f"part-{upload}-2-{'0' * 32}").write_bytes(b"oth")
    with running(root, durability="relaxed") as live:
        assert live.staged(upload) == kept
        assert live.client.complete("bucket", "big", upload, [(1, etag)]).status == 200
        assert live.client.get("bucket", "big").body == b"second"
        assert live.staged() + live.staged(upload) == []


def test_a_bucket_that_was_deleted_stays_deleted_though_its_folder_is_still_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    with running(root, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        live.client.make_bucket("other")
        with monkeypatch.context() as patch:
            # As if the machine stopped between the commit and the removal of the folder.
            patch.setattr(LocalStorage, "drop_folder", _fails)
            assert live.client.request("DELETE", "/bucket").status == 204
            assert live.client.request("DELETE", "/other").status == 204
        assert (root / "bucket").is_dir()
        live.client.make_bucket("other")
    with running(root, durability="relaxed") as live:
        assert live.client.request("GET", "/").texts("Buckets/Bucket/Name") == ["other"]
        assert not (root / "bucket").exists()
        assert (root / "other").is_dir()


def test_a_removal_is_done_though_a_folder_has_taken_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    with running(root, durability="relaxed") as live:
        client = live.client
        client.make_bucket("bucket")
        client.put("bucket", "a", b"deleted")
        # As if the machine stopped before the row was forgotten.
        monkeypatch.setattr(LocalStorage, "force_removed", _fails)
        client.delete("bucket", "a")
        client.put("bucket", "a/b", b"below")
        assert (root / "bucket" / "a" / "b").read_bytes() == b"below"
    assert doomed(root) == ["bucket/a"]
    monkeypatch.undo()
    with running(root, durability="relaxed") as live:
        assert doomed(root) == []
        live.client.delete("bucket", "a/b")
        live.client.put("bucket", "a", b"again")
        assert (root / "bucket" / "a").read_bytes() == b"again"


def _fails(*_: object) -> None:
    raise Unavailable("no disk")


def test_all_is_there_after_a_start(tmp_path: Path) -> None:
    root = tmp_path / "root"
    keys = ["a/key", "..", "dir/", "plain", "x//y"]
    with running(root) as live:
        live.client.make_bucket("bucket")
        for key in keys:
            live.client.put("bucket", key, key.encode(), x_amz_tagging="t=1")
    with running(root) as live:
        assert live.client.keys("bucket") == sorted(keys)
        for key in keys:
            got = live.client.get("bucket", key)
            assert (got.body, got.headers["x-amz-tagging-count"]) == (key.encode(), "1")


def test_an_object_whose_bytes_were_changed_outside_is_never_served_as_it_was(
    tmp_path: Path,
) -> None:
    root = tmp_path / "root"
    with running(root, durability="relaxed", watch="false") as live:
        _start_over(live.client, "bucket")
        (root / "bucket" / "a" / "key").write_bytes(b"bad")
        answer = live.client.get("bucket", "a/key")
        assert (answer.status, answer.code) == (500, "InternalError")
        assert str(root) not in answer.body.decode()

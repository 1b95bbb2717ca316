"""A rebuilt catalog answers every request as before, but for what docs/backup.md says."""

import asyncio
import os
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.catalog.sqlite import copying, pages
from gateway.cli.main import main
from gateway.jobs.snapshots import SnapshotRules, snapshots, take
from tests.live.client import Client
from tests.live.server import Live, running
from tests.rebuild.mixture import (
    BUCKET,
    EMPTY,
    RESTATED,
    RETAGGED,
    Answers,
    Mixture,
    ask,
    differences,
    fill,
)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("S3FRONT_", "MINIO_")):
            monkeypatch.delenv(name)


def rebuild(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["rebuild", str(root), *arguments])


def rebuilt(root: Path, *arguments: str) -> str:
    result = rebuild(root, *arguments)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.stdout


def snapshot(live: Live) -> Path:
    rules = SnapshotRules(folder=live.root / ".s3front" / "snapshots", interval_s=1)
    work = take(live.services.catalog, rules)
    return asyncio.run_coroutine_threadsafe(work, live.loop).result(30)


def lose_catalog(root: Path) -> None:
    for file in (root / ".s3front").glob("catalog.db*"):
        file.unlink()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mixture, Answers]:
    """A data directory with a snapshot, what is in it, and what was answered."""
    root = tmp_path_factory.mktemp("filled") / "root"
    with running(root, durability="relaxed") as live:
        mixture = fill(live.client)
        answers = ask(live.client, mixture)
        snapshot(live)
    return root, mixture, answers


@pytest.fixture
def copy(filled: tuple[Path, Mixture, Answers], tmp_path: Path) -> tuple[Path, Mixture, Answers]:
    root, mixture, answers = filled
    # cp keeps extended attributes and the nanoseconds of modification times, as backups must.
    copied = tmp_path / "root"
    shutil.copytree(root, copied, copy_function=shutil.copy2)
    return copied, mixture, answers


def answers_now(root: Path, mixture: Mixture) -> Answers:
    with running(root, durability="relaxed") as live:
        return ask(live.client, mixture)


def test_without_a_rebuild_nothing_differs(copy: tuple[Path, Mixture, Answers]) -> None:
    root, mixture, before = copy
    assert len(before) > 500
    assert differences(before, answers_now(root, mixture)) == set()


def test_a_whole_catalog_loses_nothing(copy: tuple[Path, Mixture, Answers]) -> None:
    root, mixture, before = copy
    text = rebuilt(root)
    assert f"{len(mixture.keys) - 1 + 1} objects" in text
    assert (
        "0 found on the storage), 0 missing" in text or "0 found on the storage); 0 missing" in text
    )
    assert differences(before, answers_now(root, mixture)) == set()


def test_a_lost_catalog_is_made_of_a_snapshot_and_loses_nothing(
    copy: tuple[Path, Mixture, Answers],
) -> None:
    root, mixture, before = copy
    lose_catalog(root)
    assert "catalog-2" in rebuilt(root)
    assert differences(before, answers_now(root, mixture)) == set()


def test_without_a_snapshot_only_what_the_docs_say_is_lost(
    copy: tuple[Path, Mixture, Answers],
) -> None:
    """The table "What a rebuild can lose", column "without a snapshot"."""
    root, mixture, before = copy
    lose_catalog(root)
    shutil.rmtree(root / ".s3front" / "snapshots")
    assert "of nothing" in rebuilt(root)
    assert pages.reserved(root / ".s3front" / "catalog.db") == pages.RESERVED_BYTES
    after = answers_now(root, mixture)
    changed = differences(before, after)
    permitted = {
        "buckets",  # when they were created
        "uploads", "parts", "complete again",  # uploads in progress, repeated completions
    }  # fmt: skip
    # Facts that were changed after the bytes were written.
    permitted |= {name for name in before if name.endswith((f" {RETAGGED}", f" {RESTATED}"))}
    for name in changed - permitted:
        assert name.startswith(f"list {BUCKET} ")
        assert _without_restated(after[name][2]) == _without_restated(before[name][2])
    for name, shown in (
        (f"tags {RETAGGED}", b"<Key>old</Key>"),
        ("uploads", b"<IsTruncated>false"),
    ):
        assert shown in after[name][2]
    assert dict(after[f"head {RESTATED}"][1])["x-amz-meta-m"] == "old"
    assert after["complete again"][0] == 404


def _without_restated(listing: bytes) -> bytes:
    """A listing but for when that object was last changed."""
    pattern = rf"(<Key>{RESTATED}</Key>.*?<LastModified>)[^<]*"
    return re.sub(pattern.encode(), rb"\1", listing, flags=re.DOTALL)


def test_what_happened_after_the_snapshot_is_found_on_the_storage(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with running(root, durability="relaxed") as live:
        client = live.client
        for bucket in ("kept", "dropped"):
            client.make_bucket(bucket)
        for key in ("same", "overwritten", "deleted", "x//overwritten", "x//deleted", "tagged"):
            client.put("kept", key, b"old", x_amz_meta_m="old", x_amz_tagging="t=old")
        upload = client.start_upload("kept", "completed")
        etag = client.put_part("kept", "completed", upload, 1, b"whole").headers["etag"]
        aborted = client.start_upload("kept", "aborted")
        client.put_part("kept", "aborted", aborted, 1, b"x")
        snapshot(live)
        for key in ("overwritten", "x//overwritten", "new", "x//new"):
            client.put("kept", key, b"newer", x_amz_meta_m="new", x_amz_tagging="t=new")
        for key in ("deleted", "x//deleted"):
            client.delete("kept", key)
        tagging = b"<Tagging><TagSet><Tag><Key>t</Key><Value>late</Value></Tag></TagSet></Tagging>"
        client.request("PUT", "/kept/tagged", "tagging", body=tagging)
        assert client.complete("kept", "completed", upload, [(1, etag)]).status == 200
        client.request("DELETE", "/kept/aborted", f"uploadId={aborted}")
        client.request("DELETE", "/dropped")
        client.make_bucket("made")
        client.put("made", "key", b"x")
        began = client.start_upload("kept", "begun")
        client.put_part("kept", "begun", began, 1, b"x")
        keys = client.keys("kept")
    lose_catalog(root)
    text = rebuilt(root)
    assert "1 buckets found; 1 buckets without a folder dropped; 0 open uploads, 2 dropped" in text
    with running(root, durability="relaxed") as live:
        client = live.client
        assert client.keys("kept") == keys
        assert client.keys("made") == ["key"]
        for key in ("overwritten", "x//overwritten", "new", "x//new"):
            got = client.get("kept", key)
            assert (got.body, got.headers["x-amz-meta-m"]) == (b"newer", "new")
        assert client.get("kept", "same").headers["x-amz-meta-m"] == "old"
        assert client.get("kept", "completed").body == b"whole"
        # The window: tags since the snapshot, uploads begun since.
        assert b"<Value>old</Value>" in client.get("kept", "tagged", "tagging").body
        assert client.request("GET", "/kept", "uploads").texts("Upload/Key") == []
        assert client.get("dropped", "x").code == "NoSuchBucket"
        assert live.staged() == []


def test_a_damaged_catalog_and_a_damaged_snapshot_are_passed_over(
    copy: tuple[Path, Mixture, Answers],
) -> None:
    root, mixture, before = copy
    state = root / ".s3front"
    good = snapshots(state / "snapshots")[0]
    newer = good.with_name("catalog-29990101T000000000000Z.db")
    newer.write_bytes(good.read_bytes()[:-4096])
    (state / "catalog.db").write_bytes(b"not a database at all" * 1000)
    result = rebuild(root)
    assert result.exit_code == 0, result.output
    assert f"Passed over {state / 'catalog.db'}: " in result.stderr
    assert f"Passed over {newer}: " in result.stderr
    assert good.name in result.stdout
    assert differences(before, answers_now(root, mixture)) == set()


def test_the_old_catalog_is_kept_whole(copy: tuple[Path, Mixture, Answers]) -> None:
    root, _, _ = copy
    rebuilt(root)
    assert pages.reserved(root / ".s3front" / "catalog.db") == pages.RESERVED_BYTES
    (kept,) = (root / ".s3front").glob("catalog.db.before-rebuild-*")
    assert copying.trouble(kept) is None
    assert not list((root / ".s3front").glob("*.rebuilding*"))


def test_a_served_directory_is_refused_and_untouched(tmp_path: Path) -> None:
    from tests.server.running import running as processes  # noqa: PLC0415

    root = tmp_path / "root"
    root.mkdir()
    with processes(root):
        before = sorted(path.name for path in (root / ".s3front").iterdir())
        result = rebuild(root)
        assert result.exit_code == 1
        assert "Another S3front (pid" in result.stderr
        assert sorted(path.name for path in (root / ".s3front").iterdir()) == before


def test_a_directory_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    result = rebuild(tmp_path / "nowhere")
    assert result.exit_code == 3
    assert f"there is no directory {tmp_path / 'nowhere'}" in result.stderr
    assert not (tmp_path / "nowhere").exists()


def test_a_storage_that_lost_most_of_its_bytes_is_not_believed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with running(root, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        for number in range(120):
            live.client.put("bucket", f"key-{number}", b"x")
    shutil.rmtree(root / "bucket")
    before = (root / ".s3front" / "catalog.db").read_bytes()
    result = rebuild(root)
    assert result.exit_code == 3
    assert "the bytes of 120 of 120 objects are not there. Nothing is changed." in result.stderr
    assert (root / ".s3front" / "catalog.db").read_bytes() == before
    assert "120 missing" in rebuilt(root, "--accept-missing")


def test_files_of_others_become_no_objects_of_another_name(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with running(root, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        live.client.put("bucket", "ours", b"ours")
        live.client.put("bucket", "rewritten", b"first")
    shutil.copy2(root / "bucket" / "ours", root / "bucket" / "copy")  # with its description
    (root / "bucket" / "theirs").write_bytes(b"theirs")
    (root / "bucket" / "rewritten").write_bytes(b"other")
    lose_catalog(root)
    assert "1 objects" in (text := rebuilt(root, "--from", "files"))
    assert "3 files of others" in text


def test_of_two_descriptions_of_one_key_the_later_is_the_object(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with running(root, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        live.client.put("bucket", "x//key", b"first")
    (first,) = (root / ".s3front" / "o").rglob("put-*")
    shutil.copytree(first.parent, tmp_path / "kept")
    with running(root, durability="relaxed") as live:
        live.client.put("bucket", "x//key", b"second")
    # As if not unlinked: it is come across before the later one and after it.
    for folder in ("00", "zz"):
        shutil.copytree(tmp_path / "kept", root / ".s3front" / "o" / folder, dirs_exist_ok=True)
    lose_catalog(root)
    assert "2 older versions passed over" in rebuilt(root)
    with running(root, durability="relaxed") as live:
        assert live.client.get("bucket", "x//key").body == b"second"


def test_sealed_bytes_that_were_not_placed_become_the_object(tmp_path: Path) -> None:
    from backends.local.storage import LocalStorage  # noqa: PLC0415

    root = tmp_path / "root"
    with running(root, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        live.client.put("bucket", "key", b"first")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(LocalStorage, "place", lambda *_: False)
            for key in ("key", "new", "x//shadow"):
                live.client.put("bucket", key, b"acknowledged")
            upload = live.client.start_upload("bucket", "multi")
            part = live.client.put_part("bucket", "multi", upload, 1, b"parts in place")
            snapshot(live)
            live.client.complete("bucket", "multi", upload, [(1, part.headers["etag"])])
    lose_catalog(root)
    assert "1 open uploads" not in rebuilt(root)
    with running(root, durability="relaxed") as live:
        for key in ("key", "new", "x//shadow"):
            assert live.client.get("bucket", key).body == b"acknowledged"
        assert live.client.get("bucket", "multi").body == b"parts in place"
        assert live.staged() == []
        assert live.client.delete("bucket", "new").status == 204


def test_what_was_deleted_but_not_unlinked_stays_deleted(tmp_path: Path) -> None:
    from backends.local.storage import LocalStorage  # noqa: PLC0415

    root = tmp_path / "root"
    with running(root, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        live.client.put("bucket", "key", b"deleted")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(LocalStorage, "remove", lambda *_, **__: False)
            live.client.delete("bucket", "key")
        snapshot(live)
    assert (root / "bucket" / "key").exists()
    lose_catalog(root)
    assert "Rebuilt" in (text := rebuilt(root))
    assert ": 0 objects (" in text
    with running(root, durability="relaxed") as live:
        assert live.client.get("bucket", "key").code == "NoSuchKey"
        assert not (root / "bucket" / "key").exists()


def test_where_files_have_no_attributes_they_are_described_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backends.local.probing._extended", lambda _: False)
    root, backup = tmp_path / "root", tmp_path / "backup"
    with running(root, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        for key in ("plain", "x//shadow"):
            live.client.put("bucket", key, key.encode(), x_amz_meta_m="1")
        live.client.upload("bucket", "multi", [b"part"], x_amz_meta_m="1")
    with pytest.raises(OSError, match="No data available"):
        os.getxattr(root / "bucket" / "plain", "user.s3front")
    assert CliRunner().invoke(main, ["backup", str(backup), str(root)]).exit_code == 0
    for copy in (root, backup):
        lose_catalog(copy)
        assert "3 found" in rebuilt(copy)
        with running(copy, durability="relaxed") as live:
            for key in ("plain", "x//shadow", "multi"):
                assert live.client.get("bucket", key).headers["x-amz-meta-m"] == "1"


def test_an_upload_of_the_snapshot_can_be_completed(
    copy: tuple[Path, Mixture, Answers],
) -> None:
    root, mixture, _ = copy
    lose_catalog(root)
    rebuilt(root)
    with running(root, durability="relaxed") as live:
        listed = live.client.get(BUCKET, "open", f"uploadId={mixture.open_upload}")
        etags = listed.texts("Part/ETag")
        parts = list(enumerate(etags, start=1))
        assert live.client.complete(BUCKET, "open", mixture.open_upload, parts).status == 200
        assert live.client.get(BUCKET, "open").body[-3:] == b"new"


def test_an_empty_bucket_is_still_there(copy: tuple[Path, Mixture, Answers]) -> None:
    root, _, _ = copy
    lose_catalog(root)
    rebuilt(root, "--from", "files")
    with running(root, durability="relaxed") as live:
        assert _names(live.client).count(EMPTY) == 1


def _names(client: Client) -> list[str]:
    return client.request("GET", "/").texts("Buckets/Bucket/Name")

"""What is gone, what only seems gone, and how much of it is believed."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.jobs.walking import walk
from gateway.observe.tally import Tally
from gateway.service.finding import Outcome
from tests.live.client import Client
from tests.live.server import Live, running
from tests.outside.waiting import until
from tests.unprivileged import unprivileged_home


def walked(live: Live, bucket: str, prefix: str = "") -> Outcome:
    async def work() -> Outcome:
        found = await live.services.catalog.bucket(bucket)
        return await walk(live.services, live.services.storages[found.storage], found, prefix)

    return asyncio.run_coroutine_threadsafe(work(), live.loop).result(60)


def filled(live: Live, count: int) -> Path:
    """A bucket with ``count`` files of others in two folders; nobody watches."""
    live.client.make_bucket("bucket")
    folder = live.root / "bucket"
    for number in range(count):
        path = folder / f"dir{number % 2}" / f"{number:04}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    assert walked(live, "bucket").adopted == count
    return folder


def test_a_walk_finds_whatever_happened(tmp_path: Path) -> None:
    with running(tmp_path, durability="relaxed") as live:
        folder = filled(live, 10)
        live.client.put("bucket", "ours", b"1", x_amz_meta_colour="blue")
        live.client.put("bucket", "dir0/../shadow", b"kept elsewhere")
        (folder / "dir0" / "0000").unlink()
        (folder / "dir0" / "0002").write_bytes(b"changed")
        (folder / "dir1" / "new").write_bytes(b"new")
        (folder / "ours").write_bytes(b"22")
        outcome = walked(live, "bucket")
        assert (outcome.adopted, outcome.changed, outcome.missing) == (1, 2, 1)
        assert not walked(live, "bucket").anything
        assert live.client.get("bucket", "ours").headers["x-amz-meta-colour"] == "blue"
        assert live.client.get("bucket", "dir0/../shadow").body == b"kept elsewhere"
        keys = live.client.keys("bucket")
        assert "dir0/0000" not in keys
        assert len(keys) == 12


def test_a_walk_of_a_part_leaves_the_rest(tmp_path: Path) -> None:
    with running(tmp_path, durability="relaxed") as live:
        folder = filled(live, 10)
        shutil.rmtree(folder)
        assert walked(live, "bucket", "dir1/").missing == 5
        assert live.client.keys("bucket") == [f"dir0/{n:04}" for n in range(0, 10, 2)]


def test_too_many_at_once_are_not_believed_and_none_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarms: list[str] = []
    monkeypatch.setattr(Tally, "disbelieved", lambda _: alarms.append("alarm"))
    with running(tmp_path, durability="relaxed", missing_limit=3, missing_share=0.2) as live:
        folder = filled(live, 20)
        folder.rename(tmp_path / "elsewhere")
        with capture_logs() as logs:
            assert not walked(live, "bucket").anything
        assert [log["event"] for log in logs] == [
            "so many files are gone that none is marked missing"
        ]
        assert len(alarms) == 1
        assert len(live.client.keys("bucket")) == 20
        # One by one they are believed up to the limit, and then no more.
        answers = [live.client.get("bucket", key) for key in live.client.keys("bucket")]
        assert [answer.status for answer in answers] == [404] * 4 + [503] * 16
        (tmp_path / "elsewhere").rename(folder)
        assert walked(live, "bucket").restored == 4
        assert len(live.client.keys("bucket")) == 20


def test_many_of_very_many_are_believed(tmp_path: Path) -> None:
    with running(tmp_path, durability="relaxed", missing_limit=3, missing_share=0.5) as live:
        folder = filled(live, 20)
        shutil.rmtree(folder / "dir1")
        assert walked(live, "bucket").missing == 10
        assert len(live.client.keys("bucket")) == 10


def test_without_the_storages_identity_nothing_is_believed(tmp_path: Path) -> None:
    with running(tmp_path, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        live.client.put("bucket", "key", b"content")
        (tmp_path / "bucket" / "key").unlink()
        identity = tmp_path / ".s3front" / "storage-id"
        content = identity.read_text()
        identity.unlink()
        assert live.client.get("bucket", "key").status == 503
        assert not walked(live, "bucket").anything
        assert live.client.keys("bucket") == ["key"]
        identity.write_text(content)
        assert live.client.get("bucket", "key").status == 404


def test_a_file_of_ours_from_before_the_start_is_no_new_object(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    root = tmp_path / "root"
    with running(root, durability="relaxed", jobs=True) as live:
        live.client.make_bucket("bucket")
        live.client.put("bucket", "key", b"content", x_amz_meta_colour="blue")
        os.link(root / "bucket" / "key", kept)
        live.client.delete("bucket", "key")
        # As if a power cut had undone the removal.
    os.link(kept, root / "bucket" / "key")
    with running(root, durability="relaxed", jobs=True) as live:
        (root / "bucket" / "mark").write_bytes(b"x")
        until(lambda: live.client.keys("bucket") == ["mark"])
        assert live.client.get("bucket", "key").status == 404
        # Somebody who brings it back means it.
        (root / "bucket" / "key").rename(tmp_path / "moved")
        (tmp_path / "moved").rename(root / "bucket" / "key")
        until(lambda: live.client.keys("bucket") == ["key", "mark"])
        assert live.client.get("bucket", "key").body == b"content"


def test_a_folder_that_was_away_over_a_restart_comes_back_with_its_metadata(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with running(root, durability="relaxed", jobs=True) as live:
        live.client.make_bucket("bucket")
        live.client.put("bucket", "dir/key", b"content", x_amz_meta_colour="blue")
        (root / "bucket" / "dir").rename(tmp_path / "away")
        until(lambda: live.client.keys("bucket") == [])
    with running(root, durability="relaxed", jobs=True) as live:
        (tmp_path / "away").rename(root / "bucket" / "dir")  # which touches the folder alone
        until(lambda: live.client.keys("bucket") == ["dir/key"])
        assert live.client.get("bucket", "dir/key").headers["x-amz-meta-colour"] == "blue"


def test_what_is_kept_ends_when_a_client_decides(client: Client, bucket: str, folder: Path) -> None:
    client.put(bucket, "key", b"content", x_amz_meta_colour="blue")
    (folder / "key").unlink()
    until(lambda: client.keys(bucket) == [])
    assert client.put(bucket, "key", b"new", if_none_match="*").status == 200
    assert "x-amz-meta-colour" not in client.get(bucket, "key").headers
    (folder / "key").unlink()
    until(lambda: client.keys(bucket) == [])
    client.delete(bucket, "key")
    (folder / "key").write_bytes(b"theirs")
    until(lambda: client.keys(bucket) == ["key"])
    assert client.get(bucket, "key").body == b"theirs"


def test_what_went_while_nobody_was_there_is_found_at_the_start(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with running(root, durability="relaxed", jobs=True) as live:
        live.client.make_bucket("bucket")
        for key in ("gone", "stays"):
            live.client.put("bucket", key, b"content")
    (root / "bucket" / "gone").unlink()
    (root / "bucket" / "new").write_bytes(b"new")
    (root / "another").mkdir()
    with running(root, durability="relaxed", jobs=True) as live:
        until(lambda: live.client.keys("bucket") == ["new", "stays"])
        until(lambda: live.client.request("HEAD", "/another").status == 200)


@pytest.mark.parametrize("name", ["Upper-Case", "x", "192.168.0.1", ".hidden"])
def test_a_folder_whose_name_no_bucket_can_have_is_told_once(
    live: Live, client: Client, name: str
) -> None:
    with capture_logs() as logs:
        (live.root / name).mkdir()
        (live.root / name / "key").write_bytes(b"x")
        until(lambda: any(log.get("name") == name for log in logs))
    assert client.get(name, "key").status in {400, 404}


@pytest.fixture
def unprivileged(client: Client, bucket: str) -> Iterator[Path]:
    client.get(bucket, "none")  # imports what that user may not be able to
    with unprivileged_home() as home:
        yield home


def test_what_is_closed_to_us_is_neither_gone_nor_in_the_way_of_the_rest(
    unprivileged: Path,
) -> None:
    with running(unprivileged, durability="relaxed", jobs=True) as live:
        client = live.client
        client.make_bucket("bucket")
        for key in ("closed/key", "open/key"):
            client.put("bucket", key, b"content", x_amz_meta_colour="blue")
        folder = unprivileged / "bucket"
        (folder / "closed").chmod(0)
        (folder / "secret").touch(mode=0)
        (folder / "open" / "key").unlink()
        (folder / "new").write_bytes(b"new")
        until(lambda: client.keys("bucket") == ["closed/key", "new"])
        assert client.get("bucket", "secret").status == 404
        assert client.get("bucket", "closed/key").status == 500
        (folder / "open" / "other").write_bytes(b"other")
        outcome = walked(live, "bucket")
        assert (outcome.adopted, outcome.missing) in {(1, 0), (0, 0)}  # or an event was faster
        assert client.keys("bucket") == ["closed/key", "new", "open/other"]
        (folder / "closed").chmod(0o700)
        assert client.get("bucket", "closed/key").headers["x-amz-meta-colour"] == "blue"
        walked(live, "bucket")
        assert client.keys("bucket") == ["closed/key", "new", "open/other"]

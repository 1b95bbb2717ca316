"""Files that others drop, rewrite, move and remove, as S3 shows them."""

import hashlib
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.observe.tally import Tally
from tests.live.client import Client
from tests.live.server import Live, running
from tests.outside.waiting import until


def etag_of(client: Client, bucket: str, key: str) -> str:
    return client.request("HEAD", f"/{bucket}/{key}").headers.get("etag", "").strip('"')


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def test_a_dropped_file_is_listed_and_served(client: Client, bucket: str, folder: Path) -> None:
    (folder / "photos").mkdir()
    (folder / "photos" / "cat.jpg").write_bytes(b"meow")
    until(lambda: client.keys(bucket) == ["photos/cat.jpg"])
    answer = client.get(bucket, "photos/cat.jpg")
    assert (answer.status, answer.body) == (200, b"meow")
    assert answer.headers["content-type"] == "image/jpeg"
    until(lambda: etag_of(client, bucket, "photos/cat.jpg") == md5(b"meow"))


def test_a_dropped_file_is_served_before_anybody_told_of_it(tmp_path: Path) -> None:
    with running(tmp_path / "root", durability="relaxed") as deaf:  # nobody watches
        deaf.client.make_bucket("bucket")
        (deaf.root / "bucket" / "key.txt").write_bytes(b"new")
        answer = deaf.client.get("bucket", "key.txt")
        assert (answer.status, answer.body) == (200, b"new")
        assert answer.headers["etag"].endswith('-0"')
        assert deaf.client.request("HEAD", "/bucket/key.txt").status == 200
        assert deaf.client.keys("bucket") == ["key.txt"]


def test_what_others_do_is_counted(
    client: Client, bucket: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: Counter[str] = Counter()
    monkeypatch.setattr(
        Tally, "changed_outside", lambda _, what, count: counted.update({what: count})
    )
    (folder / "key").write_bytes(b"content")
    until(lambda: counted["new"] == 1)
    (folder / "key").unlink()
    until(lambda: counted["missing"] == 1)
    assert client.keys(bucket) == []


def test_a_removed_file_is_gone_and_comes_back_as_it_was(
    client: Client, bucket: str, folder: Path, tmp_path: Path
) -> None:
    client.put(bucket, "key", b"content", x_amz_meta_colour="blue", x_amz_tagging="a=b")
    before = client.request("HEAD", f"/{bucket}/key").headers
    (folder / "key").rename(tmp_path / "elsewhere")
    until(lambda: client.keys(bucket) == [])
    assert client.get(bucket, "key").code == "NoSuchKey"
    (tmp_path / "elsewhere").rename(folder / "key")
    until(lambda: client.keys(bucket) == ["key"])
    after = client.get(bucket, "key")
    assert after.body == b"content"
    for name in ("etag", "x-amz-meta-colour", "x-amz-tagging-count", "last-modified"):
        assert after.headers.get(name) == before.get(name)


def test_a_rewritten_file_keeps_what_was_said_of_it(
    client: Client, bucket: str, folder: Path
) -> None:
    client.put(bucket, "key", b"content", x_amz_meta_colour="blue", content_type="text/x-mine")
    with (folder / "key").open("r+b") as file:
        file.write(b"CONT")
    until(lambda: etag_of(client, bucket, "key") == md5(b"CONTent"))
    answer = client.get(bucket, "key", x_amz_checksum_mode="ENABLED")
    assert answer.body == b"CONTent"
    assert answer.headers["x-amz-meta-colour"] == "blue"
    assert answer.headers["content-type"] == "text/x-mine"
    assert not [name for name in answer.headers if name.startswith("x-amz-checksum-")]


def test_a_touched_file_keeps_etag_and_checksum(client: Client, bucket: str, folder: Path) -> None:
    client.put(bucket, "key", b"content")
    before = client.get(bucket, "key", x_amz_checksum_mode="ENABLED").headers
    os.utime(folder / "key", (1_000_000_000, 1_000_000_000))
    until(
        lambda: (
            client.request("HEAD", f"/{bucket}/key").headers["last-modified"]
            == "Sun, 09 Sep 2001 01:46:40 GMT"
        )
    )
    until(lambda: etag_of(client, bucket, "key") == md5(b"content"))
    after = client.get(bucket, "key", x_amz_checksum_mode="ENABLED").headers
    assert after["x-amz-checksum-crc64nvme"] == before["x-amz-checksum-crc64nvme"]


def test_a_file_is_taken_when_its_writer_is_done(client: Client, bucket: str, folder: Path) -> None:
    with (folder / "slow").open("wb") as file:
        file.write(b"half")
        file.flush()
        (folder / "other").write_bytes(b"whole")
        until(lambda: client.keys(bucket) == ["other"])
        assert client.get(bucket, "slow").code == "NoSuchKey"
        assert client.keys(bucket) == ["other"]
        file.write(b" and half")
    until(lambda: client.keys(bucket) == ["other", "slow"])
    assert client.get(bucket, "slow").body == b"half and half"


def test_a_tree_moved_in_and_out(client: Client, bucket: str, folder: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    names = [f"a/b{number % 7}/c{number}.txt" for number in range(300)]
    for name in names:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(name.encode())
    tree.rename(folder / "tree")
    until(lambda: len(client.keys(bucket)) == 300)
    assert client.get(bucket, "tree/a/b3/c3.txt").body == b"a/b3/c3.txt"
    (folder / "tree" / "a").rename(folder / "z")
    until(lambda: client.keys(bucket) == sorted(f"z/{name[2:]}" for name in names))
    (folder / "z" / "b0" / "late.txt").write_bytes(b"late")
    until(lambda: "z/b0/late.txt" in client.keys(bucket))
    (folder / "z").rename(tmp_path / "out")
    until(lambda: client.keys(bucket) == [])


def test_a_renamed_file_takes_its_metadata_along(client: Client, bucket: str, folder: Path) -> None:
    client.put(bucket, "old", b"content", x_amz_meta_colour="blue")
    etag = etag_of(client, bucket, "old")
    (folder / "old").rename(folder / "new")
    until(lambda: client.keys(bucket) == ["new"])
    answer = client.get(bucket, "new")
    assert (answer.body, answer.headers["x-amz-meta-colour"]) == (b"content", "blue")
    assert answer.headers["etag"] == f'"{etag}"'


def test_a_hard_link_is_a_file_like_others(
    client: Client, bucket: str, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "source").write_bytes(b"linked")
    os.link(tmp_path / "source", folder / "link")
    until(lambda: client.keys(bucket) == ["link"])
    assert client.get(bucket, "link").body == b"linked"


def test_our_own_changes_are_none_from_outside(client: Client, bucket: str, folder: Path) -> None:
    with capture_logs() as logs:
        for number in range(30):
            client.put(bucket, f"dir/{number}", b"1")
            client.put(bucket, f"dir/{number}", b"22")
            if number % 2:
                client.delete(bucket, f"dir/{number}")
        (folder / "mark").write_bytes(b"x")  # events come in order: when this is seen, so are ours
        until(lambda: any(log.get("bucket") == bucket and log.get("new") for log in logs))
    told = [log for log in logs if log.get("bucket") == bucket]
    assert [(log["new"], log["changed"], log["missing"]) for log in told] == [(1, 0, 0)]
    assert client.keys(bucket) == sorted(["mark", *(f"dir/{n}" for n in range(0, 30, 2))])


def test_a_new_folder_is_a_bucket(live: Live, client: Client) -> None:
    (live.root / "from-outside").mkdir()
    (live.root / "from-outside" / "key").write_bytes(b"x")
    until(lambda: client.request("HEAD", "/from-outside").status == 200)
    until(lambda: client.keys("from-outside") == ["key"])


def test_a_condition_sees_a_file_that_was_just_dropped(
    client: Client, bucket: str, folder: Path
) -> None:
    (folder / "key").write_bytes(b"theirs")
    assert client.put(bucket, "key", b"ours", if_none_match="*").status == 412
    assert (folder / "key").read_bytes() == b"theirs"


def test_a_bucket_with_a_file_that_was_just_dropped_is_not_empty(tmp_path: Path) -> None:
    with running(tmp_path, durability="relaxed") as deaf:
        deaf.client.make_bucket("bucket")
        (tmp_path / "bucket" / "key").write_bytes(b"theirs")
        answer = deaf.client.request("DELETE", "/bucket")
        assert (answer.status, answer.code) == (409, "BucketNotEmpty")
        assert deaf.client.delete("bucket", "key").status == 204
        assert deaf.client.request("DELETE", "/bucket").status == 204
        assert not (tmp_path / "bucket").exists()


def test_a_file_brought_from_another_server_has_its_metadata(tmp_path: Path) -> None:
    with running(tmp_path / "one", durability="relaxed") as one:
        one.client.make_bucket("bucket")
        one.client.put("bucket", "key", b"content", x_amz_meta_colour="blue")
    with running(tmp_path / "two", durability="relaxed") as two:
        two.client.make_bucket("other")
        shutil.copy2(tmp_path / "one" / "bucket" / "key", tmp_path / "two" / "other" / "copy")
        answer = two.client.get("other", "copy")
        assert (answer.body, answer.headers["x-amz-meta-colour"]) == (b"content", "blue")
        assert answer.headers["etag"] == f'"{md5(b"content")}"'

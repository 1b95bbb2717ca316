"""What is no file, where an object's file is or would be: never followed, opened, blocked on or lost."""

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.client import Client
from tests.live.server import Live
from tests.outside.waiting import until


def make_link(path: Path, secret: Path) -> None:
    path.symlink_to(secret)


def make_dangling_link(path: Path, _secret: Path) -> None:
    path.symlink_to("nowhere")


def make_link_to_folder(path: Path, secret: Path) -> None:
    path.symlink_to(secret.parent)


def make_pipe(path: Path, _secret: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path, _secret: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def make_folder(path: Path, _secret: Path) -> None:
    path.mkdir()
    (path / "inner").mkdir()


def make_device(path: Path, _secret: Path) -> None:
    try:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3))
    except OSError as error:
        if error.errno in {errno.EPERM, errno.EACCES}:
            pytest.skip("devices cannot be made here (needs root)")
        raise


KINDS = [
    make_link, make_dangling_link, make_link_to_folder, make_pipe, make_socket, make_folder,
    make_device,
]  # fmt: skip
Make = Callable[[Path, Path], None]


class Standing:
    """Makes a thing of one kind, in the way of something."""

    def __init__(self, make: Make, secret: Path) -> None:
        self._make = make
        self.secret = secret

    def at(self, path: Path) -> None:
        self._make(path, self.secret)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__.removeprefix("make_"))
def thing(request: pytest.FixtureRequest, tmp_path: Path) -> Standing:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    return Standing(request.param, secret)


@pytest.fixture
def apart(tmp_path: Path) -> Path:
    """Where files are moved to: on the same file system, in no bucket."""
    path = tmp_path / "apart"
    path.mkdir()
    return path


def test_it_never_becomes_an_object(
    client: Client, bucket: str, folder: Path, thing: Standing
) -> None:
    thing.at(folder / "thing")
    (folder / "file").write_bytes(b"x")
    until(lambda: "file" in client.keys(bucket))
    answer = client.get(bucket, "thing")
    assert (answer.status, answer.code) == (404, "NoSuchKey")
    assert client.get(bucket, "thing/secret").status == 404
    assert client.keys(bucket) == ["file"]


def test_in_place_of_an_object_it_hides_it_until_the_file_is_back(
    client: Client, bucket: str, folder: Path, thing: Standing, apart: Path
) -> None:
    client.put(bucket, "key", b"content", x_amz_meta_colour="blue")
    (folder / "key").rename(apart / "kept")
    thing.at(folder / "key")
    until(lambda: client.get(bucket, "key").status == 404)
    assert client.keys(bucket) == []
    (folder / "key").rename(apart / "thing")
    (apart / "kept").rename(folder / "key")
    until(lambda: client.keys(bucket) == ["key"])
    answer = client.get(bucket, "key")
    assert (answer.body, answer.headers["x-amz-meta-colour"]) == (b"content", "blue")


def test_a_put_over_it_is_stored_elsewhere_and_leaves_it(
    client: Client, bucket: str, folder: Path, thing: Standing
) -> None:
    thing.at(folder / "key")
    before = os.lstat(folder / "key")
    assert client.put(bucket, "key", b"ours").status == 200
    assert client.get(bucket, "key").body == b"ours"
    after = os.lstat(folder / "key")
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert thing.secret.read_bytes() == b"secret"
    assert client.delete(bucket, "key").status == 204
    assert os.lstat(folder / "key").st_ino == before.st_ino
    assert client.get(bucket, "key").status == 404


def test_a_put_over_it_before_anybody_saw_it_is_whole(
    client: Client, bucket: str, folder: Path, thing: Standing, apart: Path
) -> None:
    client.put(bucket, "key", b"first")
    (folder / "key").rename(apart / "kept")
    thing.at(folder / "key")
    assert client.put(bucket, "key", b"second").status == 200
    assert client.get(bucket, "key").body == b"second"
    (folder / "mark").write_bytes(b"x")
    until(lambda: "mark" in client.keys(bucket))
    assert client.get(bucket, "key").body == b"second"
    (folder / "key").rename(apart / "thing")
    # Whether it had been given another name or waits for its own, it is there, once.
    until(lambda: client.keys(bucket) == ["key", "mark"])
    assert client.get(bucket, "key").body == b"second"


def test_a_link_into_another_bucket_lends_nothing(
    client: Client, bucket: str, folder: Path
) -> None:
    client.put(bucket, "real/deep/key", b"content")
    (folder / "linked").symlink_to("real")
    (folder / "file").write_bytes(b"x")
    until(lambda: "file" in client.keys(bucket))
    assert client.get(bucket, "linked/deep/key").status == 404
    assert client.keys(bucket) == ["file", "real/deep/key"]
    assert client.put(bucket, "linked/deep/key", b"ours").status == 200
    assert client.get(bucket, "real/deep/key").body == b"content"
    assert client.get(bucket, "linked/deep/key").body == b"ours"


def test_a_bucket_that_is_a_link_is_none(live: Live, client: Client, tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "key").write_bytes(b"secret")
    (live.root / "linked-bucket").symlink_to(tmp_path / "target")
    (live.root / "after-the-link").mkdir()
    until(lambda: client.request("HEAD", "/after-the-link").status == 200)
    assert client.get("linked-bucket", "key").code == "NoSuchBucket"


def test_a_bucket_whose_folder_became_a_link_leads_nowhere(
    live: Live, client: Client, bucket: str, folder: Path, tmp_path: Path
) -> None:
    client.put(bucket, "key", b"content", x_amz_meta_colour="blue")
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "key").write_bytes(b"secret")
    (tmp_path / "target" / "other").write_bytes(b"secret")
    folder.rename(tmp_path / "kept")
    folder.symlink_to(tmp_path / "target")
    until(lambda: client.get(bucket, "key").status == 404)
    assert client.get(bucket, "other").status == 404
    assert client.put(bucket, "new", b"ours").status == 200
    assert client.get(bucket, "new").body == b"ours"
    assert sorted(path.name for path in (tmp_path / "target").iterdir()) == ["key", "other"]
    folder.unlink()
    (tmp_path / "kept").rename(folder)
    until(lambda: client.keys(bucket) == ["key", "new"])
    assert client.get(bucket, "key").headers["x-amz-meta-colour"] == "blue"
    assert live.root.joinpath(bucket, "key").read_bytes() == b"content"


def test_names_that_are_no_text_and_names_that_are_no_keys_of_files_are_left_alone(
    client: Client, bucket: str, folder: Path
) -> None:
    os.close(os.open(os.fsencode(folder) + b"/\xff\xfe", os.O_CREAT | os.O_WRONLY))
    (folder / "line\nend").write_bytes(b"x")
    (folder / "file").write_bytes(b"x")
    until(lambda: "file" in client.keys(bucket))
    assert client.keys(bucket) == ["file"]

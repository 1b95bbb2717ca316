"""The directory's file system unmounted and mounted again, another mounted over it: for real."""

import contextlib
import errno
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.client import ACCESS_KEY, SECRET_KEY, Client
from tests.live.server import running
from tests.outside.waiting import until
from tests.server.running import running as processes


def mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


def unmount(path: Path) -> None:
    subprocess.run(["umount", "--lazy", str(path)], capture_output=True, check=False)


@pytest.fixture(params=["tmpfs", "ext4"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """An empty mount point; ``mount_again`` brings the same file system there."""
    point = tmp_path / "disk"
    point.mkdir()
    kept = tmp_path / "kept"
    kept.mkdir()
    if request.param == "ext4":
        image = tmp_path / "image"
        with image.open("wb") as file:
            file.truncate(32 * 2**20)
        made = subprocess.run(
            ["mkfs.ext4", "-q", "-F", str(image)], capture_output=True, text=True, check=False
        )
        if made.returncode:
            pytest.skip(f"no ext4 can be made here: {made.stderr.strip()}")
        mount("-o", "loop", str(image), str(kept))
    else:
        mount("-t", "tmpfs", "-o", "size=32m", "tmpfs", str(kept))
    try:
        mount("--bind", str(kept), str(point))
        yield point
    finally:
        for path in (point, point, kept):
            if os.path.ismount(path):
                unmount(path)


def mount_again(disk: Path) -> None:
    mount("--bind", str(disk.parent / "kept"), str(disk))


def statuses(client: Client) -> set[int]:
    """Of one request of each kind to the bucket."""
    answers = [
        client.get("bucket", "key"),
        client.get("bucket", "none"),
        client.request("HEAD", "/bucket/key"),
        client.request("HEAD", "/bucket/none"),
        client.request("GET", "/bucket", "list-type=2"),
        client.put("bucket", "new", b"x"),
        client.delete("bucket", "key"),
        client.request("POST", "/bucket/new", "uploads"),
        client.request("PUT", "/bucket/copy", headers={"x-amz-copy-source": "/bucket/key"}),
        client.request("HEAD", "/bucket"),
    ]
    return {answer.status for answer in answers}


def test_unmounted_everything_is_503_and_mounted_again_all_is_there(disk: Path) -> None:
    with running(disk, durability="relaxed", jobs=True) as live:
        client = live.client
        client.make_bucket("bucket")
        client.put("bucket", "key", b"content", x_amz_meta_colour="blue")
        unmount(disk)
        assert not os.path.ismount(disk)
        assert statuses(client) == {503}
        assert client.request("PUT", "/other-bucket").status == 503
        assert list(disk.iterdir()) == [], "nothing is written into the empty mount point"
        mount_again(disk)
        answer = client.get("bucket", "key")
        assert (answer.body, answer.headers["x-amz-meta-colour"]) == (b"content", "blue")
        assert client.keys("bucket") == ["key"]
        assert client.put("bucket", "new", b"x").status == 200
        assert (disk / "bucket" / "new").read_bytes() == b"x"
        (disk / "bucket" / "dropped").write_bytes(b"y")
        until(lambda: client.keys("bucket") == ["dropped", "key", "new"])


def test_files_changed_while_it_was_unmounted_are_found(disk: Path) -> None:
    with running(disk, durability="relaxed", jobs=True) as live:
        client = live.client
        client.make_bucket("bucket")
        for key in ("gone", "stays"):
            client.put("bucket", key, b"content")
        unmount(disk)
        kept = disk.parent / "kept" / "bucket"
        (kept / "gone").unlink()
        (kept / "new").write_bytes(b"new")
        assert statuses(client) == {503}
        mount_again(disk)
        until(lambda: client.keys("bucket") == ["new", "stays"])


def test_another_file_system_mounted_over_it_is_not_taken_for_it(
    disk: Path,
) -> None:
    with running(disk, durability="relaxed", jobs=True) as live:
        client = live.client
        client.make_bucket("bucket")
        client.put("bucket", "key", b"content")
        mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk))
        with contextlib.suppress(FileExistsError):
            (disk / "bucket").mkdir()
        (disk / "bucket" / "intruder").write_bytes(b"x")
        assert statuses(client) == {503}
        assert client.get("bucket", "intruder").status == 503
        assert not (disk / ".s3front").exists()
        unmount(disk)
        assert client.get("bucket", "key").body == b"content"
        assert client.get("bucket", "intruder").status == 404


def test_a_busy_disk_cannot_be_unmounted_unnoticed(disk: Path) -> None:
    """Without --lazy the kernel refuses while we hold the directory: that is what holding it is for."""
    with running(disk, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        done = subprocess.run(["umount", str(disk)], capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "busy" in done.stderr or os.strerror(errno.EBUSY) in done.stderr
        assert live.client.put("bucket", "key", b"x").status == 200


def test_a_worker_that_dies_meanwhile_does_not_begin_anew_in_the_mount_point(disk: Path) -> None:
    keys = {"S3FRONT_ROOT_ACCESS_KEY": ACCESS_KEY, "S3FRONT_ROOT_SECRET_KEY": SECRET_KEY}
    factory = "gateway.server.build:build"
    with processes(disk, variables=keys, factory=factory, durability="relaxed") as server:
        client = Client(port=int(server.endpoint.rpartition(":")[2]))
        client.make_bucket("bucket")
        client.put("bucket", "key", b"content")
        unmount(disk)
        (worker,) = server.workers()
        os.kill(worker, signal.SIGKILL)
        until(lambda: "worker cannot be started" in server.log)
        assert list(disk.iterdir()) == []
        mount_again(disk)
        until(lambda: bool(server.workers()))
        until(lambda: answered(client) == b"content")


def answered(client: Client) -> bytes:
    try:
        return client.get("bucket", "key").body
    except OSError:
        return b""

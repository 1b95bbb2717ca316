"""What a WebDAV server serves is emptied, replaced or unmounted under an indexed bucket, and comes back: the
catalog keeps what it knows, whoever asks is told S3's error, and then all is as it was."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import product
from pathlib import Path

import pytest

from tests.backends.webdav.servers import SERVERS
from tests.linearizable.workers import Workers
from tests.live.client import Client
from tests.server.running import until
from tests.upstreams.fronting import fronting, webdav_settings_of

KEYS = [f"dir {number % 3}/key {number}" for number in range(12)]
DISBELIEVED = "objects are gone, but the storage is not known to be the one it was"
UNFOLLOWED = "the storage cannot be followed"

Gone = Callable[[Path], AbstractContextManager[None]]


@contextmanager
def emptied(root: Path) -> Iterator[None]:
    """A disk was unplugged: its mount point is an empty folder."""
    away = root.with_name("away")
    root.rename(away)
    root.mkdir()
    root.chmod(0o777)
    try:
        yield
    finally:
        assert list(root.iterdir()) == [], "nothing is written into the empty mount point"
        root.rmdir()
        away.rename(root)


@contextmanager
def without_a_folder(root: Path) -> Iterator[None]:
    away = root.with_name("away")
    root.rename(away)
    try:
        yield
    finally:
        away.rename(root)


@contextmanager
def covered(root: Path) -> Iterator[None]:
    """Another file system is mounted over it."""
    words = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=777", "tmpfs", str(root)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield
        assert list(root.iterdir()) == [], "nothing is written to another file system"
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True)
        assert not os.path.ismount(root)


GONE: dict[str, Gone] = {
    "emptied": emptied,
    "without a folder": without_a_folder,
    "covered": covered,
}


def is_as_it_was(client: Client) -> None:
    for number, key in enumerate(KEYS):
        answer = client.get("bucket", key)
        assert answer.status == 200, (key, answer)
        assert answer.body == key.encode() * 100
        assert answer.headers["x-amz-meta-number"] == str(number)


def told(server: Workers) -> int:
    """How often the log says that what is there is not believed, or cannot be looked at."""
    return server.log.count(DISBELIEVED) + server.log.count(UNFOLLOWED)


def nothing_is_served(client: Client) -> None:
    for key in KEYS:
        answer = client.get("bucket", key)
        assert (answer.status, answer.code) == (503, "ServiceUnavailable"), (key, answer)
    assert client.put("bucket", "new", b"new").status == 503
    assert client.put("bucket", KEYS[0], b"new").status == 503
    assert client.keys("bucket") == ["deleted", *sorted(KEYS)]


SHORTLY = [("emptied", "nginx"), ("covered", "apache")]
FOR_LONG = [pair for pair in product(GONE, ("apache", "nginx")) if pair not in SHORTLY]


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("how", "name"),
    [*SHORTLY, *(pytest.param(*pair, marks=pytest.mark.soak) for pair in FOR_LONG)],
)
def test_nothing_is_lost_with_a_root_that_comes_back(tmp_path: Path, how: str, name: str) -> None:
    with (
        SERVERS[name]() as upstream,
        fronting(
            tmp_path, webdav_settings_of(upstream), poll_seconds=1, missing_share=1.0
        ) as server,
    ):
        client = server.client
        client.make_bucket("bucket")
        for number, key in enumerate(KEYS):
            client.put("bucket", key, key.encode() * 100, x_amz_meta_number=str(number))
        client.put("bucket", "deleted", b"x")
        before = told(server)
        with GONE[how](upstream.root):
            until(lambda: told(server) > before, seconds=60)
            nothing_is_served(client)
            assert client.delete("bucket", "deleted").status == 204
        is_as_it_was(client)
        (upstream.root / "s3/bucket/theirs").write_bytes(b"theirs")
        # It is found by a poll, which has seen all the others as well, also what came back with them.
        until(lambda: "theirs" in client.keys("bucket"), seconds=60)
        assert client.keys("bucket") == sorted([*KEYS, "theirs"])
        assert client.get("bucket", "deleted").status == 404
        is_as_it_was(client)
        assert client.put("bucket", "new", b"new").status == 200
        assert client.get("bucket", "new").body == b"new"

"""Files that others rewrite while clients read and write them."""

import contextlib
import hashlib
import http.client
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from backends.local import inotify
from backends.local.inotify import Inotify
from tests.live.client import Client
from tests.live.server import running
from tests.outside.waiting import until

MIB = 2**20
LARGE = 64 * MIB
"""More than the buffers of a connection take."""


@contextlib.contextmanager
def begun_get(client: Client, path: str) -> Iterator[http.client.HTTPResponse]:
    """An answer of which nothing but the head has been read."""
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=30)
    headers = client.headers("GET", path, payload_hash=hashlib.sha256(b"").hexdigest())
    connection.request("GET", path, headers=headers)
    try:
        yield connection.getresponse()
    finally:
        connection.close()


def rewrite_in_place(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - 1)
        file.write(b"!")


def shorten(path: Path) -> None:
    os.truncate(path, 1000)


def lengthen(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


@pytest.mark.parametrize("change", [rewrite_in_place, shorten, lengthen])
@pytest.mark.parametrize("whose", ["ours", "theirs"])
def test_a_file_that_changes_while_it_is_read_never_looks_whole(
    client: Client, bucket: str, folder: Path, change: object, whose: str
) -> None:
    assert callable(change)
    if whose == "ours":
        assert client.put(bucket, "large", bytes(LARGE)).status == 200
    else:
        (folder / "large").write_bytes(bytes(LARGE))
    with begun_get(client, f"/{bucket}/large") as answer:
        assert answer.status == 200
        assert answer.read(MIB) == bytes(MIB)
        change(folder / "large")
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            answer.read()
    until(lambda: client.get(bucket, "large").status == 200)
    again = client.get(bucket, "large")
    data = (folder / "large").read_bytes()
    assert again.body == data
    until(
        lambda: (
            client.get(bucket, "large", range="bytes=0-0").headers["etag"]
            == f'"{hashlib.md5(data).hexdigest()}"'
        )
    )


def test_a_file_that_is_being_rewritten_is_503_and_then_the_new_one(
    client: Client, bucket: str, folder: Path
) -> None:
    client.put(bucket, "key", b"content", x_amz_meta_colour="blue")
    with (folder / "key").open("r+b") as file:
        file.write(b"half")
        file.flush()
        assert client.get(bucket, "key").status == 503
        file.write(b" done")
    answer = client.get(bucket, "key")
    assert (answer.body, answer.headers["x-amz-meta-colour"]) == (b"half done", "blue")


def test_writers_outside_and_inside_leave_one_whole_object(
    client: Client, bucket: str, folder: Path, tmp_path: Path
) -> None:
    """Renames from outside against puts and deletes: whatever is read is one of what was written,
    under its own ETag or a provisional one."""
    bodies = [bytes([65 + number]) * (1000 + number) for number in range(8)]
    allowed = {hashlib.md5(body).hexdigest(): body for body in bodies}
    ended = threading.Event()
    wrong: list[object] = []

    def outside() -> None:
        number = 0
        while not ended.is_set():
            (tmp_path / "next").write_bytes(bodies[number % 4])
            (tmp_path / "next").rename(folder / "key")
            number += 1

    def inside() -> None:
        number = 0
        while not ended.is_set():
            if number % 5 == 4:
                answer = client.delete(bucket, "key")
            else:
                answer = client.put(bucket, "key", bodies[4 + number % 4])
            if answer.status not in {200, 204}:
                wrong.append(answer)
            number += 1

    threads = [threading.Thread(target=work) for work in (outside, inside)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(150):
            answer = client.get(bucket, "key")
            if answer.status in {404, 503}:
                continue
            etag = answer.headers["etag"].strip('"')
            if answer.body not in bodies or (
                not etag.endswith("-0") and allowed.get(etag) != answer.body
            ):
                wrong.append(answer)
    finally:
        ended.set()
        for thread in threads:
            thread.join(30)
    assert not wrong
    (folder / "last").write_bytes(b"x")
    until(lambda: "last" in client.keys(bucket))
    final = client.get(bucket, "key")
    assert (final.status == 404) == ("key" not in client.keys(bucket))


def test_where_nothing_can_be_watched_walks_find_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_self: Inotify, _directory: int) -> int:
        raise OSError(28, "no space")

    monkeypatch.setattr(Inotify, "watch", none)
    with (
        capture_logs() as logs,
        running(tmp_path, durability="relaxed", jobs=True, walk_seconds=1) as live,
    ):
        live.client.make_bucket("bucket")
        live.client.put("bucket", "ours", b"x")
        (tmp_path / "bucket" / "theirs").write_bytes(b"y")
        until(lambda: live.client.keys("bucket") == ["ours", "theirs"])
        (tmp_path / "bucket" / "ours").unlink()
        until(lambda: live.client.keys("bucket") == ["theirs"])
    told = [log["fix"] for log in logs if "not every folder" in log["event"]]
    assert told
    assert "fs.inotify.max_user_watches" in told[0]


def test_when_events_are_lost_a_walk_finds_what_they_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, deaf = Inotify.read, threading.Event()

    def losing(self: Inotify) -> Iterator[inotify.Event]:
        events = list(read(self))
        if events and deaf.is_set():
            return iter([inotify.Event(-1, inotify.OVERFLOW, b"")])
        return iter(events)

    with running(tmp_path, durability="relaxed", jobs=True) as live:
        live.client.make_bucket("bucket")
        (tmp_path / "bucket" / "first").write_bytes(b"x")
        until(lambda: live.client.keys("bucket") == ["first"])
        deaf.set()
        monkeypatch.setattr(Inotify, "read", losing)
        (tmp_path / "bucket" / "deep" / "er").mkdir(parents=True)
        (tmp_path / "bucket" / "deep" / "er" / "key").write_bytes(b"x")
        (tmp_path / "bucket" / "first").unlink()
        until(lambda: live.client.keys("bucket") == ["deep/er/key"])

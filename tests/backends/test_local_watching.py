"""Watching a directory: links, pipes, writers, moved trees, lost events, used-up watches."""

import asyncio
import errno
import fcntl
import os
import socket
from pathlib import Path

import pytest

from backends.errors import Unavailable
from backends.interface import Change, Nature, What
from backends.local import inotify, sighting, watching
from backends.local.inotify import Event, Inotify
from backends.local.storage import LocalStorage
from tests.backends.making import sealed
from tests.backends.test_watching_behaviour import EVERYTHING, Told
from tests.backends.test_watching_behaviour import watching as watched


async def test_what_is_no_file_is_not_looked_through(local: LocalStorage, root: Path) -> None:
    (root / "b").mkdir()
    (root / "secret").write_bytes(b"secret")
    (root / "b" / "link").symlink_to(root / "secret")
    (root / "b" / "to-folder").symlink_to(root)
    os.mkfifo(root / "b" / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "b" / "socket"))
    for name in ("link", "to-folder", "pipe", "socket"):
        assert local.glance(f"b/{name}").nature is Nature.OTHER, name
        assert local.examine(f"b/{name}").nature is Nature.OTHER, name
    assert local.glance("b/to-folder/secret").nature is Nature.NOTHING
    assert local.examine("b/to-folder/secret").nature is Nature.NOTHING


async def test_a_file_with_a_writer_is_busy_until_the_last_has_closed(
    local: LocalStorage, root: Path
) -> None:
    (root / "b").mkdir()
    with (root / "b" / "k").open("wb") as one:
        with (root / "b" / "k").open("ab") as two:
            two.write(b"x")
            assert local.examine("b/k", closed=True).nature is Nature.BUSY
        assert local.examine("b/k", closed=True).nature is Nature.BUSY
        assert one.fileno()
    assert local.examine("b/k").nature is Nature.BYTES


async def test_without_the_right_to_a_lease_age_tells(
    local: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise OSError(errno.EACCES, "not yours")

    monkeypatch.setattr(fcntl, "fcntl", refused)
    (root / "b").mkdir()
    (root / "b" / "k").write_bytes(b"x")
    assert local.examine("b/k").nature is Nature.BUSY
    assert local.examine("b/k", closed=True).nature is Nature.BYTES
    monkeypatch.setattr(sighting, "_SETTLED_NS", 0)
    assert local.examine("b/k").nature is Nature.BYTES


async def test_looking_at_a_file_does_not_disturb_its_next_writer(
    local: LocalStorage, root: Path
) -> None:
    (root / "b").mkdir()
    (root / "b" / "k").write_bytes(b"x")
    for _ in range(200):
        assert local.examine("b/k").nature is Nature.BYTES
        number = os.open(root / "b" / "k", os.O_WRONLY | os.O_NONBLOCK)
        os.close(number)


async def test_a_moved_tree_is_told_under_its_new_name_only(
    local: LocalStorage, root: Path, tmp_path: Path
) -> None:
    (root / "b" / "old" / "deep").mkdir(parents=True)
    async with watched(local) as told:
        (root / "b" / "old").rename(root / "b" / "new")
        await told.until("b/old", "b/new")
        told.changes.clear()
        (root / "b" / "new" / "deep" / "k").write_bytes(b"x")
        assert await told.until("b/new/deep/k") == {"b/new/deep/k"}
        (root / "b" / "new").rename(tmp_path / "out")
        await told.until("b/new")
        told.changes.clear()
        (tmp_path / "out" / "deep" / "k").write_bytes(b"y")
        (root / "b" / "mark").write_bytes(b"x")
        assert await told.until("b/mark") == {"b/mark"}


async def test_lost_events_mean_looking_at_everything(
    local: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "b").mkdir()
    read = Inotify.read
    lose = [True]

    def losing(self: Inotify) -> list[Event]:
        events = list(read(self))
        if events and lose:
            lose.clear()
            return [Event(-1, inotify.OVERFLOW, b"")]
        return events

    async with watched(local) as told:
        monkeypatch.setattr(Inotify, "read", losing)
        (root / "b" / "deep").mkdir()
        await told.until("")
        assert told.changes == [EVERYTHING]
        told.changes.clear()
        (root / "b" / "deep" / "k").write_bytes(b"x")
        await told.until("b/deep/k")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE])
async def test_used_up_watches_are_told_and_everything_is_looked_at(
    local: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    (root / "b" / "c").mkdir(parents=True)
    watch = Inotify.watch
    left = [1]

    def limited(self: Inotify, directory: int) -> int:
        if not left:
            raise OSError(number, os.strerror(number))
        left.clear()
        return watch(self, directory)

    monkeypatch.setattr(Inotify, "watch", limited)
    told = Told(aiter(local.changes()))
    await told.until("")
    assert told.changes == [Change(what=What.BLIND, path=""), EVERYTHING]


async def test_no_inotify_at_all_is_told(
    local: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> None:
        raise OSError(errno.EMFILE, "too many instances")

    monkeypatch.setattr(watching, "Inotify", none)
    told = Told(aiter(local.changes()))
    await told.until("")
    assert told.changes == [Change(what=What.BLIND, path=""), EVERYTHING]


async def test_watching_ends_with_its_descriptor(local: LocalStorage) -> None:
    def instances() -> int:
        links = Path("/proc/self/fd").iterdir()
        return sum("inotify" in str(link.readlink()) for link in links if link.is_symlink())

    before = instances()
    async with watched(local):
        assert instances() == before + 1
    assert instances() == before


async def test_a_waiting_watcher_can_be_cancelled(local: LocalStorage) -> None:
    batches = local.changes()
    assert await anext(batches) == [EVERYTHING]
    waiting: asyncio.Task[object] = asyncio.create_task(anext(batches))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()


async def test_another_directory_under_the_roots_name_is_not_used(
    local: LocalStorage, root: Path
) -> None:
    root.rename(root.parent / "elsewhere")
    root.mkdir()
    for verb in (
        local.check,
        local.certain,
        lambda: local.glance("b/k"),
        lambda: local.examine("b/k"),
        lambda: local.prepare("b/k"),
        lambda: local.remove("b/k", only_if=None),
    ):
        with pytest.raises(Unavailable, match="not the directory that was opened"):
            verb()
    # What is on its way goes where it was bound for.
    await sealed(local, "put-1", b"data")
    assert local.place("put-1", "b/k")
    assert [entry.name for entry in root.iterdir()] == []
    root.rmdir()
    (root.parent / "elsewhere").rename(root)
    local.check()
    assert (root / "b" / "k").read_bytes() == b"data"


async def test_without_its_identity_absence_is_not_certain(local: LocalStorage, root: Path) -> None:
    identity = root / ".s3front" / "storage-id"
    content = identity.read_text()
    identity.write_text("another")
    assert not await asyncio.to_thread(local.certain)
    identity.unlink()
    assert not await asyncio.to_thread(local.certain)
    identity.write_text(content)
    assert await asyncio.to_thread(local.certain)

"""Which fsyncs are made, in which thread, and what a failing one means."""

import asyncio
import contextlib
import errno
import os
import stat
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from backends.errors import Unavailable
from backends.local.storage import LocalStorage
from tests.backends.making import body, drained, paths, sealed

Sync = Callable[[int], None]


class Syncs:
    """Records every fsync and fdatasync, and may make them fail."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.threads: set[int] = set()
        self.at_once: Counter[str] = Counter()
        self.most_at_once: Counter[str] = Counter()
        self.fails_at = 0
        """Which fsync of a file, counted from 1, fails alone."""
        self.made: Counter[str] = Counter()
        self.failing: set[str] = set()
        self.descriptors: list[tuple[str, int]] = []
        self._lock = threading.Lock()
        self.gate: threading.Event | None = None
        self.entered = threading.Event()
        patch.setattr(os, "fsync", self._recording("fsync", os.fsync))
        patch.setattr(os, "fdatasync", self._recording("fdatasync", os.fdatasync))

    def _recording(self, name: str, real: Sync) -> Sync:
        def sync(file: int) -> None:
            kind = "folder" if stat.S_ISDIR(os.fstat(file).st_mode) else "file"
            call = f"{name} {kind}"
            self.threads.add(threading.get_ident())
            self.made[call] += 1
            if call == "fsync file" and self.made[call] == self.fails_at:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            self.descriptors.append((call, file))
            if kind == "folder" and self.gate is not None:
                self.entered.set()
                assert self.gate.wait(20)
            if call in self.failing:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            with self._counted(call):
                real(file)

        return sync

    @contextlib.contextmanager
    def _counted(self, call: str) -> Iterator[None]:
        with self._lock:
            self.at_once[call] += 1
            self.most_at_once[call] = max(self.most_at_once[call], self.at_once[call])
        yield
        with self._lock:
            self.at_once[call] -= 1


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> Syncs:
    return Syncs(monkeypatch)


@pytest.fixture
async def relaxed(tmp_path: Path) -> AsyncIterator[LocalStorage]:
    storage = LocalStorage(root=tmp_path / "relaxed", durable=False)
    await storage.open()
    yield storage
    await storage.aclose()


async def _use(storage: LocalStorage) -> None:
    await sealed(storage, "put-1", b"small")
    await sealed(storage, "put-2", bytes(300_000), b"x" * 9000)
    part = storage.stage("part")
    await part.write(b"x")
    await part.keep()
    assert storage.place("put-1", "b/k")
    await storage.write("b/l", body(b"x"), size=1)
    await storage.delete("b/l")
    await paths(storage)


async def test_no_fsync_on_the_loops_thread(local: LocalStorage, syncs: Syncs) -> None:
    await _use(local)
    assert syncs.made
    assert threading.get_ident() not in syncs.threads


async def test_relaxed_makes_no_fsync(relaxed: LocalStorage, syncs: Syncs) -> None:
    await _use(relaxed)
    assert not syncs.made


async def test_opening_makes_no_fsync_on_the_loops_thread(root: Path, syncs: Syncs) -> None:
    storage = LocalStorage(root=root)
    await storage.open()
    await storage.aclose()
    assert threading.get_ident() not in syncs.threads


async def test_a_seal_forces_file_attributes_and_name(local: LocalStorage, syncs: Syncs) -> None:
    await sealed(local, "put-1", b"data")
    assert syncs.made == {"fsync file": 1, "fsync folder": 1}


async def test_a_kept_part_forces_data_and_name(local: LocalStorage, syncs: Syncs) -> None:
    part = local.stage("part")
    await part.write(b"data")
    await part.keep()
    assert syncs.made == {"fdatasync file": 1, "fsync folder": 1}


async def test_a_plain_write_forces_every_folder_of_its_path(
    local: LocalStorage, syncs: Syncs
) -> None:
    await local.write("b/deep/k", body(b"x"), size=1)
    assert syncs.made == {"fsync file": 1, "fsync folder": 1 + 3}


async def test_concurrent_seals_share_the_fsync_of_their_folder(
    local: LocalStorage, syncs: Syncs
) -> None:
    syncs.gate = threading.Event()
    first = asyncio.create_task(sealed(local, "put-first", b"x"))
    assert await asyncio.to_thread(syncs.entered.wait, 20)
    others = [asyncio.create_task(sealed(local, f"put-{n}", b"x")) for n in range(20)]
    while syncs.made["fsync file"] < 21:
        await asyncio.sleep(0.001)
    assert syncs.made["fsync folder"] == 1, "none is begun while one is running"
    assert not any(task.done() for task in others), "they asked after it had begun"
    syncs.gate.set()
    await asyncio.gather(first, *others)
    assert syncs.made["fsync folder"] == 2


async def test_many_seals_wait_for_the_disk_in_four_threads(
    local: LocalStorage, syncs: Syncs
) -> None:
    await asyncio.gather(*(sealed(local, f"put-{n}", b"x") for n in range(150)))
    assert syncs.made["fsync file"] == 150
    assert syncs.most_at_once["fsync file"] <= 4


async def test_one_failed_fsync_of_many_fails_its_own_seal_alone(
    local: LocalStorage, syncs: Syncs
) -> None:
    syncs.fails_at = 7
    seals = (sealed(local, f"put-{n}", b"x") for n in range(20))
    outcomes = await asyncio.gather(*seals, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(Unavailable) == 1
    assert syncs.made["fsync file"] == 20
    assert len(local.staged_names()) == 19


@pytest.mark.parametrize("failing", ["fsync file", "fsync folder"])
async def test_a_failed_fsync_fails_the_seal_and_is_not_tried_again(
    local: LocalStorage, syncs: Syncs, failing: str
) -> None:
    syncs.failing = {failing}
    with pytest.raises(Unavailable):
        await sealed(local, "put-1", b"data")
    assert syncs.made[failing] == 1
    assert local.staged_names() == []
    syncs.failing = set()
    fingerprint = await sealed(local, "put-2", b"data")
    assert await drained(await local.staged("put-2", only_if=fingerprint)) == b"data"


@pytest.mark.parametrize("failing", ["fdatasync file", "fsync folder"])
async def test_a_failed_fsync_fails_the_part(
    local: LocalStorage, syncs: Syncs, failing: str
) -> None:
    syncs.failing = {failing}
    part = local.stage("part")
    await part.write(b"data")
    with pytest.raises(Unavailable):
        await part.keep()
    assert local.staged_names() == []


async def test_all_who_share_a_failed_fsync_fail(local: LocalStorage, syncs: Syncs) -> None:
    syncs.failing = {"fsync folder"}
    outcomes = await asyncio.gather(
        *(sealed(local, f"put-{n}", b"x") for n in range(10)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 10
    assert local.staged_names() == []


async def test_a_failed_fsync_of_a_plain_write_is_told(local: LocalStorage, syncs: Syncs) -> None:
    await local.write("b/k", body(b"old"), size=3)
    syncs.failing = {"fsync file"}
    with pytest.raises(Unavailable):
        await local.write("b/k", body(b"new"), size=3)
    assert await drained(await local.read("b/k")) == b"old"
    assert local.staged_names() == []


async def test_a_sidecar_is_forced_to_the_medium(local: LocalStorage, syncs: Syncs) -> None:
    await sealed(local, "put-1", b"data", b"x" * 60_000)
    assert syncs.made["fsync file"] == 2
    assert syncs.made["fsync folder"] == 3


async def test_removals_are_forced_in_all_folders_that_led_to_them(
    local: LocalStorage, root: Path, syncs: Syncs
) -> None:
    for path in ("b/d/e/k", "b/d/l", "c/m"):
        await local.write(path, body(b"x"), size=1)
        assert local.remove(path, only_if=None)
    assert [path.name for path in root.iterdir() if path.name in {"b", "c"}] != []
    syncs.made.clear()
    await asyncio.to_thread(local.force_removed, ["b/d/e/k", "b/d/l", "c/m", "gone"])
    assert syncs.made == {"fsync folder": 3}, "b, c and the root: what was between is gone"


async def test_a_removal_that_cannot_be_forced_is_told(local: LocalStorage, syncs: Syncs) -> None:
    await local.write("b/k", body(b"x"), size=1)
    assert local.remove("b/k", only_if=None)
    syncs.failing.add("fsync folder")
    with pytest.raises(Unavailable):
        await asyncio.to_thread(local.force_removed, ["b/k"])


async def test_relaxed_forces_no_removal(relaxed: LocalStorage, syncs: Syncs) -> None:
    relaxed.force_removed(["b/k"])
    assert not syncs.made

"""Copies of the catalog that can be trusted, made while others write."""

import asyncio
import contextlib
import stat
import threading
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import apsw
import pytest
from structlog.testing import capture_logs

from gateway.catalog.errors import CatalogUnavailable
from gateway.catalog.sqlite import SqliteCatalog, copying, pages
from gateway.jobs.snapshots import SnapshotRules, run, snapshots, take
from tests.catalog.shelf import Shelf
from tests.catalog.versions import new_bucket, new_version
from tests.live.server import Live, running

T = TypeVar("T")


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[SqliteCatalog]:
    catalog = SqliteCatalog(tmp_path / "catalog.db", placings={"disk": Shelf()}, durable=False)
    await catalog.open()
    yield catalog
    await catalog.aclose()


@pytest.fixture
def rules(tmp_path: Path) -> SnapshotRules:
    return SnapshotRules(folder=tmp_path / "snapshots", interval_s=3600.0)


def in_loop(live: Live, work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(work, live.loop).result(30)


async def there(folder: Path) -> list[Path]:
    return await asyncio.to_thread(snapshots, folder)


async def trouble(path: Path) -> str | None:
    return await asyncio.to_thread(copying.trouble, path)


def bucket_names(file: Path) -> list[str]:
    with contextlib.closing(apsw.Connection(str(file))) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM buckets ORDER BY name")]


async def test_a_snapshot_is_one_whole_private_file(
    catalog: SqliteCatalog, rules: SnapshotRules
) -> None:
    bucket = await new_bucket(catalog)
    path = await take(catalog, rules)
    assert [entry.name for entry in rules.folder.iterdir()] == [path.name]
    assert await trouble(path) is None
    assert bucket_names(path) == [bucket.name]
    reserved = await asyncio.to_thread(pages.reserved, path)
    assert reserved == pages.RESERVED_BYTES  # pages keep their checksums
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(rules.folder.stat().st_mode) == 0o700
    assert path.read_bytes()[18:20] == b"\x01\x01"  # no WAL belongs to it


async def test_the_last_two_are_kept_and_what_a_kill_left_is_cleared(
    catalog: SqliteCatalog, rules: SnapshotRules
) -> None:
    taken = [await take(catalog, rules)]
    (rules.folder / "catalog-20200101T000000000000Z.db.part").write_bytes(b"half")
    (rules.folder / "note.txt").write_text("not ours")
    taken += [await take(catalog, rules) for _ in range(3)]
    assert await there(rules.folder) == taken[:1:-1]
    names = {entry.name for entry in rules.folder.iterdir()}
    assert names == {taken[2].name, taken[3].name, "note.txt"}


async def test_one_is_taken_in_each_interval_in_which_something_changed(
    catalog: SqliteCatalog, tmp_path: Path
) -> None:
    rules = SnapshotRules(folder=tmp_path / "snapshots", interval_s=0.01, keep=100)
    job = asyncio.create_task(run(catalog, rules))

    async def taken(count: int) -> None:
        async with asyncio.timeout(20):
            while len(await there(rules.folder)) < count:
                await asyncio.sleep(0.005)

    await taken(1)
    await asyncio.sleep(0.2)  # twenty intervals without a change
    assert len(await there(rules.folder)) == 1
    bucket = await new_bucket(catalog)
    await taken(2)
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)
    assert bucket_names((await there(rules.folder))[0]) == [bucket.name]


async def test_a_young_snapshot_is_enough_after_a_start(
    catalog: SqliteCatalog, rules: SnapshotRules, monkeypatch: pytest.MonkeyPatch
) -> None:
    await take(catalog, rules)
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        raise asyncio.CancelledError

    monkeypatch.setattr("gateway.jobs.snapshots.asyncio.sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await run(catalog, rules)
    assert 3000 < waits[0] <= 3600


async def test_a_failure_is_logged_and_tried_again(
    catalog: SqliteCatalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = SnapshotRules(folder=tmp_path / "snapshots", interval_s=0.01)
    failing = True

    async def snapshot(file: str) -> None:
        if failing:
            raise CatalogUnavailable("no space")
        await SqliteCatalog.snapshot(catalog, file)

    monkeypatch.setattr(catalog, "snapshot", snapshot)
    with capture_logs() as logs:
        job = asyncio.create_task(run(catalog, rules))
        async with asyncio.timeout(20):
            while not logs:
                await asyncio.sleep(0.005)
            failing = False
            while not await there(rules.folder):
                await asyncio.sleep(0.005)
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)
    assert (logs[0]["log_level"], logs[0]["cause"]) == ("warning", "no space")


async def test_a_snapshot_is_of_one_moment_however_much_is_written_meanwhile(
    catalog: SqliteCatalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = await new_bucket(catalog)
    shelf = catalog._placings["disk"]
    assert isinstance(shelf, Shelf)
    for number in range(50):
        await catalog.publish(bucket, new_version(bucket, f"old-{number:03}", shelf=shelf))
    monkeypatch.setattr(copying, "_STEP_PAGES", 1)
    steps, written = threading.Semaphore(0), threading.Semaphore(0)

    def step(_done: int, _whole: int) -> None:
        steps.release()
        assert written.acquire(timeout=20)

    copy = asyncio.create_task(
        asyncio.to_thread(
            copying.copy_online,
            tmp_path / "catalog.db",
            tmp_path / "copy.db",
            progress=step,
            paced=False,
        )
    )
    between = 0
    while not copy.done():
        if steps.acquire(blocking=False):  # a write between any two steps
            await catalog.publish(bucket, new_version(bucket, f"new-{between:03}", shelf=shelf))
            between += 1
            written.release()
        await asyncio.sleep(0)
    await copy
    assert between > 5
    assert await trouble(tmp_path / "copy.db") is None
    with contextlib.closing(apsw.Connection(str(tmp_path / "copy.db"))) as connection:
        keys = [key.decode() for (key,) in connection.execute("SELECT key FROM objects")]
    assert sorted(keys) == [f"old-{number:03}" for number in range(50)]


async def test_one_that_is_cancelled_leaves_nothing(
    catalog: SqliteCatalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await new_bucket(catalog)
    begun, go_on = threading.Event(), threading.Event()

    def sleep(_: float) -> None:
        begun.set()
        go_on.wait(20)

    monkeypatch.setattr(copying, "_STEP_PAGES", 1)
    monkeypatch.setattr("gateway.catalog.sqlite.copying.time.sleep", sleep)
    copy = asyncio.create_task(catalog.snapshot(str(tmp_path / "copy.db")))
    await asyncio.to_thread(begun.wait, 20)
    copy.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await copy
    assert not list(tmp_path.glob("copy.db*"))


async def test_nothing_is_overwritten_and_a_catalog_that_is_not_there_is_not_made(
    catalog: SqliteCatalog, tmp_path: Path
) -> None:
    (tmp_path / "there").write_text("mine")
    with pytest.raises(FileExistsError):
        await catalog.snapshot(str(tmp_path / "there"))
    assert (tmp_path / "there").read_text() == "mine"
    with pytest.raises(CatalogUnavailable, match="there is no catalog"):
        await asyncio.to_thread(copying.copy_online, tmp_path / "gone.db", tmp_path / "copy.db")
    assert not (tmp_path / "gone.db").exists()
    assert not (tmp_path / "copy.db").exists()


async def test_trouble_is_found_wherever_it_is(
    catalog: SqliteCatalog, rules: SnapshotRules
) -> None:
    bucket = await new_bucket(catalog)
    shelf = catalog._placings["disk"]
    assert isinstance(shelf, Shelf)
    for number in range(100):
        await catalog.publish(bucket, new_version(bucket, f"key-{number}", shelf=shelf))
    path = await take(catalog, rules)
    whole = path.read_bytes()
    at = whole.index(b"key-57")
    flipped = whole[:at] + b"k\x65z" + whole[at + 3 :]
    assert await trouble(rules.folder / "gone.db") == "it is not there"
    for damaged in (
        whole[: len(whole) // 2],
        b"",
        b"x" * 8192,
        whole[:4096] + b"\x00" * 4096,
        flipped,
    ):
        path.write_bytes(damaged)
        assert await trouble(path) is not None
    path.write_bytes(whole)
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        connection.execute("UPDATE meta SET value = 9999 WHERE name = 'schema'")
    assert "its schema is 9999" in str(await trouble(path))


def test_a_server_takes_one_on_its_storage(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with running(root, jobs=True, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        deadline = threading.Event()
        folder = root / ".s3front" / "snapshots"
        for _ in range(400):
            if snapshots(folder):
                break
            deadline.wait(0.05)
        assert copying.trouble(snapshots(folder)[0]) is None


def test_with_an_interval_of_0_there_are_none(tmp_path: Path) -> None:
    with running(tmp_path / "root", durability="relaxed", snapshot_seconds="0") as live:
        rules = live.application._snapshot_rules
        assert rules.interval_s == 0
        in_loop(live, asyncio.wait_for(run(live.services.catalog, rules), 20))
    assert not (tmp_path / "root" / ".s3front" / "snapshots").exists()

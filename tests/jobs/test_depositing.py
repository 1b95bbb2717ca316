"""Snapshots that are kept, sealed, on a storage behind a network."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from backends.interface import Limits
from backends.remote_memory import AS_S3
from gateway.catalog.sqlite import SqliteCatalog, copying
from gateway.jobs.depositing import FOLDER, Deposits
from gateway.jobs.snapshots import SnapshotRules, run, snapshots, take
from tests.backends.making import body, bytes_at, paths
from tests.catalog.shelf import Shelf
from tests.catalog.versions import new_bucket
from tests.remote.failing_storage import FailingStorage, Fault


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[SqliteCatalog]:
    catalog = SqliteCatalog(tmp_path / "catalog.db", placings={"disk": Shelf()}, durable=False)
    await catalog.open()
    yield catalog
    await catalog.aclose()


@pytest.fixture
async def storage() -> AsyncIterator[FailingStorage]:
    storage = FailingStorage(AS_S3, Limits())
    await storage.open()
    yield storage
    await storage.aclose()


@pytest.fixture
def rules(tmp_path: Path) -> SnapshotRules:
    return SnapshotRules(folder=tmp_path / "snapshots", interval_s=3600.0, keep=100)


async def test_a_snapshot_is_kept_sealed_and_comes_back_as_it_was(
    catalog: SqliteCatalog, storage: FailingStorage, rules: SnapshotRules, tmp_path: Path
) -> None:
    bucket = await new_bucket(catalog)
    snapshot = await take(catalog, rules)
    assert await Deposits(storage, "secret").keep(catalog, snapshot)
    [path] = await paths(storage, FOLDER)
    kept = await bytes_at(storage, path)
    assert bucket.name.encode() in snapshot.read_bytes()
    assert bucket.name.encode() not in kept
    assert b"SQLite" not in kept
    other = tmp_path / "other" / "snapshots"
    other.parent.mkdir()
    assert await Deposits(storage, "secret").fetch(other) == []
    [fetched] = await asyncio.to_thread(snapshots, other)
    assert (fetched.name, fetched.read_bytes()) == (snapshot.name, snapshot.read_bytes())
    assert fetched.stat().st_mode & 0o777 == 0o600
    assert await asyncio.to_thread(copying.trouble, fetched) is None
    assert [entry.name for entry in other.iterdir()] == [fetched.name]


async def test_what_is_there_is_not_written_again_unless_it_cannot_be_opened(
    catalog: SqliteCatalog, storage: FailingStorage, rules: SnapshotRules
) -> None:
    snapshot = await take(catalog, rules)
    deposits = Deposits(storage, "secret")
    assert await deposits.keep(catalog, snapshot)
    assert not await deposits.keep(catalog, snapshot)
    assert not await Deposits(storage, "secret").keep(catalog, snapshot)
    assert storage.made.count("write") == 1
    assert await Deposits(storage, "another secret").keep(catalog, snapshot)
    assert not await Deposits(storage, "another secret").keep(catalog, snapshot)


async def test_the_last_two_of_a_catalog_are_kept_and_those_of_another_one(
    catalog: SqliteCatalog, storage: FailingStorage, rules: SnapshotRules
) -> None:
    lost = f"{FOLDER}catalog-20200101T000000000000Z.0123abcd.sealed"
    stray = f"{FOLDER}somebody's"
    for path in (lost, stray):
        await storage.write(path, body(b"x"), size=1)
    deposits = Deposits(storage, "secret")
    taken = [await take(catalog, rules) for _ in range(4)]
    for snapshot in taken:
        await deposits.keep(catalog, snapshot)
    there = await deposits.all()
    assert [one.snapshot for one in there[:2]] == [taken[3].name, taken[2].name]
    assert [one.path for one in there[2:]] == [lost]
    assert stray in await paths(storage, FOLDER)
    assert there[0].line == there[1].line != "0123abcd"


async def test_what_cannot_be_opened_is_passed_over(
    catalog: SqliteCatalog, storage: FailingStorage, rules: SnapshotRules, tmp_path: Path
) -> None:
    snapshot = await take(catalog, rules)
    deposits = Deposits(storage, "secret")
    await deposits.keep(catalog, snapshot)
    newer = {
        "catalog-29990101T000000000000Z.0123abcd.sealed": b"no sealed file",
        "catalog-29990101T000000000001Z.0123abcd.sealed": (
            (await bytes_at(storage, (await deposits.all())[0].path))[:-1]
        ),
    }
    for name, data in newer.items():
        await storage.write(FOLDER + name, body(data), size=len(data))
    passed_over = await deposits.fetch(tmp_path / "other")
    assert [one.split(":")[0] for one in passed_over] == sorted(
        (FOLDER + n for n in newer), reverse=True
    )
    [fetched] = list((tmp_path / "other").iterdir())
    assert fetched.read_bytes() == snapshot.read_bytes()
    assert len(await Deposits(storage, "wrong").fetch(tmp_path / "third")) == 3
    assert not list((tmp_path / "third").iterdir())


async def test_what_is_here_is_not_fetched(
    catalog: SqliteCatalog, storage: FailingStorage, rules: SnapshotRules
) -> None:
    deposits = Deposits(storage, "secret")
    await deposits.keep(catalog, await take(catalog, rules))
    storage.made.clear()
    assert await deposits.fetch(rules.folder) == []
    assert "read" not in storage.made


async def test_a_failure_is_logged_and_tried_again(
    catalog: SqliteCatalog, storage: FailingStorage, tmp_path: Path
) -> None:
    rules = SnapshotRules(folder=tmp_path / "snapshots", interval_s=0.01)
    await storage.arm(Fault.UNAVAILABLE, 1, verb="write")
    deposits = Deposits(storage, "secret")
    with capture_logs() as logs:
        job = asyncio.create_task(run(catalog, rules, deposits))
        async with asyncio.timeout(20):
            while not await deposits.all():
                await asyncio.sleep(0.005)
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)
    [failure] = [one for one in logs if one["log_level"] == "warning"]
    assert failure["event"] == "no snapshot of the catalog could be deposited"
    newest = (await asyncio.to_thread(snapshots, rules.folder))[0]
    assert (await deposits.all())[0].snapshot <= newest.name

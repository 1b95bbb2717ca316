"""The thread that writes: batches, failures, and what it never does to the loop."""

import asyncio
import contextlib
import dataclasses
import itertools
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import apsw
import pytest

from gateway.catalog.errors import CatalogFull, CatalogUnavailable, ConditionFailed, NoSuchBucket
from gateway.catalog.records import Bucket, Condition, Version
from gateway.catalog.sqlite import SqliteCatalog, attempting, committer
from gateway.catalog.sqlite.ledger import Ledger, Transaction
from gateway.catalog.sqlite.lock import FairLock
from tests.catalog.recording_vfs import disk_under
from tests.catalog.shelf import Shelf
from tests.catalog.versions import new_bucket, new_upload, new_version


@contextlib.asynccontextmanager
async def opened(
    path: Path, shelf: Shelf, *, durable: bool = False
) -> AsyncIterator[SqliteCatalog]:
    catalog = SqliteCatalog(path / "catalog.db", placings={"disk": shelf}, durable=durable)
    await catalog.open()
    try:
        yield catalog
    finally:
        await catalog.aclose()


@pytest.fixture
async def catalog(tmp_path: Path, shelf: Shelf) -> AsyncIterator[SqliteCatalog]:
    async with opened(tmp_path, shelf) as catalog:
        yield catalog


class Held:
    """The lock between processes, held as another process would hold it."""

    def __init__(self, path: Path) -> None:
        self._lock = FairLock(path / "catalog.db")

    def __enter__(self) -> None:
        self._lock.__enter__()

    def __exit__(self, *_: object) -> None:
        self._lock.__exit__(None, None, None)
        self._lock.close()


async def ledger_of(catalog: SqliteCatalog) -> Ledger:
    return await catalog._committer.run(lambda transaction: transaction.ledger)


async def begun() -> None:
    """All tasks run up to where they wait."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_reads_go_on_while_another_process_holds_the_lock(
    catalog: SqliteCatalog, tmp_path: Path
) -> None:
    bucket = await new_bucket(catalog)
    version = await catalog.publish(bucket, new_version(bucket, "a"))
    with Held(tmp_path):
        put = asyncio.ensure_future(catalog.publish(bucket, new_version(bucket, "b")))
        for _ in range(200):
            assert await catalog.get(bucket, "a") == version
            await asyncio.sleep(0)
        assert not put.done()
        assert await catalog.get(bucket, "b") is None
    await put
    assert await catalog.get(bucket, "b") is not None


async def test_the_loop_runs_while_a_foreign_writer_is_waited_for(
    catalog: SqliteCatalog, tmp_path: Path
) -> None:
    bucket = await new_bucket(catalog)
    foreign = apsw.Connection(str(tmp_path / "catalog.db"))
    foreign.execute("BEGIN IMMEDIATE")
    put = asyncio.ensure_future(catalog.publish(bucket, new_version(bucket, "b")))
    for _ in range(1000):
        await asyncio.sleep(0)
        await catalog.list(bucket, limit=1)
    assert not put.done()
    foreign.execute("COMMIT")
    foreign.close()
    await put


async def test_a_foreign_writer_that_stays_makes_writes_unavailable(
    catalog: SqliteCatalog, tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = await new_bucket(catalog)
    monkeypatch.setattr(attempting, "BUSY_S", 0.01)
    foreign = apsw.Connection(str(tmp_path / "catalog.db"))
    foreign.execute("BEGIN IMMEDIATE")
    version = new_version(bucket, "k", shelf=shelf)
    with pytest.raises(CatalogUnavailable):
        await catalog.publish(bucket, version)
    foreign.execute("ROLLBACK")
    foreign.close()
    assert list(shelf.staged) == [version.location.staged]
    assert await catalog.publish(bucket, version) == version


async def test_a_failing_job_takes_nothing_of_its_batch_mates(
    catalog: SqliteCatalog, tmp_path: Path, shelf: Shelf
) -> None:
    bucket = await new_bucket(catalog)
    gone = await new_bucket(catalog)
    await catalog.delete_bucket(gone.name)

    def breaks_after_writing(transaction: Transaction) -> None:
        transaction.execute("DELETE FROM objects")
        transaction.after_commit(lambda: shelf.drop_staged("precious"))
        transaction.execute("INSERT INTO buckets(id) VALUES(1)")

    def has_a_bug(transaction: Transaction) -> None:
        transaction.execute("DELETE FROM buckets")
        raise KeyError("bug")

    def wants_to_leave(transaction: Transaction) -> None:
        transaction.execute("DELETE FROM buckets")
        raise SystemExit

    shelf.stage("precious", 1)
    run = catalog._committer.run
    with Held(tmp_path):
        jobs = [
            asyncio.ensure_future(job)
            for job in (
                catalog.publish(bucket, new_version(bucket, "1", shelf=shelf)),
                run(breaks_after_writing),
                catalog.publish(bucket, new_version(bucket, "2", shelf=shelf)),
                run(has_a_bug),
                catalog.publish(gone, new_version(gone, "3", shelf=shelf)),
                run(wants_to_leave),
                catalog.publish(
                    bucket, new_version(bucket, "1", shelf=shelf), only_if=Condition(absent=True)
                ),
                catalog.publish(bucket, new_version(bucket, "4", shelf=shelf)),
            )
        ]
        await begun()
    outcomes = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [
        Version,
        CatalogUnavailable,
        Version,
        KeyError,
        NoSuchBucket,
        CatalogUnavailable,
        ConditionFailed,
        Version,
    ]
    page = await catalog.list(bucket, limit=10)
    assert [item if isinstance(item, str) else item.key for item in page.items] == ["1", "2", "4"]
    assert set(shelf.paths) == {f"{bucket.name}/{key}" for key in "124"}
    assert "precious" in shelf.staged


async def test_a_failing_commit_fails_its_whole_batch_and_places_nothing(
    catalog: SqliteCatalog, tmp_path: Path, shelf: Shelf
) -> None:
    bucket = await new_bucket(catalog)
    old = await catalog.publish(bucket, new_version(bucket, "old", shelf=shelf))
    ledger = await ledger_of(catalog)
    shelf.calls.clear()
    with Held(tmp_path):
        ledger.connection.set_commit_hook(lambda: True)
        jobs = [
            asyncio.ensure_future(job)
            for job in (
                catalog.publish(bucket, new_version(bucket, "a", shelf=shelf)),
                catalog.remove(bucket, "old"),
                catalog.create_bucket("other", region="", storage="disk", now_ns=1),
                catalog.remove(bucket, "old", only_if=Condition(etags=("x",))),
            )
        ]
        await begun()
    outcomes = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [CatalogUnavailable] * 4
    assert [call for call in shelf.calls if call[0] != "prepare"] == []
    ledger.connection.set_commit_hook(None)
    assert await catalog.get(bucket, "a") is None
    assert await catalog.get(bucket, "old") == old
    with pytest.raises(NoSuchBucket):
        await catalog.bucket("other")
    await catalog.publish(bucket, new_version(bucket, "a", shelf=shelf))


@pytest.mark.parametrize("commits", [True, False])
async def test_no_bytes_are_removed_before_the_commit_that_dooms_them(
    catalog: SqliteCatalog, tmp_path: Path, shelf: Shelf, *, commits: bool
) -> None:
    bucket = await new_bucket(catalog)
    old = await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
    new = new_version(bucket, "k", shelf=shelf)
    ledger = await ledger_of(catalog)
    with Held(tmp_path):
        ledger.connection.set_commit_hook(lambda: not commits)
        jobs = [
            asyncio.ensure_future(catalog.remove(bucket, "k")),
            asyncio.ensure_future(catalog.publish(bucket, new)),
            asyncio.ensure_future(catalog.finish_removals()),
        ]
        await begun()
    await asyncio.gather(*jobs, return_exceptions=True)
    ledger.connection.set_commit_hook(None)
    current = await catalog.get(bucket, "k")
    assert current is not None
    if commits:
        assert not current.location.natural
        assert current.etag == new.etag
    else:
        assert current == old
    assert shelf.paths == {current.location.path: current.location.fingerprint}


async def test_parents_that_a_batch_mate_removed_are_made_again(
    catalog: SqliteCatalog, tmp_path: Path, shelf: Shelf
) -> None:
    bucket = await new_bucket(catalog)
    new = new_version(bucket, "d/new", shelf=shelf)

    def removes_parents(transaction: Transaction) -> None:
        transaction.after_commit(lambda: setattr(shelf, "parents_are_gone", True))

    with Held(tmp_path):
        jobs = [
            asyncio.ensure_future(catalog._committer.run(removes_parents)),
            asyncio.ensure_future(catalog.publish(bucket, new)),
        ]
        await begun()
    await asyncio.gather(*jobs)
    assert shelf.paths == {new.location.path: new.location.fingerprint}
    assert shelf.staged == {}


async def test_a_sync_that_fails_is_a_failed_commit(
    tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    with disk_under(monkeypatch) as disk:
        async with opened(tmp_path, shelf, durable=True) as catalog:
            bucket = await new_bucket(catalog)
            disk.fails_to_sync = True
            version = new_version(bucket, "k", shelf=shelf)
            with pytest.raises(CatalogUnavailable):
                await catalog.publish(bucket, version)
            disk.fails_to_sync = False
            assert await catalog.get(bucket, "k") is None
            assert list(shelf.staged) == [version.location.staged]
            assert await catalog.publish(bucket, version) == version


async def test_a_full_disk_fails_writes_and_nothing_else(
    tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    with disk_under(monkeypatch) as disk:
        async with opened(tmp_path, shelf) as catalog:
            bucket = await new_bucket(catalog)
            kept = await catalog.publish(bucket, new_version(bucket, "kept", shelf=shelf))
            disk.is_full = True
            jobs = [catalog.publish(bucket, new_version(bucket, f"{n}")) for n in range(5)]
            outcomes = await asyncio.gather(*jobs, return_exceptions=True)
            assert {type(outcome) for outcome in outcomes} == {CatalogFull}
            assert await catalog.get(bucket, "kept") == kept
            disk.is_full = False
            await catalog.publish(bucket, new_version(bucket, "more"))


@pytest.mark.parametrize("durable", [True, False])
async def test_only_the_committer_syncs_and_only_where_it_is_promised(
    tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, *, durable: bool
) -> None:
    with disk_under(monkeypatch) as disk:
        async with opened(tmp_path, shelf, durable=durable) as catalog:
            bucket = await new_bucket(catalog)
            upload = new_upload(bucket, "u")
            before = len(disk.synced_by)
            await catalog.publish(bucket, new_version(bucket, "k"))
            assert (len(disk.synced_by) > before) == durable
            before = len(disk.synced_by)
            await catalog.start_upload(upload)
            assert (len(disk.synced_by) > before) == durable
            await catalog.get(bucket, "k")
            await catalog.list(bucket, limit=5)
            await catalog.remove(bucket, "k")
        # Closing the last connection wrote the WAL back, with syncs.
        assert disk.synced_by
        assert threading.get_ident() not in disk.synced_by


class Told(Shelf):
    """Which thread placed what."""

    def __init__(self) -> None:
        super().__init__()
        self.placed_by: list[int] = []

    def place(self, name: str, path: str) -> bool:
        self.placed_by.append(threading.get_ident())
        return super().place(name, path)


@pytest.mark.parametrize("durable", [True, False])
async def test_brief_work_is_done_on_the_loop_where_no_disk_is_waited_for(
    tmp_path: Path, *, durable: bool
) -> None:
    shelf = Told()
    async with opened(tmp_path, shelf, durable=durable) as catalog:
        bucket = await new_bucket(catalog)
        await catalog.publish(bucket, new_version(bucket, "small", shelf=shelf))
        large = new_version(bucket, "large", shelf=shelf)
        await catalog.publish(bucket, dataclasses.replace(large, size=2**21))
        # What replaces many bytes frees them: that is long.
        await catalog.publish(bucket, new_version(bucket, "large", shelf=shelf))
        await catalog.publish(bucket, new_version(bucket, "large", shelf=shelf))
    ours = threading.get_ident()
    assert [by == ours for by in shelf.placed_by] == [not durable, not durable, False, not durable]


async def test_brief_work_waits_in_the_thread_for_others_who_write(
    tmp_path: Path, shelf: Shelf
) -> None:
    async with opened(tmp_path, shelf) as catalog:
        bucket = await new_bucket(catalog)
        with Held(tmp_path):
            waiting = asyncio.ensure_future(catalog.publish(bucket, new_version(bucket, "1")))
            await begun()
            assert not waiting.done()
        await waiting
        shell = apsw.Connection(str(tmp_path / "catalog.db"))
        shell.execute("BEGIN IMMEDIATE")
        waiting = asyncio.ensure_future(catalog.publish(bucket, new_version(bucket, "2")))
        await begun()
        assert not waiting.done()
        shell.execute("COMMIT")
        await waiting
        shell.close()
        assert [await catalog.get(bucket, key) is not None for key in "123"] == [True, True, False]


async def test_what_is_asked_for_is_done_in_that_order(catalog: SqliteCatalog) -> None:
    done: list[int] = []

    def work(number: int) -> Callable[[Transaction], None]:
        return lambda _: done.append(number)

    run = catalog._committer.run
    jobs = [run(work(number), brief=number % 50 != 30) for number in range(200)]
    await asyncio.gather(*jobs)
    assert done == list(range(200))


async def test_a_job_that_nobody_waits_for_any_more_is_not_done(
    catalog: SqliteCatalog, tmp_path: Path, shelf: Shelf
) -> None:
    bucket = await new_bucket(catalog)
    with Held(tmp_path):
        left = asyncio.ensure_future(
            catalog.publish(bucket, new_version(bucket, "left", shelf=shelf))
        )
        stays = asyncio.ensure_future(
            catalog.publish(bucket, new_version(bucket, "stays", shelf=shelf))
        )
        await begun()
        left.cancel()
        await begun()
    await stays
    assert left.cancelled()
    assert await catalog.get(bucket, "left") is None
    assert await catalog.get(bucket, "stays") is not None


async def test_a_promise_that_cannot_be_kept_now_fails_no_job_and_no_other_promise(
    catalog: SqliteCatalog, shelf: Shelf
) -> None:
    def settle() -> None:
        raise SystemExit

    def work(transaction: Transaction) -> str:
        transaction.after_commit(settle)
        transaction.after_commit(lambda: shelf.make_folder("after"))
        return "done"

    assert await catalog._committer.run(work) == "done"
    assert "after" in shelf.folders
    assert isinstance(await new_bucket(catalog), Bucket)


async def test_the_thread_outlives_a_failure_outside_of_any_transaction(
    catalog: SqliteCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = await ledger_of(catalog)

    def broken() -> None:
        raise MemoryError

    for step in ("begin", "commit"):
        with monkeypatch.context() as patch:
            patch.setattr(ledger, step, broken)
            with pytest.raises(CatalogUnavailable):
                await new_bucket(catalog)
        await new_bucket(catalog)
    assert len(await catalog.buckets(limit=10)) == 2


async def test_no_more_than_a_bound_waits_in_the_queue(
    catalog: SqliteCatalog, tmp_path: Path
) -> None:
    with Held(tmp_path):
        jobs = [asyncio.ensure_future(catalog._committer.run(lambda _: None)) for _ in range(3000)]
        await begun()
        waiting = catalog._committer._with_thread + len(catalog._committer._asked)
        assert waiting <= 1_024
    await asyncio.gather(*jobs)


async def test_a_batch_is_bounded(catalog: SqliteCatalog, tmp_path: Path) -> None:
    commits = itertools.count()
    ledger = await ledger_of(catalog)
    with Held(tmp_path):
        ledger.connection.set_commit_hook(lambda: next(commits) < 0)
        touch = "UPDATE meta SET value = value"
        jobs = [
            asyncio.ensure_future(catalog._committer.run(lambda t: t.changed(touch)))
            for _ in range(500)
        ]
        await begun()
    await asyncio.gather(*jobs)
    assert 500 / committer._MOST_IN_BATCH <= next(commits) <= 50


async def test_rows_of_what_is_gone_go_without_another_job(
    catalog: SqliteCatalog, shelf: Shelf
) -> None:
    bucket = await new_bucket(catalog)
    await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
    await catalog.remove(bucket, "k")
    reader = catalog._reader
    assert reader is not None
    async with asyncio.timeout(10):
        while reader.execute("SELECT count(*) FROM locations").get:
            await asyncio.sleep(0.01)


async def test_rows_of_what_is_gone_stay_until_that_is_durable(
    catalog: SqliteCatalog, shelf: Shelf
) -> None:
    shelf.fails_to_force = True
    bucket = await new_bucket(catalog)
    version = await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
    await catalog.remove(bucket, "k")
    path = version.location.path
    async with asyncio.timeout(10):
        while ("force_removed", path) not in shelf.calls:
            await asyncio.sleep(0.01)
    assert path not in shelf.paths
    assert await catalog.finish_removals() == 1
    shelf.fails_to_force = False
    assert await catalog.finish_removals() == 0
    reader = catalog._reader
    assert reader is not None
    assert reader.execute("SELECT count(*) FROM locations").get == 0


async def test_many_removals_are_forced_at_once_and_before_an_idle_moment(
    catalog: SqliteCatalog, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "_MOST_GONE", 5)
    bucket = await new_bucket(catalog)
    for number in range(5):
        await catalog.publish(bucket, new_version(bucket, f"{number}", shelf=shelf))
    shelf.calls.clear()
    removed = [asyncio.ensure_future(catalog.remove(bucket, f"{n}")) for n in range(5)]
    await asyncio.gather(*removed)
    await catalog.remove(bucket, "none")
    await catalog.remove(bucket, "none")
    forced = [call[1:] for call in shelf.calls if call[0] == "force_removed"]
    assert sum(len(paths) for paths in forced) == 5


async def test_the_folder_of_a_deleted_bucket_goes_in_any_case(
    catalog: SqliteCatalog, shelf: Shelf
) -> None:
    bucket = await new_bucket(catalog)
    shelf.fails_to_force = True
    await catalog.delete_bucket(bucket.name)
    shelf.folders.add(bucket.name)  # as after a power cut
    shelf.fails_to_force = False
    await catalog.recover()
    assert bucket.name not in shelf.folders
    reader = catalog._reader
    assert reader is not None
    assert reader.execute("SELECT count(*) FROM locations").get == 0


async def test_the_folder_of_a_bucket_that_is_there_again_stays(
    catalog: SqliteCatalog, shelf: Shelf
) -> None:
    shelf.fails_to_force = True
    bucket = await new_bucket(catalog)
    await catalog.delete_bucket(bucket.name)
    await catalog.create_bucket(bucket.name, region="", storage="disk", now_ns=2)
    await catalog.recover()
    assert bucket.name in shelf.folders


async def test_the_wal_is_bounded(
    tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "CHECKPOINT_PAGES", 50)
    async with opened(tmp_path, shelf) as catalog:
        bucket = await new_bucket(catalog)
        for number in range(600):  # some 1,800 pages
            await catalog.publish(bucket, new_version(bucket, f"{number}"))
            await catalog.list(bucket, limit=10)
        assert (tmp_path / "catalog.db-wal").stat().st_size < 400 * 4096


async def test_a_bucket_is_looked_up_again_after_each_change_and_only_then(
    catalog: SqliteCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = await new_bucket(catalog)
    assert await catalog.bucket(bucket.name) == bucket
    cache = catalog._cache
    assert cache is not None
    monkeypatch.setattr("gateway.catalog.sqlite.buckets.look_up", None)
    assert await catalog.bucket(bucket.name) == bucket
    await catalog.publish(bucket, new_version(bucket, "k"))
    assert await catalog.bucket(bucket.name) == bucket
    monkeypatch.undo()
    await new_bucket(catalog)
    monkeypatch.setattr("gateway.catalog.sqlite.buckets.look_up", None)
    with pytest.raises(TypeError):
        await catalog.bucket(bucket.name)


async def test_nothing_is_cached_while_a_change_may_be_half_done(
    catalog: SqliteCatalog,
) -> None:
    bucket = await new_bucket(catalog)
    generation = (await ledger_of(catalog)).generation
    generation.begin(buckets=True)
    assert generation.of_buckets() is None
    assert await catalog.bucket(bucket.name) == bucket
    cache = catalog._cache
    assert cache is not None
    assert cache._buckets == {}
    generation.end(buckets=True)
    await catalog.bucket(bucket.name)
    assert list(cache._buckets) == [bucket.name]

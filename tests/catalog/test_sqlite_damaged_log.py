"""A catalog whose write-ahead log is damaged while it is in use."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.catalog.errors import CatalogDamaged
from gateway.catalog.records import Bucket, Version
from gateway.catalog.sqlite import SqliteCatalog, checking, committer, wal
from gateway.catalog.sqlite.lock import FairLock
from tests.catalog.logs import FRAME_BYTES, frame_at, pages_of
from tests.catalog.shelf import Shelf
from tests.catalog.test_sqlite_processes import start
from tests.catalog.versions import new_version
from tests.integrity.damaging import flip

HURT = "key-0150"


@contextlib.asynccontextmanager
async def opened(path: Path, *, durable: bool = False) -> AsyncIterator[SqliteCatalog]:
    catalog = SqliteCatalog(path, placings={"disk": Shelf()}, durable=durable)
    await catalog.open()
    try:
        yield catalog
    finally:
        await catalog.aclose()


async def filled(catalog: SqliteCatalog) -> tuple[Bucket, list[Version]]:
    bucket = await catalog.create_bucket("bucket", region="r", storage="disk", now_ns=1)
    return bucket, [
        await catalog.publish(bucket, new_version(bucket, f"key-{n:04}", metadata={"n": "x" * 50}))
        for n in range(300)
    ]


def last_frame_with(log: Path, key: str) -> int:
    """Where in the log, in bits, the newest copy of its row is (which has metadata)."""
    data = log.read_bytes()
    latest = {page: number for number, page in enumerate(pages_of(log), 1)}
    for number in latest.values():
        at = data.find(key.encode(), frame_at(number, 0), frame_at(number, FRAME_BYTES))
        if at > 0 and b"xxxxx" in data[frame_at(number, 0) : frame_at(number, FRAME_BYTES)]:
            return 8 * at
    raise AssertionError(key)


def write_back_next(patch: pytest.MonkeyPatch, catalog: SqliteCatalog) -> None:
    patch.setattr(committer, "CHECKPOINT_PAGES", 1)
    catalog._committer._checkpoint_at = 1


async def test_what_is_damaged_is_never_copied_and_nothing_is_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "catalog.db"
    log = wal.log_of(path)
    async with opened(path) as catalog:
        bucket, versions = await filled(catalog)
        before = path.read_bytes()
        flip(log, last_frame_with(log, HURT))
        write_back_next(monkeypatch, catalog)
        with contextlib.suppress(CatalogDamaged):  # it is committed, and then is to be copied
            await catalog.publish(bucket, new_version(bucket, "key-9998"))
        for _ in range(2):
            with pytest.raises(CatalogDamaged, match="s3front rebuild"):
                await catalog.publish(bucket, new_version(bucket, "key-9999"))
        with pytest.raises(CatalogDamaged):
            await catalog.get(bucket, HURT)
        assert await catalog.get(bucket, "key-0000") == versions[0]
        assert len(await catalog.problems()) >= 1
        assert path.read_bytes() == before
    assert path.read_bytes() == before
    assert log.stat().st_size > 0
    for durable in (True, False):
        with pytest.raises(CatalogDamaged, match="s3front rebuild"):
            async with opened(path, durable=durable):
                pass
    assert path.read_bytes() == before


async def test_damage_that_only_the_close_meets_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    async with opened(path) as catalog:
        await filled(catalog)
        before = path.read_bytes()
        flip(wal.log_of(path), last_frame_with(wal.log_of(path), HURT))
    assert path.read_bytes() == before
    with pytest.raises(CatalogDamaged):
        async with opened(path):
            pass
    # A copy from before has another log, and none of this.
    wal.log_of(path).unlink()
    shutil.copyfile(path, tmp_path / "copy.db")
    (tmp_path / "copy.db").replace(path)
    async with opened(path) as catalog:
        await catalog.create_bucket("after", region="r", storage="disk", now_ns=1)


async def test_what_a_reader_finds_stops_the_writers_of_all_processes(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    async with opened(path) as one, opened(path) as other:
        bucket, _ = await filled(one)
        flip(wal.log_of(path), last_frame_with(wal.log_of(path), HURT))
        with pytest.raises(CatalogDamaged):
            await one.get(bucket, HURT)
        for catalog in (one, other):
            with pytest.raises(CatalogDamaged):
                await catalog.publish(bucket, new_version(bucket, "key-9999"))


async def test_a_log_that_somebody_removed_is_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "catalog.db"
    async with opened(path) as catalog:
        bucket, _ = await filled(catalog)
        before = path.read_bytes()
        wal.log_of(path).unlink()
        write_back_next(monkeypatch, catalog)
        with contextlib.suppress(CatalogDamaged):
            await catalog.publish(bucket, new_version(bucket, "key-9998"))
        with pytest.raises(CatalogDamaged, match="s3front rebuild"):
            await catalog.publish(bucket, new_version(bucket, "key-9999"))
        assert path.read_bytes() == before


async def test_damage_of_what_is_replaced_goes_with_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "catalog.db"
    log = wal.log_of(path)
    async with opened(path) as catalog:
        bucket, versions = await filled(catalog)
        numbers = pages_of(log)
        replaced = next(n for n, page in enumerate(numbers, 1) if page in numbers[n:])
        flip(log, 8 * frame_at(replaced, 1000))
        assert [str(replaced) in problem for problem in await catalog.problems()] == [True]
        write_back_next(monkeypatch, catalog)
        for n in range(3):
            await catalog.publish(bucket, new_version(bucket, f"key-{n:04}"))
        assert await catalog.problems() == []
        assert await catalog.get(bucket, HURT) == versions[150]
    async with opened(path, durable=True) as catalog:
        assert await catalog.get(bucket, HURT) == versions[150]


def looked_at(path: Path) -> int:
    """As a check and as an opening looks at it; returns which log it was."""
    assert checking.problems(path) == []
    lock = FairLock(path)
    with lock:
        assert wal.left_out(wal.log_of(path)) is None
        salts = wal.salts_of(wal.log_of(path))
    lock.close()
    return salts


async def test_nothing_false_is_told_while_processes_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "catalog.db"
    async with opened(path) as catalog:
        await catalog.create_bucket("shared", region="", storage="disk", now_ns=1)
        arguments = ["-m", "tests.catalog.flat_out", str(path)]
        writers = [await start(*arguments, name, "2500", "relaxed") for name in "ab"]
        ended = asyncio.gather(*(writer.communicate(b"go\n") for writer in writers))
        write_back_next(monkeypatch, catalog)
        logs: list[int] = []
        while not ended.done():
            await catalog.set_note("so far", str(len(logs)))
            logs.append(await asyncio.to_thread(looked_at, path))
        assert all(int(output) > 500 for output, _ in await ended)
        assert len(logs) > 3
        assert len(set(logs)) > 1, "it was begun anew"
        assert await catalog.problems() == []

"""Every flipped bit of the catalog's file is an error of the rows it touches, never another answer."""

import functools
import random
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import pytest

from gateway.catalog.errors import CatalogDamaged, CatalogUnavailable
from gateway.catalog.records import Bucket, Version
from gateway.catalog.sqlite import SqliteCatalog, connection, pages, schema
from tests.catalog.shelf import Shelf
from tests.catalog.versions import new_version
from tests.seeds import seed

PAGE = 4096


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteCatalog]:
    catalog = SqliteCatalog(path, placings={"disk": Shelf()}, durable=False)
    await catalog.open()
    try:
        yield catalog
    finally:
        await catalog.aclose()


async def filled(path: Path, rows: int) -> list[Version]:
    async with opened(path) as catalog:
        bucket = await catalog.create_bucket("bucket", region="r", storage="disk", now_ns=1)
        return [
            await catalog.publish(
                bucket, new_version(bucket, f"key-{n:04}", metadata={"n": str(n) * 50})
            )
            for n in range(rows)
        ]


async def seen(path: Path, keys: list[str]) -> object:
    """All that a reader can be told: buckets, a listing, each version."""
    async with opened(path) as catalog:
        [*buckets] = await catalog.buckets(limit=10)
        bucket: Bucket = await catalog.bucket("bucket")
        page = await catalog.list(bucket, limit=1000)
        return buckets, page, [await catalog.get(bucket, key) for key in keys]


def reserved(path: Path) -> int:
    return path.read_bytes()[20]


def flip(path: Path, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(bit // 8)
        byte = file.read(1)[0]
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))


async def test_no_flipped_bit_ever_makes_another_answer(tmp_path: Path) -> None:
    """One random bit of every 24 bytes of the file, and each bit of its head: the answer is
    the right one (that page is not read for it), or an error."""
    chance = random.Random(seed("pages"))
    sound = tmp_path / "sound.db"
    keys = [version.key for version in await filled(sound, 40)]
    right = await seen(sound, keys)
    size = sound.stat().st_size
    assert size % PAGE == 0
    bits = [*range(100 * 8), *(8 * at + chance.randrange(8 * 24) for at in range(100, size, 24))]
    damaged = tmp_path / "damaged.db"
    refused = 0
    for bit in chance.sample(bits, 300):
        shutil.copyfile(sound, damaged)
        flip(damaged, min(bit, 8 * size - 1))
        try:
            told = await seen(damaged, keys)
        except CatalogUnavailable:
            refused += 1
        else:
            assert told == right, f"bit {bit}"
    assert refused > 50


async def test_every_flipped_bit_of_every_page_is_found_by_a_check(tmp_path: Path) -> None:
    chance = random.Random(seed("pages"))
    sound = tmp_path / "sound.db"
    await filled(sound, 200)
    async with opened(sound) as catalog:
        assert await catalog.problems() == []
    size = sound.stat().st_size
    used = _pages_in_use(sound)
    assert len(used) > size // PAGE // 2
    damaged = tmp_path / "damaged.db"
    for page in used:
        for _ in range(2):
            shutil.copyfile(sound, damaged)
            flip(damaged, 8 * PAGE * page + chance.randrange(8 * PAGE))
            try:
                async with opened(damaged) as catalog:
                    assert await catalog.problems() != [], f"page {page}"
            except CatalogUnavailable:
                pass


def _pages_in_use(path: Path) -> list[int]:
    """From 0. Pages of the free list hold no stored fact: what is in them is never read."""
    reader = apsw.Connection(str(path))
    count = reader.pragma("page_count")
    assert reader.pragma("freelist_count") == 0
    reader.close()
    return list(range(count))


async def test_rows_beside_the_damage_are_served_and_written(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    versions = await filled(path, 300)
    hurt = versions[150]
    data = path.read_bytes()
    [*at] = [n for n in range(0, len(data), PAGE) if hurt.key.encode() in data[n : n + PAGE]]
    leaf = at[-1]
    flip(path, 8 * (leaf + data[leaf : leaf + PAGE].index(hurt.key.encode())))
    async with opened(path) as catalog:
        bucket = await catalog.bucket("bucket")
        with pytest.raises(CatalogDamaged, match="s3front rebuild"):
            await catalog.get(bucket, hurt.key)
        with pytest.raises(CatalogDamaged):
            await catalog.remove(bucket, hurt.key)
        with pytest.raises(CatalogDamaged):
            await catalog.list(bucket, limit=1000)
        for other in (versions[0], versions[-1]):
            assert await catalog.get(bucket, other.key) == other
            new = await catalog.publish(bucket, new_version(bucket, other.key))
            assert await catalog.get(bucket, other.key) == new
        assert await catalog.problems() != []


async def test_a_head_that_denies_the_checksums_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    await filled(path, 1)
    assert reserved(path) == pages.RESERVED_BYTES
    for bit, told in ((3, 0), (0, 9)):
        flip(path, 8 * 20 + bit)
        assert reserved(path) == told
        with pytest.raises(CatalogDamaged):
            async with opened(path):
                pass
        flip(path, 8 * 20 + bit)
    async with opened(path):
        pass


async def test_pages_with_checksums_are_not_touched_without_the_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "catalog.db"
    await filled(path, 1)
    before = path.read_bytes()
    monkeypatch.setattr(connection, "Connection", functools.partial(apsw.Connection, vfs="unix"))
    with pytest.raises(CatalogUnavailable, match="apsw"):
        async with opened(path):
            pass
    assert path.read_bytes() == before


async def test_an_older_file_without_checksums_is_used_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    older = apsw.Connection(str(path), vfs="unix")
    older.execute("PRAGMA journal_mode = WAL")
    schema.migrate(older)
    older.close()
    assert reserved(path) == 0
    async with opened(path) as catalog:
        bucket = await catalog.create_bucket("bucket", region="r", storage="disk", now_ns=1)
        version = await catalog.publish(bucket, new_version(bucket, "key"))
        assert await catalog.get(bucket, "key") == version
    assert reserved(path) == 0

"""Versions are remembered, and never longer than they are true."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.catalog.records import ALWAYS, PartFact
from gateway.catalog.sqlite import SqliteCatalog, remembering
from tests.catalog.shelf import Shelf
from tests.catalog.test_sqlite_committer import ledger_of, opened
from tests.catalog.versions import new_bucket, new_version

_LOOK_UP = "gateway.catalog.sqlite.objects.get"


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[SqliteCatalog]:
    async with opened(tmp_path, Shelf()) as catalog:
        yield catalog


@contextlib.contextmanager
def nothing_looked_up() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_LOOK_UP, None)
        yield


async def test_a_version_is_looked_up_once(catalog: SqliteCatalog) -> None:
    bucket = await new_bucket(catalog)
    version = await catalog.publish(bucket, new_version(bucket, "key"))
    assert await catalog.get(bucket, "key") == version
    with nothing_looked_up():
        assert await catalog.get(bucket, "key") == version
        with pytest.raises(TypeError):
            await catalog.get(bucket, "other")


async def test_what_another_process_commits_is_seen_at_once(
    catalog: SqliteCatalog, tmp_path: Path
) -> None:
    """Each catalog maps the file of the counters by itself, as another process does."""
    async with opened(tmp_path, Shelf()) as other:
        bucket = await new_bucket(catalog)
        for size in range(5):
            published = await other.publish(bucket, new_version(bucket, "key", size=size))
            assert await catalog.get(bucket, "key") == published
            assert await catalog.get(bucket, "key") == published
        tagged = await other.set_tags(bucket, "key", [("a", "b")])
        assert await catalog.get(bucket, "key") == tagged
        await other.remove(bucket, "key", only_if=ALWAYS)
        assert await catalog.get(bucket, "key") is None


async def test_looking_up_one_key_makes_no_other_true_again(
    catalog: SqliteCatalog, tmp_path: Path
) -> None:
    async with opened(tmp_path, Shelf()) as other:
        bucket = await new_bucket(catalog)
        await catalog.publish(bucket, new_version(bucket, "a"))
        await catalog.publish(bucket, new_version(bucket, "b"))
        await catalog.get(bucket, "a")
        published = await other.publish(bucket, new_version(bucket, "a", size=77))
        await catalog.get(bucket, "b")
        assert await catalog.get(bucket, "a") == published


async def test_what_one_committed_that_died_at_once_is_seen(
    catalog: SqliteCatalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, Shelf()) as other:
        bucket = await new_bucket(catalog)
        await catalog.publish(bucket, new_version(bucket, "key"))
        await catalog.get(bucket, "key")
        monkeypatch.setattr((await ledger_of(other)).generation, "end", lambda **_: None)
        await catalog.get(bucket, "key")
        published = await other.publish(bucket, new_version(bucket, "key", size=77))
        assert await catalog.get(bucket, "key") == published


async def test_nothing_is_remembered_while_a_commit_may_be_half_done(
    catalog: SqliteCatalog,
) -> None:
    bucket = await new_bucket(catalog)
    version = await catalog.publish(bucket, new_version(bucket, "key"))
    await catalog.get(bucket, "key")
    generation = (await ledger_of(catalog)).generation
    generation.begin(buckets=False)
    for _ in range(2):
        assert await catalog.get(bucket, "key") == version
        with nothing_looked_up(), pytest.raises(TypeError):
            await catalog.get(bucket, "key")
    generation.end(buckets=False)
    await catalog.get(bucket, "key")
    with nothing_looked_up():
        assert await catalog.get(bucket, "key") == version


async def test_a_bucket_that_is_made_again_holds_nothing_of_before(catalog: SqliteCatalog) -> None:
    before = await catalog.create_bucket("bucket", region="", storage="disk", now_ns=1)
    await catalog.publish(before, new_version(before, "key"))
    await catalog.get(before, "key")
    await catalog.remove(before, "key", only_if=ALWAYS)
    await catalog.delete_bucket("bucket")
    after = await catalog.create_bucket("bucket", region="", storage="disk", now_ns=2)
    assert await catalog.get(after, "key") is None


async def test_what_is_remembered_is_bounded(
    catalog: SqliteCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembering, "_MOST", 2)
    bucket = await new_bucket(catalog)
    for key in "abc":
        await catalog.publish(bucket, new_version(bucket, key))
    parts = replace(new_version(bucket, "parts"), parts=(PartFact(number=1, size=5),))
    await catalog.publish(bucket, parts)
    for key in ("a", "b", "c", "parts"):
        await catalog.get(bucket, key)
    with nothing_looked_up():
        for key in "bc":
            await catalog.get(bucket, key)
        for key in ("a", "parts"):
            with pytest.raises(TypeError):
                await catalog.get(bucket, key)

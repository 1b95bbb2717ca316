"""What was seen on a storage that no transaction can look at, for every catalog."""

import dataclasses

import pytest

from backends.interface import Fingerprint
from gateway.catalog.errors import NoSuchBucket, TooManyMissing
from gateway.catalog.interface import Catalog
from gateway.catalog.outside import Absence, Adoption, Found, MissingLimit, Standing
from gateway.catalog.records import Bucket
from gateway.catalog.sqlite import comparing
from tests.catalog.test_intent_behaviour import ME, gone, put, removals, wanted, written
from tests.catalog.versions import START_NS, new_bucket

THEIRS = Fingerprint(size=7, stamp="theirs")
LIMIT = MissingLimit(count=1000, share=0.2)


@pytest.fixture
async def bucket(catalog: Catalog) -> Bucket:
    return await new_bucket(catalog, storage="cloud")


async def standing(catalog: Catalog, bucket: Bucket, key: str) -> Standing:
    return await catalog.standing(bucket, key, f"{bucket.name}/{key}")


def seen(bucket: Bucket, key: str, before: Standing | None) -> Found:
    return Found(
        key=key,
        path=f"{bucket.name}/{key}",
        fingerprint=THEIRS,
        modified_ns=7,
        etag="theirs",
        standing=before,
    )


async def adopt(catalog: Catalog, bucket: Bucket, key: str, before: Standing | None) -> Adoption:
    [adoption] = await catalog.adopt(bucket, [seen(bucket, key, before)], now_ns=START_NS)
    return adoption


async def mark(
    catalog: Catalog, bucket: Bucket, before: dict[str, Standing], limit: MissingLimit = LIMIT
) -> list[Absence]:
    return list(
        await catalog.mark_missing(
            bucket, list(before), limit=limit, now_ns=START_NS, standings=before
        )
    )


async def test_what_nobody_of_ours_touched_is_an_object(catalog: Catalog, bucket: Bucket) -> None:
    before = await standing(catalog, bucket, "k")
    assert (before.version, before.owned) == (None, False)
    assert await adopt(catalog, bucket, "k", before) is Adoption.NEW
    version = await catalog.get(bucket, "k")
    assert version is not None
    assert (version.etag, version.location.fingerprint) == ("theirs", THEIRS)
    assert await adopt(catalog, bucket, "k", await standing(catalog, bucket, "k")) is Adoption.SAME


async def test_nothing_is_believed_without_knowing_what_was_before(
    catalog: Catalog, bucket: Bucket
) -> None:
    assert await adopt(catalog, bucket, "k", None) is Adoption.GONE
    await put(catalog, bucket, "k")
    assert await catalog.mark_missing(bucket, ["k"], limit=LIMIT, now_ns=1) == [Absence.THERE]


async def test_what_is_being_written_by_us_is_ours(catalog: Catalog, bucket: Bucket) -> None:
    before = await standing(catalog, bucket, "k")
    intent = await catalog.intend(bucket, "k", wanted(bucket, "k"))
    assert (await standing(catalog, bucket, "k")).owned
    assert await adopt(catalog, bucket, "k", before) is Adoption.OURS
    await catalog.publish(bucket, written(bucket, "k", intent), intent=intent.name)
    assert await adopt(catalog, bucket, "k", before) is Adoption.GONE


async def test_what_is_being_removed_by_us_is_ours(catalog: Catalog, bucket: Bucket) -> None:
    await put(catalog, bucket, "k")
    await catalog.remove(bucket, "k")
    before = await standing(catalog, bucket, "k")
    assert before.owned
    assert await adopt(catalog, bucket, "k", before) is Adoption.OURS


async def test_what_was_ours_when_it_was_seen_is_never_somebody_elses(
    catalog: Catalog, bucket: Bucket
) -> None:
    """Written and removed again between two looks at the catalog."""
    at_first, other = await standing(catalog, bucket, "k"), await standing(catalog, bucket, "o")
    version = await put(catalog, bucket, "k")
    await catalog.remove(bucket, "k")
    being_removed = await standing(catalog, bucket, "k")
    for _ in range(2):  # two rounds of the janitor
        await gone(catalog, *await removals(catalog))
    assert version.location.natural
    assert await adopt(catalog, bucket, "k", at_first) is Adoption.GONE
    assert await adopt(catalog, bucket, "k", being_removed) is Adoption.GONE
    assert await adopt(catalog, bucket, "o", other) is Adoption.NEW
    path = f"{bucket.name}/k"
    assert (await catalog.standing(bucket, "k", path, freed=at_first.freed)).owned
    assert not (await catalog.standing(bucket, "k", path, freed=await catalog.freed())).owned
    assert await adopt(catalog, bucket, "k", await standing(catalog, bucket, "k")) is Adoption.NEW


async def test_whoever_looked_long_ago_looks_again(
    catalog: Catalog, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "_MOST_KEPT", 2)
    before = await standing(catalog, bucket, "k")
    for number in range(4):
        await put(catalog, bucket, f"other-{number}")
        await catalog.remove(bucket, f"other-{number}")
        for _ in range(2):
            await gone(catalog, *await removals(catalog))
    assert await adopt(catalog, bucket, "k", before) is Adoption.GONE
    assert await adopt(catalog, bucket, "k", await standing(catalog, bucket, "k")) is Adoption.NEW


async def test_other_bytes_than_the_rows_are_the_object_if_the_row_is_the_same(
    catalog: Catalog, bucket: Bucket
) -> None:
    await put(catalog, bucket, "k")
    before = await standing(catalog, bucket, "k")
    assert before.version is not None
    version = await catalog.set_tags(bucket, "k", [("a", "b")])
    assert await adopt(catalog, bucket, "k", before) is Adoption.CHANGED
    after = await catalog.get(bucket, "k")
    assert after is not None
    assert (after.tags, after.size, after.checksum) == (version.tags, 7, None)
    assert await adopt(catalog, bucket, "k", before) is Adoption.GONE


async def test_a_row_that_was_written_again_is_not_overtaken(
    catalog: Catalog, bucket: Bucket
) -> None:
    await put(catalog, bucket, "k")
    before = await standing(catalog, bucket, "k")
    newer = await put(catalog, bucket, "k")
    assert await adopt(catalog, bucket, "k", before) is Adoption.GONE
    assert await mark(catalog, bucket, {"k": before}) == [Absence.THERE]
    assert await catalog.get(bucket, "k") == newer


async def test_bytes_in_the_way_of_an_object_are_left_alone(
    catalog: Catalog, bucket: Bucket
) -> None:
    await put(catalog, bucket, "k")
    shadowed = await put(catalog, bucket, "k")
    before = await standing(catalog, bucket, "k")
    assert await adopt(catalog, bucket, "k", before) is Adoption.IN_THE_WAY
    assert await catalog.get(bucket, "k") == shadowed


async def test_names_that_the_storage_confuses_belong_to_one_key(catalog: Catalog) -> None:
    bucket = await new_bucket(catalog, storage="folding cloud")
    assert await adopt(catalog, bucket, "k", await standing(catalog, bucket, "k")) is Adoption.NEW
    assert await adopt(catalog, bucket, "K", await standing(catalog, bucket, "K")) is Adoption.OWNED
    intent = await catalog.intend(bucket, "K", wanted(bucket, "K", storage="folding cloud"))
    assert not intent.natural


async def test_what_is_gone_is_kept_and_comes_back(catalog: Catalog, bucket: Bucket) -> None:
    await put(catalog, bucket, "k")
    version = await catalog.set_tags(bucket, "k", [("a", "b")])
    before = await standing(catalog, bucket, "k")
    assert await mark(catalog, bucket, {"k": before}) == [Absence.MISSING]
    assert await catalog.get(bucket, "k") is None
    stale = dataclasses.replace(
        seen(bucket, "k", await standing(catalog, bucket, "k")),
        fingerprint=version.location.fingerprint,
        stale=True,
    )
    assert await catalog.adopt(bucket, [stale], now_ns=START_NS) == [Adoption.RESTORED]
    back = await catalog.get(bucket, "k")
    assert back is not None
    assert (back.etag, back.tags) == (version.etag, version.tags)


async def test_bytes_of_that_very_key_without_a_row_are_no_object(
    catalog: Catalog, bucket: Bucket
) -> None:
    stale = dataclasses.replace(seen(bucket, "k", await standing(catalog, bucket, "k")), stale=True)
    assert await catalog.adopt(bucket, [stale], now_ns=START_NS) == [Adoption.OWNED]


async def test_too_many_at_once_are_not_believed(catalog: Catalog, bucket: Bucket) -> None:
    for number in range(4):
        await put(catalog, bucket, f"k{number}")
    before = {f"k{n}": await standing(catalog, bucket, f"k{n}") for n in range(3)}
    with pytest.raises(TooManyMissing):
        await mark(catalog, bucket, before, limit=MissingLimit(count=2, share=0.5))
    assert await catalog.get(bucket, "k0") is not None


async def test_a_bucket_is_indexed_once_it_is_said_so(catalog: Catalog) -> None:
    empty = await catalog.create_bucket(
        "empty", region="us-east-1", storage="cloud", now_ns=1, indexed=True
    )
    full = await catalog.create_bucket("full", region="us-east-1", storage="cloud", now_ns=1)
    assert (empty.indexed, empty.indexes) == (True, True)
    assert (full.indexed, full.indexes) == (False, True)
    await catalog.set_indexed(full)
    assert (await catalog.bucket("full")).indexed
    await catalog.set_indexing("full", indexes=True)
    assert (await catalog.bucket("full")).indexed
    await catalog.set_indexing("full", indexes=False)
    off = await catalog.bucket("full")
    assert (off.indexed, off.indexes) == (False, False)
    await catalog.set_indexed(off)
    assert not (await catalog.bucket("full")).indexed
    await catalog.set_indexing("full", indexes=True)
    on = await catalog.bucket("full")
    assert (on.indexed, on.indexes) == (False, True)
    await catalog.delete_bucket("full")
    with pytest.raises(NoSuchBucket):
        await catalog.set_indexed(on)


async def test_a_shadow_path_that_is_freed_is_not_noted(catalog: Catalog, bucket: Bucket) -> None:
    intent = await catalog.intend(bucket, "k", wanted(bucket, "k", natural=False, process=ME))
    await catalog.publish(bucket, written(bucket, "k", intent), intent=intent.name)
    await catalog.remove(bucket, "k")
    for _ in range(2):
        await gone(catalog, *await removals(catalog))
    assert await catalog.freed() == 0

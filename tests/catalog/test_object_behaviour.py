"""Objects, for every catalog."""

import asyncio
import dataclasses
from collections.abc import Callable

import pytest

from gateway.catalog.errors import (
    CatalogUnavailable,
    ConditionConflict,
    ConditionFailed,
    NoSuchBucket,
    NoSuchKey,
)
from gateway.catalog.interface import Catalog
from gateway.catalog.placing import shadow_path
from gateway.catalog.records import (
    ALWAYS,
    Bucket,
    Checksum,
    Condition,
    Entry,
    Location,
    PartFact,
    Version,
)
from tests.catalog.shelf import Shelf
from tests.catalog.versions import new_bucket, new_version

KEYS = ["a", "a/b", "ä/ö", "\x00\x01\x1f", "🦆/🦆", "a//b", "/", " ", "k" * 1024, "%00'\";--"]


def shadow_of(version: Version) -> Location:
    staged = version.location.staged
    assert staged is not None
    return dataclasses.replace(version.location, path=shadow_path(staged), natural=False)


@pytest.mark.parametrize("key", KEYS)
async def test_what_is_published_can_be_had_under_every_key(
    catalog: Catalog, bucket: Bucket, key: str
) -> None:
    version = new_version(
        bucket,
        key,
        headers={"content-type": "image/png", "cache-control": "no-cache"},
        metadata={"who": "ü", "empty": ""},
        tags=(("a", "1"), ("b", "")),
        checksum=Checksum(algorithm="CRC32", type="COMPOSITE", value="abc=-2"),
        parts=(PartFact(number=1, size=3, checksum="x"), PartFact(number=7, size=2)),
    )
    assert await catalog.publish(bucket, version) == version
    assert await catalog.get(bucket, key) == version


async def test_every_field_of_a_version_is_kept(catalog: Catalog, bucket: Bucket) -> None:
    plain = new_version(bucket, "k")
    changed: list[dict[str, object]] = [
        {"version_id": "v1"},
        {"storage_class": "GLACIER"},
        {"size": 0},
        {"headers": {"content-type": "a/b"}},
        {"headers": {"content-encoding": "gzip"}},
        {"metadata": {"content-type": "of mine"}},
        {"tags": (("x", "y"),)},
        {"location": dataclasses.replace(plain.location, path="elsewhere/k")},
    ]
    for change in changed:
        version = dataclasses.replace(plain, **change)  # type: ignore[arg-type] # by name
        stored = await catalog.publish(bucket, version)
        assert dataclasses.replace(stored, sequence=0) == dataclasses.replace(version, sequence=0)
        assert await catalog.get(bucket, "k") == stored
        await catalog.remove(bucket, "k")


async def test_there_is_nothing_before_and_after(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    assert await catalog.get(bucket, "k") is None
    assert await catalog.remove(bucket, "k") is False
    await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
    assert await catalog.remove(bucket, "k") is True
    assert await catalog.get(bucket, "k") is None
    assert await catalog.remove(bucket, "k") is False


async def test_keys_of_other_buckets_are_others(catalog: Catalog, bucket: Bucket) -> None:
    other = await new_bucket(catalog)
    await catalog.publish(bucket, new_version(bucket, "k"))
    assert await catalog.get(other, "k") is None


async def test_bytes_are_placed_when_publish_returns(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    version = await catalog.publish(bucket, new_version(bucket, "a/b", shelf=shelf))
    assert shelf.paths == {f"{bucket.name}/a/b": version.location.fingerprint}
    assert shelf.staged == {}


async def test_bytes_that_cannot_be_placed_stay_staged(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    shelf.refuses_to_place = True
    refused = await catalog.publish(bucket, new_version(bucket, "a", shelf=shelf))
    shelf.fails_to_place = True
    failed = await catalog.publish(bucket, new_version(bucket, "b", shelf=shelf))
    assert set(shelf.staged) == {refused.location.staged, failed.location.staged}
    assert await catalog.get(bucket, "a") == refused
    assert await catalog.get(bucket, "b") == failed
    # ... and go when their object goes.
    for key in ["a", "b"]:
        await catalog.remove(bucket, key)
    assert shelf.staged == {}


async def test_removing_removes_the_bytes(catalog: Catalog, bucket: Bucket, shelf: Shelf) -> None:
    for natural in [True, False]:
        await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf, natural=natural))
        await catalog.remove(bucket, "k")
        assert shelf.paths == {}


async def test_overwriting_replaces_the_bytes_at_the_same_path(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
    second = await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
    assert second.location.natural
    assert shelf.paths == {f"{bucket.name}/k": second.location.fingerprint}


async def test_overwriting_bytes_that_were_never_placed_drops_them(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    shelf.refuses_to_place = True
    await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
    second = await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
    assert set(shelf.staged) == {second.location.staged}


async def test_removing_what_was_never_placed_removes_what_it_was_to_replace(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    """A process that dies between commit and rename leaves the older bytes at the path."""
    await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
    shelf.refuses_to_place = True
    await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
    shelf.refuses_to_place = False
    await catalog.remove(bucket, "k")
    assert (shelf.paths, shelf.staged) == ({}, {})
    again = await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
    assert again.location.natural


async def test_overwriting_at_another_path_removes_the_old_bytes(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf, natural=False))
    natural = await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
    assert shelf.paths == {f"{bucket.name}/k": natural.location.fingerprint}
    shadow = await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf, natural=False))
    assert shelf.paths == {shadow.location.path: shadow.location.fingerprint}


async def test_a_path_that_cannot_be_prepared_gives_way_to_the_shadow_path(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    shelf.refuses_to_prepare = True
    version = new_version(bucket, "k", shelf=shelf)
    stored = await catalog.publish(bucket, version)
    assert stored == dataclasses.replace(version, location=shadow_of(version))
    assert await catalog.get(bucket, "k") == stored
    assert list(shelf.paths) == [stored.location.path]


async def test_a_key_below_another_key_gets_the_shadow_path(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    above = await catalog.publish(bucket, new_version(bucket, "a", shelf=shelf))
    below = await catalog.publish(bucket, new_version(bucket, "a/b", shelf=shelf))
    assert (above.location.natural, below.location.natural) == (True, False)
    assert len(shelf.paths) == 2


async def test_a_doomed_path_blocks_until_its_bytes_are_gone(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    path = f"{bucket.name}/k"
    first = await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
    shelf.refuses_to_remove = True
    await catalog.remove(bucket, "k")
    second = await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
    assert not second.location.natural
    assert shelf.paths[path] == first.location.fingerprint
    assert await catalog.finish_removals() == 1
    shelf.refuses_to_remove = False
    assert await catalog.finish_removals() == 0
    assert path not in shelf.paths
    third = await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
    assert third.location.natural


async def test_a_failing_storage_keeps_a_removal_for_later(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
    shelf.fails_to_remove = True
    assert await catalog.remove(bucket, "k") is True
    blocked = await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
    assert not blocked.location.natural
    shelf.fails_to_remove = False
    free = await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
    assert free.location.natural
    assert shelf.paths == {free.location.path: free.location.fingerprint}


async def test_a_removed_key_has_its_natural_path_again(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    for _ in range(5):
        version = await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
        assert version.location.natural
        await catalog.remove(bucket, "k")


async def test_bytes_of_others_at_a_doomed_path_are_left_alone(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    path = f"{bucket.name}/k"
    await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
    foreign = shelf.paths[path] = dataclasses.replace(shelf.paths[path], stamp="foreign")
    await catalog.remove(bucket, "k")
    again = await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
    assert not again.location.natural
    assert shelf.paths[path] == foreign


async def test_names_that_a_storage_confuses_are_told_apart(
    catalog: Catalog, folding: Shelf
) -> None:
    bucket = await new_bucket(catalog, storage="folding")

    def version(key: str) -> Version:
        return new_version(bucket, key, shelf=folding, storage="folding")

    lower = await catalog.publish(bucket, version("straße"))
    upper = await catalog.publish(bucket, version("STRASSE"))
    assert (lower.location.natural, upper.location.natural) == (True, False)
    assert (await catalog.publish(bucket, version("straße"))).location.natural
    folding.refuses_to_remove = True
    await catalog.remove(bucket, "straße")
    assert not (await catalog.publish(bucket, version("STRASSE"))).location.natural
    assert not (await catalog.publish(bucket, version("Strasse"))).location.natural
    folding.refuses_to_remove = False
    assert (await catalog.publish(bucket, version("STRASSE"))).location.natural
    assert not (await catalog.publish(bucket, version("straße"))).location.natural
    assert await catalog.finish_removals() == 0
    assert len(folding.paths) == 3


async def test_changing_facts_keeps_the_claim(catalog: Catalog, folding: Shelf) -> None:
    bucket = await new_bucket(catalog, storage="folding")
    owner = await catalog.publish(
        bucket, new_version(bucket, "a", shelf=folding, storage="folding")
    )
    owner = await catalog.set_tags(bucket, "a", [("x", "y")])
    await catalog.replace_facts(bucket, owner, only_if=ALWAYS)
    other = await catalog.publish(
        bucket, new_version(bucket, "A", shelf=folding, storage="folding")
    )
    assert not other.location.natural


async def test_sequences_of_a_key_grow(catalog: Catalog, bucket: Bucket) -> None:
    first = await catalog.publish(bucket, new_version(bucket, "k", sequence=100))
    assert first.sequence == 100
    for wanted in [100, 7, 101]:
        stored = await catalog.publish(bucket, new_version(bucket, "k", sequence=wanted))
        assert stored.sequence > first.sequence
        assert await catalog.get(bucket, "k") == stored
        first = stored
    stored = await catalog.publish(bucket, new_version(bucket, "k", sequence=5000))
    assert stored.sequence == 5000


async def test_absent_lets_in_the_first_only(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    absent = Condition(absent=True)
    first = await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf), only_if=absent)
    refused = new_version(bucket, "k", shelf=shelf)
    with pytest.raises(ConditionFailed):
        await catalog.publish(bucket, refused, only_if=absent)
    assert await catalog.get(bucket, "k") == first
    assert list(shelf.staged) == [refused.location.staged]


async def test_exactly_one_of_64_that_ask_for_absence_wins(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    versions = [new_version(bucket, "k", shelf=shelf) for _ in range(64)]
    outcomes = await asyncio.gather(
        *(catalog.publish(bucket, v, only_if=Condition(absent=True)) for v in versions),
        return_exceptions=True,
    )
    winners = [outcome for outcome in outcomes if isinstance(outcome, Version)]
    assert len(winners) == 1
    assert sum(isinstance(outcome, ConditionFailed) for outcome in outcomes) == 63
    assert await catalog.get(bucket, "k") == winners[0]
    assert shelf.paths == {f"{bucket.name}/k": winners[0].location.fingerprint}
    assert len(shelf.staged) == 63


async def test_if_match_compares_etags(catalog: Catalog, bucket: Bucket) -> None:
    await catalog.publish(bucket, new_version(bucket, "k", etag="one"))
    for etags in [("two",), ("two", "three"), ("ONE",), ("on",)]:
        with pytest.raises(ConditionFailed):
            await catalog.publish(
                bucket, new_version(bucket, "k", etag="x"), only_if=Condition(etags=etags)
            )
        with pytest.raises(ConditionFailed):
            await catalog.remove(bucket, "k", only_if=Condition(etags=etags))
    for etags in [("one",), ("two", "one"), ("*",)]:
        await catalog.publish(
            bucket, new_version(bucket, "k", etag="one"), only_if=Condition(etags=etags)
        )
    assert await catalog.remove(bucket, "k", only_if=Condition(etags=("one",)))


async def test_if_match_of_nothing_is_no_such_key(catalog: Catalog, bucket: Bucket) -> None:
    for etags in [("one",), ("*",)]:
        with pytest.raises(NoSuchKey):
            await catalog.publish(bucket, new_version(bucket, "k"), only_if=Condition(etags=etags))
        with pytest.raises(NoSuchKey):
            await catalog.remove(bucket, "k", only_if=Condition(etags=etags))
    assert await catalog.get(bucket, "k") is None


async def test_conditions_of_size_and_time(catalog: Catalog, bucket: Bucket) -> None:
    s = 1_700_000_000
    await catalog.publish(
        bucket, new_version(bucket, "k", size=7, modified_ns=s * 10**9 + 999_999_999)
    )
    for condition in [
        Condition(size=8),
        Condition(size=0),
        Condition(modified_s=s + 1),
        Condition(size=7, modified_s=s - 1),
    ]:
        with pytest.raises(ConditionFailed):
            await catalog.remove(bucket, "k", only_if=condition)
    condition = Condition(size=7, modified_s=s)
    assert await catalog.remove(bucket, "k", only_if=condition) is True
    assert await catalog.remove(bucket, "k", only_if=condition) is False


async def test_tags_are_replaced_and_nothing_else(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    version = await catalog.publish(
        bucket,
        new_version(bucket, "k", shelf=shelf, tags=(("a", "1"),), headers={"content-type": "t/t"}),
    )
    for tags in [(("b", "2"), ("c", "")), ()]:
        stored = await catalog.set_tags(bucket, "k", tags)
        assert stored == dataclasses.replace(version, tags=tags)
        assert await catalog.get(bucket, "k") == stored
    with pytest.raises(NoSuchKey):
        await catalog.set_tags(bucket, "missing", [])


async def test_facts_are_replaced_and_the_location_stays(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    version = await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
    wanted = dataclasses.replace(
        version,
        headers={"content-type": "new/one"},
        metadata={"m": "1"},
        tags=(("t", "1"),),
        storage_class="GLACIER",
        modified_ns=99,
        location=dataclasses.replace(version.location, path="not/this"),
    )
    stored = await catalog.replace_facts(bucket, wanted, only_if=ALWAYS)
    assert stored.sequence > version.sequence
    assert stored == dataclasses.replace(
        wanted, sequence=stored.sequence, location=version.location
    )
    assert await catalog.get(bucket, "k") == stored
    assert shelf.paths == {version.location.path: version.location.fingerprint}
    with pytest.raises(ConditionConflict):
        await catalog.replace_facts(bucket, wanted, only_if=ALWAYS)
    with pytest.raises(ConditionFailed):
        await catalog.replace_facts(bucket, stored, only_if=Condition(etags=("other",)))
    with pytest.raises(NoSuchKey):
        await catalog.replace_facts(
            bucket, dataclasses.replace(stored, key="missing"), only_if=ALWAYS
        )


async def test_every_entry_goes_through_all_pages_in_order(
    catalog: Catalog, bucket: Bucket
) -> None:
    keys = sorted({f"{n * 7919 % 2500}" for n in range(2500)}, key=str.encode)
    await asyncio.gather(*(catalog.publish(bucket, new_version(bucket, key)) for key in keys))
    entries = [entry async for entry in catalog.every_entry(bucket)]
    assert [entry.key for entry in entries] == keys
    assert all(isinstance(entry, Entry) for entry in entries)


async def test_every_entry_lets_others_write_meanwhile(catalog: Catalog, bucket: Bucket) -> None:
    for key in ["a", "b"]:
        await catalog.publish(bucket, new_version(bucket, key))
    seen = []
    async for entry in catalog.every_entry(bucket):
        seen.append(entry.key)
        await catalog.remove(bucket, entry.key)
    assert seen == ["a", "b"]
    assert await catalog.get(bucket, "b") is None


async def test_what_was_written_is_there_after_a_restart(
    make: Callable[[], Catalog], shelf: Shelf
) -> None:
    first = make()
    await first.open()
    bucket = await new_bucket(first)
    version = await first.publish(bucket, new_version(bucket, "k", shelf=shelf))
    await first.aclose()
    second = make()
    await second.open()
    try:
        assert await second.bucket(bucket.name) == bucket
        assert await second.get(bucket, "k") == version
    finally:
        await second.aclose()


async def test_two_catalogs_of_the_same_data_see_each_others_writes_at_once(
    catalog: Catalog, make: Callable[[], Catalog]
) -> None:
    other = make()
    await other.open()
    try:
        for turn in range(20):
            bucket = await new_bucket(catalog)
            assert await other.bucket(bucket.name) == bucket
            version = await other.publish(bucket, new_version(bucket, "k"))
            assert await catalog.get(bucket, "k") == version
            await catalog.remove(bucket, "k")
            assert await other.get(bucket, "k") is None
            if turn % 2:
                await other.delete_bucket(bucket.name)
                with pytest.raises(NoSuchBucket):
                    await catalog.bucket(bucket.name)
    finally:
        await other.aclose()


async def test_closing_finishes_what_was_accepted(
    make: Callable[[], Catalog], shelf: Shelf
) -> None:
    catalog = make()
    await catalog.open()
    bucket = await new_bucket(catalog)
    puts = [
        asyncio.ensure_future(catalog.publish(bucket, new_version(bucket, f"{n}", shelf=shelf)))
        for n in range(200)
    ]
    await asyncio.sleep(0)  # all of them have begun
    await catalog.aclose()
    assert len(await asyncio.gather(*puts)) == 200
    with pytest.raises(CatalogUnavailable):
        await catalog.remove(bucket, "1")
    with pytest.raises(CatalogUnavailable):
        await catalog.get(bucket, "1")
    with pytest.raises(CatalogUnavailable):
        await catalog.bucket(bucket.name)
    await catalog.aclose()


async def test_who_owns_staged_bytes_is_found_by_their_name(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    mine = await catalog.publish(bucket, new_version(bucket, "a/é", shelf=shelf))
    await catalog.publish(bucket, new_version(bucket, "b", shelf=shelf))
    assert mine.location.staged is not None
    assert await catalog.owner_of_staged("disk", mine.location.staged) == mine
    assert await catalog.owner_of_staged("folding", mine.location.staged) is None
    assert await catalog.owner_of_staged("disk", "put-of-nobody") is None

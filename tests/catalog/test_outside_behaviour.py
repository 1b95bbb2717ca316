"""What catalogs make of bytes that others wrote, and of bytes that are gone."""

import asyncio
import dataclasses

import pytest

from backends.errors import Unavailable
from backends.interface import Fingerprint
from gateway.catalog.errors import NoSuchBucket, TooManyMissing
from gateway.catalog.interface import Catalog
from gateway.catalog.outside import Absence, Adoption, Digested, Found, MissingLimit
from gateway.catalog.records import Bucket, Checksum, Condition, PartFact, Version
from tests.catalog.shelf import Shelf
from tests.catalog.versions import START_NS, new_bucket, new_version

LIMIT = MissingLimit(count=1000, share=0.2)
CHECKSUM = Checksum(algorithm="CRC32", type="FULL_OBJECT", value="AAAAAA==")


def dropped(
    shelf: Shelf, bucket: Bucket, key: str, stamp: str = "theirs", *, size: int = 5
) -> Found:
    """Bytes of somebody else under the natural path of ``key``."""
    fingerprint = Fingerprint(size=size, stamp=stamp)
    path = f"{bucket.name}/{key}"
    shelf.paths[path] = fingerprint
    return Found(
        key=key,
        path=path,
        fingerprint=fingerprint,
        modified_ns=7,
        etag=f"{stamp}-0",
        headers={"content-type": "text/plain"},
    )


async def adopt(catalog: Catalog, bucket: Bucket, *found: Found) -> list[Adoption]:
    return list(await catalog.adopt(bucket, found, now_ns=START_NS))


async def mark(
    catalog: Catalog,
    bucket: Bucket,
    *keys: str,
    limit: MissingLimit = LIMIT,
    now_ns: int = START_NS,
) -> list[Absence]:
    return list(await catalog.mark_missing(bucket, keys, limit=limit, now_ns=now_ns))


async def published(catalog: Catalog, shelf: Shelf, bucket: Bucket, key: str) -> Version:
    """An object with everything that can be known of one."""
    return await catalog.publish(
        bucket,
        new_version(
            bucket,
            key,
            shelf=shelf,
            headers={"content-type": "text/x", "cache-control": "no-store"},
            metadata={"colour": "blue"},
            tags=(("a", "b"),),
            checksum=CHECKSUM,
            parts=(PartFact(number=1, size=5),),
        ),
    )


def facts(version: Version) -> tuple[object, ...]:
    return version.headers, version.metadata, version.tags, version.storage_class


async def test_bytes_of_others_are_an_object(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    found = dropped(shelf, bucket, "key")
    assert await adopt(catalog, bucket, found) == [Adoption.NEW]
    version = await catalog.get(bucket, "key")
    assert version is not None
    assert (version.size, version.etag, version.modified_ns) == (5, "theirs-0", 7)
    assert version.headers == {"content-type": "text/plain"}
    assert version.location.fingerprint == found.fingerprint
    assert [entry.key async for entry in catalog.every_entry(bucket)] == ["key"]
    assert await adopt(catalog, bucket, found) == [Adoption.SAME]


async def test_what_is_not_there_any_more_is_not_adopted(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    gone, other = dropped(shelf, bucket, "gone"), dropped(shelf, bucket, "other")
    del shelf.paths[gone.path]
    dropped(shelf, bucket, "other", "newer")
    assert await adopt(catalog, bucket, gone, other) == [Adoption.GONE, Adoption.GONE]
    assert await catalog.get(bucket, "gone") is None


async def test_a_change_keeps_all_but_what_bytes_decide(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    before = await published(catalog, shelf, bucket, "key")
    found = dropped(shelf, bucket, "key", size=9)
    assert await adopt(catalog, bucket, found) == [Adoption.CHANGED]
    after = await catalog.get(bucket, "key")
    assert after is not None
    assert facts(after) == facts(before)
    assert (after.size, after.etag, after.checksum, tuple(after.parts)) == (9, found.etag, None, ())
    assert after.sequence > before.sequence


async def test_bytes_in_the_way_of_an_object_are_left_alone(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    shelf.refuses_to_prepare = True
    shadowed = await published(catalog, shelf, bucket, "shadowed")
    shelf.refuses_to_prepare = False
    shelf.refuses_to_place = True
    unplaced = await published(catalog, shelf, bucket, "unplaced")
    found = dropped(shelf, bucket, "shadowed"), dropped(shelf, bucket, "unplaced")
    assert await adopt(catalog, bucket, *found) == [Adoption.IN_THE_WAY] * 2
    assert await catalog.get(bucket, "shadowed") == shadowed
    assert await catalog.get(bucket, "unplaced") == unplaced


async def test_bytes_that_are_being_deleted_are_not_taken_back(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    version = await published(catalog, shelf, bucket, "key")
    shelf.refuses_to_remove = True
    assert await catalog.remove(bucket, "key")
    path = f"{bucket.name}/key"
    left = Found(
        key="key", path=path, fingerprint=version.location.fingerprint, modified_ns=7, etag="e-0"
    )
    assert await adopt(catalog, bucket, left) == [Adoption.GONE]
    assert await catalog.get(bucket, "key") is None
    # Other bytes in their place: those that were deleted have been seen gone.
    assert await adopt(catalog, bucket, dropped(shelf, bucket, "key")) == [Adoption.NEW]
    assert await catalog.finish_removals() == 0
    assert shelf.paths[path].stamp == "theirs"


async def test_bytes_that_replace_an_object_while_it_is_deleted_are_looked_at_again(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    keys = [f"key-{number}" for number in range(20)]
    for key in keys:
        await published(catalog, shelf, bucket, key)
    found = [dropped(shelf, bucket, key) for key in keys]
    deletions = [catalog.remove(bucket, key) for key in keys]
    adoptions = [adopt(catalog, bucket, one) for one in found]
    _, outcomes = await asyncio.gather(asyncio.gather(*deletions), asyncio.gather(*adoptions))
    assert [Adoption.OWNED] not in outcomes
    again = await adopt(catalog, bucket, *found)
    assert set(again) <= {Adoption.NEW, Adoption.SAME}
    assert [entry.key async for entry in catalog.every_entry(bucket)] == sorted(keys)


async def test_a_path_that_another_key_owns_is_not_taken(catalog: Catalog, folding: Shelf) -> None:
    bucket = await new_bucket(catalog, storage="folding")
    await catalog.publish(bucket, new_version(bucket, "Key", shelf=folding, storage="folding"))
    folding.paths[f"{bucket.name}/KEY"] = folding.paths[f"{bucket.name}/Key"]
    found = dropped(folding, bucket, "KEY")
    assert await adopt(catalog, bucket, found) == [Adoption.OWNED]
    assert await catalog.get(bucket, "KEY") is None
    assert await adopt(catalog, bucket, dropped(folding, bucket, "else")) == [Adoption.NEW]
    # And what is adopted owns its path.
    placed = await catalog.publish(
        bucket, new_version(bucket, "ELSE", shelf=folding, storage="folding")
    )
    assert not placed.location.natural


async def test_an_adopted_object_is_overwritten_and_deleted_as_others(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    await adopt(catalog, bucket, dropped(shelf, bucket, "key"), dropped(shelf, bucket, "other"))
    stored = await catalog.publish(bucket, new_version(bucket, "key", shelf=shelf))
    assert stored.location.natural
    assert shelf.paths[f"{bucket.name}/key"] == stored.location.fingerprint
    assert await catalog.remove(bucket, "other")
    assert f"{bucket.name}/other" not in shelf.paths


async def test_a_missing_object_is_out_of_sight_and_nothing_of_it_is_lost(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    before = await published(catalog, shelf, bucket, "key")
    del shelf.paths[f"{bucket.name}/key"]
    assert await mark(catalog, bucket, "key", "none") == [Absence.MISSING, Absence.NO_OBJECT]
    assert await catalog.get(bucket, "key") is None
    assert (await catalog.list(bucket, limit=10)).items == []
    assert await catalog.missing(bucket, "key") == before


async def test_the_same_bytes_bring_back_all_others_all_but_theirs(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    before = {key: await published(catalog, shelf, bucket, key) for key in ("same", "other")}
    for key in before:
        del shelf.paths[f"{bucket.name}/{key}"]
    await mark(catalog, bucket, *before)
    same = dropped(shelf, bucket, "same", before["same"].location.fingerprint.stamp)
    other = dropped(shelf, bucket, "other")
    assert await adopt(catalog, bucket, same, other) == [Adoption.RESTORED] * 2
    after = await catalog.get(bucket, "same")
    assert after is not None
    assert dataclasses.replace(after, sequence=before["same"].sequence) == before["same"]
    changed = await catalog.get(bucket, "other")
    assert changed is not None
    assert facts(changed) == facts(before["other"])
    assert (changed.etag, changed.checksum) == ("theirs-0", None)
    assert await catalog.missing(bucket, "same") is None


@pytest.mark.parametrize("trouble", ["there", "staged", "not itself", "away"])
async def test_an_absence_that_is_not_certain_does_not_count(
    catalog: Catalog, bucket: Bucket, shelf: Shelf, trouble: str
) -> None:
    shelf.refuses_to_place = trouble == "staged"
    version = await published(catalog, shelf, bucket, "key")
    path = f"{bucket.name}/key"
    if trouble == "there":
        shelf.paths[path] = Fingerprint(size=1, stamp="other")
    else:
        shelf.paths.pop(path, None)
    shelf.is_itself = trouble != "not itself"
    shelf.is_away = trouble == "away"
    if trouble == "away":
        with pytest.raises(Unavailable):
            await mark(catalog, bucket, "key")
    else:
        assert await mark(catalog, bucket, "key") == [Absence.THERE]
    assert await catalog.get(bucket, "key") == version


async def test_bytes_that_were_left_staged_are_placed_when_their_path_is_free(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    shelf.refuses_to_place = True
    version = await published(catalog, shelf, bucket, "key")
    shelf.refuses_to_place = False
    assert await mark(catalog, bucket, "key") == [Absence.THERE]
    assert shelf.paths[f"{bucket.name}/key"] == version.location.fingerprint


async def test_too_many_at_once_are_not_believed(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    keys = [f"key-{number:02}" for number in range(20)]
    await adopt(catalog, bucket, *(dropped(shelf, bucket, key) for key in keys))
    shelf.paths.clear()
    limit = MissingLimit(count=3, share=0.25, window_ns=100)
    assert await mark(catalog, bucket, *keys[:3], limit=limit) == [Absence.MISSING] * 3
    # Over the count, within the share: a quarter of twenty.
    assert await mark(catalog, bucket, *keys[3:5], limit=limit) == [Absence.MISSING] * 2
    with pytest.raises(TooManyMissing):
        await mark(catalog, bucket, keys[5], limit=limit)
    assert len((await catalog.list(bucket, limit=100)).items) == 15
    # Known beforehand to be many: not even the first.
    with pytest.raises(TooManyMissing):
        await catalog.mark_missing(
            bucket, keys[5:6], limit=limit, now_ns=START_NS + 1000, expected=15
        )
    # What went long ago is not counted again.
    assert await mark(catalog, bucket, keys[5], limit=limit, now_ns=START_NS + 1000) == [
        Absence.MISSING
    ]


async def test_whoever_writes_or_deletes_the_key_ends_what_is_kept(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    for key in ("written", "deleted"):
        await published(catalog, shelf, bucket, key)
        del shelf.paths[f"{bucket.name}/{key}"]
    await mark(catalog, bucket, "written", "deleted")
    fresh = new_version(bucket, "written", shelf=shelf)
    await catalog.publish(bucket, fresh, only_if=Condition(absent=True))
    assert not await catalog.remove(bucket, "deleted")
    assert await catalog.missing(bucket, "written") is None
    assert await catalog.missing(bucket, "deleted") is None
    again = dropped(shelf, bucket, "deleted")
    assert await adopt(catalog, bucket, again) == [Adoption.NEW]
    version = await catalog.get(bucket, "deleted")
    assert version is not None
    assert not version.metadata


async def test_a_deleted_bucket_keeps_nothing_missing(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    await published(catalog, shelf, bucket, "key")
    shelf.paths.clear()
    await mark(catalog, bucket, "key")
    await catalog.delete_bucket(bucket.name)
    again = await catalog.create_bucket(bucket.name, region="r", storage="disk", now_ns=1)
    assert await catalog.missing(bucket, "key") is None
    assert await adopt(catalog, again, dropped(shelf, again, "key")) == [Adoption.NEW]
    with pytest.raises(NoSuchBucket):
        await adopt(catalog, bucket, dropped(shelf, bucket, "key"))
    with pytest.raises(NoSuchBucket):
        await mark(catalog, bucket, "key")


async def test_moved_bytes_take_along_what_was_said_of_them(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    old = await published(catalog, shelf, bucket, "old")
    stamp = old.location.fingerprint.stamp
    moved = dataclasses.replace(dropped(shelf, bucket, "new", stamp), was=(bucket.name, "old"))
    other = dataclasses.replace(dropped(shelf, bucket, "other"), was=(bucket.name, "old"))
    nowhere = dataclasses.replace(dropped(shelf, bucket, "nowhere", stamp), was=("none", "old"))
    assert await adopt(catalog, bucket, moved, other, nowhere) == [Adoption.NEW] * 3
    new = await catalog.get(bucket, "new")
    assert new is not None
    assert facts(new) == facts(old)
    assert (new.etag, new.checksum, new.location.path) == (old.etag, CHECKSUM, moved.path)
    for key in ("other", "nowhere"):
        version = await catalog.get(bucket, key)
        assert version is not None
        assert not version.metadata


async def test_bytes_that_no_row_knows_have_what_they_say_of_themselves(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    said = new_version(bucket, "elsewhere", metadata={"colour": "blue"}, checksum=CHECKSUM)
    found = dataclasses.replace(dropped(shelf, bucket, "key"), described=said, was=("gone", "key"))
    assert await adopt(catalog, bucket, found) == [Adoption.NEW]
    version = await catalog.get(bucket, "key")
    assert version is not None
    assert (version.key, version.metadata, version.checksum) == ("key", said.metadata, CHECKSUM)
    assert (version.location.path, version.location.storage) == (found.path, "disk")
    assert version.sequence == START_NS // 1000


async def test_a_storage_that_is_not_itself_takes_nothing(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    shelf.is_away = True
    for natural in (True, False):
        version = new_version(bucket, "key", shelf=shelf, natural=natural)
        with pytest.raises(Unavailable):
            await catalog.publish(bucket, version)
    with pytest.raises(Unavailable):
        await new_bucket(catalog)
    shelf.is_away = False
    assert await catalog.get(bucket, "key") is None
    assert [one.name for one in await catalog.buckets(limit=10)] == [bucket.name]


async def test_what_has_lain_there_for_long_comes_back_but_is_nothing_new(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    before = await published(catalog, shelf, bucket, "key")
    path = f"{bucket.name}/key"
    fingerprint = shelf.paths.pop(path)
    await mark(catalog, bucket, "key")
    back = dataclasses.replace(
        dropped(shelf, bucket, "key", fingerprint.stamp), stale=True, etag=before.etag
    )
    assert await adopt(catalog, bucket, back) == [Adoption.RESTORED]
    assert await catalog.remove(bucket, "key")
    shelf.paths[path] = fingerprint  # the power failed, and the removal with it
    # GONE as long as the deletion itself is not known to be durable, then OWNED: never taken.
    assert set(await adopt(catalog, bucket, back)) <= {Adoption.GONE, Adoption.OWNED}
    assert await catalog.get(bucket, "key") is None


async def test_a_folder_is_made_a_bucket_while_it_is_there(catalog: Catalog, shelf: Shelf) -> None:
    async def made(name: str) -> bool:
        return await catalog.adopt_bucket(name, region="r", storage="disk", now_ns=1)

    assert not await made("folder")
    shelf.folders.add("folder")
    assert await made("folder")
    assert (await catalog.bucket("folder")).region == "r"
    assert not await made("folder")
    await catalog.delete_bucket("folder")
    assert not await made("folder")


async def test_rows_are_told_with_where_their_bytes_lie(catalog: Catalog, bucket: Bucket) -> None:
    keys = ["a", "a/b", "a0", "b", "é"]
    for key in keys:
        await catalog.publish(bucket, new_version(bucket, key, natural=key != "b"))
    page = await catalog.lying(bucket, limit=3)
    assert [lying.key for lying in page] == keys[:3]
    assert [lying.key for lying in await catalog.lying(bucket, after="a0", limit=9)] == keys[3:]
    assert [lying.key for lying in await catalog.lying(bucket, prefix="a/", limit=9)] == ["a/b"]
    assert await catalog.lying(bucket, prefix="c", limit=9) == []
    for lying in [*page, *await catalog.lying(bucket, after="a0", limit=9)]:
        version = await catalog.get(bucket, lying.key)
        assert version is not None
        location = version.location
        assert lying == (lying.key, location.fingerprint, location.path, location.natural)
        assert await catalog.lying_at(bucket, ["none", lying.key]) == {lying.key: lying}


# Digests


async def waiting(catalog: Catalog) -> list[str]:
    return [one.key for one in await catalog.undigested(limit=100) if one.version is not None]


async def test_bytes_of_others_wait_for_their_digest(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    found = dropped(shelf, bucket, "key")
    described = dataclasses.replace(dropped(shelf, bucket, "described"), etag="a" * 32)
    await adopt(catalog, bucket, found, described)
    (one,) = await catalog.undigested(limit=100)
    assert one.bucket == bucket
    assert one.version == await catalog.get(bucket, "key")
    assert await catalog.undigested(after=(bucket.id, "key"), limit=100) == []
    stale = Digested(
        bucket_id=bucket.id,
        key="key",
        fingerprint=Fingerprint(size=5, stamp="older"),
        etag="1" * 32,
    )
    await catalog.settle_digests([stale])
    assert await waiting(catalog) == ["key"]
    await catalog.settle_digests([dataclasses.replace(stale, fingerprint=found.fingerprint)])
    version = await catalog.get(bucket, "key")
    assert version is not None
    assert version.etag == "1" * 32
    assert await catalog.undigested(limit=100) == []


async def test_bytes_that_turn_out_the_same_have_their_checksum_back(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    for key in ("same", "other"):
        version = new_version(bucket, key, shelf=shelf, etag="1" * 32, checksum=CHECKSUM)
        await catalog.publish(bucket, version)
    found = [dropped(shelf, bucket, key) for key in ("same", "other")]
    await adopt(catalog, bucket, *found)
    # Touched once more: it is still compared with what it was at first.
    found = [dropped(shelf, bucket, key, "again") for key in ("same", "other")]
    await adopt(catalog, bucket, *found)
    assert [one.was for one in await catalog.undigested(limit=100)] == ["1" * 32] * 2
    await catalog.settle_digests(
        [
            Digested(bucket_id=bucket.id, key=one.key, fingerprint=one.fingerprint, etag=etag)
            for one, etag in zip(found, ("1" * 32, "2" * 32), strict=True)
        ]
    )
    for key, etag, checksum in (("same", "1" * 32, CHECKSUM), ("other", "2" * 32, None)):
        after = await catalog.get(bucket, key)
        assert after is not None
        assert (after.etag, after.checksum) == (etag, checksum)


async def test_what_needs_no_digest_any_more_is_told_and_forgotten(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    await adopt(catalog, bucket, dropped(shelf, bucket, "gone"), dropped(shelf, bucket, "ours"))
    await catalog.remove(bucket, "gone")
    ours = await catalog.publish(bucket, new_version(bucket, "ours", shelf=shelf))
    page = await catalog.undigested(limit=100)
    assert [(one.key, one.version) for one in page] == [("gone", None), ("ours", None)]
    await catalog.settle_digests([Digested(bucket_id=one.bucket_id, key=one.key) for one in page])
    assert await catalog.undigested(limit=100) == []
    assert await catalog.get(bucket, "ours") == ours


async def test_only_what_nobody_said_anything_of_is_forgotten(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    await published(catalog, shelf, bucket, "ours")
    await adopt(catalog, bucket, dropped(shelf, bucket, "plain"), dropped(shelf, bucket, "tagged"))
    await catalog.set_tags(bucket, "tagged", [("a", "b")])
    shelf.paths.clear()
    await mark(catalog, bucket, "ours", "plain", "tagged")
    assert await catalog.forget_missing(before_ns=START_NS) == 0
    assert await catalog.forget_missing(before_ns=START_NS + 1) == 1
    assert await catalog.missing(bucket, "plain") is None
    assert await catalog.missing(bucket, "ours") is not None
    assert await catalog.missing(bucket, "tagged") is not None

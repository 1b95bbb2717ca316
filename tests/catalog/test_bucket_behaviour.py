"""Buckets, for every catalog."""

import asyncio

import pytest

from gateway.catalog.errors import BucketExists, BucketNotEmpty, NoSuchBucket, NoSuchUpload
from gateway.catalog.interface import Catalog
from gateway.catalog.placing import part_file
from gateway.catalog.records import Bucket, Part
from tests.catalog.shelf import Shelf
from tests.catalog.versions import new_bucket, new_upload, new_version


async def create(catalog: Catalog, name: str) -> Bucket:
    return await catalog.create_bucket(name, region="eu-west-1", storage="disk", now_ns=42)


async def test_a_bucket_is_as_it_was_created(catalog: Catalog) -> None:
    made = await create(catalog, "photos")
    assert made == await catalog.bucket("photos")
    assert (made.name, made.region, made.storage, made.created_ns) == (
        "photos",
        "eu-west-1",
        "disk",
        42,
    )


async def test_an_unknown_bucket_is_refused_each_time(catalog: Catalog) -> None:
    for _ in range(2):
        with pytest.raises(NoSuchBucket):
            await catalog.bucket("photos")


async def test_a_name_is_given_once(catalog: Catalog) -> None:
    await create(catalog, "photos")
    with pytest.raises(BucketExists):
        await create(catalog, "photos")


async def test_one_of_many_creators_of_a_name_wins(catalog: Catalog) -> None:
    outcomes = await asyncio.gather(
        *(create(catalog, "photos") for _ in range(20)), return_exceptions=True
    )
    assert sum(isinstance(outcome, Bucket) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, BucketExists) for outcome in outcomes) == 19


async def test_its_folder_comes_and_goes_with_a_bucket(catalog: Catalog, shelf: Shelf) -> None:
    await create(catalog, "photos")
    assert shelf.folders == {"photos"}
    await catalog.delete_bucket("photos")
    assert shelf.folders == set()


async def test_a_deleted_bucket_is_gone(catalog: Catalog) -> None:
    await create(catalog, "photos")
    await catalog.bucket("photos")
    await catalog.delete_bucket("photos")
    with pytest.raises(NoSuchBucket):
        await catalog.bucket("photos")
    with pytest.raises(NoSuchBucket):
        await catalog.delete_bucket("photos")


async def test_a_bucket_with_an_object_stays(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    await catalog.publish(bucket, new_version(bucket, "a", shelf=shelf))
    with pytest.raises(BucketNotEmpty):
        await catalog.delete_bucket(bucket.name)
    await catalog.remove(bucket, "a")
    await catalog.delete_bucket(bucket.name)


async def test_a_bucket_created_again_is_another_one(catalog: Catalog, shelf: Shelf) -> None:
    first = await create(catalog, "photos")
    await catalog.delete_bucket("photos")
    second = await create(catalog, "photos")
    assert second.id != first.id
    assert await catalog.bucket("photos") == second
    with pytest.raises(NoSuchBucket):
        await catalog.publish(first, new_version(first, "a", shelf=shelf))
    with pytest.raises(NoSuchBucket):
        await catalog.remove(first, "a")
    with pytest.raises(NoSuchBucket):
        await catalog.set_tags(first, "a", [])
    with pytest.raises(NoSuchBucket):
        await catalog.start_upload(new_upload(first, "a"))
    assert (await catalog.list(second, limit=10)).items in ([], ())


async def test_ids_of_deleted_buckets_are_never_used_again(catalog: Catalog) -> None:
    seen = set()
    for _ in range(3):
        seen.add((await create(catalog, "photos")).id)
        await catalog.delete_bucket("photos")
    assert len(seen) == 3


async def test_buckets_are_listed_by_name_after_a_name_and_with_a_prefix(catalog: Catalog) -> None:
    for name in ["c", "a1", "b", "a2", "a", "a3"]:
        await create(catalog, name)

    async def names(**query: str) -> list[str]:
        return [b.name for b in await catalog.buckets(limit=10, **query)]

    assert await names() == ["a", "a1", "a2", "a3", "b", "c"]
    assert await names(after="a2") == ["a3", "b", "c"]
    assert await names(prefix="a") == ["a", "a1", "a2", "a3"]
    assert await names(prefix="a", after="a1") == ["a2", "a3"]
    assert await names(prefix="b", after="a1") == ["b"]
    assert await names(prefix="a", after="b") == []
    assert [b.name for b in await catalog.buckets(limit=2)] == ["a", "a1"]


async def test_deleting_a_bucket_aborts_its_uploads_and_drops_their_bytes(
    catalog: Catalog, shelf: Shelf
) -> None:
    bucket = await create(catalog, "photos")
    kept = await new_bucket(catalog)
    uploads = [new_upload(bucket, f"key-{n}") for n in range(50)]
    other = new_upload(kept, "other")
    for upload in [*uploads, other]:
        await catalog.start_upload(upload)
        shelf.stage(part_file(upload.id, 1, "x"), 5)
        await catalog.put_part(
            upload.id, Part(number=1, attempt="x", size=5, etag="e", modified_ns=1)
        )
    await catalog.delete_bucket("photos")
    for upload in uploads:
        with pytest.raises(NoSuchUpload):
            await catalog.put_part(
                upload.id, Part(number=2, attempt="y", size=5, etag="e", modified_ns=1)
            )
        with pytest.raises(NoSuchUpload):
            await catalog.claim_part(upload.id, 2, "y", 5)
        with pytest.raises(NoSuchUpload):
            await catalog.begin_complete(upload.id)
        with pytest.raises(NoSuchUpload):
            await catalog.upload(bucket, upload.key, upload.id)
        with pytest.raises(NoSuchUpload):
            await catalog.abort_upload(bucket, upload.key, upload.id)
    assert await catalog.uploads(bucket, limit=10) in [([], False), ((), False)]
    stale = await catalog.stale_uploads(before_ns=2**62, limit=100)
    assert [upload.id for _, upload in stale] == [other.id]
    # What is too much for one transaction follows in later ones, which closing waits for or leaves
    # to recovery: ask for a few more transactions.
    for _ in range(50):
        if set(shelf.staged) == {part_file(other.id, 1, "x")}:
            break
        await catalog.reopen_upload(other.id)
    assert set(shelf.staged) == {part_file(other.id, 1, "x")}

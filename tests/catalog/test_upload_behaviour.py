"""Multipart uploads, for every catalog."""

import asyncio
import dataclasses

import pytest

from gateway.catalog.errors import ConditionFailed, NoSuchBucket, NoSuchUpload
from gateway.catalog.interface import Catalog
from gateway.catalog.placing import part_file, upload_file
from gateway.catalog.records import Bucket, Checksum, Completed, Condition, Part, Upload
from tests.catalog.shelf import Shelf
from tests.catalog.versions import new_bucket, new_upload, new_version

MiB = 1024**2


@pytest.fixture
async def upload(catalog: Catalog, bucket: Bucket) -> Upload:
    upload = new_upload(bucket, "k")
    await catalog.start_upload(upload)
    return upload


def part(number: int, attempt: str = "x", *, offset: int | None = None) -> Part:
    return Part(
        number=number,
        attempt=attempt,
        size=5,
        etag=f"e{number}{attempt}",
        modified_ns=number,
        checksum=None if number % 2 else "c",
        offset=offset,
    )


async def test_an_upload_is_as_it_was_started(catalog: Catalog, bucket: Bucket) -> None:
    upload = dataclasses.replace(
        new_upload(bucket, "ä\x01"),
        storage_class="GLACIER",
        headers={"content-type": "a/b", "expires": "never"},
        metadata={"m": "ü"},
        tags=(("a", "b"),),
        checksum_algorithm="SHA256",
        checksum_type="COMPOSITE",
    )
    await catalog.start_upload(upload)
    assert await catalog.upload(bucket, upload.key, upload.id) == upload


async def test_an_upload_belongs_to_one_key_of_one_bucket(
    catalog: Catalog, bucket: Bucket, upload: Upload
) -> None:
    other = await new_bucket(catalog)
    for where, key, id in [
        (bucket, "other", upload.id),
        (other, "k", upload.id),
        (bucket, "k", "missing"),
    ]:
        with pytest.raises(NoSuchUpload):
            await catalog.upload(where, key, id)
        with pytest.raises(NoSuchUpload):
            await catalog.abort_upload(where, key, id)
    assert await catalog.upload(bucket, "k", upload.id) == upload


async def test_no_upload_starts_in_a_bucket_that_is_gone(catalog: Catalog, bucket: Bucket) -> None:
    await catalog.delete_bucket(bucket.name)
    with pytest.raises(NoSuchBucket):
        await catalog.start_upload(new_upload(bucket, "k"))


async def test_parts_are_listed_by_number(catalog: Catalog, upload: Upload) -> None:
    parts = [part(n) for n in (1, 2, 9, 10, 10_000)]
    for one in reversed(parts):
        await catalog.put_part(upload.id, one)
    assert list(await catalog.parts(upload.id)) == parts
    assert list(await catalog.parts(upload.id, after=2)) == parts[2:]
    assert list(await catalog.parts(upload.id, after=2, limit=2)) == parts[2:4]
    assert list(await catalog.parts(upload.id, limit=0)) == []
    assert list(await catalog.parts("missing")) == []


async def test_a_part_replaces_an_earlier_one_whose_file_is_dropped(
    catalog: Catalog, upload: Upload, shelf: Shelf
) -> None:
    for attempt in ["x", "y"]:
        shelf.stage(part_file(upload.id, 1, attempt), 5)
        await catalog.put_part(upload.id, part(1, attempt))
    assert list(await catalog.parts(upload.id)) == [part(1, "y")]
    assert list(shelf.staged) == [part_file(upload.id, 1, "y")]
    await catalog.put_part(upload.id, part(1, "y"))
    assert list(shelf.staged) == [part_file(upload.id, 1, "y")]


async def test_replacing_a_part_in_place_drops_nothing(
    catalog: Catalog, upload: Upload, shelf: Shelf
) -> None:
    shelf.stage(upload_file(upload.id), 5)
    await catalog.put_part(upload.id, part(1, "x", offset=0))
    shelf.calls.clear()
    await catalog.put_part(upload.id, part(1, "y"))
    assert shelf.calls == []


async def test_parts_of_one_size_lie_in_place(catalog: Catalog, upload: Upload) -> None:
    async def offset(number: int, size: int) -> int | None:
        return (await catalog.claim_part(upload.id, number, f"a{number}", size)).offset

    assert await offset(3, 8 * MiB) == 16 * MiB
    assert await offset(1, 8 * MiB) == 0
    assert await offset(2, 8 * MiB + 1) is None
    assert await offset(4, 5 * MiB) == 24 * MiB
    assert await offset(5, 0) == 32 * MiB


async def test_the_first_claim_sets_the_part_size(
    catalog: Catalog, bucket: Bucket, upload: Upload
) -> None:
    assert (await catalog.claim_part(upload.id, 1, "a", 0)).offset is None
    assert (await catalog.upload(bucket, "k", upload.id)).part_size is None
    await catalog.claim_part(upload.id, 7, "a", 100)
    assert (await catalog.upload(bucket, "k", upload.id)).part_size == 100
    await catalog.claim_part(upload.id, 8, "a", 50)
    assert (await catalog.upload(bucket, "k", upload.id)).part_size == 100


async def test_only_the_first_attempt_ever_lies_in_place(catalog: Catalog, upload: Upload) -> None:
    assert (await catalog.claim_part(upload.id, 1, "a", 100)).offset == 0
    assert (await catalog.claim_part(upload.id, 1, "b", 100)).offset is None
    # A first attempt that did not fit was the first, too.
    assert (await catalog.claim_part(upload.id, 2, "c", 101)).offset is None
    assert (await catalog.claim_part(upload.id, 2, "d", 100)).offset is None
    # And so was one that asked for no place.
    await catalog.put_part(upload.id, part(3, "e"))
    assert (await catalog.claim_part(upload.id, 3, "f", 100)).offset is None


async def test_exactly_one_of_many_attempts_lies_in_place(catalog: Catalog, upload: Upload) -> None:
    claims = await asyncio.gather(
        *(catalog.claim_part(upload.id, 1, f"a{n}", 100) for n in range(20))
    )
    assert [claim.offset for claim in claims].count(0) == 1
    assert [claim.offset for claim in claims].count(None) == 19


async def test_no_place_is_beyond_the_largest_object(catalog: Catalog, upload: Upload) -> None:
    size = 5 * 1024 * MiB
    assert (await catalog.claim_part(upload.id, 1024, "a", size)).offset == 1023 * size
    assert (await catalog.claim_part(upload.id, 1025, "a", size)).offset is None


async def test_a_closed_upload_takes_no_parts(
    catalog: Catalog, bucket: Bucket, upload: Upload
) -> None:
    assert await catalog.begin_complete(upload.id) is False
    assert (await catalog.upload(bucket, "k", upload.id)).completing
    with pytest.raises(NoSuchUpload):
        await catalog.begin_complete(upload.id)
    with pytest.raises(NoSuchUpload):
        await catalog.put_part(upload.id, part(1))
    with pytest.raises(NoSuchUpload):
        await catalog.claim_part(upload.id, 1, "x", 5)
    await catalog.reopen_upload(upload.id)
    await catalog.put_part(upload.id, part(1))
    assert await catalog.begin_complete(upload.id) is False


async def test_one_of_many_completions_begins(catalog: Catalog, upload: Upload) -> None:
    outcomes = await asyncio.gather(
        *(catalog.begin_complete(upload.id) for _ in range(10)), return_exceptions=True
    )
    assert outcomes.count(False) == 1
    assert sum(isinstance(outcome, NoSuchUpload) for outcome in outcomes) == 9


async def test_completing_tells_of_unfinished_attempts_in_place(
    catalog: Catalog, upload: Upload
) -> None:
    offset = (await catalog.claim_part(upload.id, 1, "a", 5)).offset
    await catalog.claim_part(upload.id, 1, "b", 5)
    await catalog.put_part(upload.id, part(1, "b"))
    assert await catalog.begin_complete(upload.id) is True
    await catalog.reopen_upload(upload.id)
    await catalog.put_part(upload.id, part(1, "a", offset=offset))
    assert await catalog.begin_complete(upload.id) is False
    await catalog.reopen_upload(upload.id)
    # Finished once is finished, whoever comes after.
    await catalog.put_part(upload.id, part(1, "c"))
    assert await catalog.begin_complete(upload.id) is False


async def test_an_upload_that_is_being_completed_can_be_aborted(
    catalog: Catalog, bucket: Bucket, upload: Upload
) -> None:
    await catalog.begin_complete(upload.id)
    await catalog.abort_upload(bucket, "k", upload.id)
    await catalog.reopen_upload(upload.id)
    with pytest.raises(NoSuchUpload):
        await catalog.upload(bucket, "k", upload.id)


async def test_aborting_drops_all_staged_bytes(
    catalog: Catalog, bucket: Bucket, upload: Upload, shelf: Shelf
) -> None:
    shelf.stage(upload_file(upload.id), 5)
    await catalog.put_part(upload.id, part(1, "x", offset=0))
    for number in range(2, 12):
        shelf.stage(part_file(upload.id, number, "x"), 5)
        await catalog.put_part(upload.id, part(number))
    shelf.stage("another", 5)
    await catalog.abort_upload(bucket, "k", upload.id)
    assert list(shelf.staged) == ["another"]
    assert list(await catalog.parts(upload.id)) == []
    with pytest.raises(NoSuchUpload):
        await catalog.abort_upload(bucket, "k", upload.id)


def finished(bucket: Bucket, upload: Upload) -> Completed:
    return Completed(
        upload_id=upload.id,
        bucket_id=bucket.id,
        key=upload.key,
        version_id="null",
        etag="abc-2",
        checksum=Checksum(algorithm="CRC32", type="COMPOSITE", value="v-2"),
        parts=((1, "e1x"), (2, "e2x")),
    )


async def test_an_upload_becomes_an_object_and_is_remembered(
    catalog: Catalog, bucket: Bucket, upload: Upload, shelf: Shelf
) -> None:
    for number in (1, 2):
        shelf.stage(part_file(upload.id, number, "x"), 5)
        await catalog.put_part(upload.id, part(number))
    await catalog.begin_complete(upload.id)
    version = new_version(bucket, "k", shelf=shelf, staged=upload_file(upload.id))
    completed = finished(bucket, upload)
    assert await catalog.completed(bucket, "k", upload.id) is None
    await catalog.publish(bucket, version, upload=upload.id, completed=completed)
    assert await catalog.get(bucket, "k") == version
    assert shelf.paths == {f"{bucket.name}/k": version.location.fingerprint}
    assert shelf.staged == {}
    assert await catalog.completed(bucket, "k", upload.id) == completed
    assert await catalog.completed(bucket, "other", upload.id) is None
    with pytest.raises(NoSuchUpload):
        await catalog.upload(bucket, "k", upload.id)
    with pytest.raises(NoSuchUpload):
        await catalog.publish(
            bucket, new_version(bucket, "k"), upload=upload.id, completed=completed
        )
    assert await catalog.forget_completed(before_ns=version.modified_ns) == 0
    assert await catalog.forget_completed(before_ns=version.modified_ns + 1) == 1
    assert await catalog.completed(bucket, "k", upload.id) is None


async def test_an_assembled_object_leaves_no_shared_file_behind(
    catalog: Catalog, bucket: Bucket, upload: Upload, shelf: Shelf
) -> None:
    shelf.stage(upload_file(upload.id), 5)
    await catalog.put_part(upload.id, part(1, "x", offset=0))
    await catalog.begin_complete(upload.id)
    version = new_version(bucket, "k", shelf=shelf)
    await catalog.publish(bucket, version, upload=upload.id, completed=finished(bucket, upload))
    assert shelf.staged == {}


async def test_completing_needs_the_upload_to_be_closed_and_of_that_key(
    catalog: Catalog, bucket: Bucket, upload: Upload
) -> None:
    completed = finished(bucket, upload)
    with pytest.raises(NoSuchUpload):
        await catalog.publish(
            bucket, new_version(bucket, "k"), upload=upload.id, completed=completed
        )
    await catalog.begin_complete(upload.id)
    with pytest.raises(NoSuchUpload):
        await catalog.publish(
            bucket, new_version(bucket, "other"), upload=upload.id, completed=completed
        )
    assert await catalog.get(bucket, "k") is None
    assert await catalog.get(bucket, "other") is None


async def test_a_completion_whose_condition_fails_changes_nothing(
    catalog: Catalog, bucket: Bucket, upload: Upload, shelf: Shelf
) -> None:
    there = await catalog.publish(bucket, new_version(bucket, "k", shelf=shelf))
    shelf.stage(part_file(upload.id, 1, "x"), 5)
    await catalog.put_part(upload.id, part(1))
    await catalog.begin_complete(upload.id)
    with pytest.raises(ConditionFailed):
        await catalog.publish(
            bucket,
            new_version(bucket, "k", shelf=shelf),
            only_if=Condition(absent=True),
            upload=upload.id,
            completed=finished(bucket, upload),
        )
    assert await catalog.get(bucket, "k") == there
    assert part_file(upload.id, 1, "x") in shelf.staged
    assert await catalog.completed(bucket, "k", upload.id) is None
    await catalog.reopen_upload(upload.id)
    assert list(await catalog.parts(upload.id)) == [part(1)]


async def test_recovery_reopens_what_was_being_completed(
    catalog: Catalog, bucket: Bucket, upload: Upload
) -> None:
    await catalog.begin_complete(upload.id)
    await catalog.recover()
    assert not (await catalog.upload(bucket, "k", upload.id)).completing
    await catalog.put_part(upload.id, part(1))


async def test_stale_uploads_come_with_their_buckets_oldest_first(
    catalog: Catalog, bucket: Bucket
) -> None:
    other = await new_bucket(catalog)
    uploads = [
        new_upload(b, "k", initiated_ns=ns) for ns, b in [(30, bucket), (10, other), (20, bucket)]
    ]
    for upload in uploads:
        await catalog.start_upload(upload)
    found = await catalog.stale_uploads(before_ns=30, limit=10)
    assert list(found) == [(other, uploads[1]), (bucket, uploads[2])]
    assert len(await catalog.stale_uploads(before_ns=31, limit=2)) == 2
    assert len(await catalog.stale_uploads(before_ns=31, limit=10)) == 3
    assert list(await catalog.stale_uploads(before_ns=10, limit=10)) == []


async def test_the_largest_upload_is_aborted_whole(
    catalog: Catalog, bucket: Bucket, upload: Upload, shelf: Shelf
) -> None:
    numbers = range(1, 1001)
    for number in numbers:
        shelf.stage(part_file(upload.id, number, "x"), 5)
    await asyncio.gather(*(catalog.put_part(upload.id, part(number)) for number in numbers))
    await catalog.abort_upload(bucket, "k", upload.id)
    assert list(await catalog.parts(upload.id)) == []
    for _ in range(20):
        if not shelf.staged:
            break
        await catalog.reopen_upload(upload.id)
    assert shelf.staged == {}

"""Who owns which path on a storage that cannot rename inside the commit, for every catalog."""

import asyncio
import dataclasses
import itertools
import threading

import pytest

from backends.errors import StorageError
from backends.interface import Fingerprint
from gateway.catalog.errors import CatalogUnavailable, ConditionFailed, NoSuchBucket, NoSuchUpload
from gateway.catalog.intents import Intent, Removal, Removed, Written
from gateway.catalog.interface import Catalog
from gateway.catalog.placing import part_file, shadow_path, upload_file
from gateway.catalog.records import Bucket, Condition, Location, Part, Upload, Version
from gateway.catalog.sqlite import beginnings, uploads
from tests.catalog.shelf import Shelf
from tests.catalog.versions import new_bucket, new_upload, new_version

OF = Fingerprint(size=5, stamp="tag")
ME, OTHER, JANITOR = "me", "other", ""
_numbers = itertools.count(1)


@pytest.fixture
async def bucket(catalog: Catalog) -> Bucket:
    return await new_bucket(catalog, storage="cloud")


def wanted(
    bucket: Bucket,
    key: str,
    *,
    natural: bool = True,
    aside: bool = False,
    process: str = ME,
    storage: str = "cloud",
) -> Intent:
    name = f"put-{process}-{next(_numbers):032x}"
    return Intent(
        name=name,
        process=process,
        storage=storage,
        path=f"{bucket.name}/{key}" if natural else shadow_path(name),
        natural=natural,
        aside=shadow_path(name) if aside else None,
        size=5,
    )


def written(bucket: Bucket, key: str, intent: Intent, *, path: str | None = None) -> Version:
    location = Location(
        storage=intent.storage,
        path=path or intent.path,
        staged=None,
        fingerprint=OF,
        natural=intent.natural,
    )
    return dataclasses.replace(new_version(bucket, key), location=location)


async def put(catalog: Catalog, bucket: Bucket, key: str, *, storage: str = "cloud") -> Version:
    intent = await catalog.intend(bucket, key, wanted(bucket, key, storage=storage))
    return await catalog.publish(bucket, written(bucket, key, intent), intent=intent.name)


async def removals(catalog: Catalog, process: str = JANITOR) -> list[Removal]:
    return list(await catalog.removals(process, limit=100))


async def gone(catalog: Catalog, *found: Removal) -> None:
    await catalog.settle_removals([Removed(removal=one, gone=True) for one in found])


async def is_free(catalog: Catalog, bucket: Bucket, key: str) -> bool:
    """Whether the natural path would be given to another writer, which gives it up again."""
    intent = await catalog.intend(bucket, key, wanted(bucket, key))
    await catalog.give_up(intent.name)
    return intent.natural


async def test_an_intent_becomes_the_location(catalog: Catalog, bucket: Bucket) -> None:
    version = await put(catalog, bucket, "k")
    assert version.location.path == f"{bucket.name}/k"
    assert await catalog.get(bucket, "k") == version
    assert await catalog.writers() == []
    assert await catalog.doomed() == []


async def test_a_path_has_one_writer(catalog: Catalog, bucket: Bucket) -> None:
    first = await catalog.intend(bucket, "k", wanted(bucket, "k"))
    second = await catalog.intend(bucket, "k", wanted(bucket, "k", process=OTHER))
    assert first.natural
    assert (second.natural, second.path) == (False, shadow_path(second.name))
    assert sorted(await catalog.writers()) == [ME, OTHER]
    later = await catalog.publish(bucket, written(bucket, "k", second), intent=second.name)
    now = await catalog.publish(bucket, written(bucket, "k", first), intent=first.name)
    assert now.sequence > later.sequence
    assert [one.path for one in await removals(catalog)] == [second.path]


async def test_what_is_current_keeps_its_path_until_it_has_been_replaced(
    catalog: Catalog, bucket: Bucket
) -> None:
    before = await put(catalog, bucket, "k")
    after = await put(catalog, bucket, "k")
    assert not after.location.natural
    [doomed] = await removals(catalog)
    assert (doomed.path, doomed.size, doomed.stamp) == (before.location.path, OF.size, OF.stamp)
    assert not await is_free(catalog, bucket, "k")


async def test_what_is_removed_keeps_its_path_until_it_is_gone(
    catalog: Catalog, bucket: Bucket
) -> None:
    version = await put(catalog, bucket, "k")
    assert await catalog.remove(bucket, "k")
    [doomed] = await removals(catalog)
    assert doomed.path == version.location.path
    assert [one.path for one in await catalog.doomed()] == [doomed.path]
    assert not await is_free(catalog, bucket, "k")
    await gone(catalog, doomed)
    assert not await is_free(catalog, bucket, "k"), "the janitor has seen it gone only once"
    await gone(catalog, doomed)
    assert await is_free(catalog, bucket, "k")
    assert await removals(catalog) == []


async def test_what_is_seen_again_is_to_be_seen_gone_twice_again(
    catalog: Catalog, bucket: Bucket
) -> None:
    await put(catalog, bucket, "k")
    await catalog.remove(bucket, "k")
    [doomed] = await removals(catalog)
    for there in (False, True, False):
        await catalog.settle_removals([Removed(removal=doomed, gone=not there)])
    assert await removals(catalog) == [doomed]


async def test_a_refused_publication_leaves_the_intent(catalog: Catalog, bucket: Bucket) -> None:
    await put(catalog, bucket, "k")
    intent = await catalog.intend(bucket, "k", wanted(bucket, "k"))
    version = written(bucket, "k", intent)
    with pytest.raises(ConditionFailed):
        await catalog.publish(bucket, version, only_if=Condition(absent=True), intent=intent.name)
    assert await catalog.writers() == [ME]
    await catalog.give_up(intent.name, written=Written(path=intent.path, fingerprint=OF))
    [doomed] = await removals(catalog, ME)
    assert (doomed.path, doomed.stamp, doomed.process) == (intent.path, OF.stamp, ME)
    await gone(catalog, doomed)
    assert await removals(catalog, ME) == []


async def test_what_failed_for_certain_is_free_at_once(catalog: Catalog, bucket: Bucket) -> None:
    intent = await catalog.intend(bucket, "k", wanted(bucket, "k"))
    await catalog.give_up(intent.name)
    assert await is_free(catalog, bucket, "k")
    assert await catalog.doomed() == []


async def test_what_may_come_to_be_there_is_the_janitors(catalog: Catalog, bucket: Bucket) -> None:
    intent = await catalog.intend(bucket, "k", wanted(bucket, "k", aside=True))
    assert intent.aside is not None
    await catalog.give_up(intent.name, unknown=[intent.aside], parts="upstream")
    [doomed] = await removals(catalog)
    assert (doomed.path, doomed.size, doomed.stamp) == (intent.aside, 5, None)
    assert doomed.parts == "upstream"
    assert await is_free(catalog, bucket, "k")


async def test_both_paths_of_an_intent_are_settled_by_publishing(
    catalog: Catalog, bucket: Bucket
) -> None:
    for path in ("natural", "aside"):
        intent = await catalog.intend(bucket, path, wanted(bucket, path, aside=True))
        assert intent.aside is not None
        at = intent.path if path == "natural" else intent.aside
        version = await catalog.publish(
            bucket, written(bucket, path, intent, path=at), intent=intent.name
        )
        assert version.location.path == at
    assert await catalog.writers() == []
    assert await catalog.doomed() == []


async def test_what_has_become_a_location_is_not_given_up(catalog: Catalog, bucket: Bucket) -> None:
    intent = await catalog.intend(bucket, "k", wanted(bucket, "k"))
    await catalog.publish(bucket, written(bucket, "k", intent), intent=intent.name)
    await catalog.give_up(intent.name, written=Written(path=intent.path, fingerprint=OF))
    await catalog.give_up(intent.name, unknown=[intent.path])
    await catalog.abandon(ME)
    await catalog.recover()
    assert await catalog.doomed() == []


async def test_what_was_given_up_becomes_nothing(catalog: Catalog, bucket: Bucket) -> None:
    for end in ("give up", "abandon", "recover"):
        intent = await catalog.intend(bucket, end, wanted(bucket, end))
        if end == "give up":
            await catalog.give_up(intent.name, unknown=[intent.path])
        elif end == "abandon":
            await catalog.abandon(ME)
        else:
            await catalog.recover()
        with pytest.raises(CatalogUnavailable):
            await catalog.publish(bucket, written(bucket, end, intent), intent=intent.name)
        assert await catalog.get(bucket, end) is None
    assert len(await removals(catalog)) == 3


async def test_a_dead_process_leaves_what_it_had_to_the_janitor(
    catalog: Catalog, bucket: Bucket
) -> None:
    mine = await catalog.intend(bucket, "mine", wanted(bucket, "mine"))
    other = await catalog.intend(bucket, "other", wanted(bucket, "other", process=OTHER))
    await catalog.abandon(OTHER)
    assert [one.path for one in await removals(catalog)] == [other.path]
    assert await catalog.writers() == [ME]
    await catalog.publish(bucket, written(bucket, "mine", mine), intent=mine.name)


async def test_no_path_is_owned_in_a_bucket_that_is_gone(catalog: Catalog, bucket: Bucket) -> None:
    intent = await catalog.intend(bucket, "k", wanted(bucket, "k"))
    await catalog.delete_bucket(bucket.name)
    with pytest.raises(NoSuchBucket):
        await catalog.publish(bucket, written(bucket, "k", intent), intent=intent.name)
    with pytest.raises(NoSuchBucket):
        await catalog.intend(bucket, "k", wanted(bucket, "k"))


async def test_names_that_the_storage_confuses_have_one_owner(catalog: Catalog) -> None:
    bucket = await new_bucket(catalog, storage="folding cloud")
    version = await put(catalog, bucket, "Key", storage="folding cloud")
    assert version.location.natural
    same = await put(catalog, bucket, "kEY", storage="folding cloud")
    assert not same.location.natural
    await catalog.remove(bucket, "Key")
    third = await put(catalog, bucket, "KEY", storage="folding cloud")
    assert not third.location.natural
    for doomed in await removals(catalog):
        await gone(catalog, doomed)
        await gone(catalog, doomed)
    await catalog.remove(bucket, "KEY")
    for doomed in await removals(catalog):
        await gone(catalog, doomed)
        await gone(catalog, doomed)
    assert (await put(catalog, bucket, "KEY", storage="folding cloud")).location.natural


@pytest.mark.parametrize("first", ["a", "a/b/c"])
@pytest.mark.parametrize("is_written", [False, True])
async def test_where_files_are_no_folders_what_is_above_or_below_is_in_the_way(
    catalog: Catalog, first: str, *, is_written: bool
) -> None:
    bucket = await new_bucket(catalog, storage="tree cloud")
    if is_written:
        await put(catalog, bucket, first, storage="tree cloud")
    else:
        await catalog.intend(bucket, first, wanted(bucket, first, storage="tree cloud"))
    for key, natural in {"a/b": False, "a0": True, "a!b": True, "b/a/b": True}.items():
        version = await put(catalog, bucket, key, storage="tree cloud")
        assert version.location.natural is natural, key


async def test_a_storage_that_is_away_gives_no_path(
    catalog: Catalog, bucket: Bucket, shelf: Shelf
) -> None:
    shelf.is_away = True
    with pytest.raises(StorageError):
        await catalog.intend(bucket, "k", wanted(bucket, "k", storage="disk"))
    with pytest.raises(CatalogUnavailable):
        await catalog.intend(bucket, "k", wanted(bucket, "k", storage="nowhere"))
    assert await catalog.writers() == []


# Uploads


async def started(catalog: Catalog, bucket: Bucket, key: str) -> tuple[Upload, Intent]:
    """An upload that the storage puts together."""
    upload = new_upload(bucket, key, storage="cloud")
    named = dataclasses.replace(
        wanted(bucket, key), name=upload_file(upload.id), upload=upload.id, size=None
    )
    intent = await catalog.intend(bucket, key, named)
    upload = dataclasses.replace(upload, path=intent.path, parts="upstream")
    await catalog.start_upload(upload, intent=intent.name)
    return upload, intent


async def sent(catalog: Catalog, bucket: Bucket, upload: Upload, attempt: str) -> Part:
    """A part that lies under a path of its own."""
    name = part_file(upload.id, 1, attempt)
    intent = dataclasses.replace(
        wanted(bucket, upload.key, natural=False),
        name=name,
        path=shadow_path(name),
        upload=upload.id,
    )
    await catalog.intend(bucket, upload.key, intent)
    part = Part(number=1, attempt=attempt, size=5, etag="e", modified_ns=1, tag=OF.stamp)
    await catalog.put_part(upload.id, part, intent=name)
    return part


async def test_an_upload_owns_its_path_whoever_dies(catalog: Catalog, bucket: Bucket) -> None:
    upload, intent = await started(catalog, bucket, "k")
    assert await catalog.upload(bucket, "k", upload.id) == upload
    await catalog.abandon(ME)
    await catalog.recover()
    assert not await is_free(catalog, bucket, "k")
    await catalog.begin_complete(upload.id)
    version = await catalog.publish(
        bucket, written(bucket, "k", intent), upload=upload.id, intent=intent.name
    )
    assert version.location.natural
    assert await catalog.doomed() == []


async def test_an_upload_that_is_aborted_leaves_its_path_to_the_janitor(
    catalog: Catalog, bucket: Bucket
) -> None:
    upload, intent = await started(catalog, bucket, "k")
    await catalog.note_written(upload.id, OF)
    await catalog.abort_upload(bucket, "k", upload.id)
    [doomed] = await removals(catalog)
    assert (doomed.path, doomed.parts, doomed.stamp) == (intent.path, "upstream", OF.stamp)
    with pytest.raises(NoSuchUpload):
        await catalog.upload(bucket, "k", upload.id)


HOUR_NS = 3600 * 10**9


async def may_be_ours(catalog: Catalog, bucket: Bucket, key: str, *, at_ns: int) -> bool:
    return await catalog.may_have_begun(
        "cloud", f"{bucket.name}/{key}", from_ns=at_ns - HOUR_NS, to_ns=at_ns + HOUR_NS
    )


async def begins(catalog: Catalog, bucket: Bucket, key: str, *, process: str = ME) -> Intent:
    intent = wanted(bucket, key, process=process)
    return await catalog.intend(bucket, key, dataclasses.replace(intent, begins_ns=9 * HOUR_NS))


async def test_a_beginning_of_which_nobody_has_the_id_is_remembered(
    catalog: Catalog, bucket: Bucket
) -> None:
    lost = await begins(catalog, bucket, "lost")
    copied = await begins(catalog, bucket, "copied")
    assert not await may_be_ours(catalog, bucket, "lost", at_ns=9 * HOUR_NS), "it is not over"
    await catalog.give_up(lost.name, begun=True)
    await catalog.give_up(copied.name, unknown=(copied.path,))
    for key in ("lost", "copied"):
        assert await may_be_ours(catalog, bucket, key, at_ns=8 * HOUR_NS)
        assert await may_be_ours(catalog, bucket, key, at_ns=10 * HOUR_NS)
        assert not await may_be_ours(catalog, bucket, key, at_ns=8 * HOUR_NS - 1)
        assert not await may_be_ours(catalog, bucket, key, at_ns=10 * HOUR_NS + 1)
    assert not await may_be_ours(catalog, bucket, "other", at_ns=9 * HOUR_NS)
    assert await is_free(catalog, bucket, "lost"), "nothing can come to be there"
    assert await catalog.forget_begun(before_ns=9 * HOUR_NS) == 0
    assert await catalog.forget_begun(before_ns=9 * HOUR_NS + 1) == 2
    assert not await may_be_ours(catalog, bucket, "lost", at_ns=9 * HOUR_NS)


async def test_a_beginning_whose_end_is_known_is_not(catalog: Catalog, bucket: Bucket) -> None:
    refused = await begins(catalog, bucket, "refused")
    await catalog.give_up(refused.name)
    noted = await begins(catalog, bucket, "noted")
    await catalog.give_up(noted.name, unknown=(noted.path,), parts="its id")
    published = await begins(catalog, bucket, "published")
    await catalog.publish(bucket, written(bucket, "published", published), intent=published.name)
    plain = await catalog.intend(bucket, "plain", wanted(bucket, "plain"))
    await catalog.give_up(plain.name, unknown=(plain.path,))
    await catalog.abandon(ME)
    for key in ("refused", "noted", "published", "plain"):
        assert not await may_be_ours(catalog, bucket, key, at_ns=9 * HOUR_NS), key


async def test_so_is_what_a_dead_process_was_beginning(catalog: Catalog, bucket: Bucket) -> None:
    await begins(catalog, bucket, "lives")
    await begins(catalog, bucket, "dies", process=OTHER)
    await catalog.abandon(OTHER)
    assert await may_be_ours(catalog, bucket, "dies", at_ns=9 * HOUR_NS)
    assert not await may_be_ours(catalog, bucket, "lives", at_ns=9 * HOUR_NS)
    await catalog.recover()
    assert await may_be_ours(catalog, bucket, "lives", at_ns=9 * HOUR_NS)


async def test_the_last_beginnings_are_remembered(
    catalog: Catalog, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginnings, "_MOST_KEPT", 3)
    for number in range(5):
        lost = await begins(catalog, bucket, f"lost-{number}")
        await catalog.give_up(lost.name, begun=True)
    known = [
        await may_be_ours(catalog, bucket, f"lost-{number}", at_ns=9 * HOUR_NS)
        for number in range(5)
    ]
    assert known == [False, False, True, True, True]


async def test_an_upload_does_not_start_on_a_path_that_was_given_up(
    catalog: Catalog, bucket: Bucket
) -> None:
    upload = new_upload(bucket, "k", storage="cloud")
    with pytest.raises(CatalogUnavailable):
        await catalog.start_upload(upload, intent="never")
    with pytest.raises(NoSuchUpload):
        await catalog.upload(bucket, "k", upload.id)


async def test_parts_go_when_they_are_replaced_and_with_their_upload(
    catalog: Catalog, bucket: Bucket
) -> None:
    upload = new_upload(bucket, "k", storage="cloud")
    await catalog.start_upload(upload)
    first = await sent(catalog, bucket, upload, "first")
    assert await catalog.parts(upload.id) == [first]
    assert await catalog.doomed() == []
    second = await sent(catalog, bucket, upload, "second")
    assert await catalog.parts(upload.id) == [second]
    [replaced] = await removals(catalog)
    assert replaced.path == shadow_path(part_file(upload.id, 1, "first"))
    intent = await catalog.intend(bucket, "k", wanted(bucket, "k"))
    await catalog.begin_complete(upload.id)
    await catalog.publish(
        bucket, written(bucket, "k", intent), upload=upload.id, intent=intent.name
    )
    paths = {one.path for one in await removals(catalog)}
    assert paths == {shadow_path(part_file(upload.id, 1, name)) for name in ("first", "second")}


async def test_a_part_that_comes_too_late_is_given_up(catalog: Catalog, bucket: Bucket) -> None:
    upload = new_upload(bucket, "k", storage="cloud")
    await catalog.start_upload(upload)
    await catalog.abort_upload(bucket, "k", upload.id)
    with pytest.raises(NoSuchUpload):
        await sent(catalog, bucket, upload, "late")
    await catalog.give_up(
        part_file(upload.id, 1, "late"),
        written=Written(path=shadow_path(part_file(upload.id, 1, "late")), fingerprint=OF),
    )
    assert len(await removals(catalog, ME)) == 1


async def test_uploads_of_a_deleted_bucket_are_removed(catalog: Catalog, bucket: Bucket) -> None:
    _, intent = await started(catalog, bucket, "k")
    plain = new_upload(bucket, "l", storage="cloud")
    await catalog.start_upload(plain)
    await sent(catalog, bucket, plain, "x")
    await catalog.delete_bucket(bucket.name)
    paths = {one.path for one in await removals(catalog)}
    assert paths == {intent.path, shadow_path(part_file(plain.id, 1, "x"))}


async def test_removals_are_told_page_by_page(catalog: Catalog, bucket: Bucket) -> None:
    for number in range(5):
        await put(catalog, bucket, f"k{number}")
        await catalog.remove(bucket, f"k{number}")
    told: list[Removal] = []
    after = ("", "")
    while page := await catalog.removals(JANITOR, after=after, limit=2):
        told += page
        after = page[-1].storage, page[-1].claim
    assert [one.path for one in told] == [f"{bucket.name}/k{number}" for number in range(5)]


# Who removes is told


class Told:
    """Counts how often a catalog told that something was doomed, and whether it did so on the loop."""

    def __init__(self, catalog: Catalog) -> None:
        self.count = 0
        self._thread = threading.get_ident()
        catalog.when_doomed(self._tell)

    def _tell(self) -> None:
        assert threading.get_ident() == self._thread
        self.count += 1

    def since(self) -> int:
        """How often since the last time that was asked."""
        count, self.count = self.count, 0
        return count


async def test_what_is_doomed_is_told_when_it_is_committed(
    catalog: Catalog, bucket: Bucket
) -> None:
    told = Told(catalog)
    await put(catalog, bucket, "k")
    assert told.since() == 0, "it has replaced nothing"
    await put(catalog, bucket, "k")
    assert told.since() == 1
    await catalog.remove(bucket, "k")
    assert told.since() == 1
    await catalog.remove(bucket, "k")
    assert told.since() == 0, "nothing was there"
    intent = await catalog.intend(bucket, "k", wanted(bucket, "k"))
    await catalog.give_up(intent.name, written=Written(path=intent.path, fingerprint=OF))
    assert told.since() == 1


async def test_nothing_is_told_of_what_was_not_committed(catalog: Catalog, bucket: Bucket) -> None:
    await put(catalog, bucket, "k")
    told = Told(catalog)
    intent = await catalog.intend(bucket, "k", wanted(bucket, "k"))
    with pytest.raises(ConditionFailed):
        await catalog.publish(
            bucket,
            written(bucket, "k", intent),
            only_if=Condition(absent=True),
            intent=intent.name,
        )
    await catalog.give_up(intent.name)
    assert told.since() == 0


async def test_parts_that_are_replaced_or_aborted_are_told(
    catalog: Catalog, bucket: Bucket
) -> None:
    upload, _ = await started(catalog, bucket, "k")
    await sent(catalog, bucket, upload, "1")
    told = Told(catalog)
    await sent(catalog, bucket, upload, "2")
    assert told.since() == 1
    await catalog.abort_upload(bucket, "k", upload.id)
    assert told.since() == 1


async def test_all_uploads_of_a_bucket_that_is_gone_are_told(
    catalog: Catalog, bucket: Bucket
) -> None:
    many = 2 * uploads._PIECE + 1
    for number in range(many):
        upload, _ = await started(catalog, bucket, f"k{number}")
        await sent(catalog, bucket, upload, "1")
    told = asyncio.Event()
    catalog.when_doomed(told.set)
    await catalog.delete_bucket(bucket.name)
    assert told.is_set()
    found: list[Removal] = []
    async with asyncio.timeout(30):
        while len(found) < 2 * many:  # the paths of the uploads and of their parts
            await told.wait()
            told.clear()
            found = list(await catalog.removals(JANITOR, limit=1000))

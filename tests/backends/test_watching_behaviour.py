"""What a storage tells of changes that others make. Others write here through the storage's own verbs
or, where it is a directory, through the directory."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

import pytest

from backends.errors import NameRefused
from backends.interface import Can, Change, Nature, Storage, What
from tests.backends.making import body, sealed

pytestmark = pytest.mark.needs(Can.WATCH)

EVERYTHING = Change(what=What.TREE, path="")


class Told:
    """What was told so far, for whoever waits for something."""

    def __init__(self, batches: AsyncIterator[Sequence[Change]]) -> None:
        self._batches = batches
        self.changes: list[Change] = []

    async def until(self, *paths: str) -> set[str]:
        """Paths that were told of, when all of ``paths`` were."""
        async with asyncio.timeout(20):
            while not set(paths) <= {change.path for change in self.changes}:
                self.changes += await anext(self._batches)
        return {change.path for change in self.changes}


@asynccontextmanager
async def watching(storage: Storage) -> AsyncIterator[Told]:
    async with aclosing(storage.changes()) as batches:
        told = Told(batches)
        await told.until("")
        assert told.changes == [EVERYTHING]
        told.changes.clear()
        yield told


async def test_everything_comes_first_and_changes_after(storage: Storage) -> None:
    await storage.write("b/before", body(b"x"), size=1)
    async with watching(storage) as told:
        await storage.write("b/k", body(b"x"), size=1)
        assert await told.until("b/k") == {"b/k"}
        assert told.changes[-1].what is What.CLOSED
        told.changes.clear()
        await storage.delete("b/k")
        await told.until("b/k")


async def test_a_new_folder_is_told_as_a_tree_and_watched(storage: Storage) -> None:
    async with watching(storage) as told:
        await storage.write("new/deep/er/k", body(b"x"), size=1)
        await told.until("new")
        assert Change(what=What.TREE, path="new") in told.changes
        told.changes.clear()
        await storage.write("new/deep/er/k2", body(b"x"), size=1)
        await told.until("new/deep/er/k2")


async def test_our_own_folder_is_not_told_of(storage: Storage) -> None:
    await storage.write("b/k", body(b"x"), size=1)
    async with watching(storage) as told:
        await sealed(storage, "put-1", b"data")
        await storage.write("b/k2", body(b"x"), size=1)
        assert await told.until("b/k2") == {"b/k2"}


async def test_a_path_is_seen_as_what_it_is(storage: Storage) -> None:
    stored = await storage.write("b/k", body(b"abc"), size=3)
    assert storage.glance("b/k").fingerprint == stored.fingerprint
    assert storage.glance("b/k").nature is Nature.BYTES
    assert storage.glance("b").nature is Nature.FOLDER
    for absent in ("b/none", "none/k", "b/k/below"):
        assert storage.glance(absent).nature is Nature.NOTHING
        assert storage.examine(absent).nature is Nature.NOTHING
    assert storage.examine("b").nature is Nature.FOLDER
    sight = storage.examine("b/k")
    assert sight.nature is Nature.BYTES
    assert sight.stored is not None
    assert sight.stored.fingerprint == stored.fingerprint
    with pytest.raises(NameRefused):
        storage.glance(".s3front/staged/x")


async def test_staged_bytes_are_seen(storage: Storage) -> None:
    assert storage.glance_staged("put-1").nature is Nature.NOTHING
    fingerprint = await sealed(storage, "put-1", b"data")
    assert storage.glance_staged("put-1").fingerprint == fingerprint


async def test_what_was_said_of_bytes_is_seen_until_they_are_changed(storage: Storage) -> None:
    await sealed(storage, "put-1", b"data", b"said")
    assert storage.prepare("b/k")
    assert storage.place("put-1", "b/k")
    stored = storage.examine("b/k").stored
    assert stored is not None
    assert stored.description == b"said"
    await storage.write("b/k", body(b"other"), size=5)
    stored = storage.examine("b/k").stored
    assert stored is not None
    assert stored.description is None


async def test_a_storage_is_certain_of_itself(storage: Storage) -> None:
    storage.check()
    assert await asyncio.to_thread(storage.certain)

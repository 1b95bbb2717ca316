"""A directory as a storage that is written at once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.errors import Exists
from backends.layers.unstaged import Unstaged
from backends.local.storage import LocalStorage
from tests.backends.making import body, paths


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_what_a_dead_process_left_goes_after_a_day(local: LocalStorage) -> None:
    clock = Clock()
    storage = Unstaged(local, clock=clock)
    for name in ("once-dead", "put-of-others"):
        await local.stage(name).write(b"left")
    await storage.tidy()
    clock.now += 86_399
    await storage.tidy()
    assert list(local.staged_names()) == ["once-dead", "put-of-others"]
    clock.now += 1
    await storage.tidy()
    assert list(local.staged_names()) == ["put-of-others"]


async def test_a_write_that_fails_or_is_cancelled_leaves_nothing_staged(
    local: LocalStorage,
) -> None:
    storage = Unstaged(local)
    await storage.write("b/k", body(b"old"), size=3, description=b"about")
    with pytest.raises(Exists):
        await storage.write("b/k", body(b"new"), size=3, create=True)
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"x"
        begun.set()
        await asyncio.Event().wait()

    writing = asyncio.create_task(storage.write("b/k", endless(), size=5))
    await begun.wait()
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    assert list(local.staged_names()) == []
    assert (await storage.stat("b/k")).description == b"about"


async def test_a_plain_file_has_no_description_and_a_described_one_is_plain(
    local: LocalStorage, root: Path
) -> None:
    storage = Unstaged(local)
    (root / "b").mkdir()
    (root / "b/theirs").write_bytes(b"theirs")
    await storage.write("b/ours", body(b"ours"), size=4, description=b"about")
    assert (await storage.stat("b/theirs")).description is None
    assert (root / "b/ours").read_bytes() == b"ours"
    assert await paths(local) == ["b/ours", "b/theirs"]

"""When a process looks for what it is to remove."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from backends.remote_memory import RemoteMemoryStorage
from gateway.catalog.intents import Removal, Removed
from gateway.catalog.interface import Catalog
from gateway.service.removing import Remover


class Looks:
    """A catalog that tells how often it was asked for what is to be removed."""

    def __init__(self) -> None:
        self.count = 0
        self.doomed: list[Removal] = []
        self.nothing_is_left = asyncio.Event()

    async def removals(self, _process: str, **_named: Any) -> Sequence[Removal]:
        self.count += 1
        if not self.doomed:
            self.nothing_is_left.set()
        doomed, self.doomed = self.doomed, []
        return doomed

    async def settle_removals(self, outcomes: Sequence[Removed]) -> None:
        assert all(outcome.gone for outcome in outcomes)


@pytest.fixture
def looks() -> Looks:
    return Looks()


@pytest.fixture
async def remover(looks: Looks) -> Remover:
    storage = RemoteMemoryStorage()
    await storage.open()
    return Remover(cast("Catalog", looks), {"up": storage}, "process")


def doomed() -> Removal:
    return Removal(
        storage="up", claim="b/k", path="b/k", process="process", size=1, stamp="x", parts=None
    )


async def test_what_was_doomed_is_removed(remover: Remover, looks: Looks) -> None:
    looks.doomed.append(doomed())
    remover.poke()
    await remover.settled()
    assert looks.count == 2
    assert not looks.doomed


async def test_what_is_doomed_meanwhile_is_removed_by_another_look(
    remover: Remover, looks: Looks
) -> None:
    looks.doomed.append(doomed())
    remover.poke()
    await looks.nothing_is_left.wait()
    looks.doomed.append(doomed())
    for _ in range(100):
        remover.poke()
    await remover.settled()
    assert looks.count == 4
    assert not looks.doomed


async def test_nothing_is_looked_for_once_it_is_closed(remover: Remover, looks: Looks) -> None:
    await remover.aclose()
    remover.poke()
    await remover.settled()
    assert looks.count == 0

"""Long copies of a mirror go on beside the rounds of repair."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from backends.errors import NotFound
from backends.mirror import rounds
from backends.mirror.storage import Mirror
from backends.remote_memory import AS_S3, S3_LIMITS, RemoteMemoryStorage
from tests.backends.making import bytes_at, paths
from tests.backends.mirror.members import Shaky, Time, memories, mirror_of
from tests.backends.mirror.mirrors import LONG, put, repaired


class Slow(Shaky):
    """Long writes wait at its gate."""

    def __init__(self) -> None:
        super().__init__(RemoteMemoryStorage(AS_S3, S3_LIMITS))
        self.gate = asyncio.Event()
        self.at_once = 0

    async def ask(self, verb: str, act: Callable[[], Awaitable[Any]]) -> Any:
        done = await super().ask(verb, act)
        if verb == "write" and done.fingerprint.size >= len(LONG):
            self.at_once += 1
            try:
                await self.gate.wait()
            finally:
                self.at_once -= 1
        return done


class Stand:
    def __init__(self) -> None:
        self.slow = Slow()
        self.members: dict[str, Shaky] = {**memories(), "cloud": self.slow}
        self.time = Time()
        self.mirror: Mirror = mirror_of(self.members, time=self.time)


@pytest.fixture
async def stand(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stand]:
    monkeypatch.setattr(rounds, "LONG", len(LONG))
    stand = Stand()
    await stand.mirror.open()
    yield stand
    await stand.mirror.aclose()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0)


async def test_short_ones_do_not_wait_for_long_ones(stand: Stand) -> None:
    for number in range(rounds.BATCH):
        await put(stand.mirror, f"b/long/{number}", LONG)
    await put(stand.mirror, "b/short", b"data")
    assert (await stand.mirror.repairs.round()).copied == 1
    assert await bytes_at(stand.slow, "b/short") == b"data"
    await until(lambda: stand.slow.at_once == rounds.LONG_AT_ONCE)
    await put(stand.mirror, "b/next", b"data")
    assert (await stand.mirror.repairs.round()).copied == 1
    assert stand.slow.at_once == rounds.LONG_AT_ONCE
    stand.slow.gate.set()
    done = 0
    while done < rounds.BATCH:
        await stand.mirror.repairs.settled()
        done += (await stand.mirror.repairs.round()).copied
    assert (await stand.mirror.ledger.backlog()).waiting == 0
    assert await bytes_at(stand.slow, "b/long/0") == LONG


async def test_what_is_written_and_removed_meanwhile_does_not_wait_and_counts(stand: Stand) -> None:
    for path in ("b/one", "b/two"):
        await put(stand.mirror, path, LONG)
    await stand.mirror.repairs.round()
    await until(lambda: stand.slow.at_once == 2)
    await put(stand.mirror, "b/one", b"newer")
    await stand.mirror.delete("b/two")
    assert await bytes_at(stand.mirror, "b/one") == b"newer"
    with pytest.raises(NotFound):
        await stand.mirror.stat("b/two")
    stand.slow.gate.set()
    await stand.mirror.repairs.settled()
    stand.time.now_s += 60
    await repaired(stand.mirror)
    assert (await stand.mirror.ledger.backlog()).waiting == 0
    assert await paths(stand.slow) == ["b/one"]
    assert await bytes_at(stand.slow, "b/one") == b"newer"


async def test_closing_breaks_them_off_and_leaves_no_token(stand: Stand) -> None:
    await put(stand.mirror, "b/long", LONG)
    await stand.mirror.repairs.round()
    await until(lambda: stand.slow.at_once == 1)
    assert await stand.mirror.ledger.processes() == ["p"]
    await stand.mirror.repairs.aclose()
    assert stand.slow.at_once == 0
    assert await stand.mirror.ledger.processes() == []

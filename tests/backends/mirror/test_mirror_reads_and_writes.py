"""Reading and writing while members of a mirror fail."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from backends.errors import Damaged, NotFound, Unavailable
from backends.interface import PIECE, Stored
from backends.layers.timing import Timing
from backends.mirror.finishing import DOUBT_S
from backends.remote_memory import AS_S3, S3_LIMITS, RemoteMemoryStorage
from tests.backends.making import bytes_at, paths
from tests.backends.mirror.members import Shaky, mirror_of
from tests.backends.mirror.mirrors import LONG, opened, put, repaired


async def test_the_first_member_has_it_and_repair_gives_it_to_the_other() -> None:
    mirror, members, _ = await opened()
    stamp = await put(mirror, "b/k", b"data", description=b"about")
    assert await bytes_at(members["nas"], "b/k") == b"data"
    assert await paths(members["cloud"]) == []
    assert (await mirror.ledger.backlog()).waiting == 1
    done = await mirror.repairs.round()
    assert (done.copied, done.bytes) == (1, 4)
    assert await bytes_at(members["cloud"], "b/k") == b"data"
    assert (await mirror.ledger.backlog()).waiting == 0
    members["nas"].is_down = True
    stored = await mirror.stat("b/k")
    assert (stored.fingerprint.stamp, stored.description) == (stamp, b"about")


async def test_writes_go_to_the_next_while_the_first_is_down_and_come_back() -> None:
    mirror, members, time = await opened()
    await put(mirror, "b/old", b"old")
    await repaired(mirror)
    members["nas"].is_down = True
    await put(mirror, "b/k", LONG)
    await put(mirror, "b/old", b"new")
    assert await bytes_at(mirror, "b/k") == LONG
    members["nas"].is_down = False
    time.now_s += 100
    assert await bytes_at(mirror, "b/old") == b"new"
    await repaired(mirror)
    assert await bytes_at(members["nas"], "b/k") == LONG
    assert await bytes_at(members["nas"], "b/old") == b"new"


async def test_a_dead_member_is_not_asked_each_time() -> None:
    mirror, members, time = await opened()
    await put(mirror, "b/k", b"data")
    await repaired(mirror)
    members["nas"].is_down = True
    before = members["nas"].asked
    for _ in range(50):
        assert await bytes_at(mirror, "b/k") == b"data"
    assert members["nas"].asked - before == 3
    assert mirror.resting() == {"nas": "it does not answer"}
    time.now_s += 5
    for _ in range(50):
        assert await bytes_at(mirror, "b/k") == b"data"
    assert members["nas"].asked - before == 4
    members["nas"].is_down = False
    time.now_s += 10
    await mirror.repairs.knock()
    assert mirror.resting() == {}


async def test_a_reading_goes_on_with_the_other_member() -> None:
    mirror, members, _ = await opened()
    await put(mirror, "b/k", LONG)
    await repaired(mirror)
    content = await mirror.read("b/k", first=5)
    pieces = aiter(content.chunks())
    read = await anext(pieces)
    members["nas"].is_down = True
    async for piece in pieces:
        read += piece
    await content.aclose()
    assert read == LONG[5:]


@pytest.mark.parametrize("other_splices", [True, False])
async def test_a_reading_goes_on_whose_bytes_the_kernel_moves(*, other_splices: bool) -> None:
    mirror, members, _ = await opened()
    await put(mirror, "b/k", LONG)
    await repaired(mirror)
    members["nas"].splices, members["cloud"].splices = True, other_splices
    content = await mirror.read("b/k", first=5)
    assert content.can_splice()
    read = await anext(aiter(content.chunks()))
    end, begin = os.pipe()
    by_pipe = 0
    async for piece in content.spliced(begin):
        read += piece if isinstance(piece, bytes) else os.read(end, piece)
        by_pipe += isinstance(piece, int)
        members["nas"].is_down = True
    await content.aclose()
    os.close(end)
    os.close(begin)
    assert read == LONG[5:]
    assert by_pipe


async def test_a_reading_never_goes_on_with_other_bytes() -> None:
    mirror, members, _ = await opened()
    await put(mirror, "b/k", LONG)
    await repaired(mirror)
    content = await mirror.read("b/k")
    pieces = aiter(content.chunks())
    await anext(pieces)
    members["nas"].is_down = True
    await put(mirror, "b/k", LONG[::-1])
    with pytest.raises((Unavailable, Damaged)):
        async for _ in pieces:
            pass
    await content.aclose()


async def test_all_members_hold_it_before_it_counts_if_all_are_to() -> None:
    mirror, members, time = await opened(quorum="all")
    await put(mirror, "b/k", b"data")
    assert await bytes_at(members["cloud"], "b/k") == b"data"
    members["cloud"].is_down = True
    with pytest.raises(Unavailable, match="not all members"):
        await put(mirror, "b/l", b"data")
    for _ in range(5):
        with pytest.raises(Unavailable):
            await put(mirror, "b/m", b"data")
    with pytest.raises(Unavailable, match="cloud cannot be asked"):
        await put(mirror, "b/m", b"data")
    members["cloud"].is_down = False
    time.now_s += DOUBT_S
    await put(mirror, "b/m", b"data")


async def test_a_member_that_another_call_writes_to_does_not_hold_it_yet() -> None:
    mirror, members, _ = await opened(quorum="all")
    await put(mirror, "b/k", b"before")
    token, _ = await mirror.ledger.begin("b/k", "cloud")  # as a repair by another worker does
    with pytest.raises(Unavailable, match=r"not all members hold .*'cloud'"):
        await put(mirror, "b/k", b"data")
    assert await bytes_at(members["cloud"], "b/k") == b"before"
    await mirror.ledger.abandon("b/k", "cloud", token, unknown=False)
    await put(mirror, "b/k", b"data")
    assert await bytes_at(members["cloud"], "b/k") == b"data"


async def test_without_copies_each_path_is_on_one_member() -> None:
    mirror, members, time = await opened(copies=False)
    await put(mirror, "b/one", b"1")
    members["nas"].is_down = True
    await put(mirror, "b/two", b"2")
    await put(mirror, "b/one", b"3")
    members["nas"].is_down = False
    time.now_s += 100
    await repaired(mirror)
    assert await bytes_at(mirror, "b/one") == b"3"
    assert await paths(members["nas"]) == []
    assert await paths(members["cloud"]) == ["b/one", "b/two"]


async def test_a_body_of_which_some_is_gone_is_to_be_sent_again() -> None:
    mirror, members, _ = await opened()

    async def halting() -> AsyncIterator[bytes]:
        yield LONG[:PIECE]
        members["nas"].is_down = True
        yield LONG[PIECE:]

    members["nas"].loses_answers = True
    with pytest.raises(Unavailable):
        await mirror.write("b/k", halting(), size=len(LONG))
    assert await paths(members["cloud"]) == []
    await put(mirror, "b/k", LONG)
    assert await bytes_at(mirror, "b/k") == LONG


async def test_a_body_that_cannot_be_read_says_nothing_of_the_member() -> None:
    mirror, _, _ = await opened()

    async def broken() -> AsyncIterator[bytes]:
        yield LONG[:PIECE]
        raise Unavailable("its source is gone")

    for _ in range(5):
        with pytest.raises(Unavailable, match="its source"):
            await mirror.write("b/k", broken(), size=len(LONG))
    assert mirror.resting() == {}
    assert await mirror.ledger.find("b/k") is None


async def test_a_caller_that_is_cancelled_leaves_doubt_and_no_token() -> None:
    mirror, members, time = await opened()
    sent = asyncio.Event()

    class Hanging(Shaky):
        async def write(self, *given: Any, **named: Any) -> Stored:
            await super().write(*given, **named)
            sent.set()
            never: Stored = await asyncio.get_running_loop().create_future()
            return never

    mirror.members["nas"].storage = Hanging(members["nas"].inner)
    writing = asyncio.create_task(put(mirror, "b/k", b"data"))
    await sent.wait()
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    mirror.members["nas"].storage = members["nas"]
    with pytest.raises(NotFound):
        await mirror.stat("b/k")
    assert await mirror.ledger.processes() == []
    time.now_s += DOUBT_S + 1
    await repaired(mirror)
    assert await paths(members["nas"]) == []


async def test_a_member_that_hangs_is_passed_over_in_time() -> None:
    class Hanging(Shaky):
        hangs = False

        async def ask(self, verb: str, act: Callable[[], Awaitable[Any]]) -> Any:
            if self.hangs:
                await asyncio.get_running_loop().create_future()
            return await super().ask(verb, act)

    hanging = Hanging(RemoteMemoryStorage(AS_S3, S3_LIMITS))
    cloud = RemoteMemoryStorage(AS_S3, S3_LIMITS)
    mirror = mirror_of({"nas": Timing(hanging, 0.01), "cloud": cloud})
    await mirror.open()
    await put(mirror, "b/k", b"data")
    await repaired(mirror)
    hanging.hangs = True
    assert await bytes_at(mirror, "b/k") == b"data"
    await put(mirror, "b/l", b"more")
    assert await bytes_at(cloud, "b/l") == b"more"

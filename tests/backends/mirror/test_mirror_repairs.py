"""What members missed, lost or do late, and how it is put right."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from backends.errors import Damaged, NotFound, Unavailable
from backends.interface import PIECE, Can, Limits
from backends.mirror.finishing import DOUBT_S
from backends.mirror.ledger import State
from backends.mirror.storage import Mirror
from backends.remote_memory import AS_S3, AS_WEBDAV, S3_LIMITS, RemoteMemoryStorage
from tests.backends.making import body, bytes_at, paths
from tests.backends.mirror.members import Faulty, Shaky, Time, memories, mirror_of
from tests.backends.mirror.mirrors import LONG, opened, put, repaired


async def test_a_member_that_missed_a_deletion_does_not_bring_it_back() -> None:
    mirror, members, time = await opened()
    await put(mirror, "b/k", b"data")
    await repaired(mirror)
    members["nas"].is_down = True
    await mirror.delete("b/k")
    members["nas"].is_down = False
    time.now_s += 10
    with pytest.raises(NotFound):
        await mirror.stat("b/k")
    assert await paths(mirror) == []
    assert await paths(members["nas"]) == ["b/k"]
    time.now_s += DOUBT_S
    await repaired(mirror)
    assert await paths(members["nas"]) == []
    assert await mirror.ledger.find("b/k") is None


async def test_a_member_whose_answer_was_lost_is_looked_at_and_not_sent_it_again() -> None:
    mirror, members, time = await opened()
    await put(mirror, "b/k", LONG)
    members["cloud"].loses_answers = True
    await mirror.repairs.round()
    entry = await mirror.ledger.find("b/k")
    assert entry is not None
    assert entry.copies["cloud"].state is State.UNKNOWN
    members["cloud"].loses_answers = False
    time.now_s += DOUBT_S + 10
    done = await mirror.repairs.round()
    assert done.copied == 0
    assert (await mirror.ledger.backlog()).waiting == 0


async def test_bytes_that_were_changed_on_a_member_are_not_served_and_are_put_right() -> None:
    mirror, members, _ = await opened()
    await put(mirror, ".s3front/o/aa/k", b"data")
    await repaired(mirror)
    await put(members["nas"], ".s3front/o/aa/k", b"other")
    assert await bytes_at(mirror, ".s3front/o/aa/k") == b"data"
    await repaired(mirror)
    assert await bytes_at(members["nas"], ".s3front/o/aa/k") == b"data"


_T = TypeVar("_T")


class Beside(Shaky):
    """Somebody else puts a file there in the moment before ``verb`` is asked for."""

    verb = ""

    async def ask(self, verb: str, act: Callable[[], Awaitable[_T]]) -> _T:
        if verb == self.verb:
            await put(self.inner, "b/k", b"theirs")
        return await super().ask(verb, act)


async def with_a_long_object() -> tuple[Mirror, dict[str, Shaky], Time]:
    """More than one write to the other member may have, which lacks it."""
    small = Limits(max_segment=1024, max_path=1024, max_write=PIECE, max_description=2048)
    nas = RemoteMemoryStorage(AS_S3, S3_LIMITS)
    members: dict[str, Shaky] = {
        "nas": Shaky(nas),
        "cloud": Beside(RemoteMemoryStorage(AS_S3, small)),
    }
    time = Time()
    mirror = mirror_of(members, time=time)
    await mirror.open()
    half = len(LONG) // 2
    upload = await mirror.begin_parts("b/k", description=b"about")
    member_upload = upload.split("/")[2]
    tags = [
        (n, await nas.write_part("b/k", member_upload, n, body(data), size=half))
        for n, data in ((1, LONG[:half]), (2, LONG[half:]))
    ]
    nas.limits = small
    await mirror.complete_parts("b/k", upload, tags)
    return mirror, members, time


async def test_what_is_too_long_for_one_write_is_repaired_in_parts() -> None:
    mirror, members, _ = await with_a_long_object()
    assert (await mirror.repairs.round()).copied == 1
    members["nas"].is_down = True
    assert await bytes_at(mirror, "b/k") == LONG
    assert (await mirror.stat("b/k")).description == b"about"


@pytest.mark.parametrize("is_long", [False, True])
async def test_a_file_that_others_put_there_in_the_last_moment_is_not_replaced(
    *, is_long: bool
) -> None:
    if is_long:
        mirror, members, _ = await with_a_long_object()
    else:
        members = {**memories(), "cloud": Beside(RemoteMemoryStorage(AS_S3, S3_LIMITS))}
        mirror = mirror_of(members)
        await mirror.open()
        await put(mirror, "b/k", b"ours")
    beside = members["cloud"]
    assert isinstance(beside, Beside)
    beside.verb = "complete_parts" if is_long else "write"
    done = await mirror.repairs.round()
    assert (done.copied, done.failed) == (0, 1)
    assert await bytes_at(beside, "b/k") == b"theirs"
    assert [one async for one in beside.open_parts()] == []


@pytest.mark.parametrize("verb", ["read", "piece"])
@pytest.mark.parametrize("is_long", [False, True])
async def test_a_source_that_fails_leaves_no_doubt_of_who_was_to_get_it(
    verb: str, *, is_long: bool
) -> None:
    if is_long:
        mirror, members, time = await with_a_long_object()
    else:
        mirror, members, time = await opened(failures=1000)
        await put(mirror, "b/k", LONG)
    for _ in range(5):
        members["nas"].fails = lambda asked: asked == verb
        done = await mirror.repairs.round()
        assert (done.copied, done.failed) == (0, 1)
        time.now_s += 170
    assert "cloud" not in mirror.resting()
    members["nas"].fails = lambda _: False
    assert (await mirror.repairs.round()).copied == 1


async def of_three() -> tuple[Mirror, dict[str, Faulty], Time]:
    """A mirror with something on its first member."""
    time = Time()
    members = {
        name: Faulty(RemoteMemoryStorage(AS_S3, S3_LIMITS)) for name in ("nas", "cloud", "far")
    }
    mirror = mirror_of(members, time=time)
    await mirror.open()
    await put(mirror, "b/k", b"before")
    return mirror, members, time


async def late(mode: str) -> tuple[Mirror, dict[str, Faulty], Time]:
    """As ``of_three``; that member answers no change any more: it is done later."""
    mirror, members, time = await of_three()
    members["nas"].mode = mode
    return mirror, members, time


async def test_a_write_that_comes_late_replaces_nothing_newer() -> None:
    mirror, members, time = await late("answers late")
    await put(mirror, "b/k", b"one")
    members["nas"].mode = "up"
    await put(mirror, "b/k", b"two")
    assert await bytes_at(members["cloud"], "b/k") == b"two"
    done = await mirror.repairs.round()
    assert (done.copied, done.failed) == (1, 0)
    assert await bytes_at(members["far"], "b/k") == b"two"
    await members["nas"].arrive()
    assert await bytes_at(members["nas"], "b/k") == b"one"
    assert await bytes_at(mirror, "b/k") == b"two"
    time.now_s += DOUBT_S + 1
    await repaired(mirror)
    assert await bytes_at(members["nas"], "b/k") == b"two"


async def test_a_repair_that_comes_late_replaces_nothing_newer() -> None:
    mirror, members, time = await of_three()
    await repaired(mirror)
    await put(mirror, "b/k", b"between")
    members["far"].mode = "answers late"
    assert (await mirror.repairs.round()).causes.keys() == {"far"}
    members["far"].mode = "up"
    time.now_s += 60
    await repaired(mirror)
    await put(mirror, "b/k", b"newer")
    await repaired(mirror)
    await members["far"].arrive()
    time.now_s += DOUBT_S
    await repaired(mirror)
    assert await bytes_at(members["far"], "b/k") == b"newer"


async def with_doubt_of_both(can: Can = AS_S3) -> tuple[Mirror, dict[str, Faulty], Time]:
    """``nas`` has the bytes and was not found to, ``cloud`` has older ones, and may have got these."""
    time = Time()
    members = {name: Faulty(RemoteMemoryStorage(can, S3_LIMITS)) for name in ("nas", "cloud")}
    mirror = mirror_of(members, time=time, failures=1)
    await mirror.open()
    await put(mirror, "b/k", b"old")
    await repaired(mirror)
    await put(mirror, "b/k", b"newer")
    members["cloud"].mode = "answers late"
    await mirror.repairs.round()
    members["cloud"].late.clear()
    members["cloud"].mode = "up"
    mirror.members["cloud"].breaker.succeeded()
    members["nas"].mode = "forgets"
    with pytest.raises(NotFound):
        await bytes_at(mirror, "b/k")
    time.now_s += DOUBT_S + 1
    return mirror, members, time


@pytest.mark.parametrize("can", [AS_S3, AS_WEBDAV], ids=["described", "not described"])
@pytest.mark.parametrize("first", ["nas", "cloud", "both"])
async def test_older_bytes_of_another_member_are_not_believed(can: Can, first: str) -> None:
    mirror, members, time = await with_doubt_of_both(can)
    if first == "cloud":
        members["nas"].mode = "down"
        with pytest.raises(Unavailable):
            await bytes_at(mirror, "b/k")
    else:
        members["nas"].mode = "up"
        members["cloud"].mode = "down" if first == "nas" else "up"
    await mirror.repairs.round()
    assert await mirror.ledger.find("b/k") is not None
    for member in members.values():
        member.mode = "up"
    for _ in range(3):
        time.now_s += 1000
        await mirror.repairs.knock()
        await mirror.repairs.round()
    assert await bytes_at(mirror, "b/k") == b"newer"
    assert await bytes_at(members["cloud"], "b/k") == b"newer"


async def test_a_member_that_alone_had_it_and_is_back_with_older_bytes_has_lost_it() -> None:
    mirror, members, _ = await opened()
    await put(mirror, "b/k", b"old")
    kept = await members["nas"].stat("b/k")
    await put(mirror, "b/k", b"newer")
    await put(members["nas"].inner, "b/k", b"old", description=kept.description or b"")
    await mirror.repairs.round()
    with pytest.raises((NotFound, Damaged, Unavailable)):
        await bytes_at(mirror, "b/k")
    await mirror.repairs.round()
    with pytest.raises(NotFound):
        await bytes_at(mirror, "b/k")


async def test_a_write_that_was_not_answered_is_believed_if_it_replaced_the_only_copy() -> None:
    mirror, members, time = await opened(copies=False)
    await put(mirror, "b/k", b"old")
    members["nas"].loses_answers = members["cloud"].is_down = True
    with pytest.raises(Unavailable):
        await put(mirror, "b/k", b"newer")
    members["nas"].loses_answers = members["cloud"].is_down = False
    time.now_s += DOUBT_S + 1
    await repaired(mirror)
    assert await bytes_at(mirror, "b/k") == b"newer"


async def test_a_removal_that_comes_late_removes_nothing_newer() -> None:
    mirror, members, time = await late("answers late")
    await mirror.delete("b/k")
    members["nas"].mode = "up"
    await put(mirror, "b/k", b"new")
    await members["nas"].arrive()
    await mirror.repairs.round()
    assert await bytes_at(mirror, "b/k") == b"new"
    assert await bytes_at(members["cloud"], "b/k") == b"new"
    time.now_s += DOUBT_S + 1
    await repaired(mirror)
    assert await bytes_at(members["nas"], "b/k") == b"new"


async def test_a_write_that_comes_after_a_deletion_is_removed() -> None:
    mirror, members, time = await late("answers late")
    await put(mirror, "b/late", b"late")
    members["nas"].mode = "up"
    await mirror.delete("b/late")
    await members["nas"].arrive()
    with pytest.raises(NotFound):
        await mirror.stat("b/late")
    time.now_s += DOUBT_S + 1
    await repaired(mirror)
    assert await paths(members["nas"]) == ["b/k"]

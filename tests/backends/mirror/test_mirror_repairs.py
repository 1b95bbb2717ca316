"""What members missed, lost or do late, and how it is put right."""

import pytest

from backends.errors import NotFound
from backends.interface import PIECE, Limits
from backends.mirror.ledger import State
from backends.mirror.repairing import DOUBT_S
from backends.mirror.storage import Mirror
from backends.remote_memory import AS_S3, S3_LIMITS, RemoteMemoryStorage
from tests.backends.making import body, bytes_at, paths
from tests.backends.mirror.members import Faulty, Shaky, Time, mirror_of
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


async def test_what_is_too_long_for_one_write_is_repaired_in_parts() -> None:
    small = Limits(max_segment=1024, max_path=1024, max_write=PIECE, max_description=2048)
    members = {
        "nas": Shaky(RemoteMemoryStorage(AS_S3, S3_LIMITS)),
        "cloud": Shaky(RemoteMemoryStorage(AS_S3, small)),
    }
    mirror = mirror_of(members)
    await mirror.open()
    half = len(LONG) // 2
    upload = await mirror.begin_parts("b/k", description=b"about")
    inner = members["nas"].inner
    member_upload = upload.split("/")[2]
    tags = [
        (n, await inner.write_part("b/k", member_upload, n, body(data), size=half))
        for n, data in ((1, LONG[:half]), (2, LONG[half:]))
    ]
    inner.limits = small
    await mirror.complete_parts("b/k", upload, tags)
    assert (await mirror.repairs.round()).copied == 1
    members["nas"].is_down = True
    assert await bytes_at(mirror, "b/k") == LONG
    assert (await mirror.stat("b/k")).description == b"about"


async def late(mode: str) -> tuple[Mirror, dict[str, Faulty], Time]:
    """A mirror whose first member answers no change: it is done later."""
    time = Time()
    members = {
        name: Faulty(RemoteMemoryStorage(AS_S3, S3_LIMITS)) for name in ("nas", "cloud", "far")
    }
    mirror = mirror_of(members, time=time)
    await mirror.open()
    await put(mirror, "b/k", b"before")
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

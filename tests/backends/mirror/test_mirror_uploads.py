"""Uploads in parts over a mirror."""

from collections.abc import AsyncIterator

import pytest

from backends.errors import NotFound, Unavailable
from backends.interface import Can, Limits
from backends.mirror.finishing import DOUBT_S
from backends.remote_memory import AS_S3, AS_WEBDAV, S3_LIMITS, RemoteMemoryStorage
from tests.backends.making import body, bytes_at
from tests.backends.mirror.members import mirror_of
from tests.backends.mirror.mirrors import LONG, opened, put, repaired


async def test_an_upload_ends_with_the_member_that_has_its_parts() -> None:
    mirror, members, time = await opened()
    upload = await mirror.begin_parts("b/k")
    tag = await mirror.write_part("b/k", upload, 1, body(b"data"), size=4)
    members["nas"].is_down = True
    with pytest.raises(Unavailable):
        await mirror.complete_parts("b/k", upload, [(1, tag)])
    with pytest.raises(NotFound):
        await mirror.stat("b/k")
    members["nas"].is_down = False
    time.now_s += DOUBT_S + 1
    await mirror.complete_parts("b/k", upload, [(1, tag)])
    assert await bytes_at(mirror, "b/k") == b"data"


async def test_an_upload_whose_completion_was_not_answered_is_completed_again() -> None:
    mirror, members, time = await opened()
    upload = await mirror.begin_parts("b/k")
    tag = await mirror.write_part("b/k", upload, 1, body(b"data"), size=4)
    members["nas"].loses_answers = True
    with pytest.raises(Unavailable):
        await mirror.complete_parts("b/k", upload, [(1, tag)])
    members["nas"].loses_answers = False
    time.now_s += DOUBT_S + 1
    stored = await mirror.complete_parts("b/k", upload, [(1, tag)])
    assert stored == await mirror.complete_parts("b/k", upload, [(1, tag)])
    assert await bytes_at(mirror, "b/k") == b"data"


@pytest.mark.parametrize("quorum", [1, "all"])
async def test_completing_again_at_once_finds_what_was_not_answered(quorum: object) -> None:
    mirror, members, time = await opened(quorum=quorum)
    upload = await mirror.begin_parts("b/k")
    tag = await mirror.write_part("b/k", upload, 1, body(b"data"), size=4)
    other = await mirror.begin_parts("b/k")
    members["nas"].loses_answers = True
    with pytest.raises(Unavailable, match="the answer was lost"):
        await mirror.complete_parts("b/k", upload, [(1, tag)])
    members["nas"].loses_answers = False
    with pytest.raises(Unavailable, match="not known yet"):
        await mirror.complete_parts("b/k", other, [(1, tag)])
    with pytest.raises(NotFound):
        await mirror.stat("b/k")
    stored = await mirror.complete_parts("b/k", upload, [(1, tag)])
    assert stored == await mirror.complete_parts("b/k", upload, [(1, tag)])
    time.now_s += DOUBT_S + 1
    await repaired(mirror)
    for member in members.values():
        assert await bytes_at(member, "b/k") == b"data"


async def test_completing_again_counts_no_sooner_than_all_hold_it_if_all_are_to() -> None:
    mirror, members, time = await opened(quorum="all", failures=1000)
    upload = await mirror.begin_parts("b/k")
    tag = await mirror.write_part("b/k", upload, 1, body(b"data"), size=4)
    members["cloud"].is_down = True
    for _ in range(2):
        with pytest.raises(Unavailable, match="not all members"):
            await mirror.complete_parts("b/k", upload, [(1, tag)])
    members["cloud"].is_down = False
    time.now_s += DOUBT_S + 1
    await mirror.complete_parts("b/k", upload, [(1, tag)])
    assert await bytes_at(members["cloud"], "b/k") == b"data"


@pytest.mark.parametrize("is_copied", [False, True])
async def test_a_part_that_cannot_be_read_says_nothing_of_the_member_that_gets_it(
    *, is_copied: bool
) -> None:
    mirror, members, _ = await opened(failures=1)
    upload = await mirror.begin_parts("b/k")
    members["nas"].fails = lambda verb: verb == "write"
    await put(mirror, "b/source", LONG)
    members["nas"].fails = lambda _: False
    mirror.members["nas"].breaker.succeeded()
    of = (await mirror.stat("b/source")).fingerprint
    members["cloud"].fails = lambda verb: verb == "piece"

    async def broken() -> AsyncIterator[bytes]:
        yield LONG[:1000]
        raise Unavailable("it does not answer")

    if is_copied:
        copied = mirror.copy_part("b/k", upload, 1, "b/source", first=0, last=9999, only_if=of)
    else:
        copied = mirror.write_part("b/k", upload, 1, broken(), size=10_000)
    with pytest.raises(Unavailable, match="does not answer"):
        await copied
    assert "nas" not in mirror.resting()
    tag = await mirror.write_part("b/k", upload, 1, body(b"data"), size=4)
    await mirror.complete_parts("b/k", upload, [(1, tag)])
    assert await bytes_at(mirror, "b/k") == b"data"


async def test_what_was_begun_on_any_member_is_told_and_dropped_there() -> None:
    mirror, members, _ = await opened()
    await mirror.begin_parts("b/nas")
    await members["cloud"].begin_parts("b/cloud")
    told = [one async for one in mirror.open_parts()]
    assert [one.path for one in told] == ["b/nas", "b/cloud"]
    for one in told:
        await mirror.abort_parts(one.path, one.upload)
    assert [one async for one in mirror.open_parts()] == []


async def test_what_a_repair_began_is_dropped_where_the_mirror_has_no_parts() -> None:
    cloud = RemoteMemoryStorage(AS_S3, S3_LIMITS)
    mirror = mirror_of({"nas": RemoteMemoryStorage(AS_WEBDAV, Limits()), "cloud": cloud})
    await mirror.open()
    assert Can.PARTS not in mirror.can
    await cloud.begin_parts("b/k")
    async for one in mirror.open_parts():
        await mirror.abort_parts(one.path, one.upload)
    assert [one async for one in cloud.open_parts()] == []


async def test_what_the_others_tell_is_told_before_the_one_that_fails_is() -> None:
    mirror, members, _ = await opened()
    await mirror.begin_parts("b/nas")
    await members["cloud"].begin_parts("b/cloud")
    members["nas"].is_down = True
    told: list[str] = []

    async def ask() -> None:
        async for one in mirror.open_parts():
            told.append(one.path)  # noqa: PERF401 - what came before it fails stays

    with pytest.raises(Unavailable, match="does not answer"):
        await ask()
    assert told == ["b/cloud"]

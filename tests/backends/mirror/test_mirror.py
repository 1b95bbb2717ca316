"""What a mirror does beyond being a storage."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from backends.errors import Damaged, Exists, NotFound, Unavailable
from backends.interface import PIECE, Can, Limits, Storage, Stored
from backends.layers.timing import Timing
from backends.layers.unstaged import Unstaged
from backends.local.storage import LocalStorage
from backends.mirror.ledger import State
from backends.mirror.marking import marked
from backends.mirror.meeting import MARK
from backends.mirror.repairing import DOUBT_S, Repaired
from backends.mirror.storage import Mirror
from backends.remote_memory import AS_S3, AS_WEBDAV, S3_LIMITS, RemoteMemoryStorage
from gateway.catalog.sqlite.mirror_ledger import SqliteMirrorLedger
from tests.backends.making import body, bytes_at, paths
from tests.backends.mirror.members import Faulty, Shaky, Time, memories, mirror_of

LONG = bytes(range(256)) * (PIECE // 64)


async def put(storage: Storage, path: str, data: bytes, **how: bytes) -> str:
    pieces = (data[at : at + PIECE] for at in range(0, len(data), PIECE))
    stored = await storage.write(path, body(*pieces), size=len(data), **how)  # type: ignore[arg-type]  # a description
    return stored.fingerprint.stamp


async def repaired(mirror: Mirror) -> Repaired:
    """Everything that can be."""
    while True:
        done = await mirror.repairs.round()
        if not (done.copied + done.removed):
            return done


async def opened(**how: object) -> tuple[Mirror, dict[str, Shaky], Time]:
    members, time = memories(), Time()
    mirror = mirror_of(members, time=time, **how)  # type: ignore[arg-type]  # as it takes them
    await mirror.open()
    return mirror, members, time


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


async def test_what_is_left_of_ours_is_no_file_of_others() -> None:
    mirror, members, _ = await opened()
    await put(members["nas"], "b/k", b"left", description=marked(7, b"about"))
    with pytest.raises(NotFound):
        await mirror.stat("b/k")
    assert await paths(mirror) == []


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


# Files of others.


async def test_files_of_others_on_the_first_member_become_the_mirrors() -> None:
    mirror, members, _ = await opened()
    await put(members["nas"], "b/theirs", b"theirs")
    await put(members["cloud"], "b/elsewhere", b"elsewhere")
    assert await paths(mirror) == ["b/theirs"]
    stored = await mirror.stat("b/theirs")
    await repaired(mirror)
    assert await bytes_at(members["cloud"], "b/theirs") == b"theirs"
    members["nas"].is_down = True
    assert (await mirror.stat("b/theirs")).fingerprint == stored.fingerprint
    with pytest.raises(NotFound):
        await mirror.stat("b/elsewhere")


async def test_what_others_change_on_the_first_member_counts() -> None:
    mirror, members, _ = await opened()
    before = await put(mirror, "b/k", b"ours")
    await repaired(mirror)
    await put(members["nas"], "b/k", b"theirs")
    listed = [stored async for stored in mirror.list()]
    assert listed[0].fingerprint.stamp != before
    assert await bytes_at(mirror, "b/k") == b"theirs"
    await repaired(mirror)
    assert await bytes_at(members["cloud"], "b/k") == b"theirs"


async def test_files_of_others_on_another_member_are_never_replaced_by_repair() -> None:
    mirror, members, time = await opened()
    await put(members["cloud"], "b/k", b"theirs")
    await put(mirror, "b/k", b"ours")
    done = await mirror.repairs.round()
    assert "others put there" in done.causes["cloud"]
    assert await bytes_at(members["cloud"], "b/k") == b"theirs"
    await members["cloud"].delete("b/k")
    time.now_s += 3600
    await repaired(mirror)
    assert await bytes_at(members["cloud"], "b/k") == b"ours"


async def test_creating_sees_files_of_others_at_the_member() -> None:
    mirror, members, _ = await opened()
    await put(members["nas"], "b/k", b"theirs")
    with pytest.raises(Exists):
        await mirror.write("b/k", body(b"ours"), size=4, create=True)
    assert await bytes_at(members["nas"], "b/k") == b"theirs"


# Getting to know the members.


def again(members: dict[str, Shaky], ledger: SqliteMirrorLedger | None = None) -> Mirror:
    return mirror_of(members, time=Time(), ledger=ledger)


async def test_a_lost_ledger_is_found_again_on_the_members() -> None:
    mirror, members, _ = await opened()
    stamps = {}
    for number in range(40):
        path = f"b/{number:02}"
        stamps[path] = await put(mirror, path, path.encode(), description=b"about")
    stamps[".s3front/o/aa/k"] = await put(mirror, ".s3front/o/aa/k", b"k")
    await repaired(mirror)
    stamps["b/00"] = await put(mirror, "b/00", b"newer")
    found = again(members)
    await found.open()
    assert "41 paths were found again, 1 of which" in found.about()
    for path, stamp in stamps.items():
        assert (await found.stat(path)).fingerprint.stamp == stamp
    assert await bytes_at(found, "b/00") == b"newer"
    members["cloud"].is_down = True
    assert await bytes_at(found, "b/00") == b"newer"
    members["cloud"].is_down = False
    await repaired(found)
    assert await bytes_at(members["cloud"], "b/00") == b"newer"
    assert int(await put(found, "b/new", b"new")) > max(map(int, stamps.values()))


async def test_a_lost_ledger_waits_for_all_members() -> None:
    _, members, _ = await opened()
    members["cloud"].is_down = True
    with pytest.raises(Unavailable):
        await again(members).open()


async def test_a_lost_ledger_is_not_guessed_where_nothing_describes_itself() -> None:
    members = memories(AS_WEBDAV, Limits())
    await again(members).open()
    with pytest.raises(Unavailable, match="put the ledger's file back"):
        await again(members).open()


async def test_an_empty_member_is_refused_unless_it_is_to_be_refilled(tmp_path: Path) -> None:
    time = Time()

    def ledger() -> SqliteMirrorLedger:
        return SqliteMirrorLedger(tmp_path / "ledger.db", process="p", now_ns=time.ns)

    members = memories()
    mirror = again(members, ledger())
    await mirror.open()
    await put(mirror, "b/k", b"data")
    await repaired(mirror)
    await mirror.aclose()
    members["nas"] = memories()["nas"]
    mirror = again(members, ledger())
    await mirror.open()
    assert "its mark is gone" in mirror.resting()["nas"]
    assert await bytes_at(mirror, "b/k") == b"data"
    await mirror.aclose()
    mirror = Mirror(members, ledger(), refill=["nas"])
    await mirror.open()
    await repaired(mirror)
    assert await bytes_at(members["nas"], "b/k") == b"data"
    await mirror.aclose()


async def test_a_member_of_another_mirror_is_refused() -> None:
    _, members, _ = await opened()
    _, others, _ = await opened()
    with pytest.raises(Unavailable, match="several mirrors"):
        await again({"nas": members["nas"], "cloud": others["cloud"]}).open()
    with pytest.raises(Unavailable, match="another member"):
        await again({"cloud": members["nas"], "nas": members["cloud"]}).open()


async def test_a_member_that_became_anothers_is_refused(tmp_path: Path) -> None:
    members = memories()
    mirror = again(members, SqliteMirrorLedger(tmp_path / "ledger.db", process="p"))
    await mirror.open()
    await mirror.aclose()
    _, others, _ = await opened()
    members["nas"] = others["nas"]
    mirror = again(members, SqliteMirrorLedger(tmp_path / "ledger.db", process="p"))
    await mirror.open()
    assert "belongs to another mirror" in mirror.resting()["nas"]
    await put(mirror, "b/k", b"data")
    await members["nas"].open()
    assert await paths(members["nas"]) == []
    await mirror.aclose()


async def test_a_new_member_gets_everything(tmp_path: Path) -> None:
    members = memories()
    mirror = again(members, SqliteMirrorLedger(tmp_path / "ledger.db", process="p"))
    await mirror.open()
    await put(mirror, "b/k", b"data")
    await mirror.aclose()
    third = Shaky(RemoteMemoryStorage(AS_S3, S3_LIMITS))
    mirror = again(
        {**members, "far": third}, SqliteMirrorLedger(tmp_path / "ledger.db", process="p")
    )
    await mirror.open()
    await repaired(mirror)
    assert await bytes_at(third, "b/k") == b"data"
    await mirror.aclose()
    mirror = again(
        {"nas": members["nas"], "far": third},
        SqliteMirrorLedger(tmp_path / "ledger.db", process="p"),
    )
    await mirror.open()
    assert (await mirror.ledger.members()) == ["far", "nas"]
    await mirror.aclose()


async def test_a_member_that_alone_holds_something_cannot_be_left_out(tmp_path: Path) -> None:
    members = memories()
    mirror = again(members, SqliteMirrorLedger(tmp_path / "ledger.db", process="p"))
    await mirror.open()
    await put(mirror, "b/k", b"data")
    await mirror.aclose()
    far = Shaky(RemoteMemoryStorage(AS_S3, S3_LIMITS))
    left = again(
        {"cloud": members["cloud"], "far": far},
        SqliteMirrorLedger(tmp_path / "ledger.db", process="p"),
    )
    with pytest.raises(Unavailable, match="alone has the bytes of 1 paths"):
        await left.open()


async def test_a_member_that_was_not_there_at_the_start_is_used_once_it_is(tmp_path: Path) -> None:
    members = memories()
    ledger = SqliteMirrorLedger(tmp_path / "ledger.db", process="p")
    mirror = again(members, ledger)
    await mirror.open()
    await put(mirror, "b/k", b"data")
    await repaired(mirror)
    await mirror.aclose()
    time = Time()
    members["nas"].is_down = True
    mirror = mirror_of(
        members, time=time, ledger=SqliteMirrorLedger(tmp_path / "ledger.db", process="p")
    )
    await mirror.open()
    assert await bytes_at(mirror, "b/k") == b"data"
    members["nas"].is_down = False
    time.now_s += 100
    await mirror.repairs.knock()
    assert mirror.resting() == {}
    await mirror.aclose()


# Files of this machine.


async def test_a_directory_is_a_member_without_what_only_its_root_can(root: Path) -> None:
    cloud = RemoteMemoryStorage(AS_S3, S3_LIMITS)
    mirror = mirror_of({"nas": Unstaged(LocalStorage(root=root)), "cloud": cloud})
    await mirror.open()
    assert Can.DESCRIBE | Can.CREATE | Can.COPY in mirror.can
    assert not mirror.can & (Can.STAGE | Can.WATCH | Can.REPLICATE)
    await put(mirror, "b/k", LONG)
    assert (root / "b/k").read_bytes() == LONG
    assert (root / MARK).is_file()
    await repaired(mirror)
    assert await bytes_at(cloud, "b/k") == LONG
    await mirror.aclose()


async def test_a_directory_that_is_not_the_one_that_was_opened_holds_nothing_and_gets_nothing(
    root: Path,
) -> None:
    cloud = RemoteMemoryStorage(AS_S3, S3_LIMITS)
    local = Unstaged(LocalStorage(root=root))
    mirror = mirror_of({"nas": local, "cloud": cloud}, failures=1)
    await mirror.open()
    await put(mirror, "b/k", b"data")
    await repaired(mirror)
    root.rename(root.with_name("unmounted"))
    root.mkdir()
    assert await bytes_at(mirror, "b/k") == b"data"
    await put(mirror, "b/l", b"new")
    assert list(root.iterdir()) == []
    assert "nas" in mirror.resting()
    await mirror.aclose()

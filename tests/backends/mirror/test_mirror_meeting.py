"""Getting to know the members of a mirror at its start."""

from pathlib import Path

import pytest

from backends.errors import Unavailable
from backends.interface import Limits
from backends.mirror.storage import Mirror
from backends.remote_memory import AS_S3, AS_WEBDAV, S3_LIMITS, RemoteMemoryStorage
from gateway.catalog.sqlite.mirrors import SqliteMirrorLedger
from tests.backends.making import bytes_at, paths
from tests.backends.mirror.members import Shaky, Time, memories, mirror_of
from tests.backends.mirror.mirrors import opened, put, repaired


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
    assert "cannot be found again" not in found.about()
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


@pytest.mark.parametrize("now", [b"theirs", b"changed since"])
async def test_files_of_others_count_when_a_ledger_is_found_again(now: bytes) -> None:
    mirror, members, _ = await opened()
    await put(members["nas"], "b/theirs", b"theirs")
    assert await bytes_at(mirror, "b/theirs") == b"theirs"
    await repaired(mirror)
    await put(members["nas"], "b/theirs", now)
    found = again(members)
    await found.open()
    assert await paths(found) == ["b/theirs"]
    assert await bytes_at(found, "b/theirs") == now
    assert (await repaired(found)).causes == {}
    assert await bytes_at(members["cloud"], "b/theirs") == now


async def test_a_lost_ledger_waits_for_all_members() -> None:
    _, members, _ = await opened()
    members["cloud"].is_down = True
    with pytest.raises(Unavailable, match="its ledger is new, and 'cloud' cannot be used"):
        await again(members).open()


async def test_a_lost_ledger_is_not_guessed_where_nothing_describes_itself() -> None:
    members = memories(AS_WEBDAV, Limits())
    mirror = again(members)
    await mirror.open()
    assert "cannot be found again" in mirror.about()
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

"""The ledger of a mirror: what its file outlives, and what processes that share it see of each other."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import apsw
import pytest

from backends.errors import Exists, NameRefused, Unavailable
from backends.interface import Fingerprint
from backends.mirror.ledger import State
from gateway.catalog.sqlite.mirrors import SqliteMirrorLedger
from tests.backends.mirror.members import Time

OF = Fingerprint(size=4, stamp="tag")
NewLedger = Callable[..., SqliteMirrorLedger]


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture(params=["file", "memory"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "mirror-safe.db" if request.param == "file" else None


@pytest.fixture
async def ledger(file: Path | None, time: Time) -> AsyncIterator[SqliteMirrorLedger]:
    ledger = SqliteMirrorLedger(file, process="one", now_ns=time.ns)
    await ledger.open()
    yield ledger
    await ledger.aclose()


async def held(ledger: SqliteMirrorLedger, path: str, *others: str) -> int:
    """Have ``nas`` hold it. Returns its generation."""
    token, _ = await ledger.begin(path, "nas")
    assert await ledger.hold(
        path, "nas", token, generation=token, fingerprint=OF, modified_ns=1, others=others
    )
    return token


async def test_numbers_grow_though_the_clock_goes_back(
    ledger: SqliteMirrorLedger, time: Time
) -> None:
    first = await ledger.number()
    time.now_s -= 1000
    assert first < await ledger.number() < await held(ledger, "b/k")


async def test_one_call_at_a_time_changes_a_copy(ledger: SqliteMirrorLedger) -> None:
    token, _ = await ledger.begin("b/k", "nas")
    with pytest.raises(Unavailable, match="another call"):
        await ledger.begin("b/k", "nas")
    await ledger.begin("b/k", "cloud")
    await ledger.abandon("b/k", "nas", token, unknown=False)
    again, _ = await ledger.begin("b/k", "nas")
    assert again > token
    assert not await ledger.hold(
        "b/k", "nas", token, generation=token, fingerprint=OF, modified_ns=1, others=()
    )


async def test_what_came_to_nothing_leaves_nothing(ledger: SqliteMirrorLedger) -> None:
    token, _ = await ledger.begin("b/k", "nas")
    await ledger.abandon("b/k", "nas", token, unknown=False)
    assert await ledger.find("b/k") is None


async def test_what_may_be_on_its_way_keeps_its_copy(
    ledger: SqliteMirrorLedger, time: Time
) -> None:
    token, _ = await ledger.begin("b/k", "nas")
    await ledger.abandon("b/k", "nas", token, unknown=True, in_s=60)
    with pytest.raises(Unavailable, match="not known yet"):
        await ledger.begin("b/k", "nas")
    assert await ledger.due(["nas"], limit=10) == []
    assert await ledger.delete("b/k", first="nas") == {}
    time.now_s += 61
    assert await ledger.due(["nas"], limit=10) == ["b/k"]
    await ledger.begin("b/k", "nas")


async def test_a_repair_that_failed_is_not_tried_before_what_may_be_on_its_way_has_come(
    ledger: SqliteMirrorLedger, time: Time
) -> None:
    await held(ledger, "b/k", "cloud")
    token, _ = await ledger.begin("b/k", "cloud")
    await ledger.abandon("b/k", "cloud", token, unknown=True, in_s=60)
    await ledger.postpone("b/k", "cloud", in_s=5)
    time.now_s += 59
    assert await ledger.due(["cloud"], limit=10) == []
    time.now_s += 2
    assert await ledger.due(["cloud"], limit=10) == ["b/k"]


async def test_creating_and_the_rule_of_file_systems(ledger: SqliteMirrorLedger) -> None:
    await held(ledger, "b/k")
    with pytest.raises(Exists):
        await ledger.begin("b/k", "nas", create=True)
    for path in ("b/k/below", "b"):
        with pytest.raises(NameRefused):
            await ledger.begin(path, "nas", tree=True)
    await ledger.begin("b/kk", "nas", tree=True)


async def test_others_are_behind_until_they_are_repaired(
    ledger: SqliteMirrorLedger, time: Time
) -> None:
    generation = await held(ledger, "b/k", "cloud")
    assert await ledger.due(["nas"], limit=10) == []
    assert await ledger.due(["cloud"], limit=10) == ["b/k"]
    assert (await ledger.backlog()).oldest_ns == time.ns()
    await ledger.postpone("b/k", "cloud", in_s=60)
    assert await ledger.due(["cloud"], limit=10) == []
    token, _ = await ledger.begin("b/k", "cloud")
    assert await ledger.repaired("b/k", "cloud", token, generation=generation, fingerprint=OF)
    assert (await ledger.backlog()).waiting == 0


async def test_a_repair_that_was_overtaken_is_none(ledger: SqliteMirrorLedger) -> None:
    generation = await held(ledger, "b/k", "cloud")
    token, _ = await ledger.begin("b/k", "cloud")
    await held(ledger, "b/k", "cloud")
    assert not await ledger.repaired("b/k", "cloud", token, generation=generation, fingerprint=OF)
    entry = await ledger.find("b/k")
    assert entry is not None
    assert entry.copies["cloud"].state is State.UNKNOWN


async def test_a_call_is_concluded_where_nobody_knew_how_it_ended(
    ledger: SqliteMirrorLedger,
) -> None:
    async def concluded(path: str) -> bool:
        return await ledger.conclude(
            path, "nas", generation=7, fingerprint=OF, modified_ns=1, others=["cloud"]
        )

    assert not await concluded("b/nothing")
    await held(ledger, "b/live", "cloud")
    assert not await concluded("b/live")
    token, _ = await ledger.begin("b/k", "nas")
    assert not await concluded("b/k"), "it has not ended"
    await ledger.abandon("b/k", "nas", token, unknown=True, in_s=60)
    assert await concluded("b/k")
    entry = await ledger.find("b/k")
    assert entry is not None
    assert (entry.live, entry.generation, entry.fingerprint.size) == (True, 7, 4)
    assert {name: copy.state for name, copy in entry.copies.items()} == {
        "nas": State.CURRENT,
        "cloud": State.BEHIND,
    }
    assert not await concluded("b/k")


async def test_what_is_known_is_not_taken_for_others(ledger: SqliteMirrorLedger) -> None:
    generation = await held(ledger, "b/k", "cloud")
    theirs = Fingerprint(size=9, stamp="theirs")
    kept = await ledger.adopt("b/k", "nas", fingerprint=theirs, modified_ns=1, others=["cloud"])
    assert (kept.generation, kept.size) == (generation, 4)
    token, _ = await ledger.begin("b/k", "nas")
    kept = await ledger.adopt(
        "b/k", "nas", fingerprint=theirs, modified_ns=1, others=[], instead_of=generation
    )
    assert kept.generation == generation
    await ledger.abandon("b/k", "nas", token, unknown=False)
    await ledger.delete("b/k", first="nas")
    kept = await ledger.adopt("b/k", "nas", fingerprint=theirs, modified_ns=1, others=[])
    assert not kept.live
    found = await ledger.adopt("b/new", "nas", fingerprint=theirs, modified_ns=1, others=["cloud"])
    assert (found.live, found.size, found.copies["cloud"].state) == (True, 9, State.BEHIND)


async def test_entries_come_in_the_order_of_their_bytes(ledger: SqliteMirrorLedger) -> None:
    paths = ["b/\U0001f600", "b/\uffee", "b/a", "c", ".s3front/o/aa/x"]
    for path in paths:
        await held(ledger, path)
    await held(ledger, "b/deleted")
    await ledger.delete("b/deleted", first="nas")

    async def listed(prefix: str, after: str = "") -> list[str]:
        return [one.path for one in await ledger.entries(prefix, after=after, limit=100)]

    assert await listed("") == ["b/a", "b/\uffee", "b/\U0001f600", "c"]
    assert await listed("b/", after="b/a") == ["b/\uffee", "b/\U0001f600"]
    assert await listed(".s3front/") == [".s3front/o/aa/x"]


@pytest.mark.parametrize(
    "prefix", ["", "b", "b/\ud7ff", "b/\U0010ffff", "\U0010ffff", "\U0010ffff\U0010ffff"]
)
async def test_a_prefix_ends_where_nothing_more_begins_with_it(
    ledger: SqliteMirrorLedger, prefix: str
) -> None:
    paths = ["a", "b", "b/\ud7ff", "b/\ud7ffx", "b/\ue000", "b/\U0010ffff", "b/\U0010ffffy", "c"]
    paths += ["\U0010ffff", "\U0010ffff\U0010ffff", "\U0010ffff\U0010ffffz"]
    for path in paths:
        await held(ledger, path)
    found = [one.path for one in await ledger.entries(prefix, after="", limit=100)]
    assert found == sorted(path for path in paths if path.startswith(prefix))


async def test_the_oldest_is_due_first_and_once(ledger: SqliteMirrorLedger, time: Time) -> None:
    for path in ("b/c", "b/a", "b/b"):
        await held(ledger, path, "cloud", "far")
        time.now_s += 1
    assert await ledger.due(["cloud", "far"], limit=2) == ["b/c", "b/a"]
    assert await ledger.due(["far", "nobody"], limit=9) == ["b/c", "b/a", "b/b"]
    assert await ledger.due([], limit=9) == []


async def test_long_ones_and_short_ones_are_due_apart(ledger: SqliteMirrorLedger) -> None:
    for path, size in (("b/short", 9), ("b/long", 10), ("b/gone", 10)):
        token, _ = await ledger.begin(path, "nas")
        of = Fingerprint(size=size, stamp="tag")
        await ledger.hold(
            path, "nas", token, generation=token, fingerprint=of, modified_ns=1, others=["cloud"]
        )
    assert await ledger.delete("b/gone", first="nas")
    assert await ledger.due(["cloud"], limit=9, least=10) == ["b/long"]
    assert await ledger.due(["cloud"], limit=9, below=10) == ["b/short"]
    await ledger.give_up("one")
    assert sorted(await ledger.due(["cloud"], limit=9, below=10)) == ["b/gone", "b/short"]


async def test_processes_share_it_and_a_dead_one_leaves_doubt(tmp_path: Path, time: Time) -> None:
    async with AsyncExitStack() as stack:
        one, other = (
            SqliteMirrorLedger(tmp_path / "ledger.db", process=name, now_ns=time.ns)
            for name in ("one", "other")
        )
        for ledger in (one, other):
            await ledger.open()
            stack.push_async_callback(ledger.aclose)
        assert await one.name() == await other.name()
        await held(one, "b/k")
        await one.begin("b/k", "nas")
        assert await other.processes() == ["one"]
        with pytest.raises(Unavailable):
            await other.begin("b/k", "nas")
        await other.give_up("one")
        entry = await other.find("b/k")
        assert entry is not None
        assert (entry.copies["nas"].state, entry.copies["nas"].token) == (State.UNKNOWN, None)
        await asyncio.gather(
            *(held(ledger, f"{n}/{i}") for n, ledger in enumerate((one, other)) for i in range(30))
        )
        assert len(await one.entries("", after="", limit=1000)) == 61


async def test_it_outlives_its_process(tmp_path: Path, time: Time) -> None:
    ledger = SqliteMirrorLedger(tmp_path / "ledger.db", process="one", now_ns=time.ns)
    await ledger.open()
    generation = await held(ledger, "b/k", "cloud")
    name = await ledger.name()
    await ledger.aclose()
    with pytest.raises(Unavailable, match="not open"):
        await ledger.find("b/k")
    await ledger.open()
    entry = await ledger.find("b/k")
    assert entry is not None
    assert (entry.generation, entry.copies["cloud"].state) == (generation, State.BEHIND)
    assert await ledger.name() == name
    await ledger.aclose()


async def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "ledger.db"))
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    ledger = SqliteMirrorLedger(tmp_path / "ledger.db", process="one")
    with pytest.raises(Unavailable, match="format 9"):
        await ledger.open()
    await ledger.aclose()


async def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"no database" * 1000)
    ledger = SqliteMirrorLedger(tmp_path / "ledger.db", process="one")
    with pytest.raises(Unavailable, match="cannot be opened"):
        await ledger.open()
    await ledger.aclose()

"""What nobody reads is looked at all the same."""

from pathlib import Path

import pytest

from backends.mirror.ledger import State
from backends.mirror.storage import Mirror
from gateway.catalog.sqlite.mirrors import SqliteMirrorLedger
from tests.backends.making import bytes_at
from tests.backends.mirror.members import memories, mirror_of
from tests.backends.mirror.mirrors import opened, put, repaired

PATHS = [".s3front/o/aa/one", "b/one", "b/two", "c/three"]


async def looked_at_all(mirror: Mirror) -> int:
    """How many copies were not as they are known: paths of others' names and of ours, and the end of each."""
    return sum([await mirror.looking.some(len(PATHS)) for _ in range(4)])


async def test_what_is_as_it_was_stays_so() -> None:
    mirror, members, _ = await opened()
    for path in PATHS:
        await put(mirror, path, b"data")
    await repaired(mirror)
    assert await looked_at_all(mirror) == 0
    assert (await mirror.ledger.backlog()).waiting == 0
    members["cloud"].is_down = True
    assert await looked_at_all(mirror) == 0
    assert (await mirror.ledger.backlog()).waiting == 0


@pytest.mark.parametrize("name", ["nas", "cloud"])
@pytest.mark.parametrize("path", PATHS)
async def test_what_is_gone_or_older_on_any_member_is_put_right(name: str, path: str) -> None:
    mirror, members, _ = await opened()
    for one in PATHS:
        await put(mirror, one, b"old")
    await repaired(mirror)
    kept = await members[name].stat(path)
    for one in PATHS:
        await put(mirror, one, b"data")
    await repaired(mirror)
    other = PATHS[PATHS.index(path) - 1]
    await members[name].delete(other)
    await put(members[name], path, b"old", description=kept.description or b"")
    assert await looked_at_all(mirror) == 2
    assert (await repaired(mirror)).failed == 0
    assert await bytes_at(members[name], path) == b"data"
    assert await bytes_at(members[name], other) == b"data"
    assert await looked_at_all(mirror) == 0


async def test_files_that_others_put_on_the_first_member_count_there() -> None:
    mirror, members, _ = await opened()
    await put(mirror, "b/one", b"ours")
    await repaired(mirror)
    await put(members["nas"], "b/one", b"theirs")
    assert await looked_at_all(mirror) == 1
    await repaired(mirror)
    assert await bytes_at(members["cloud"], "b/one") == b"theirs"


async def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    members = memories()

    async def again() -> Mirror:
        mirror = mirror_of(members, ledger=SqliteMirrorLedger(tmp_path / "ledger.db", process="p"))
        await mirror.open()
        return mirror

    mirror = await again()
    for path in ("b/one", "b/two"):
        await put(mirror, path, b"data")
    await repaired(mirror)
    assert await mirror.looking.some(1) == 0
    for path in ("b/one", "b/two"):
        await members["cloud"].delete(path)
    await mirror.aclose()
    mirror = await again()
    assert await mirror.looking.some(1) == 1
    states = {}
    for path in ("b/one", "b/two"):
        entry = await mirror.ledger.find(path)
        assert entry is not None
        states[path] = entry.copies["cloud"].state
    assert states == {"b/one": State.CURRENT, "b/two": State.UNKNOWN}
    await mirror.aclose()

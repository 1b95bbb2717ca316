"""Files that others put on members of a mirror."""

import pytest

from backends.errors import Exists, NotFound
from backends.mirror.marking import marked
from tests.backends.making import body, bytes_at, paths
from tests.backends.mirror.mirrors import opened, put, repaired


async def test_what_is_left_of_ours_is_no_file_of_others() -> None:
    mirror, members, _ = await opened()
    await put(members["nas"], "b/k", b"left", description=marked(7, b"about"))
    with pytest.raises(NotFound):
        await mirror.stat("b/k")
    assert await paths(mirror) == []


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

"""Files that others put on members of a mirror."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import Exists, NotFound
from backends.interface import Fingerprint, Stored
from backends.layers.unstaged import Unstaged
from backends.local.storage import LocalStorage
from backends.mirror.marking import MARK_BYTES, generation_of, marked, unmarked
from backends.remote_memory import AS_S3, S3_LIMITS, RemoteMemoryStorage
from tests.backends.making import body, bytes_at, paths
from tests.backends.mirror.members import mirror_of
from tests.backends.mirror.mirrors import opened, put, repaired


async def test_what_is_left_of_ours_is_no_file_of_others() -> None:
    mirror, members, _ = await opened()
    await put(members["nas"], "b/k", b"left", description=marked("b/k", 7, b"about"))
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


@pytest.mark.parametrize("is_new", [False, True])
async def test_a_file_that_others_moved_with_its_mark_is_theirs(*, is_new: bool) -> None:
    mirror, members, _ = await opened()
    await put(mirror, "b/one", b"one", description=b"about")
    if not is_new:
        await put(mirror, "b/two", b"two")
    await repaired(mirror)
    nas = members["nas"]
    await nas.copy("b/one", "b/two", only_if=(await nas.stat("b/one")).fingerprint)
    await nas.delete("b/one")
    assert await paths(mirror) == ["b/one", "b/two"]
    for path in ("b/one", "b/two"):
        assert await bytes_at(mirror, path) == b"one"
    await repaired(mirror)
    assert await bytes_at(members["cloud"], "b/two") == b"one"
    assert await bytes_at(nas, "b/two") == b"one"
    assert await bytes_at(nas, "b/one") == b"one"


async def test_a_file_that_others_moved_in_a_directory_is_theirs(root: Path) -> None:
    cloud = RemoteMemoryStorage(AS_S3, S3_LIMITS)
    mirror = mirror_of({"nas": Unstaged(LocalStorage(root=root)), "cloud": cloud})
    await mirror.open()
    await put(mirror, "b/one", b"one", description=b"about")
    await repaired(mirror)
    (root / "b/one").rename(root / "b/two")
    assert await paths(mirror) == ["b/one", "b/two"]
    assert await bytes_at(mirror, "b/one") == b"one"
    await repaired(mirror)
    assert await bytes_at(cloud, "b/two") == b"one"
    assert (root / "b/one").read_bytes() == b"one"
    await mirror.aclose()


async def test_a_mark_of_the_first_version_is_ours_wherever_it_is() -> None:
    mirror, members, _ = await opened()
    await put(members["nas"], "b/k", b"left", description=b"s3front-mirror/1 7 +\nabout")
    with pytest.raises(NotFound):
        await mirror.stat("b/k")


@given(
    path=st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable()),
    generation=st.integers(1, 2**63 - 1),
    description=st.none() | st.binary(max_size=99),
)
def test_what_a_mark_says_comes_back(path: str, generation: int, description: bytes | None) -> None:
    kept = marked(path, generation, description)
    assert len(kept) <= MARK_BYTES + len(description or b"")
    of = Fingerprint(size=4, stamp="some")
    stored = Stored(path=path, fingerprint=of, modified_ns=1, description=kept)
    assert generation_of(stored) == generation
    assert unmarked(kept) == description
    assert generation_of(replace(stored, path=f"{path}x")) is None

"""Directories of this machine as members of a mirror."""

from pathlib import Path

from backends.interface import Can
from backends.layers.unstaged import Unstaged
from backends.local.storage import LocalStorage
from backends.mirror.meeting import MARK
from backends.remote_memory import AS_S3, S3_LIMITS, RemoteMemoryStorage
from tests.backends.making import bytes_at
from tests.backends.mirror.members import mirror_of
from tests.backends.mirror.mirrors import LONG, put, repaired


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

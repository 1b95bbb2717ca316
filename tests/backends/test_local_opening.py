"""What is found out and made ready when a directory is opened; times; descriptions."""

import asyncio
import os
import stat
import struct
import sys
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import Damaged, NameRefused, Unavailable
from backends.interface import Fingerprint
from backends.local import opening, probing
from backends.local.attributes import Record, unwrap, wrap
from backends.local.folding import Folding
from backends.local.stamping import Stamps
from backends.local.storage import LocalStorage
from tests.backends.making import body, paths, sealed


def sidecars(root: Path) -> list[Path]:
    return [path for path in (root / ".s3front/about").rglob("*") if path.is_file()]


async def test_the_reserved_folder_is_private(local: LocalStorage, root: Path) -> None:
    reserved = root / ".s3front"
    assert stat.S_IMODE(reserved.stat().st_mode) == 0o700
    await local.aclose()
    reserved.chmod(0o755)
    await local.open()
    assert stat.S_IMODE(reserved.stat().st_mode) == 0o700


async def test_files_and_folders_may_be_read_by_others(local: LocalStorage, root: Path) -> None:
    umask = os.umask(0o022)
    try:
        await sealed(local, "put-1", b"x")
        assert local.place("put-1", "b/dir/k")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((root / "b/dir/k").stat().st_mode) == 0o644
    assert stat.S_IMODE((root / "b/dir").stat().st_mode) == 0o755


async def test_the_identity_stays(local: LocalStorage, root: Path) -> None:
    identity = local.identity
    assert len(identity) == 32
    assert (root / ".s3front/storage-id").read_text().strip() == identity
    other = LocalStorage(root=root)
    await other.open()
    assert other.identity == identity
    await other.aclose()


async def test_processes_that_open_at_once_agree_on_the_identity(root: Path) -> None:
    storages = [LocalStorage(root=root) for _ in range(8)]
    await asyncio.gather(*(storage.open() for storage in storages))
    assert len({storage.identity for storage in storages}) == 1
    await asyncio.gather(*(storage.aclose() for storage in storages))
    left = {path.name for path in (root / ".s3front").iterdir()}
    assert left == {"staged", "o", "about", "writers", "storage-id"}


async def test_content_survives_reopening(local: LocalStorage, root: Path) -> None:
    await sealed(local, "put-1", b"x", b"about")
    await sealed(local, "put-2", b"x", b"about 2")
    assert local.place("put-1", "b/k")
    before = await local.stat("b/k")
    await local.aclose()
    again = LocalStorage(root=root)
    await again.open()
    assert await again.stat("b/k") == before
    assert again.staged_names() == ["put-2"]
    assert again.staged_description("put-2") == b"about 2"
    await again.aclose()


@pytest.mark.parametrize("inside", [".s3front", ".s3front/staged", ".S3Front/x"])
async def test_a_root_inside_the_reserved_folder_is_refused(root: Path, inside: str) -> None:
    with pytest.raises(NameRefused, match="choose a directory outside"):
        await LocalStorage(root=root / inside).open()


async def test_a_root_that_leads_into_the_reserved_folder_is_refused(
    root: Path, tmp_path: Path
) -> None:
    (root / ".s3front" / "staged").mkdir(parents=True)
    (tmp_path / "link").symlink_to(root / ".s3front" / "staged")
    with pytest.raises(NameRefused, match="choose a directory outside"):
        await LocalStorage(root=tmp_path / "link").open()


def _file(path: Path) -> None:
    path.write_bytes(b"")


def _link(path: Path) -> None:
    (path.parent / "elsewhere").mkdir()
    path.symlink_to("elsewhere")


@pytest.mark.parametrize("make", [_file, _link])
@pytest.mark.parametrize("name", [".s3front", ".s3front/staged", ".s3front/writers"])
async def test_a_reserved_folder_that_is_none_is_refused(
    root: Path, name: str, make: Callable[[Path], None]
) -> None:
    (root / name).parent.mkdir(parents=True)
    make(root / name)
    with pytest.raises(NameRefused, match="must be directories"):
        await LocalStorage(root=root).open()


async def test_a_root_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "root").symlink_to("disk")
    storage = LocalStorage(root=tmp_path / "root")
    await storage.open()
    await storage.write("b/k", body(b"x"), size=1)
    await storage.aclose()
    assert (tmp_path / "disk/b/k").read_bytes() == b"x"


async def test_a_wrong_encoding_of_names_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "latin-1")
    with pytest.raises(Unavailable, match="PYTHONUTF8=1"):
        await LocalStorage(root=root).open()


async def test_this_file_system_is_exact(local: LocalStorage) -> None:
    for path in ("b/K", "b/k", "b/e\u0301", "b/\u00e9"):
        await local.write(path, body(b"x"), size=1)
        assert local.claim(path) == path
    assert len(await paths(local)) == 4


Alias = Callable[[str], str]
FOLDINGS: dict[str, tuple[Alias, Alias, Folding]] = {
    # how names are compared, how they are stored, what is to be found
    "exact": (str, str, Folding()),
    "NTFS, APFS without normalisation": (str.casefold, str, Folding(case=True)),
    "APFS": (
        lambda s: unicodedata.normalize("NFD", s).casefold(),
        str,
        Folding(case=True, unicode=True),
    ),
    "ZFS with normalization=formD": (
        lambda s: unicodedata.normalize("NFD", s),
        str,
        Folding(unicode=True),
    ),
    "HFS+": (
        lambda s: unicodedata.normalize("NFD", s).casefold(),
        lambda s: unicodedata.normalize("NFD", s),
        Folding(case=True, unicode=True, stores="NFD"),
    ),
    "FAT with short names": (str.casefold, str.lower, Folding(case=True, lowers=True)),
}


@pytest.mark.parametrize("kind", FOLDINGS)
async def test_folding_is_found_out(root: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A simulated file system: names are compared and stored as the table says."""
    compared, stored, wanted = FOLDINGS[kind]
    names: dict[str, str] = {}

    def confuses(_: int, made: str, asked: str) -> bool:
        names[compared(made)] = stored(made)
        return compared(asked) in names

    real_names = opening.names_in
    monkeypatch.setattr(probing, "_confuses", confuses)
    monkeypatch.setattr(
        probing, "names_in", lambda folder: [*names.values()] if names else real_names(folder)
    )
    assert probing._folding(-1) == wanted

    monkeypatch.setattr(probing, "names_in", real_names)
    monkeypatch.setattr(probing, "_behaviour", lambda _: (wanted, True, True))
    storage = LocalStorage(root=root)
    await storage.open()
    try:
        alike = [p for p in ("b/Case\u00e9", "b/cASEe\u0301") if storage.natural("b", p[2:])]
        if wanted.case and wanted.unicode:
            assert storage.claim("b/Case\u00e9") == storage.claim("b/cASEe\u0301")
        assert alike == [p for p in ("b/Case\u00e9", "b/cASEe\u0301") if stored(p) == p]
    finally:
        await storage.aclose()


@given(st.binary(max_size=100), st.integers(0, 2**60), st.integers(-(2**60), 2**60))
def test_a_record_is_void_for_other_bytes(about: bytes, size: int, time_ns: int) -> None:
    of = Fingerprint(size=size, stamp=str(time_ns))
    record = wrap(of, about)
    assert unwrap(record, of) == Record(about)
    assert unwrap(record, Fingerprint(size=size + 1, stamp=of.stamp)) == Record(None)
    assert unwrap(record, Fingerprint(size=size, stamp=str(time_ns + 1))) == Record(None)
    for damaged in (record[:-1], record + b"x", bytes(len(record)), b""):
        assert unwrap(damaged, of) == Record(None, damaged=True)


@given(st.binary(max_size=40), st.integers(0, 2**60), st.integers(-(2**60), 2**60))
def test_every_flipped_bit_of_a_record_is_damage(about: bytes, size: int, time_ns: int) -> None:
    of = Fingerprint(size=size, stamp=str(time_ns))
    record = wrap(of, about)
    for bit in range(8 * len(record)):
        flipped = bytearray(record)
        flipped[bit // 8] ^= 1 << bit % 8
        assert unwrap(bytes(flipped), of) == Record(None, damaged=True), bit


def test_records_of_the_first_format_are_read() -> None:
    of = Fingerprint(size=7, stamp="12")
    record = struct.pack(">4sQqI", b"S3f1", 7, 12, 5) + b"about"
    assert unwrap(record, of) == Record(b"about")
    assert unwrap(record, Fingerprint(size=7, stamp="13")) == Record(None)
    assert unwrap(record[:-1], of) == Record(None)
    assert unwrap(record[:10], of) == Record(None)


async def test_a_short_description_is_an_attribute(local: LocalStorage, root: Path) -> None:
    await sealed(local, "put-1", b"data", b"about")
    if not local._use.facts.extended:
        pytest.skip("no extended attributes here")
    assert sidecars(root) == []
    assert os.getxattr(root / ".s3front/staged/put-1", "user.s3front").endswith(b"about")


@pytest.fixture(params=["too long for an attribute", "no attributes"])
def about(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A description that goes into a sidecar."""
    if request.param == "no attributes":
        monkeypatch.setattr(probing, "_extended", lambda _: False)
        return b"about"
    return b"x" * 65_536


async def test_a_sidecar_follows_the_bytes_and_goes_with_them(about: bytes, root: Path) -> None:
    local = LocalStorage(root=root)
    await local.open()
    for n in range(3):
        await sealed(local, f"put-{n}", b"data", about)
    assert len(sidecars(root)) == 3
    assert local.place("put-0", "b/k")
    assert (await local.stat("b/k")).description == about
    assert local.place("put-1", "b/k")
    assert len(sidecars(root)) == 2, "the replaced bytes' is gone"
    assert (await local.stat("b/k")).description == about
    (root / "b/k").rename(root / "b/moved")
    assert (await local.stat("b/moved")).description == about
    assert local.remove("b/moved", only_if=None)
    assert len(sidecars(root)) == 1
    local.drop_staged("put-2")
    assert sidecars(root) == []

    staged = local.stage("put-3")
    await staged.seal(lambda _: about)
    assert len(sidecars(root)) == 1
    await staged.discard()
    assert sidecars(root) == []

    await sealed(local, "put-4", b"data", about)
    assert local.place("put-4", "b/k")
    (root / "b/k").write_bytes(b"atad")
    assert (await local.stat("b/k")).description is None, "an outside rewrite voids it"
    await local.aclose()


async def test_a_torn_sidecar_is_damaged_a_link_none(root: Path) -> None:
    local = LocalStorage(root=root)
    await local.open()
    await sealed(local, "put-1", b"data", b"x" * 9000)
    [sidecar] = sidecars(root)
    for size in (5000, 0):
        os.truncate(sidecar, size)
        with pytest.raises(Damaged):
            local.staged_description("put-1")
    sidecar.unlink()
    sidecar.symlink_to("/etc/passwd")
    assert local.staged_description("put-1") is None
    await local.aclose()


async def test_a_cancelled_seal_leaves_no_sidecar(root: Path) -> None:
    local = LocalStorage(root=root)
    await local.open()
    for turns in range(1, 12):
        staged = local.stage("put-1")
        await staged.write(b"data")
        sealing = asyncio.create_task(staged.seal(lambda _: b"x" * 9000))
        for _ in range(turns):
            await asyncio.sleep(0)
        sealing.cancel()
        await asyncio.wait([sealing])
        await staged.discard()
        assert sidecars(root) == []
    await local.aclose()


@pytest.fixture
def writers(tmp_path: Path) -> int:
    return os.open(tmp_path, os.O_RDONLY)


def test_no_two_processes_share_a_stamp(writers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each open storage counts as a process of its own, though the clock stands still."""
    monkeypatch.setattr(time, "time_ns", lambda: 1_700_000_000_000_000_000)
    open_at_once = [Stamps(writers) for _ in range(20)]
    stamps = [stamps.next() for _ in range(50) for stamps in open_at_once]
    assert len(set(stamps)) == len(stamps)
    for number in range(20):
        mine = stamps[number::20]
        assert mine == sorted(mine)
    for each in open_at_once:
        each.close()
    os.close(writers)


def test_stamps_grow_when_the_clock_goes_back(
    writers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamps = Stamps(writers)
    now = stamps.next()
    monkeypatch.setattr(time, "time_ns", lambda: now - 10**9)
    assert stamps.next() > now
    stamps.close()
    os.close(writers)


def test_a_slot_is_freed_and_there_are_256(writers: int) -> None:
    held = [Stamps(writers) for _ in range(256)]
    with pytest.raises(Unavailable, match="256 processes"):
        Stamps(writers)
    held[77].close()
    free = Stamps(writers)
    assert free.next() & 255 == 77
    for each in (*held, free):
        each.close()
    os.close(writers)


async def test_a_root_that_is_gone_is_told(local: LocalStorage, root: Path) -> None:
    await local.write("b/k", body(b"x"), size=1)
    root.rename(root.parent / "elsewhere")
    with pytest.raises(Unavailable, match="mount it again"):
        await local.stat("b/none")
    with pytest.raises(Unavailable):
        await paths(local)
    (root.parent / "elsewhere").rename(root)
    assert await paths(local) == ["b/k"]

"""What others may put into the directory: links, special files, directories in the way."""

import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from backends.errors import Damaged, NameRefused, NotFound
from backends.interface import Storage
from backends.local import walking
from backends.local.opening import best_open, open_components
from backends.local.storage import LocalStorage
from tests.backends.making import body, bytes_at, drained, make_plain_local, paths, sealed

SECRET = b"not ours to give"


@pytest.fixture(params=["in the kernel", "by component"])
async def storage(
    request: pytest.FixtureRequest, root: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Storage]:
    kernel = request.param == "in the kernel"
    storage = LocalStorage(root=root) if kernel else make_plain_local(root, monkeypatch)
    await storage.open()
    yield storage
    await storage.aclose()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A tree next to the root, as deep as what the links replace."""
    outside = tmp_path / "outside"
    (outside / "dir" / "deep").mkdir(parents=True)
    (outside / "dir" / "deep" / "k").write_bytes(SECRET)
    (outside / "dir" / "k").write_bytes(SECRET)
    (outside / "k").write_bytes(SECRET)
    return outside


def test_the_kernel_resolves_paths_here(tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        assert best_open(directory) is not open_components
        with pytest.raises(OSError, match="cross-device"):
            best_open(directory)(directory, "../x", os.O_RDONLY)
    finally:
        os.close(directory)


LINKS = {
    "bucket": ("b", "."),
    "first folder": ("b/dir", "dir"),
    "second folder": ("b/dir/deep", "dir/deep"),
    "file": ("b/dir/deep/k", "dir/deep/k"),
}


@pytest.mark.parametrize("where", LINKS)
async def test_no_link_is_followed(storage: Storage, root: Path, outside: Path, where: str) -> None:
    await storage.write("b/dir/deep/k", body(b"ours"), size=4)
    link, target = LINKS[where]
    replaced = root / link
    if replaced.is_dir():
        shutil.rmtree(replaced)
    else:
        replaced.unlink()
    replaced.symlink_to(outside / target)
    assert (root / "b/dir/deep/k").read_bytes() == SECRET, "the link leads out"

    with pytest.raises(NotFound):
        await storage.stat("b/dir/deep/k")
    with pytest.raises(NotFound):
        await storage.read("b/dir/deep/k")
    with pytest.raises(NameRefused):
        await storage.write("b/dir/deep/k", body(b"x"), size=1)
    await sealed(storage, "put-1", b"x")
    assert not storage.prepare("b/dir/deep/k")
    assert not storage.place("put-1", "b/dir/deep/k")
    assert not storage.place("put-1", "b/dir/deep/k/below")
    storage.remove("b/dir/deep/k", only_if=None)
    await storage.delete("b/dir/deep/k")
    assert await paths(storage) == []
    assert await paths(storage, "b/dir/") == []
    assert "b" in storage.folders() or where == "bucket"
    assert (root / "b/dir/deep/k").read_bytes() == SECRET, "outside is as it was"
    assert sorted(path.name for path in outside.rglob("*")) == ["deep", "dir", "k", "k", "k"]


async def test_a_link_that_leads_to_a_neighbour_is_not_followed(
    storage: Storage, root: Path
) -> None:
    await storage.write("b/k", body(b"x"), size=1)
    (root / "b/link").symlink_to("k")
    (root / "b/up").symlink_to("..")
    for path in ("b/link", "b/up/b/k"):
        with pytest.raises(NotFound):
            await storage.read(path)
    assert await paths(storage) == ["b/k"]


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        here = os.open(path.parent, os.O_RDONLY)
        bound.bind(f"/proc/self/fd/{here}/{path.name}")
        os.close(here)


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize("make", [_fifo, _socket, _dangling])
async def test_what_is_no_regular_file_is_no_object(
    storage: Storage, root: Path, make: Callable[[Path], None]
) -> None:
    storage.make_folder("b")
    make(root / "b/k")
    with pytest.raises(NotFound):
        await storage.read("b/k")
    with pytest.raises(NotFound):
        await storage.stat("b/k")
    assert await paths(storage) == []
    await sealed(storage, "put-1", b"data")
    assert not storage.prepare("b/k")
    assert not storage.place("put-1", "b/k")
    assert not storage.remove("b/k", only_if=None)
    await storage.delete("b/k")
    with pytest.raises(NameRefused):
        await storage.write("b/k", body(b"x"), size=1)
    assert os.path.lexists(root / "b/k")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
async def test_a_device_is_not_read(storage: Storage, root: Path) -> None:
    storage.make_folder("b")
    try:
        os.mknod(root / "b/null", 0o666 | 0o020000, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("no devices in this container")
    with pytest.raises(NotFound):
        await storage.read("b/null")


async def test_staged_names_follow_no_link(storage: Storage, root: Path, outside: Path) -> None:
    (root / ".s3front/staged/put-1").symlink_to(outside / "k")
    with pytest.raises(NotFound):
        await storage.staged("put-1")
    assert storage.staged_description("put-1") is None
    staged = storage.stage("put-1", exclusive=False)
    with pytest.raises(NotFound):
        await staged.write(b"overwritten")
    assert (outside / "k").read_bytes() == SECRET


async def test_staged_names_are_no_pipes(storage: Storage, root: Path) -> None:
    os.mkfifo(root / ".s3front/staged/put-1")
    reader = os.open(root / ".s3front/staged/put-1", os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(NotFound):
            await storage.stage("put-1", exclusive=False).write(b"x")
        with pytest.raises(NotFound):
            await storage.staged("put-1")
    finally:
        os.close(reader)


async def test_the_reserved_folder_is_out_of_reach(storage: Storage, root: Path) -> None:
    (root / ".s3front/catalog.db").write_bytes(SECRET)
    await sealed(storage, "put-1", b"data")
    for path in (".s3front/catalog.db", ".s3front/staged/put-1", ".s3front/o", ".S3FRONT/o/a/b"):
        with pytest.raises(NameRefused):
            await storage.read(path)
        with pytest.raises(NameRefused):
            storage.place("put-1", path)
        with pytest.raises(NameRefused):
            storage.remove(path, only_if=None)
        with pytest.raises(NameRefused):
            storage.prepare(path)
    assert await paths(storage, ".s3front/") == []
    assert storage.folders() == []


async def test_lookalikes_of_the_reserved_folder_are_not_listed(
    storage: Storage, root: Path
) -> None:
    for name in (".S3FRONT", ".s3front\u200b", "plain"):
        (root / name).mkdir()
        (root / name / "k").write_bytes(b"x")
    assert await paths(storage) == ["plain/k"]
    assert storage.folders() == ["plain"]


async def test_names_that_are_no_text_are_left_out(storage: Storage, root: Path) -> None:
    (root / "b").mkdir()
    for name in (b"\xff", b"good", b"a\nb"):
        Path(os.fsdecode(os.fsencode(root / "b") + b"/" + name)).write_bytes(b"x")
    Path(os.fsdecode(os.fsencode(root) + b"/\xfe")).mkdir()
    assert await paths(storage) == ["b/a\nb", "b/good"]
    assert await bytes_at(storage, "b/a\nb") == b"x"
    assert storage.folders() == ["b"]


async def test_an_outside_rewrite_voids_fingerprint_and_description(
    storage: Storage, root: Path
) -> None:
    fingerprint = await sealed(storage, "put-1", b"data")
    assert storage.place("put-1", "b/k")
    (root / "b/k").write_bytes(b"atad")
    assert (await storage.stat("b/k")).description is None
    with pytest.raises(Damaged):
        await storage.read("b/k", only_if=fingerprint)
    assert not storage.remove("b/k", only_if=fingerprint)
    assert await bytes_at(storage, "b/k") == b"atad"


async def test_a_rewrite_while_reading_never_looks_whole(storage: Storage, root: Path) -> None:
    data = bytes(700_000)
    for change in (
        lambda: (root / "b/k").write_bytes(b"\1" * 700_000),
        lambda: os.truncate(root / "b/k", 300_000),
    ):
        stored = await storage.write("b/k", body(data), size=len(data))
        content = await storage.read("b/k", only_if=stored.fingerprint)
        pieces = content.chunks()
        assert await anext(pieces)
        change()
        with pytest.raises(Damaged):
            async for _ in pieces:
                pass
        await content.aclose()


async def test_a_file_that_ends_early_is_damaged(storage: Storage, root: Path) -> None:
    await storage.write("b/k", body(b"0123456789"), size=10)
    content = await storage.read("b/k")
    os.truncate(root / "b/k", 0)
    with pytest.raises(Damaged):
        await drained(content)


async def test_folders_that_vanish_while_listing_are_left_out(storage: Storage, root: Path) -> None:
    await storage.write("b/a/k", body(b"x"), size=1)
    for n in range(walking.BATCH):
        (root / "b" / f"b{n:05}").write_bytes(b"")
    await storage.write("b/c/k", body(b"x"), size=1)
    await storage.write("b/d", body(b"x"), size=1)
    listing = storage.list("b/")
    assert (await anext(aiter(listing))).path == "b/a/k"
    shutil.rmtree(root / "b/c")
    (root / "b/d").unlink()
    rest = [stored.path async for stored in listing]
    assert len(rest) == walking.BATCH


async def test_a_folder_larger_than_memory_is_listed_in_parts(
    storage: Storage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "NAMES", 7)
    monkeypatch.setattr(walking, "BATCH", 5)
    names = [f"{n * 37 % 101:03}" for n in range(100)]
    (root / "b").mkdir()
    for name in names:
        if int(name) % 10 == 3:
            (root / "b" / name).mkdir()
            (root / "b" / name / "k").write_bytes(b"")
        else:
            (root / "b" / name).write_bytes(b"")
    wanted = sorted(f"b/{name}/k" if int(name) % 10 == 3 else f"b/{name}" for name in names)
    assert await paths(storage) == wanted
    assert await paths(storage, "b/", after="b/050") == [p for p in wanted if p > "b/050"]


async def test_deep_trees_are_listed_and_removed(storage: Storage, root: Path) -> None:
    path = "b/" + "d/" * 150 + "k"
    await storage.write(path, body(b"x"), size=1)
    assert await paths(storage) == [path]
    assert await bytes_at(storage, path) == b"x"
    await storage.delete(path)
    assert list((root / "b").iterdir()) == []


async def test_a_mounted_file_system_takes_no_natural_names(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Simulated: the staged folder's device is another one."""
    assert isinstance(storage, LocalStorage)
    await storage.write("b/k", body(b"x"), size=1)
    monkeypatch.setattr(storage._use.places, "_device", -1)
    assert not storage.prepare("b/l")
    assert await bytes_at(storage, "b/k") == b"x"

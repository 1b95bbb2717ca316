"""Refusals of the operating system, as the closed set of errors; and nothing left behind."""

import asyncio
import ctypes
import errno
import os
import resource
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from backends.errors import (
    Denied,
    Full,
    NameRefused,
    NotFound,
    StorageError,
    Unavailable,
)
from backends.local import making_room, staging
from backends.local.faults import translated
from backends.local.storage import LocalStorage
from tests.backends.making import body, bytes_at, drained, paths, sealed
from tests.unprivileged import unprivileged_home


def open_descriptors() -> set[str]:
    """Numbers of descriptors of what lies in the directory for temporary files."""
    return {link.name for link in Path("/proc/self/fd").iterdir() if _is_ours(link)}


def _is_ours(link: Path) -> bool:
    try:
        return str(link.readlink()).startswith(tempfile.gettempdir())
    except OSError:
        return False


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, Full),
        (errno.EDQUOT, Full),
        (errno.EFBIG, Full),
        (errno.EACCES, Denied),
        (errno.EPERM, Denied),
        (errno.EROFS, Denied),
        (errno.EIO, Unavailable),
        (errno.EMFILE, Unavailable),
        (errno.ENAMETOOLONG, NameRefused),
        (errno.ENOENT, NotFound),
        (errno.ENOTDIR, NotFound),
        (errno.ELOOP, NotFound),
    ],
)
def test_errno_is_translated(number: int, kind: type[StorageError]) -> None:
    assert type(translated(OSError(number, "said so"), "write")) is kind


@pytest.fixture
def smallest_file() -> Iterator[None]:
    """No file may grow beyond 100,000 bytes: a write there fails with EFBIG, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("smallest_file")
async def test_a_write_that_does_not_fit_is_full_and_leaves_nothing(local: LocalStorage) -> None:
    before = await local.write("b/k", body(b"old"), size=3)
    with pytest.raises(Full):
        await local.write("b/k", body(b"x" * 90_000, b"x" * 90_000), size=None)
    staged = local.stage("put-1")
    await staged.write(b"x" * 60_000)
    with pytest.raises(Full):
        await staged.write(b"x" * 60_000)
    with pytest.raises(StorageError):
        await staged.seal(lambda _: b"")
    assert local.staged_names() == []
    assert await local.stat("b/k") == before
    assert await bytes_at(local, "b/k") == b"old"


def _allotting_fails(number: int) -> Callable[[int, int, int, int], int]:
    def fail(_file: int, _mode: int, _offset: int, _size: int) -> int:
        ctypes.set_errno(number)
        return -1

    return fail


async def test_bytes_that_will_not_fit_are_full_before_they_come(
    local: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making_room, "_fallocate", _allotting_fails(errno.ENOSPC))
    staged = local.stage("put-1", size=2 * 1024**2)
    with pytest.raises(Full):
        await staged.take(lambda: [b"first"], 5)
    assert (root / ".s3front/staged/put-1").read_bytes() == b""
    await staged.discard()
    assert local.staged_names() == []


async def test_where_no_room_can_be_made_bytes_are_written_without(
    local: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making_room, "_fallocate", _allotting_fails(errno.EOPNOTSUPP))
    staged = local.stage("put-1", size=2 * 1024**2)
    await staged.take(lambda: [b"first"], 5)
    assert (await staged.seal(lambda _: b"", size=5)).size == 5


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="fallocate is Linux's")
async def test_room_is_made_for_bytes_that_are_to_come(local: LocalStorage, root: Path) -> None:
    staged = local.stage("put-1", size=2 * 1024**2)
    await staged.take(lambda: [b"first"], 5)
    found = (root / ".s3front/staged/put-1").stat()
    assert (found.st_size, found.st_blocks * 512 >= 2 * 1024**2) == (5, True)
    await staged.discard()


@pytest.fixture
async def unprivileged() -> AsyncIterator[Path]:
    with unprivileged_home() as home:
        yield home


async def test_what_is_forbidden_is_denied(unprivileged: Path) -> None:
    storage = LocalStorage(root=unprivileged)
    await storage.open()
    await storage.write("b/k", body(b"x"), size=1)
    await storage.write("c/k", body(b"x"), size=1)
    (unprivileged / "b/k").chmod(0)
    with pytest.raises(Denied):
        await storage.read("b/k")
    (unprivileged / "b").chmod(0o500)
    with pytest.raises(Denied):
        await storage.delete("b/k")
    with pytest.raises(Denied):
        await storage.write("b/dir/k", body(b"x"), size=1)
    fingerprint = await sealed(storage, "put-1", b"x")
    assert not storage.prepare("b/dir/k")
    assert not storage.place("put-1", "b/l")
    assert await drained(await storage.staged("put-1", only_if=fingerprint)) == b"x"
    (unprivileged / "c").chmod(0)
    await storage.write("d/k", body(b"x"), size=1)
    with pytest.raises(Denied):
        await paths(storage)
    passed_over = [stored.path async for stored in storage.list(pass_over_closed=True)]
    assert passed_over == ["b/k", "d/k"]
    with pytest.raises(Denied):
        await storage.stat("c/k")
    for folder in ("b", "c"):
        (unprivileged / folder).chmod(0o700)
    await storage.aclose()


async def test_a_root_that_is_not_ours_is_denied_with_the_remedy(unprivileged: Path) -> None:
    (unprivileged / "root").mkdir(mode=0o500)
    with pytest.raises(Denied, match=r"user \d+ must be able to write there"):
        await LocalStorage(root=unprivileged / "root").open()
    with pytest.raises(Denied, match="below: Permission denied"):
        await LocalStorage(root=unprivileged / "root" / "below").open()


async def test_nothing_keeps_a_descriptor(root: Path) -> None:
    before = open_descriptors()
    storage = LocalStorage(root=root)
    await storage.open()
    held = open_descriptors()
    long = bytes(300_000)
    for turn in range(3):
        await storage.write("b/k", body(long), size=len(long))
        await bytes_at(storage, "b/k")
        await storage.stat("b/k")
        left = await storage.read("b/k")
        async for _ in left.chunks():
            break
        await left.aclose()
        await sealed(storage, "put-1", b"x", b"x" * 9000)
        storage.place("put-1", "b/deep/er/k")
        assert await paths(storage)
        for refused in (storage.read("b"), storage.read("b/none"), storage.stat("b/k/l")):
            with pytest.raises(NotFound):
                await refused
        discarded = storage.stage("put-2")
        await discarded.write(long)
        await discarded.discard()
        part = storage.stage("part", offset=turn, exclusive=False)
        await part.write(b"x")
        await part.keep()
        with pytest.raises(NameRefused):
            await storage.stage("part").write(b"")
        assert not storage.prepare("b")
        storage.remove("b/deep/er/k", only_if=None)
        storage.make_folder("c")
        storage.drop_folder("c")
        storage.folders()
        assert open_descriptors() == held
    await storage.aclose()
    assert open_descriptors() == before


async def test_failing_and_cancelled_openings_keep_no_descriptor(tmp_path: Path) -> None:
    before = open_descriptors()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NameRefused):
        await LocalStorage(root=tmp_path / "file").open()
    for turns in range(1, 4):
        opening = asyncio.create_task(LocalStorage(root=tmp_path / "root").open())
        for _ in range(turns):
            await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
    assert open_descriptors() == before


async def test_a_piece_in_flight_keeps_its_descriptor_when_the_write_is_cancelled(
    local: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the piece would be written to whatever file gets the number next."""
    writing, may_write = threading.Event(), threading.Event()
    real = staging.write_all

    def slow(file: int, data: memoryview, offset: int) -> None:
        writing.set()
        assert may_write.wait(20)
        real(file, data, offset)

    monkeypatch.setattr(staging, "write_all", slow)
    held = open_descriptors()
    staged = local.stage("put-1")
    piece = asyncio.create_task(staged.write(b"x" * 100_000))
    assert await asyncio.to_thread(writing.wait, 20)
    piece.cancel()
    with pytest.raises(asyncio.CancelledError):
        await piece
    discarding = asyncio.create_task(staged.discard())
    await asyncio.sleep(0)
    assert local.staged_names() == [], "unlinked at once"
    assert not discarding.done(), "waits for the piece"
    assert len(open_descriptors() - held) == 1, "and keeps the number until then"
    may_write.set()
    await discarding
    assert open_descriptors() == held


async def test_copying_without_the_kernels_help(
    local: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crossing(*_: object) -> int:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    data = bytes(range(256)) * 3000
    await local.write("b/k", body(data), size=len(data))
    monkeypatch.setattr(os, "copy_file_range", crossing, raising=False)
    staged = local.stage("put-1")
    source = await local.read("b/k", first=1)
    await staged.copy(source)
    await source.aclose()
    assert await staged.keep() == len(data) - 1
    assert await drained(await local.staged("put-1")) == data[1:]


async def test_closing_waits_for_what_was_begun(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = LocalStorage(root=root)
    await storage.open()
    writing, may_write = threading.Event(), threading.Event()
    real = staging.write_all

    def slow(file: int, data: memoryview, offset: int) -> None:
        writing.set()
        assert may_write.wait(20)
        real(file, data, offset)

    monkeypatch.setattr(staging, "write_all", slow)
    unused = storage.stage("put-2")
    staged = storage.stage("put-1")
    piece = asyncio.create_task(staged.write(b"x" * 100_000))
    assert await asyncio.to_thread(writing.wait, 20)
    closing = asyncio.create_task(storage.aclose())
    await asyncio.sleep(0)
    assert not closing.done()
    may_write.set()
    await closing
    await piece
    with pytest.raises(Unavailable):
        await staged.write(b"x")
    other = tmp_path / "other"
    other.mkdir()
    (other / "put-1").write_bytes(b"not ours")
    reused = [os.open(other, os.O_RDONLY) for _ in range(40)]  # the numbers that were ours
    with pytest.raises(Unavailable):
        await staged.discard()
    assert (other / "put-1").exists()
    with pytest.raises(Unavailable):
        storage.stage("put-2")
    with pytest.raises(Unavailable):
        await unused.write(b"x")
    assert [path.name for path in other.iterdir()] == ["put-1"]
    for number in reused:
        os.close(number)

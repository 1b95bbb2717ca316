"""Bytes that are read at once are those that an open reading gives, or are left to it."""

import os
from pathlib import Path

import pytest

from backends.errors import Damaged, NotFound
from backends.interface import Storage
from backends.local import at_once
from backends.local.at_once import _filled
from backends.local.reading import INLINE
from backends.local.storage import LocalStorage
from tests.backends.making import body

DATA = bytes(range(256)) * 16


@pytest.mark.parametrize(("first", "last"), [(0, 4095), (0, 0), (4000, 4095), (17, 1040)])
async def test_they_are_the_bytes_asked_for_or_none(
    storage: Storage, first: int, last: int
) -> None:
    written = await storage.write("b/k", body(DATA), size=len(DATA))
    read = storage.read_at_once("b/k", first=first, last=last, only_if=written.fingerprint)
    assert read in {None, DATA[first : last + 1]}


@pytest.fixture
def reads_at_once(local: LocalStorage) -> LocalStorage:
    """One on a file system that can tell whether a read would wait."""
    if not hasattr(os, "RWF_NOWAIT"):
        pytest.skip("this platform cannot tell whether a read would wait")
    return local


async def test_few_bytes_at_hand_are_read(reads_at_once: LocalStorage) -> None:
    written = await reads_at_once.write("b/k", body(DATA), size=len(DATA))
    read = reads_at_once.read_at_once("b/k", first=0, last=4095, only_if=written.fingerprint)
    assert read == DATA


async def test_no_bytes_are_read(reads_at_once: LocalStorage) -> None:
    written = await reads_at_once.write("b/k", body(), size=0)
    read = reads_at_once.read_at_once("b/k", first=0, last=-1, only_if=written.fingerprint)
    assert read == b""


@pytest.mark.parametrize(("size", "is_read"), [(INLINE, True), (INLINE + 1, False)])
async def test_many_bytes_are_left(
    reads_at_once: LocalStorage, size: int, *, is_read: bool
) -> None:
    written = await reads_at_once.write("b/k", body(bytes(size)), size=size)
    read = reads_at_once.read_at_once("b/k", first=0, last=size - 1, only_if=written.fingerprint)
    assert (read is not None) is is_read


async def test_what_ends_early_is_left(reads_at_once: LocalStorage) -> None:
    written = await reads_at_once.write("b/k", body(DATA), size=len(DATA))
    read = reads_at_once.read_at_once("b/k", first=4000, last=5000, only_if=written.fingerprint)
    assert read is None


async def test_other_bytes_are_damaged(reads_at_once: LocalStorage) -> None:
    before = await reads_at_once.write("b/k", body(DATA), size=len(DATA))
    await reads_at_once.write("b/k", body(DATA[::-1]), size=len(DATA))
    with pytest.raises(Damaged):
        reads_at_once.read_at_once("b/k", first=0, last=4095, only_if=before.fingerprint)


async def test_what_changes_while_it_is_read_is_damaged(
    reads_at_once: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = await reads_at_once.write("b/k", body(DATA), size=len(DATA))
    rewritten = os.open(root / "b" / "k", os.O_WRONLY)

    def changed(buffer: bytearray, file: int, first: int) -> tuple[int, int]:
        filled = _filled(buffer, file, first)
        os.pwrite(rewritten, b"new", 0)
        return filled

    monkeypatch.setattr(at_once, "_filled", changed)
    with pytest.raises(Damaged):
        reads_at_once.read_at_once("b/k", first=0, last=4095, only_if=written.fingerprint)
    os.close(rewritten)


async def test_only_files_are_read(reads_at_once: LocalStorage, root: Path) -> None:
    written = await reads_at_once.write("b/k", body(DATA), size=len(DATA))
    (root / "b" / "folder").mkdir()
    os.mkfifo(root / "b" / "pipe")
    (root / "b" / "link").symlink_to("k")
    for name in ("folder", "pipe", "link", "nothing"):
        with pytest.raises(NotFound):
            reads_at_once.read_at_once(f"b/{name}", first=0, last=4095, only_if=written.fingerprint)


async def test_no_descriptor_is_left(reads_at_once: LocalStorage) -> None:
    written = await reads_at_once.write("b/k", body(DATA), size=len(DATA))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for last in (4095, 5000):
        reads_at_once.read_at_once("b/k", first=0, last=last, only_if=written.fingerprint)
    assert len(list(Path("/proc/self/fd").iterdir())) == before

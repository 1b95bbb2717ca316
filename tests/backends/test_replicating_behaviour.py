"""Replicas: the same bytes under the same fingerprint in another storage."""

import os
from pathlib import Path

import pytest

from backends.errors import Damaged, NameRefused, Unavailable, Unsupported
from backends.interface import Can, Fingerprint, Storage
from backends.local import staging
from backends.local.storage import LocalStorage
from backends.memory import MemoryStorage
from tests.backends.making import drained, sealed

LONG = b"0123456789abcdef" * 20_000


async def _stored(storage: Storage, data: bytes) -> Fingerprint:
    fingerprint = await sealed(storage, "put-1", data)
    assert storage.place("put-1", "b/k")
    return fingerprint


@pytest.mark.needs(Can.REPLICATE)
@pytest.mark.parametrize("data", [b"", b"x", LONG])
async def test_a_replica_is_staged_under_the_fingerprint_of_its_source(
    storage: Storage, tmp_path: Path, data: bytes
) -> None:
    fingerprint = await _stored(storage, data)
    other = LocalStorage(root=tmp_path / "other", durable=False)
    await other.open()
    content = await storage.read("b/k", only_if=fingerprint)
    await other.replicate(content, "put-copy", b"what it is")
    await content.aclose()
    await other.sync()
    assert other.staged_description("put-copy") == b"what it is"
    assert await drained(await other.staged("put-copy", only_if=fingerprint)) == data
    assert other.place("put-copy", "b/k")
    assert (await other.stat("b/k")).fingerprint == fingerprint
    again = await storage.read("b/k", only_if=fingerprint)
    await other.replicate(again, "put-copy", b"")
    with pytest.raises(NameRefused):
        await other.replicate(again, "put-copy", b"")
    await again.aclose()
    await other.aclose()


async def test_a_source_that_changes_meanwhile_is_damaged_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = LocalStorage(root=tmp_path / "one", durable=False)
    other = LocalStorage(root=tmp_path / "other", durable=False)
    await storage.open()
    await other.open()
    fingerprint = await _stored(storage, LONG)
    content = await storage.read("b/k", only_if=fingerprint)
    copied = staging.copied

    def rewritten(*args: int) -> int:
        os.utime(tmp_path / "one" / "b" / "k")
        return copied(*args)

    monkeypatch.setattr(staging, "copied", rewritten)
    with pytest.raises(Damaged):
        await other.replicate(content, "put-copy", b"")
    await content.aclose()
    assert other.staged_names() == []
    await storage.aclose()
    await other.aclose()


async def test_a_file_system_without_exact_times_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = LocalStorage(root=tmp_path / "one", durable=False)
    other = LocalStorage(root=tmp_path / "other", durable=False)
    await storage.open()
    fingerprint = await _stored(storage, b"data")
    content = await storage.read("b/k", only_if=fingerprint)
    utime = os.utime

    def coarse(file: int, *, ns: tuple[int, int]) -> None:
        utime(file, ns=(ns[0] // 10**9 * 10**9, ns[1] // 10**9 * 10**9))

    monkeypatch.setattr("backends.local.staging.os.utime", coarse)
    await other.open()
    with pytest.raises(Unsupported, match="modification times in nanoseconds"):
        await other.replicate(content, "put-copy", b"")
    await content.aclose()
    assert other.staged_names() == []
    await storage.aclose()
    await other.aclose()


async def test_only_its_own_kind_is_replicated(tmp_path: Path) -> None:
    memory, local = MemoryStorage(), LocalStorage(root=tmp_path / "local", durable=False)
    await memory.open()
    await local.open()
    fingerprint = await _stored(memory, b"data")
    content = await memory.read("b/k", only_if=fingerprint)
    with pytest.raises(Unsupported):
        await local.replicate(content, "put-copy", b"")
    with pytest.raises(Unsupported):
        await memory.replicate(content, "put-copy", b"")
    with pytest.raises(Unsupported):
        await memory.sync()
    await content.aclose()
    assert local.staged_names() == []
    await local.aclose()
    await memory.aclose()


async def test_a_failed_sync_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = LocalStorage(root=tmp_path / "one", durable=False)
    await storage.open()

    def fails(_: int) -> None:
        raise OSError(5, os.strerror(5))

    monkeypatch.setattr("backends.local.storage.sync_file_system", fails)
    with pytest.raises(Unavailable, match="Input/output error"):
        await storage.sync()
    await storage.aclose()

"""With full durability data is forced to the medium, and never by the loop's own thread."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.server import running


@pytest.fixture
def forced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the threads that forced something."""
    threads: list[str] = []

    def recorded(real: Callable[[int], None]) -> Callable[[int], None]:
        def force(file: int) -> None:
            threads.append(threading.current_thread().name)
            real(file)

        return force

    monkeypatch.setattr(os, "fsync", recorded(os.fsync))
    monkeypatch.setattr(os, "fdatasync", recorded(os.fdatasync))
    return threads


def test_a_put_is_forced_by_another_thread_than_the_loops(
    tmp_path: Path, forced: list[str]
) -> None:
    with running(tmp_path / "root", durability="full") as live:
        live.client.make_bucket("bucket")
        forced.clear()
        assert live.client.put("bucket", "key", b"x" * 100_000).status == 200
        assert len(forced) >= 2, "the data and the name"
        assert "live-server" not in forced


def test_nothing_forces_on_the_loops_thread_whatever_is_done(
    tmp_path: Path, forced: list[str]
) -> None:
    with running(tmp_path / "root", durability="full") as live:
        client = live.client
        client.make_bucket("bucket")
        client.put("bucket", "a/b", b"small")
        client.put("bucket", "..", b"shadowed")
        client.upload("bucket", "big", [b"a" * 5 * 1024**2, b"b"])
        client.request("PUT", "/bucket/copy", headers={"x-amz-copy-source": "bucket/big"})
        client.delete("bucket", "a/b")
        assert client.get("bucket", "copy").body[-1:] == b"b"
    assert forced
    assert "live-server" not in forced


def test_relaxed_forces_no_data(tmp_path: Path, forced: list[str]) -> None:
    with running(tmp_path / "root", durability="relaxed") as live:
        live.client.make_bucket("bucket")
        forced.clear()
        live.client.put("bucket", "key", b"x" * 100_000)
        live.client.upload("bucket", "big", [b"a" * 5 * 1024**2, b"b"])
        assert forced == []

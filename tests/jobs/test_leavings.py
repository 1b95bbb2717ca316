"""Staged bytes of workers that died go; those of the living, and those a row names, stay."""

import asyncio
from pathlib import Path

import pytest

from backends.local.storage import LocalStorage
from gateway.jobs import leavings
from gateway.jobs.roll import Roll
from gateway.server.build import WORKERS
from tests.jobs.test_roll import living
from tests.live.server import Live, running

DEAD = "0dead000"
ALIVE = "a11fe000"


def cleared(live: Live) -> int:
    roll = Roll(live.root / ".s3front" / WORKERS)
    clear = leavings.clear(live.services, roll)
    return asyncio.run_coroutine_threadsafe(clear, live.loop).result(30)


def left(live: Live, name: str) -> Path:
    file = live.root / ".s3front" / "staged" / name
    file.write_bytes(b"half a b")
    return file


def test_what_a_dead_worker_had_begun_goes_and_what_a_living_one_began_stays(
    tmp_path: Path,
) -> None:
    root = tmp_path / "root"
    with (
        running(root, durability="relaxed") as live,
        living(root / ".s3front" / WORKERS, ALIVE) as other,
    ):
        dead = left(live, f"put-{DEAD}-{'0' * 32}")
        alive = left(live, f"put-{ALIVE}-{'0' * 32}")
        own = left(live, f"put-{live.services.process}-{'0' * 32}")
        foreign = left(live, "something-else")
        assert cleared(live) == 1
        assert [file.exists() for file in (dead, alive, own, foreign)] == [False, True, True, True]
        other.kill()
        other.wait()
        assert cleared(live) == 1
        assert [file.exists() for file in (alive, own)] == [False, True]


def test_an_attempt_at_a_part_goes_with_its_worker_and_what_was_acknowledged_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tmp_path / "root", durability="relaxed") as live:
        client = live.client
        client.make_bucket("bucket")
        upload = client.start_upload("bucket", "key")
        client.put_part("bucket", "key", upload, 1, b"first")
        etag = client.put_part("bucket", "key", upload, 1, b"again").headers["etag"]
        monkeypatch.setattr(Roll, "lives", lambda *_: False)
        attempt = left(live, f"part-{upload}-2-{DEAD}{'0' * 32}")
        assert cleared(live) == 1
        assert not attempt.exists()
        assert len(live.staged(upload)) == 2
        assert client.complete("bucket", "key", upload, [(1, etag)]).status == 200
        assert client.get("bucket", "key").body == b"again"


def test_bytes_that_a_row_names_stay_though_their_worker_died_before_it_moved_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tmp_path / "root", durability="relaxed") as live:
        live.client.make_bucket("bucket")
        with monkeypatch.context() as patch:
            patch.setattr(LocalStorage, "place", lambda *_: False)
            assert live.client.put("bucket", "key", b"content").status == 200
        (name,) = live.staged()
        assert name.split("-")[1] == live.services.process
        with monkeypatch.context() as patch:
            patch.setattr(Roll, "lives", lambda *_: False)
            assert cleared(live) == 0
        assert live.client.get("bucket", "key").body == b"content"

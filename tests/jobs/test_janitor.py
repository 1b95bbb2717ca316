import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from structlog.testing import capture_logs

from backends.local.storage import LocalStorage
from gateway.catalog.errors import CatalogUnavailable
from gateway.jobs.janitor import JanitorRules, run, sweep
from gateway.service.context import Services
from tests.live.server import Live, running

AT_ONCE = JanitorRules(upload_age_s=-1, completed_age_s=-1)


def swept(live: Live, rules: JanitorRules) -> int:
    return asyncio.run_coroutine_threadsafe(sweep(live.services, rules), live.loop).result(30)


def test_old_uploads_are_aborted_with_their_bytes_and_young_ones_stay(tmp_path: Path) -> None:
    with running(tmp_path / "root", durability="relaxed") as live:
        live.client.make_bucket("bucket")
        started = [live.client.start_upload("bucket", f"key-{number}") for number in range(105)]
        live.client.put_part("bucket", "key-0", started[0], 1, b"part")
        assert live.staged(started[0]) != []
        assert swept(live, JanitorRules()) == 0
        assert swept(live, AT_ONCE) == 105
        assert live.staged(started[0]) == []
        assert live.client.put_part("bucket", "key-0", started[0], 2, b"x").code == "NoSuchUpload"
        assert swept(live, AT_ONCE) == 0


def test_bytes_whose_removal_failed_are_removed_in_a_later_round(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with running(root, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        live.client.put("bucket", "key", b"content")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(LocalStorage, "remove", lambda *_, **__: False)
            assert live.client.delete("bucket", "key").status == 204
        assert (root / "bucket" / "key").exists()
        swept(live, JanitorRules())
        assert not (root / "bucket" / "key").exists()


async def test_a_failed_round_is_logged_and_the_next_one_comes() -> None:
    rounds = asyncio.Semaphore(0)

    async def stale_uploads(**_: object) -> list[object]:
        rounds.release()
        raise CatalogUnavailable("no disk")

    catalog = SimpleNamespace(stale_uploads=stale_uploads)
    services = cast(Services, SimpleNamespace(catalog=catalog, now_ns=lambda: 0))
    with capture_logs() as logs:
        task = asyncio.create_task(run(services, JanitorRules(interval_s=0)))
        await rounds.acquire()
        await rounds.acquire()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert logs[0]["event"] == "janitor round failed"

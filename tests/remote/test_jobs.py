"""What runs beside the requests, on storages behind a network: nothing fails, nothing is destroyed."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backends.interface import Can, Limits
from backends.remote_memory import AS_S3
from gateway.catalog.sqlite.drafting import Draft
from gateway.jobs import janitor, leavings, scrub
from gateway.jobs.checking import Check, Problem
from gateway.jobs.roll import Roll
from gateway.safekeeping.rebuilding import Rebuild
from gateway.safekeeping.sightings import Sightings
from gateway.safekeeping.steps import Silent
from tests.backends.making import body, bytes_at
from tests.live.server import Live
from tests.remote.conftest import Serve
from tests.remote.failing_storage import FailingStorage, Fault
from tests.remote.left import check_nothing_is_left, held, known, swept


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


async def problems(live: Live, pool: ThreadPoolExecutor) -> list[Problem]:
    services = live.services
    check = Check(
        services.catalog,
        services.storages,
        pool,
        now_ns=services.now_ns,
        deep=True,
        pause_s=0,
    )
    return [problem async for problem in check.problems()]


def fill(live: Live) -> None:
    client = live.client
    for key in ("natural", "x//y", "deep/er"):
        client.put("bucket", key, key.encode() * 100)
    client.upload("bucket", "parts", [b"one part"])
    client.request("PUT", "/bucket/copy", headers={"x-amz-copy-source": "/bucket/natural"})
    client.put("bucket", "natural", b"again")
    client.delete("bucket", "deep/er")
    upload = client.start_upload("bucket", "open")
    client.put_part("bucket", "open", upload, 1, b"part")
    live.run(live.services.remover.settled())


def test_a_check_finds_what_is_wrong_and_nothing_else(
    live: Live, storage: FailingStorage, pool: ThreadPoolExecutor
) -> None:
    fill(live)
    assert live.run(problems(live, pool)) == []
    live.run(storage.delete("bucket/copy"))
    live.run(storage.write("bucket/parts", body(b"other"), size=5))
    found = live.run(problems(live, pool))
    assert {(one.kind, one.key) for one in found} >= {("missing", "copy"), ("replaced", "parts")}
    assert {one.key for one in found} == {"copy", "parts"}


def test_a_scrub_reads_what_is_there(
    live: Live, storage: FailingStorage, pool: ThreadPoolExecutor
) -> None:
    fill(live)
    rules = scrub.ScrubRules(bytes_per_s=10**9, settle_s=0)
    progress = live.run(scrub.Scrub(live.services, rules, pool).round())
    assert (progress.objects, progress.found) == (4, 0)
    live.run(storage.write("bucket/copy", body(b"other"), size=5))
    progress = live.run(scrub.Scrub(live.services, rules, pool).round())
    assert (progress.objects, progress.found) == (4, 1)
    assert live.run(bytes_at(storage, "bucket/copy")) == b"other"


def test_what_a_dead_worker_was_writing_is_cleared_away(
    live: Live, storage: FailingStorage, tmp_path: Path
) -> None:
    services = live.services
    before = live.run(held(services))
    live.run(storage.arm(Fault.HANGS_DONE, 1, verb="write"))
    with ThreadPoolExecutor(1) as threads:
        put = threads.submit(live.client.put, "bucket", "key", b"never told")
        assert storage.hit.wait(20)
        roll = Roll(tmp_path / "nobody-lives")
        roll.enter("another")
        assert live.run(services.catalog.writers()) == [services.process]
        live.run(leavings.clear(services, roll))
        assert live.run(services.catalog.writers()) == []
        live.run(storage.disarm())
        assert put.result().status == 503
    live.run(swept(services))
    if storage.can & (Can.CREATE | Can.MOVE):  # else the path is never used again
        live.run(check_nothing_is_left(services))
    assert live.run(held(services)) == before
    assert live.client.put("bucket", "key", b"told").status == 200


def test_what_a_living_worker_is_writing_is_left_alone(
    live: Live, storage: FailingStorage, tmp_path: Path
) -> None:
    services = live.services
    live.client.put("bucket", "key", b"old")
    live.run(storage.arm(Fault.HANGS, 1, verb="write"))
    with ThreadPoolExecutor(1) as threads:
        put = threads.submit(live.client.put, "bucket", "key", b"new")
        assert storage.hit.wait(20)
        roll = Roll(tmp_path / "lives")
        roll.enter(services.process)
        live.run(leavings.clear(services, roll))
        assert live.run(services.catalog.writers()) == [services.process]
        live.run(janitor.sweep(services, janitor.JanitorRules()))
        live.run(storage.disarm())
        put.result()
    roll.leave()


def test_the_janitor_aborts_old_uploads(live: Live) -> None:
    fill(live)
    rules = janitor.JanitorRules(upload_age_s=-1)
    assert live.run(janitor.sweep(live.services, rules)) == 1
    live.run(check_nothing_is_left(live.services))
    assert live.run(held(live.services)) == live.run(known(live.services))


def test_a_rebuild_removes_no_bytes(serve: Serve, tmp_path: Path) -> None:
    """The snapshot was taken in the middle of a write that has been acknowledged since."""
    storage = FailingStorage(AS_S3, Limits())
    live = serve(storage)
    fill(live)
    services = live.services
    snapshot = tmp_path / "snapshot.db"
    upload = live.client.start_upload("bucket", "completed")
    etag = live.client.put_part("bucket", "completed", upload, 1, b"part").headers["etag"]
    live.run(storage.arm(Fault.HANGS, 1, verb="write"))
    with ThreadPoolExecutor(1) as threads:
        put = threads.submit(live.client.put, "bucket", "key", b"acknowledged")
        assert storage.hit.wait(20)
        live.run(services.catalog.snapshot(str(snapshot)))
        live.run(storage.disarm())
        put.result()
    assert live.client.put("bucket", "key", b"acknowledged").status == 200
    assert live.client.complete("bucket", "completed", upload, [(1, etag)]).status == 200
    live.run(services.remover.settled())
    before = live.run(held(services))
    objects = len(live.client.keys("bucket"))

    draft = Draft(snapshot)
    outcome = asyncio.run(
        Rebuild(
            draft,
            {"main": storage},
            home="main",
            region="us-east-1",
            now_ns=1,
            steps=Silent(),
            sightings=Sightings(tmp_path / "seen"),
        ).run()
    )
    [bucket] = draft.buckets()
    kept = {version.key for version in draft.versions(bucket)}
    assert (outcome.missing, outcome.kept, outcome.found) == (0, objects - 2, 2)
    assert len(kept) == objects
    assert outcome.uploads_dropped == 2
    assert draft._connection.execute("SELECT count(*) FROM remote_paths").get == 0
    draft.discard()
    assert live.run(held(services)) == before

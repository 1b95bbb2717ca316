"""The scrub over a running server."""

import asyncio
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from backends.errors import Unavailable
from backends.local.storage import LocalStorage
from gateway.catalog.errors import CatalogUnavailable
from gateway.catalog.records import Finding
from gateway.jobs.scrub import Pace, Progress, Scrub, ScrubRules, run
from gateway.observe.tally import Tally
from gateway.service.context import Services
from tests.integrity.damaging import flip
from tests.live.client import Client
from tests.live.server import Live, running

FAST = ScrubRules(bytes_per_s=2**40)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with running(tmp_path / "root", durability="relaxed", scrub="false", watch="false") as server:
        server.client.make_bucket("bucket")
        yield server


@pytest.fixture
def client(live: Live) -> Client:
    return live.client


def scrubbed(live: Live, rules: ScrubRules = FAST) -> Progress:
    async def scrub() -> Progress:
        with ThreadPoolExecutor(1) as pool:
            return await Scrub(live.services, rules, pool).round()

    return asyncio.run_coroutine_threadsafe(scrub(), live.loop).result(60)


def findings(live: Live) -> dict[tuple[str, str], str]:
    async def look() -> dict[tuple[str, str], str]:
        found: list[Finding] = [*await live.services.catalog.findings(limit=100)]
        return {(one.bucket, one.key): one.kind for one in found}

    return asyncio.run_coroutine_threadsafe(look(), live.loop).result(10)


def noted(live: Live, at: Progress) -> None:
    note = live.services.catalog.set_note("scrub", json.dumps(asdict(at)))
    asyncio.run_coroutine_threadsafe(note, live.loop).result(10)


def test_what_differs_is_found_logged_and_counted_until_it_is_well(
    live: Live, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    monkeypatch.setattr(Tally, "found", lambda _, kind: counted.append(kind))
    client.make_bucket("second")
    for key in ("a", "dir/b", "gone", "rewritten", "sound"):
        client.put("bucket", key, os.urandom(100_000))
    client.put("second", "c", b"content")
    root = live.root
    flip(root / "bucket" / "dir" / "b", 8 * 77_777)
    flip(root / "second" / "c", 8)
    (root / "bucket" / "gone").unlink()
    (root / "bucket" / "rewritten").write_bytes(b"others")
    with capture_logs() as logs:
        at = scrubbed(live)
    told = {(log["bucket"], log["key"]) for log in logs if log["event"] == "not as it was written"}
    wrong = {
        ("bucket", "dir/b"): "damaged",
        ("second", "c"): "damaged",
        ("bucket", "gone"): "missing",
        ("bucket", "rewritten"): "replaced",
    }
    assert findings(live) == wrong
    assert told == set(wrong)
    assert sorted(counted) == ["damaged", "damaged", "missing", "replaced"]
    assert (at.objects, at.found, at.bytes) == (6, 4, 300_007)
    flip(root / "bucket" / "dir" / "b", 8 * 77_777)  # as from a backup
    client.put("second", "c", b"again")
    client.delete("bucket", "gone")
    client.put("bucket", "rewritten", b"again")
    assert findings(live) == {("bucket", "dir/b"): "damaged"}
    assert scrubbed(live).found == 0
    assert findings(live) == {}


def test_bytes_that_cannot_be_read_are_found(
    live: Live, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.put("bucket", "key", b"content")

    async def unreadable(*_: object, **__: object) -> None:
        raise Unavailable("read 'bucket/key': Input/output error")

    monkeypatch.setattr(LocalStorage, "read", unreadable)
    scrubbed(live)
    assert findings(live) == {("bucket", "key"): "unreadable"}
    monkeypatch.undo()
    scrubbed(live)
    assert findings(live) == {}


def test_a_round_goes_on_where_it_was(live: Live, client: Client) -> None:
    client.make_bucket("first")
    for bucket in ("first", "bucket"):
        for key in ("a", "b", "c"):
            client.put(bucket, key, b"content")
    noted(live, Progress(started_ns=1, bucket="bucket", key="b", objects=10, bytes=70))
    at = scrubbed(live)
    assert (at.objects, at.bytes) == (14, 98), "c of bucket, a to c of first"
    assert at.finished_ns
    assert scrubbed(live).objects == 6, "a new round"


def test_a_damaged_catalog_is_found_and_the_rest_is_scrubbed(live: Live, client: Client) -> None:
    client.put("bucket", "key", b"content")

    async def problems() -> list[str]:
        return ["a page is not what was written", "another"]

    catalog = live.services.catalog
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(catalog), "problems", lambda _: problems())
        assert scrubbed(live).objects == 1
        assert findings(live) == {("", ""): "catalog"}
    scrubbed(live)
    assert findings(live) == {}


def test_writers_at_the_same_time_make_no_finding(live: Live, client: Client) -> None:
    for number in range(20):
        client.put("bucket", f"key-{number}", os.urandom(200_000))
    stop = asyncio.Event()

    async def scrub() -> list[Progress]:
        rounds = []
        with ThreadPoolExecutor(1) as pool:
            while not stop.is_set():
                rounds.append(await Scrub(live.services, FAST, pool).round())
        return rounds

    future = asyncio.run_coroutine_threadsafe(scrub(), live.loop)
    for turn in range(8):
        for number in range(20):
            if (turn + number) % 7 == 0:
                client.delete("bucket", f"key-{number}")
            else:
                client.put("bucket", f"key-{number}", os.urandom(1000 * turn + number))
    live.loop.call_soon_threadsafe(stop.set)
    rounds = future.result(60)
    assert rounds
    assert [at.found for at in rounds] == [0] * len(rounds)


async def test_it_runs_by_itself_and_survives_a_failing_round() -> None:
    failed = asyncio.Semaphore(0)

    async def note(_: str) -> None:
        failed.release()
        raise CatalogUnavailable("no disk")

    services = cast(
        Services,
        SimpleNamespace(catalog=SimpleNamespace(note=note), storages={}, now_ns=lambda: 0),
    )
    with capture_logs() as logs:
        task = asyncio.create_task(run(services, ScrubRules(settle_s=0)))
        await failed.acquire()
        await failed.acquire()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert logs[0]["event"] == "scrub round failed"


def test_the_next_round_is_due_an_interval_after_the_last_began(live: Live) -> None:
    async def due(rules: ScrubRules) -> float:
        with ThreadPoolExecutor(1) as pool:
            return await Scrub(live.services, rules, pool).due_in()

    def due_in(rules: ScrubRules) -> float:
        return asyncio.run_coroutine_threadsafe(due(rules), live.loop).result(10)

    month = ScrubRules(interval_s=30 * 86_400)
    assert due_in(month) == 0
    now_ns = live.services.now_ns()
    noted(live, Progress(started_ns=now_ns - 86_400 * 10**9, bucket="x"))
    assert due_in(month) == 0, "unfinished"
    noted(live, Progress(started_ns=now_ns - 86_400 * 10**9, finished_ns=now_ns))
    assert 28.9 * 86_400 < due_in(month) <= 29 * 86_400
    noted(live, Progress(started_ns=now_ns + 10**18, finished_ns=now_ns))
    assert due_in(month) <= 30 * 86_400, "a clock that was set back"


@given(st.integers(1, 10_000), st.lists(st.integers(0, 100_000), min_size=1, max_size=50))
def test_the_rate_is_kept(rate: int, sizes: list[int]) -> None:
    now = 1000.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    async def read() -> None:
        pace = Pace(rate, clock=lambda: now, sleep=sleep)
        for size in sizes:
            await pace(size)

    asyncio.run(read())
    assert now - 1000 >= sum(sizes) / rate - 0.05 - 1e-6
    assert now - 1000 <= sum(sizes) / rate + 1e-6

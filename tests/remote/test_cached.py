"""A server on a storage with a cache: what it goes on serving, and what the cache must not hide."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backends.cache.sizes import LEAST
from backends.layers.caching import Caching
from gateway.jobs import scrub
from tests.live.server import Live
from tests.remote.conftest import Serve
from tests.remote.failing_storage import FailingStorage, Fault
from tests.remote.left import check_nothing_is_left
from tests.remote.test_files_of_others import drop, unindexed
from tests.remote.test_jobs import problems

DATA = bytes(range(256)) * 6000  # two blocks


@pytest.fixture
def live(serve: Serve, storage: FailingStorage, tmp_path: Path) -> Live:
    return serve(Caching(storage, tmp_path / "fast" / "cache", LEAST, complain=pytest.fail))


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def get(live: Live, key: str = "key", **headers: str) -> bytes:
    """The bytes; what came of the storage is in the cache then."""
    answer = live.client.request("GET", f"/bucket/{key}", headers=headers)
    assert answer.status in {200, 206}
    cached = live.services.storages["main"]
    assert isinstance(cached, Caching)
    live.run(cached.cache.settled())
    return answer.body


def test_what_was_read_is_served_without_the_storage(live: Live, storage: FailingStorage) -> None:
    live.client.put("bucket", "key", DATA)
    live.client.put("bucket", "other", DATA)
    assert get(live) == DATA
    live.run(storage.aclose())
    assert get(live) == DATA
    assert get(live, Range="bytes=1048570-1048580") == DATA[1048570:1048581]
    assert live.client.get("bucket", "other").status == 503
    live.run(storage.open())
    assert get(live, "other") == DATA


def test_every_change_is_seen_at_once(live: Live) -> None:
    client = live.client
    for body in (DATA, DATA[::-1], b"short", DATA):
        client.put("bucket", "key", body)
        assert get(live) == body
        assert get(live) == body
    client.delete("bucket", "key")
    assert client.get("bucket", "key").status == 404
    client.request("PUT", "/bucket/from", body=DATA)
    client.request("PUT", "/bucket/key", headers={"x-amz-copy-source": "/bucket/from"})
    assert get(live) == DATA
    client.upload("bucket", "key", [b"one part"])
    assert get(live) == b"one part"
    live.run(live.services.remover.settled())
    live.run(check_nothing_is_left(live.services))


def test_no_cache_hides_what_others_do_where_nobody_looks_later(
    live: Live, storage: FailingStorage
) -> None:
    unindexed(live)
    drop(live, storage, "bucket/key", DATA)
    for body in (DATA, b"theirs", b"others", b"theirs", DATA[::-1]):
        drop(live, storage, "bucket/key", body)
        assert get(live) == body
        assert get(live) == body


def test_no_cache_hides_what_is_wrong(
    live: Live, storage: FailingStorage, pool: ThreadPoolExecutor
) -> None:
    for key in ("gone", "other", "sound"):
        live.client.put("bucket", key, DATA)
        assert get(live, key) == DATA
    live.run(storage.delete("bucket/gone"))
    drop(live, storage, "bucket/other", DATA[::-1])
    found = live.run(problems(live, pool))
    assert {(one.kind, one.key) for one in found} >= {("missing", "gone"), ("replaced", "other")}
    rules = scrub.ScrubRules(bytes_per_s=10**9, settle_s=0)
    assert live.run(scrub.Scrub(live.services, rules, pool).round()).found == 2


def test_small_objects_are_had_at_once(live: Live, storage: FailingStorage) -> None:
    live.client.put("bucket", "key", b"small")
    assert get(live) == b"small"
    live.run(storage.arm(Fault.NONE, 0))
    assert get(live) == b"small"
    assert get(live, Range="bytes=1-3") == b"mal"
    live.client.put("bucket", "key", b"other")
    assert get(live) == b"other"
    assert storage.made.count("read") == 1


def test_many_clients_ask_the_storage_once(live: Live, storage: FailingStorage) -> None:
    live.client.put("bucket", "key", DATA)
    live.run(storage.arm(Fault.NONE, 0))
    with ThreadPoolExecutor(16) as clients:
        bodies = list(clients.map(lambda _: live.client.get("bucket", "key").body, range(64)))
    assert set(bodies) == {DATA}
    assert storage.made == ["read"]

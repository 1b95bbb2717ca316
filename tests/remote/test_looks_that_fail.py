"""Each call may fail, in each way, while others' files are looked at: what is told is true or nothing."""

import asyncio
from collections.abc import Callable

import pytest

from backends.errors import NameRefused
from backends.interface import Limits, Stored
from backends.remote_memory import AS_WEBDAV
from gateway.jobs.polling import Polling
from tests.live.server import Live
from tests.remote.conftest import Serve
from tests.remote.failing_storage import FailingStorage, Fault
from tests.remote.left import swept
from tests.remote.test_files_of_others import drop, identified, is_known, take, unindexed
from tests.remote.test_indexing import bucket_of, look_of

_MOST_CALLS = 12
FAULTS = [fault for fault in Fault if fault not in {Fault.NONE, Fault.HANGS, Fault.HANGS_DONE}]
Prepare = Callable[[Live, FailingStorage, str], None]


def dropped(live: Live, storage: FailingStorage, key: str) -> None:
    drop(live, storage, f"bucket/{key}", b"theirs")


def changed(live: Live, storage: FailingStorage, key: str) -> None:
    live.client.put("bucket", key, b"ours")
    drop(live, storage, f"bucket/{key}", b"theirs")


def removed(live: Live, storage: FailingStorage, key: str) -> None:
    live.client.put("bucket", key, b"ours")
    take(live, storage, f"bucket/{key}")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.value)
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
@pytest.mark.parametrize("prepare", [dropped, changed, removed])
def test_requests(
    live: Live, storage: FailingStorage, prepare: Prepare, *, method: str, fault: Fault
) -> None:
    unindexed(live)
    identified(live)
    for at in range(1, _MOST_CALLS):
        key = f"key-{at}"
        prepare(live, storage, key)
        live.run(storage.arm(fault, at))
        answer = live.client.request(method, f"/bucket/{key}")
        failed = storage.failed is not None
        live.run(storage.disarm())
        live.run(storage.arrive_late())
        expected = 204 if method == "DELETE" else 404 if prepare is removed else 200
        assert answer.status == expected or (failed and answer.status in {500, 503, 507}), answer
        if answer.status == 200 and method == "GET":
            assert answer.body == b"theirs"
        live.run(swept(live.services))
        after = live.client.get("bucket", key)
        is_gone = prepare is removed or (method == "DELETE" and answer.status == 204)
        assert after.status == (404 if is_gone else 200), after
        if not failed:
            return
    raise AssertionError("it makes more calls than that")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.value)
def test_polls(live: Live, storage: FailingStorage, fault: Fault) -> None:
    identified(live)
    for at in range(1, _MOST_CALLS):
        for prepare in (dropped, changed, removed):
            prepare(live, storage, f"{prepare.__name__}-{at}")
        live.run(swept(live.services))
        polling = Polling(live.services, look_of(live), -1_000.0)
        live.run(polling.poll(bucket_of(live)))
        dropped(live, storage, f"later-{at}")
        live.run(storage.arm(fault, at))
        going = asyncio.run_coroutine_threadsafe(polling.poll(bucket_of(live)), live.loop)
        error = going.exception(30)
        failed = storage.failed is not None
        live.run(storage.disarm())
        assert (error is None) or failed
        for _ in range(2):
            live.run(polling.poll(bucket_of(live)))
        keys = live.client.keys("bucket")
        assert {f"dropped-{at}", f"changed-{at}", f"later-{at}"} <= set(keys)
        assert f"removed-{at}" not in keys
        if not failed:
            return
    raise AssertionError("it makes more calls than that")


class Renamed(FailingStorage):
    """A server that by now refuses a name that it has held, and does not list it."""

    refuses = False

    async def stat(self, path: str) -> Stored:
        if self.refuses and path == "bucket/key":
            raise NameRefused("does not even look for it")
        return await super().stat(path)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_name_that_is_refused_by_now_is_no_sign_that_its_object_has_gone(
    serve: Serve, method: str
) -> None:
    storage = Renamed(AS_WEBDAV, Limits(max_description=2048))
    live = serve(storage)
    identified(live)
    live.client.put("bucket", "key", b"ours", x_amz_meta_colour="blue")
    take(live, storage, "bucket/key")
    storage.refuses = True
    polling = Polling(live.services, look_of(live), -1_000.0)
    for _ in range(3):
        assert live.run(polling.poll(bucket_of(live))).missing == 0
    unindexed(live)
    assert live.client.request(method, "/bucket/key").status == 500
    assert is_known(live, "key")
    storage.refuses = False
    drop(live, storage, "bucket/key")
    assert live.client.get("bucket", "key").headers["x-amz-meta-colour"] == "blue"


def test_a_name_that_is_refused_and_had_no_object_is_none(serve: Serve) -> None:
    storage = Renamed(AS_WEBDAV, Limits(max_description=2048))
    live = serve(storage)
    unindexed(live)
    storage.refuses = True
    assert live.client.get("bucket", "key").status == 404

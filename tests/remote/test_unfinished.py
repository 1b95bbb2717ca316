"""Uploads that a storage has begun and nobody here knows of are ended; all others go on."""

import time
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor

import pytest

from backends.errors import Unavailable
from backends.interface import Begun, Can, Limits
from backends.remote_memory import AS_S3
from gateway.jobs import unfinished
from gateway.service import removing
from tests.live.server import Live
from tests.remote.conftest import Serve
from tests.remote.failing_storage import FailingStorage, Fault
from tests.remote.test_files_of_others import identified

OLD = -60
"""An age at which all that was begun by now is too old."""


@pytest.fixture
def storage() -> FailingStorage:
    return FailingStorage(AS_S3, Limits(max_description=2048))


@pytest.fixture
def live(serve: Serve, storage: FailingStorage) -> Live:
    live = serve(storage)
    identified(live)
    return live


def swept(live: Live, age_s: int = OLD) -> int:
    return live.run(unfinished.sweep(live.services, age_s=age_s))


def lost(live: Live, storage: FailingStorage, key: str) -> None:
    """Begin an upload of which the answer is lost."""
    live.run(storage.arm(Fault.DONE, 1, verb="begin_parts"))
    assert live.client.request("POST", f"/bucket/{key}", "uploads").status == 503
    live.run(storage.disarm())
    live.run(live.services.remover.settled())


def test_an_upload_whose_beginning_was_lost_is_ended(live: Live, storage: FailingStorage) -> None:
    client = live.client
    known = client.start_upload("bucket", "known")
    etag = client.put_part("bucket", "known", known, 1, b"part").headers["etag"]
    lost(live, storage, "lost")
    lost(live, storage, "a//b")
    assert len(storage._uploads) == 3
    assert swept(live, unfinished.AGE_S) == 0, "not yet"
    assert swept(live) == 2
    assert len(storage._uploads) == 1
    assert client.complete("bucket", "known", known, [(1, etag)]).status == 200
    assert client.get("bucket", "known").body == b"part"


def test_what_is_being_begun_goes_on(live: Live, storage: FailingStorage) -> None:
    live.run(storage.arm(Fault.HANGS_DONE, 1, verb="begin_parts"))
    with ThreadPoolExecutor(1) as threads:
        begun = threads.submit(live.client.request, "POST", "/bucket/key", "uploads")
        assert storage.hit.wait(20)
        assert swept(live) == 0
        assert len(storage._uploads) == 1
        live.run(storage.disarm())
        assert begun.result().status == 503


def test_what_others_begin_is_left_alone(live: Live, storage: FailingStorage) -> None:
    live.client.put("bucket", "written", b"ours")
    live.run(storage.arm(Fault.DENIED, 1, verb="begin_parts"))
    assert live.client.request("POST", "/bucket/refused", "uploads").status == 500
    live.run(storage.disarm())
    paths = ("no-bucket/key", "bucket", "bucket/key", "bucket/written", "bucket/refused")
    for path in paths:
        live.run(storage.begin_parts(path))
    assert swept(live) == 0
    assert len(storage._uploads) == len(paths)


def test_what_others_begin_long_before_or_after_is_left_alone(
    live: Live, storage: FailingStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost(live, storage, "key")
    now_ns = time.time_ns()
    for hours in (-2, 2):
        with monkeypatch.context() as patch:
            patch.setattr(time, "time_ns", lambda hours=hours: now_ns + hours * 3600 * 10**9)
            live.run(storage.begin_parts("bucket/key"))
    assert len(storage._uploads) == 3
    assert swept(live, -3 * 3600) == 1
    left = [one.begun_ns for one in storage._uploads.values()]
    assert all(abs(begun_ns - now_ns) > 3600 * 10**9 for begun_ns in left)


def test_what_a_dead_process_was_beginning_is_ended(live: Live, storage: FailingStorage) -> None:
    live.run(storage.arm(Fault.HANGS_DONE, 1, verb="begin_parts"))
    with ThreadPoolExecutor(1) as threads:
        begun = threads.submit(live.client.request, "POST", "/bucket/key", "uploads")
        assert storage.hit.wait(20)
        live.run(live.services.catalog.abandon(live.services.process))
        live.run(removing.sweep(live.services.catalog, live.services.storages))
        live.run(removing.sweep(live.services.catalog, live.services.storages))
        assert swept(live) == 1
        assert not storage._uploads
        live.run(storage.disarm())
        assert begun.result().status == 503


def test_a_storage_that_is_not_the_one_it_was_is_left_alone(
    serve: Serve, storage: FailingStorage
) -> None:
    live = serve(storage)
    lost(live, storage, "lost")
    assert swept(live) == 0
    identified(live)
    assert swept(live) == 1


def test_a_storage_that_cannot_tell_is_asked_again_later(serve: Serve) -> None:
    class Mute(FailingStorage):
        mute = True

        async def open_parts(self) -> AsyncGenerator[Begun, None]:
            if self.mute:
                raise Unavailable("it does not tell")
            async for begun in super().open_parts():
                yield begun

    storage = Mute(AS_S3, Limits())
    live = serve(storage)
    identified(live)
    lost(live, storage, "lost")
    assert swept(live) == 0
    storage.mute = False
    assert swept(live) == 1


def test_a_storage_that_does_not_tell_is_not_asked(serve: Serve) -> None:
    live = serve(FailingStorage(AS_S3 & ~Can.OPEN_PARTS, Limits()))
    identified(live)
    assert swept(live) == 0

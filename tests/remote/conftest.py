"""Servers on storages that behave as behind a network."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from backends.interface import Can, Limits, Storage
from backends.remote_memory import AS_S3, AS_WEBDAV
from gateway.server import build
from gateway.service import homing
from tests.live.server import Live, running
from tests.remote.failing_storage import FailingStorage

KINDS: dict[str, Can] = {
    "s3": AS_S3,
    "webdav": AS_WEBDAV,
    "a tree that creates": Can.CREATE | Can.TREE,
    "the five verbs": Can.NOTHING,
}

Serve = Callable[[Storage], Live]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts a server on a storage."""
    with ExitStack() as servers:

        def start(storage: Storage) -> Live:
            monkeypatch.setattr(build, "storages_of", lambda *_: {"main": storage})
            monkeypatch.setattr(homing, "REST_S", 3600)
            storages = {"main": {"type": "memory"}}
            live = servers.enter_context(running(tmp_path, durability="relaxed", storages=storages))
            live.client.make_bucket("bucket")
            return live

        yield start


@pytest.fixture(params=KINDS)
def storage(request: pytest.FixtureRequest) -> FailingStorage:
    return FailingStorage(KINDS[request.param], Limits(max_description=2048))


@pytest.fixture
def live(serve: Serve, storage: FailingStorage) -> Live:
    return serve(storage)

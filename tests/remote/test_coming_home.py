"""Objects that were written again come back under their own names, or stay where they are."""

import asyncio
import contextlib
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from backends.interface import Can, Limits
from backends.remote_memory import AS_S3, AS_WEBDAV, S3_LIMITS
from gateway.server import build
from gateway.service import homing
from tests.backends.making import body
from tests.live.server import Live, running
from tests.remote.failing_storage import FailingStorage, Fault
from tests.remote.left import check_nothing_is_left, held, known

OLD, NEW = b"old", b"the new bytes"
KINDS: dict[str, tuple[Can, Limits]] = {
    "s3": (AS_S3, S3_LIMITS),
    "webdav": (AS_WEBDAV | Can.COPY | Can.CREATE, Limits()),
}
_MOST_CALLS = 12


class Home:
    """A server on a storage behind a network, where objects come home only when they are told to."""

    def __init__(self, live: Live, storage: FailingStorage) -> None:
        self.live = live
        self.storage = storage
        self.client = live.client
        self._number = 0

    def overwritten(self) -> str:
        """The bucket of an object ``key`` whose bytes are under a path of our own."""
        self._number += 1
        bucket = self.client.make_bucket(f"bucket-{self._number}")
        self.client.put(bucket, "key", OLD)
        self.client.put(bucket, "key", NEW)
        self.live.run(self.live.services.remover.settled())
        assert self.path(bucket).startswith(".s3front/o/")
        return bucket

    def path(self, bucket: str) -> str:
        async def path() -> str:
            catalog = self.live.services.catalog
            version = await catalog.get(await catalog.bucket(bucket), "key")
            assert version is not None
            return version.location.path

        return self.live.run(path())

    def begin(self) -> "Future[None]":
        return asyncio.run_coroutine_threadsafe(self.live.services.homing.settled(), self.live.loop)

    def come(self) -> None:
        self.begin().result(30)

    def end_or_hit(self, coming: "Future[None]") -> bool:
        """Whether it hangs."""
        while not coming.done():
            with contextlib.suppress(TimeoutError):
                coming.result(0.01)
            if self.storage.hit.is_set():
                return True
        return False

    def body(self, bucket: str) -> bytes:
        answer = self.client.get(bucket, "key")
        assert answer.status == 200, answer
        return answer.body

    def check_paths(self) -> None:
        self.live.run(check_nothing_is_left(self.live.services))


@pytest.fixture(params=KINDS)
def home(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Home]:
    storage = FailingStorage(*KINDS[request.param])
    monkeypatch.setattr(homing, "REST_S", 3600.0)
    monkeypatch.setattr(build, "storages_of", lambda *_: {"main": storage})
    storages = {"main": {"type": "memory"}}
    with running(tmp_path, durability="relaxed", storages=storages) as live:
        yield Home(live, storage)


def test_an_overwritten_object_comes_home(home: Home) -> None:
    bucket = home.overwritten()
    home.come()
    assert home.path(bucket) == f"{bucket}/key"
    assert home.body(bucket) == NEW
    home.check_paths()
    assert home.live.run(held(home.live.services)) == {f"{bucket}/key"}


def test_so_does_one_of_parts(home: Home) -> None:
    bucket = home.overwritten()
    upload = home.client.start_upload(bucket, "key")
    etag = home.client.put_part(bucket, "key", upload, 1, b"of one part").headers["etag"]
    assert home.client.complete(bucket, "key", upload, [(1, etag)]).status == 200
    home.come()
    assert home.path(bucket) == f"{bucket}/key"
    assert home.body(bucket) == b"of one part"
    home.check_paths()


def test_it_rests_first(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(homing, "REST_S", 0.01)
    bucket = home.client.make_bucket("resting")
    for version in (OLD, NEW):
        home.client.put(bucket, "key", version)
    while home.path(bucket) != f"{bucket}/key":
        assert home.body(bucket) == NEW
    home.come()
    home.check_paths()


def test_what_others_put_there_stays(home: Home) -> None:
    bucket = home.overwritten()
    theirs = home.storage.write(f"{bucket}/key", body(b"theirs"), size=6)
    home.live.run(theirs)
    home.come()
    assert home.path(bucket).startswith(".s3front/o/")
    assert home.body(bucket) == NEW
    home.live.run(home.storage.delete(f"{bucket}/key"))
    home.check_paths()


def test_what_is_deleted_meanwhile_does_not_come_back(home: Home) -> None:
    bucket = home.overwritten()
    home.client.delete(bucket, "key")
    home.come()
    assert home.client.get(bucket, "key").status == 404
    home.check_paths()
    assert not home.live.run(known(home.live.services))


def test_what_is_written_meanwhile_wins(home: Home) -> None:
    bucket = home.overwritten()
    made = _calls(home, bucket)
    for at in range(1, made + 1):
        bucket = home.overwritten()
        home.live.run(home.storage.arm(Fault.HANGS_DONE, at))
        coming = home.begin()
        hangs = home.end_or_hit(coming)
        assert home.client.put(bucket, "key", b"newer").status == 200
        home.live.run(home.storage.disarm())
        coming.result(30)
        assert home.body(bucket) == b"newer"
        home.come()
        _janitor(home)
        assert home.body(bucket) == b"newer"
        assert hangs or at > 1


@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.NONE])
def test_every_call_may_fail(home: Home, fault: Fault) -> None:
    for at in range(1, _MOST_CALLS):
        bucket = home.overwritten()
        home.live.run(home.storage.arm(fault, at))
        coming = home.begin()
        home.end_or_hit(coming)
        home.live.run(home.storage.disarm())
        assert home.body(bucket) == NEW
        coming.result(30)
        assert home.body(bucket) == NEW
        home.live.run(home.storage.arrive_late())
        _janitor(home)
        assert home.body(bucket) == NEW
        if home.storage.failed is None:
            return
    raise AssertionError("it makes more calls than that")


def _calls(home: Home, bucket: str) -> int:
    home.live.run(home.storage.arm(Fault.NONE, 0))
    home.come()
    assert home.path(bucket) == f"{bucket}/key"
    return len(home.storage.made)


def _janitor(home: Home) -> None:
    home.live.run(home.live.services.remover.settled())
    home.live.run(home.live.services.catalog.recover())
    home.check_paths()

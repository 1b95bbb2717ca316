"""Uploads on an S3 service whose beginning got lost on the way: ours are ended, those of others are not."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backends.http.client import Timeouts
from backends.http.origin import origin_of
from backends.interface import Begun
from backends.s3.settings import read_settings
from backends.s3.storage import S3Storage
from gateway.jobs import unfinished
from gateway.server import build
from gateway.service import homing
from tests.backends.s3.moto_server import moto_settings
from tests.faulty_proxy.faults import Fault, NoAnswer, Rewrite, Say
from tests.faulty_proxy.proxy import FaultyProxy, faulty_proxy
from tests.live.server import Live, running
from tests.remote.left import swept
from tests.remote.test_files_of_others import identified

OLD = -60
"""An age at which all that was begun by now is too old."""
DENIED = Say(403, (), b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
Act = Callable[[Live, str], int]


@dataclass
class Rig:
    """A server, the proxy on its way to the service, and the service as others see it."""

    live: Live
    proxy: FaultyProxy
    others: S3Storage

    def begun(self) -> list[str]:
        """Paths of what is open at the service."""

        async def ask() -> list[Begun]:
            return [one async for one in self.others.open_parts()]

        return sorted(one.path for one in self.live.run(ask()))

    def swept(self) -> int:
        """How many were ended. moto says of each that it was begun in 2010; a service knows."""
        services = self.live.services
        self.live.run(swept(services))
        self.proxy.requests.clear()
        assert self.live.run(unfinished.sweep(services, age_s=OLD)) == 0
        self.proxy.faults.extend([*[None] * self._begins(), Rewrite(_begun_now)])
        return self.live.run(unfinished.sweep(services, age_s=OLD))

    def fails(self, act: Act, key: str, *faults: Fault | None) -> int:
        """The status of that act, in which the beginning of an upload, and what comes next, fails so."""
        self.proxy.requests.clear()
        assert act(self.live, "dry") == 200
        begins = self._begins()
        self.live.run(self.live.services.remover.settled())
        self.proxy.faults.extend([*[None] * begins, *faults])
        return act(self.live, key)

    def _begins(self) -> int:
        """Before which request uploads were begun, or listed."""
        [number] = [
            number
            for number, request in enumerate(self.proxy.requests)
            if "?uploads" in request or "&uploads" in request
        ]
        return number


def _begun_now(head: bytes, body: bytes) -> tuple[bytes, bytes]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z").encode()
    old = b"2010-11-10T20:48:33.000Z"
    assert len(now) == len(old)
    assert old in body
    return head, body.replace(old, now)


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setattr(homing, "REST_S", 3600)
    given = moto_settings(prefix="shared/with-others")
    settings = read_settings(given)
    settings = replace(settings, profile=replace(settings.profile, creates=True))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    between = faulty_proxy(origin_of(given["endpoint"]))
    try:
        proxy, origin = asyncio.run_coroutine_threadsafe(between.__aenter__(), loop).result(20)
        storage = S3Storage(
            replace(settings, endpoint=origin),
            timeouts=Timeouts(connect_s=5, connection_s=5, stall_s=5, answer_s=5),
        )
        monkeypatch.setattr(build, "storages_of", lambda *_: {"main": storage})
        kinds = {"main": {"type": "memory"}}
        with running(tmp_path, durability="relaxed", storages=kinds) as live:
            others = S3Storage(settings)
            live.run(others.open())
            live.client.make_bucket("bucket")
            live.client.put("bucket", "source", b"bytes")
            identified(live)
            yield Rig(live, proxy, others)
            live.run(others.aclose())
        asyncio.run_coroutine_threadsafe(between.__aexit__(None, None, None), loop).result(20)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()


def begin(live: Live, key: str) -> int:
    return live.client.request("POST", f"/bucket/{key}", "uploads").status


def copy(live: Live, key: str) -> int:
    headers = {"x-amz-copy-source": "/bucket/source"}
    return live.client.request("PUT", f"/bucket/{key}", headers=headers).status


def come_home(live: Live, key: str) -> int:
    """Written twice it is under a path of our own, until it is copied back."""
    statuses = {live.client.put("bucket", key, b"bytes").status for _ in range(2)}
    live.run(live.services.remover.settled())
    live.run(live.services.homing.settled())
    return statuses.pop()


@pytest.mark.parametrize(("act", "status"), [(begin, 503), (copy, 503), (come_home, 200)])
def test_what_we_began_is_ended_and_nothing_of_others(rig: Rig, act: Act, status: int) -> None:
    theirs = ["bucket/dir/theirs", "bucket/theirs", "elsewhere/theirs"]
    for path in theirs:
        rig.live.run(rig.others.begin_parts(path))
    assert rig.fails(act, "lost", NoAnswer()) == status
    assert set(rig.begun()) - {"bucket/dry"} == {*theirs, "bucket/lost"}
    assert rig.swept() == 1
    assert set(rig.begun()) - {"bucket/dry"} == set(theirs)


def test_what_the_service_refused_to_begin_was_not_begun(rig: Rig) -> None:
    assert rig.fails(begin, "refused", DENIED) == 500
    rig.live.run(rig.others.begin_parts("bucket/refused"))
    assert rig.swept() == 0
    assert "bucket/refused" in rig.begun()


def test_a_copy_that_can_neither_go_on_nor_be_taken_back_is_ended(rig: Rig) -> None:
    assert rig.fails(copy, "key", None, DENIED, Say(500)) == 503
    assert rig.begun() == ["bucket/key"]
    assert rig.swept() == 1
    assert rig.begun() == []

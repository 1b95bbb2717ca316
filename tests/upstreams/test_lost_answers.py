"""A real server that does as it is asked, and whose answer gets lost on the way: whatever it was, what S3front says
is true, what is tried again succeeds, and nothing is left there that nobody knows of."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from backends.http import client
from backends.http.origin import origin_of
from gateway.service import homing
from tests.backends.s3.moto_server import moto_settings
from tests.backends.webdav.servers import SERVERS
from tests.faulty_proxy.faults import Fault, NoAnswer
from tests.faulty_proxy.proxy import FaultyProxy, faulty_proxy
from tests.live.client import Client
from tests.live.server import Live, running
from tests.remote.left import check_nothing_is_left
from tests.upstreams.fronting import webdav_settings_of

MIB = 1024**2
TRIES = 5
SIZES = (1000, 2 * MIB)
REQUESTS: Mapping[str, Sequence[str]] = {
    "webdav": ("PUT ", "MOVE ", "DELETE ", "PROPFIND ", "GET "),
    "s3": ("PUT ", "POST ", "DELETE ", "HEAD "),
}


@contextmanager
def upstream(kind: str) -> Iterator[dict[str, object]]:
    """Settings of a storage there."""
    if kind == "s3":
        yield {"type": "s3", **moto_settings(profile="aws", address_style="path", prefix="shared")}
        return
    with SERVERS["nginx"]() as server:
        yield webdav_settings_of(server)


@contextmanager
def proxied(settings: Mapping[str, object]) -> Iterator[tuple[FaultyProxy, dict[str, object]]]:
    """A proxy on a loop of its own, and the settings of who goes through it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    service = origin_of(settings["endpoint"])
    between = faulty_proxy(service)
    try:
        proxy, origin = asyncio.run_coroutine_threadsafe(between.__aenter__(), loop).result(20)
        endpoint = f"http://{origin.host}:{origin.port}{service.path}"
        try:
            yield proxy, {**settings, "endpoint": endpoint}
        finally:
            ended = between.__aexit__(None, None, None)
            asyncio.run_coroutine_threadsafe(ended, loop).result(20)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()


def passed_on(_line: str) -> Fault | None:
    return None


class Losing:
    """The answer to the first request that begins so is lost, from then on to none."""

    def __init__(self, begins: str) -> None:
        self._begins = begins
        self.lost = 0

    def __call__(self, line: str) -> Fault | None:
        if self.lost or not line.startswith(self._begins):
            return None
        self.lost += 1
        return NoAnswer()


@dataclass(slots=True)
class Acts:
    """What a client does to a key, and what then is there. Each returns a status."""

    client: Client
    size: int
    number: int = 0

    def body(self, number: int) -> bytes:
        return Random(number).randbytes(self.size)

    def put(self, key: str) -> tuple[int, bytes | None]:
        self.number += 1
        body = self.body(self.number)
        return self.client.put("bucket", key, body).status, body

    def copy(self, key: str) -> tuple[int, bytes | None]:
        source = {"x-amz-copy-source": "/bucket/source"}
        answer = self.client.request("PUT", f"/bucket/{key}", headers=source)
        return answer.status, self.body(0)

    def upload(self, key: str) -> tuple[int, bytes | None]:
        self.number += 1
        body = self.body(self.number)
        begun = self.client.request("POST", f"/bucket/{key}", "uploads")
        if begun.status != 200:
            return begun.status, body
        upload = begun.text("UploadId") or ""
        part = self.client.put_part("bucket", key, upload, 1, body)
        if part.status == 200:
            part = self.client.complete("bucket", key, upload, [(1, part.headers["etag"])])
        if part.status != 200:
            self.client.request("DELETE", f"/bucket/{key}", f"uploadId={upload}")
        return part.status, body

    def delete(self, key: str) -> tuple[int, bytes | None]:
        return self.client.delete("bucket", key).status, None


async def tried(live: Live) -> None:
    """What is tried of a storage beside the first requests has ended."""
    trials = [one for one in live.application._beside if "try_all" in str(one.get_coro())]
    await asyncio.wait(trials)


def there(s3: Client, key: str) -> bytes | None:
    """The object of a key."""
    answer = s3.get("bucket", key)
    assert answer.status in {200, 404}, answer
    return answer.body if answer.status == 200 else None


def check(live: Live, proxy: FaultyProxy, begins: str, size: int) -> int:
    """Do all, a request of that kind losing its answer in each. Returns in how many one was."""
    acts, lost = Acts(live.client, size), 0
    assert live.client.put("bucket", "source", acts.body(0)).status == 200
    for name in ("put", "copy", "upload", "delete"):
        for key in (f"{name}-new", f"{name}-old"):
            act: Callable[[str], tuple[int, bytes | None]] = getattr(acts, name)
            before = None
            if key.endswith("old"):
                status, before = acts.put(key)
                assert status == 200
            live.run(live.services.remover.settled())
            proxy.choose = losing = Losing(begins)
            status, after = act(key)
            live.run(live.services.remover.settled())
            proxy.choose = passed_on
            lost += losing.lost
            assert status in {200, 204, 503}, (name, key, status)
            found = there(live.client, key)
            assert found in ((before, after) if status == 503 else (after,)), (name, key, status)
            for _ in range(TRIES):
                status, after = act(key)
                if status != 503:
                    break
            assert status in {200, 204}, (name, key, status)
            assert there(live.client, key) == after
    live.run(check_nothing_is_left(live.services, begun_unknown=True))
    return lost


def checked(folder: Path, kind: str, begins: str, size: int) -> None:
    with (
        upstream(kind) as settings,
        proxied(settings) as (proxy, storage),
        running(folder, durability="relaxed", storages={"far": storage}) as live,
    ):
        live.run(tried(live))
        live.client.make_bucket("bucket")
        assert check(live, proxy, begins, size) > 0


@pytest.fixture(autouse=True)
def no_homing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(homing, "REST_S", 3600)


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("kind", "begins"), [(kind, begins) for kind, some in REQUESTS.items() for begins in some]
)
@pytest.mark.parametrize("size", SIZES)
def test_what_is_said_is_true(tmp_path: Path, kind: str, begins: str, size: int) -> None:
    checked(tmp_path, kind, begins, size)


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("kind", "begins"), [("webdav", "MOVE "), ("s3", "PUT ")])
def test_a_gateway_that_asks_again_blindly_would_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, begins: str
) -> None:
    every = frozenset(one.strip() for one in REQUESTS[kind])
    monkeypatch.setattr(client, "_REPEATABLE", every)
    with pytest.raises(AssertionError, match="that nobody knows of"):
        checked(tmp_path, kind, begins, SIZES[0])

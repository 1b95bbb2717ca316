"""Hundreds of clients that read and write slowly, through the gateway, on WebDAV and on S3: memory stays
bounded, each gets and leaves the right bytes, and others are answered meanwhile."""

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.backends.s3.moto_server import moto_settings
from tests.backends.webdav.servers import SERVERS
from tests.live.client import Client
from tests.live.measuring import peak_mib
from tests.upstreams.fronting import fronting, webdav_settings_of
from tests.upstreams.slowly import Begun, Slowly, data_of

COUNT = 200
MIB = 1024**2
MOST_MIB = 224.0
"""By how much a worker may grow that has some hundred of them: as docs/limits.md has it, 1 MiB for a reading,
2.25 MiB for a write, and a little for who comes to it by chance. Whole objects would be 200 MiB more."""

Upstream = Callable[[], AbstractContextManager[Mapping[str, object]]]


@contextmanager
def on_nginx() -> Iterator[Mapping[str, object]]:
    with SERVERS["nginx"]() as server:
        yield webdav_settings_of(server)


@contextmanager
def on_moto() -> Iterator[Mapping[str, object]]:
    yield {"type": "s3", **moto_settings(profile="aws", address_style="path", prefix="shared")}


UPSTREAMS: Mapping[str, Upstream] = {"webdav": on_nginx, "s3": on_moto}


def others_are_answered(client: Client, rounds: int) -> None:
    for number in range(rounds):
        key, data = f"quick {number}", os.urandom(3000)
        assert client.put("bucket", key, data).status == 200
        assert client.get("bucket", key).body == data
        assert client.request("HEAD", f"/bucket/quick%20{number}").status == 200
        assert key in client.keys("bucket", "list-type=2&prefix=quick")
        assert client.delete("bucket", key).status == 204


async def slow_clients(client: Client, count: int, size: int, written: int, rounds: int) -> None:
    """Half of them read, half of them write."""
    slowly = Slowly(client)
    large = hashlib.md5(data_of("large", size)).hexdigest()
    reads = [asyncio.create_task(slowly.read("/bucket/large")) for _ in range(count // 2)]
    bodies = {f"/bucket/slow-{n}": data_of(f"{n}", written) for n in range(count // 2)}
    writes = [asyncio.create_task(slowly.write(path, data)) for path, data in bodies.items()]
    while slowly.begun < count:
        for task in (*reads, *writes):
            assert not task.done(), task
        await asyncio.sleep(0.01)
    await asyncio.to_thread(others_are_answered, client, rounds)
    for task in (*reads, *writes):
        assert not task.done(), "it was meant to be slow"
    slowly.hurry.set()
    assert set(await asyncio.gather(*reads)) == {large}
    assert set(await asyncio.gather(*writes)) == {b"HTTP/1.1 200 OK\r\n"}
    for path, data in bodies.items():
        answer = await asyncio.to_thread(client.request, "GET", path)
        assert answer.body == data


def check(folder: Path, upstream: str, *, mib: int, written: int, rounds: int) -> None:
    with UPSTREAMS[upstream]() as settings, fronting(folder, settings) as server:
        client = server.client
        client.make_bucket("bucket")
        size = mib * MIB
        assert client.put("bucket", "large", data_of("large", size)).status == 200
        others_are_answered(client, 8)
        before = {pid: peak_mib(pid) for pid in server.pids()}
        asyncio.run(slow_clients(client, COUNT, size, written, rounds))
        grown = {pid: peak_mib(pid) - peak for pid, peak in before.items()}
        print(f"{upstream}: {COUNT} slow clients: workers of {before} MiB grew by {grown}")
        assert all(mib < MOST_MIB for mib in grown.values()), grown


@pytest.mark.timeout(300)
@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_slow_clients_cost_little_and_disturb_nobody(tmp_path: Path, upstream: str) -> None:
    check(tmp_path, upstream, mib=4, written=3 * MIB, rounds=3)


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_it_is_so_for_long(tmp_path: Path, upstream: str) -> None:
    check(tmp_path, upstream, mib=32, written=16 * MIB, rounds=100)


CROWD = 800
"""More than there are places for bodies on their way to the storage, whichever of two workers they come to."""
FINISH = 8


async def crowd(client: Client) -> None:
    """All begin to write; some go on, and others write meanwhile."""
    slowly = Slowly(client)
    bodies = {f"/bucket/slow-{n}": data_of(f"{n}", 2 * MIB) for n in range(CROWD)}
    writers = [slowly.begin(path, data) for path, data in bodies.items()]
    begun = await asyncio.gather(*writers)
    trickling = asyncio.create_task(trickle(begun))
    try:
        await asyncio.to_thread(others_are_answered, client, 2)
        for number in range(3):
            key, data = f"large {number}", data_of(f"large {number}", MIB)
            assert (await asyncio.to_thread(client.put, "bucket", key, data)).status == 200
            assert (await asyncio.to_thread(client.get, "bucket", key)).body == data
        trickling.cancel()
        answers = [await one.finish() for one in begun[-FINISH:]]
        done = {b"HTTP/1.1 200 OK\r\n": 200, b"HTTP/1.1 503 Slow Down\r\n": 503}
        statuses = [done[answer] for answer in answers]
        assert statuses.count(200) > FINISH // 3, statuses
        for path, status in zip([*bodies][-FINISH:], statuses, strict=True):
            answer = await asyncio.to_thread(client.request, "GET", path)
            assert answer.status == (200 if status == 200 else 404)
            assert status == 503 or answer.body == bodies[path]
    finally:
        trickling.cancel()
        for one in begun:
            one.close()


async def trickle(begun: Sequence[Begun]) -> None:
    """None is given up for its silence."""
    while True:
        for one in begun:
            one.send_some()
        await asyncio.sleep(4)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("upstream", ["webdav", pytest.param("s3", marks=pytest.mark.soak)])
def test_a_crowd_of_slow_writers_keeps_nobody_from_writing(tmp_path: Path, upstream: str) -> None:
    with UPSTREAMS[upstream]() as settings, fronting(tmp_path, settings) as server:
        server.client.make_bucket("bucket")
        asyncio.run(asyncio.wait_for(crowd(server.client), 120))

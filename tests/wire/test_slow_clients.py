"""A thousand slow clients, and a thousand that break off: others are served, and nothing is left."""

import asyncio
import contextlib
import os
import socket
import threading
from pathlib import Path

import pytest
import uvloop

from gateway.wire.limits import Limits
from tests.live.client import ACCESS_KEY, SECRET_KEY, Client
from tests.live.framed import SIGNED, framed, pieces_of
from tests.live.server import Live, running
from tests.server.running import running as running_processes
from tests.server.running import until
from tests.wire.raw import connected, head, signed
from tests.wire.slow_clients import slow_clients

SLOW = 1000
BROKEN = 1000
TIME_S = "30"
MOST_KIB_EACH = 40
"""Memory that one may cost: measured are 8. A reader's object is sent by the kernel from its own."""
MOST_THREADS = 40
"""That pools may still have grown by: each has a bound of its own."""
KEYS = {"S3FRONT_ROOT_ACCESS_KEY": ACCESS_KEY, "S3FRONT_ROOT_SECRET_KEY": SECRET_KEY}
REAL = "gateway.server.build:build"
BODY = bytes(range(256)) * 400


def status(pid: int, name: str) -> int:
    """A number of /proc/PID/status: VmRSS (in KiB), Threads."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise AssertionError(f"the kernel tells no {name}")


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def busy(client: Client, rounds: int) -> None:
    """All that an honest client asks is answered, and rightly."""
    for number in range(rounds):
        body = b"%d" % number * 1000
        assert client.put("bucket", f"key-{number % 20}", body).status == 200
        assert client.get("bucket", f"key-{number % 20}").body == body


@pytest.mark.timeout(180)
def test_a_thousand_slow_clients_cost_little_and_others_are_served(tmp_path: Path) -> None:
    times = {f"{what}_seconds": TIME_S for what in ("header", "idle", "body_stall", "reader_stall")}
    with running_processes(
        tmp_path / "data", variables=KEYS, factory=REAL, durability="relaxed", **times
    ) as server:
        client = Client(port=server.port)
        client.make_bucket("bucket")
        client.put("bucket", "large", b"x" * 4_000_000)
        busy(client, 50)
        (worker,) = server.workers()
        before = descriptors(worker), status(worker, "Threads"), status(worker, "VmRSS")
        with slow_clients(client, SLOW):
            busy(client, 3)
            assert descriptors(worker) >= before[0] + SLOW
            each = (status(worker, "VmRSS") - before[2]) / SLOW
            print(f"KiB of each slow client: {each:.0f}")
            assert each < MOST_KIB_EACH
            busy(client, 50)
            until(lambda: descriptors(worker) <= before[0], seconds=120)
        busy(client, 5)
        staged = tmp_path / "data" / ".s3front" / "staged"
        assert list(staged.iterdir()) == []
        assert status(worker, "Threads") <= before[1] + MOST_THREADS
        assert server.stop() == 0


def tasks(live: Live) -> int:
    async def count() -> int:
        return len(asyncio.all_tasks())

    return asyncio.run_coroutine_threadsafe(count(), live.loop).result(10)


def break_off(live: Live, number: int) -> None:
    """Begin an upload of some kind and leave in some way, half way."""
    client = live.client
    with connected(live.port) as raw, contextlib.suppress(ConnectionError):
        if number % 3 == 0:
            sent = framed(client, "bucket", "key", pieces_of(BODY), kind=SIGNED)
            raw.send(head("PUT", sent.target, sent.headers, f"Content-Length: {len(sent.body)}"))
            raw.send(sent.body[: len(sent.body) // 2])
        elif number % 3 == 1:
            raw.send(signed(client, "PUT", "/bucket/key", "Content-Length: 900000") + BODY)
        else:
            raw.send(signed(client, "PUT", "/bucket/key", "Content-Length: 900000")[:300])
        if number % 2:
            # A reset: nothing of what is on its way is waited for.
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


def test_a_thousand_broken_uploads_leave_nothing(tmp_path: Path) -> None:
    with running(
        tmp_path / "root",
        limits=Limits(linger_s=0.3),
        durability="relaxed",
        new_loop=uvloop.new_event_loop,
    ) as live:
        live.client.make_bucket("bucket")
        for number in range(50):
            break_off(live, number)
        until(lambda: live.staged() == [] and live.listener.admission._connections == 0)
        before = tasks(live), descriptors(os.getpid()), threading.active_count()
        for number in range(BROKEN):
            break_off(live, number)
        until(lambda: live.staged() == [] and live.listener.admission._connections == 0)
        until(lambda: tasks(live) <= before[0] and descriptors(os.getpid()) <= before[1])
        assert threading.active_count() <= before[2] + MOST_THREADS
        assert live.files("bucket") == []
        assert live.client.put("bucket", "key", b"whole").status == 200

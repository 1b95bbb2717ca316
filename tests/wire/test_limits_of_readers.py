"""Clients that do not take what they asked for, on the loop of asyncio and on that of the server."""

import asyncio
import contextlib
import select
from collections.abc import Iterator
from queue import Empty

import pytest
import uvloop

from gateway.wire.limits import Limits
from tests.live.client import Client
from tests.live.server import Live, running
from tests.wire.raw import Raw, connected, signed

SOON_S = 0.4
SIZE = 8 * 1024**2
LIMITS = Limits(reader_stall_s=SOON_S, min_rate=100_000, linger_s=SOON_S, idle_s=SOON_S)
TIGHT = 16_384


@pytest.fixture(scope="module", params=[asyncio.new_event_loop, uvloop.new_event_loop])
def live(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Live]:
    root = tmp_path_factory.mktemp("readers")
    with running(root, limits=LIMITS, durability="relaxed", new_loop=request.param) as server:
        yield server


@pytest.fixture
def raw(live: Live) -> Iterator[Raw]:
    """A connection whose kernel buffers little on the client's side."""
    with connected(live.port, buffer=TIGHT) as connection:
        yield connection


def cut_off(live: Live, bucket: str, *, wait_s: float = 20.0) -> bool:
    """Whether the next GetObject that ends was cut off; False if none does in that time."""
    while True:
        try:
            event = live.events.get(timeout=wait_s)
        except Empty:
            return False
        if (event.operation, event.bucket) == ("GetObject", bucket):
            return event.aborted


def test_a_reader_that_takes_nothing_is_cut_off(
    live: Live, client: Client, bucket: str, raw: Raw
) -> None:
    client.put(bucket, "key", b"x" * SIZE)
    raw.send(signed(client, "GET", f"/{bucket}/key"))
    assert cut_off(live, bucket)
    assert len(raw.everything()) < SIZE


def test_a_reader_that_takes_too_little_is_cut_off_though_it_never_stops(
    live: Live, client: Client, bucket: str, raw: Raw
) -> None:
    client.put(bucket, "key", b"x" * SIZE)
    raw.send(signed(client, "GET", f"/{bucket}/key"))
    taken = 0
    while not cut_off(live, bucket, wait_s=0.01):
        taken += len(raw.socket.recv(200))
    assert taken + len(raw.everything()) < SIZE


def test_a_reader_that_takes_its_time_gets_everything(
    live: Live, client: Client, bucket: str, raw: Raw
) -> None:
    """It keeps the server waiting for longer than a stall, but never takes less than it must."""
    client.put(bucket, "key", b"x" * SIZE)
    raw.send(signed(client, "GET", f"/{bucket}/key", "Connection: close"))
    taken = b""
    while data := raw.socket.recv(SIZE // 10):
        taken += data
        if len(taken) % 50 == 0:
            select.select([], [], [], SOON_S / 4)
    assert len(taken.partition(b"\r\n\r\n")[2]) == SIZE
    assert not cut_off(live, bucket)


def test_small_answers_that_nobody_takes_do_not_pile_up(
    live: Live, client: Client, bucket: str, raw: Raw
) -> None:
    client.put(bucket, "key", b"x" * 60_000)
    raw.send(signed(client, "GET", f"/{bucket}/key") * 200)
    ended = 1
    while not cut_off(live, bucket):
        ended += 1
    assert ended < 150
    with contextlib.suppress(TimeoutError):
        assert len(raw.everything()) < 200 * 60_000

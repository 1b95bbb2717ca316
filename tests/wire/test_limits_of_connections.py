"""How many connections and requests are let in, and what the others are told."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.wire.limits import Limits
from tests.live.server import Live, running
from tests.wire.raw import Raw, connected, head, signed

OTHER = "127.0.0.2"
SOON_S = 0.4


@contextlib.contextmanager
def limited(root: Path, limits: Limits, **flags: Any) -> Iterator[Live]:
    with running(root, limits=limits, durability="relaxed", **flags) as live:
        live.client.make_bucket("bucket")
        yield live


def served(live: Live, raw: Raw) -> bool:
    """Whether a request on that connection is served; False if it is told to slow down."""
    raw.send(signed(live.client, "GET", "/bucket/none"))
    reply = raw.reply()
    if reply.code == "NoSuchKey":
        return True
    assert (reply.status, reply.code) == (503, "SlowDown")
    assert reply.header("retry-after") == "1"
    assert reply.header("connection") == "close"
    assert live.event(reply.header("x-amz-request-id")).error_code == "SlowDown"
    assert raw.is_closed()
    return False


def settled(live: Live, condition: Callable[[], bool]) -> None:
    async def turn() -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.01)

    asyncio.run_coroutine_threadsafe(turn(), live.loop).result(30)


def open_ones(live: Live) -> int:
    return live.listener.admission._connections


def test_connections_of_one_address(tmp_path: Path) -> None:
    with (
        limited(tmp_path / "root", Limits(connections_per_address=2)) as live,
        connected(live.port) as first,
        connected(live.port) as second,
    ):
        settled(live, lambda: open_ones(live) == 2)
        assert served(live, first)
        assert served(live, second)
        with capture_logs() as logged, connected(live.port) as third:
            assert not served(live, third)
        assert [line["limit"] for line in logged] == ["max_connections_per_address"]
        with connected(live.port, source=OTHER) as other:
            assert served(live, other)
        first.close()
        settled(live, lambda: open_ones(live) == 1)
        with connected(live.port) as fourth:
            assert served(live, fourth)
        assert served(live, second)


def test_connections_in_all(tmp_path: Path) -> None:
    with (
        limited(tmp_path / "root", Limits(connections=2)) as live,
        connected(live.port) as first,
        connected(live.port, source=OTHER) as second,
    ):
        settled(live, lambda: open_ones(live) == 2)
        with connected(live.port, source="127.0.0.3") as third:
            assert not served(live, third)
        assert served(live, second)
        assert first.socket.fileno() >= 0


def test_connections_of_a_trusted_proxy_are_not_counted_by_address(tmp_path: Path) -> None:
    limits = Limits(connections_per_address=1)
    with (
        limited(tmp_path / "root", limits, trusted_proxies=OTHER) as live,
        contextlib.ExitStack() as still_open,
    ):
        for _ in range(5):
            raw = still_open.enter_context(connected(live.port, source=OTHER))
            assert served(live, raw)


def test_when_connections_are_scarce_none_is_kept_open(tmp_path: Path) -> None:
    with (
        limited(tmp_path / "root", Limits(connections=4)) as live,
        contextlib.ExitStack() as still_open,
    ):
        for _ in range(3):
            still_open.enter_context(connected(live.port))
        with connected(live.port) as last:
            settled(live, lambda: open_ones(live) == 4)
            last.send(signed(live.client, "GET", "/bucket/none"))
            assert last.reply().header("connection") == "close"
            assert last.is_closed()
        settled(live, lambda: open_ones(live) == 3)


def test_one_too_many_that_asks_nothing_is_closed(tmp_path: Path) -> None:
    limits = Limits(connections=1, header_s=SOON_S)
    with (
        limited(tmp_path / "root", limits) as live,
        connected(live.port),
        connected(live.port) as second,
    ):
        assert second.everything() == b""
        settled(live, lambda: live.listener.admission._refused == 0)


@contextlib.contextmanager
def busy(live: Live) -> Iterator[Raw]:
    """A request that is being answered until its body of 5 bytes comes."""
    with connected(live.port) as raw:
        raw.send(
            signed(live.client, "PUT", "/bucket/key", "Content-Length: 5", "Expect: 100-continue")
        )
        assert raw.reply().status == 100
        yield raw


def test_requests_at_once_and_those_that_wait(tmp_path: Path) -> None:
    with (
        limited(tmp_path / "root", Limits(requests=1, waiting=1)) as live,
        busy(live) as first,
        connected(live.port) as second,
        connected(live.port) as third,
    ):
        second.send(signed(live.client, "GET", "/bucket/none"))
        settled(live, lambda: len(live.listener.admission._waiting) == 1)
        third.send(signed(live.client, "GET", "/bucket/none"))
        reply = third.reply()
        assert (reply.status, reply.code) == (503, "SlowDown")
        assert reply.header("retry-after") == "1"
        third.send(head("GET", "/-/ready", {"Host": live.client.host}))
        assert third.reply().status == 200
        first.send(b"12345")
        assert first.reply().status == 200
        assert second.reply().code == "NoSuchKey"
        third.send(signed(live.client, "GET", "/bucket/key"))
        assert third.reply().body == b"12345"


def test_a_request_waits_no_longer_than_it_may(tmp_path: Path) -> None:
    with (
        limited(tmp_path / "root", Limits(requests=1, wait_s=SOON_S)) as live,
        busy(live) as first,
        connected(live.port) as second,
    ):
        second.send(signed(live.client, "GET", "/bucket/none"))
        assert second.reply().code == "SlowDown"
        first.send(b"12345")
        assert first.reply().status == 200
        second.send(signed(live.client, "GET", "/bucket/none"))
        assert second.reply().code == "NoSuchKey"


def test_new_limits_hold_for_what_comes(tmp_path: Path) -> None:
    with (
        limited(tmp_path / "root", Limits(requests=1, idle_s=60)) as live,
        busy(live) as first,
        connected(live.port) as second,
    ):
        second.send(signed(live.client, "GET", "/bucket/none"))
        settled(live, lambda: len(live.listener.admission._waiting) == 1)

        def take_over() -> None:
            live.listener.set_limits(Limits(requests=2, idle_s=SOON_S))

        live.loop.call_soon_threadsafe(take_over)
        assert second.reply().code == "NoSuchKey"
        with connected(live.port) as new:
            assert served(live, new)
            assert new.is_closed()
        assert served(live, second)
        first.send(b"12345")
        assert first.reply().status == 200


@pytest.mark.parametrize("leave_early", [True, False])
def test_a_client_that_leaves_while_it_waits_takes_no_place(
    tmp_path: Path, *, leave_early: bool
) -> None:
    with limited(tmp_path / "root", Limits(requests=1, waiting=1)) as live:
        admission = live.listener.admission
        with busy(live) as first:
            with connected(live.port) as second:
                second.send(signed(live.client, "GET", "/bucket/none"))
                settled(live, lambda: len(admission._waiting) == 1)
                if not leave_early:
                    first.send(b"12345")
            if leave_early:
                first.send(b"12345")
            assert first.reply().status == 200
        settled(live, lambda: admission._requests == 0 and not admission._waiting)
        assert live.client.get("bucket", "key").body == b"12345"

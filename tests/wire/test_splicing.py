"""Large objects of a storage behind HTTP go from its socket to the client's: whole, in order, or cut."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self, cast

import pytest
import uvloop
from structlog.testing import capture_logs

from backends.interface import Content
from gateway.s3.message import Response
from gateway.wire import pipes
from gateway.wire.limits import Limits
from gateway.wire.pipes import Pipe
from gateway.wire.sending import Out as Connection
from gateway.wire.sending import Sender
from tests.backends.webdav.servers import SERVERS, Running
from tests.live.client import Client
from tests.live.server import Live, running
from tests.server.running import until
from tests.upstreams.fronting import webdav_settings_of
from tests.wire.raw import Raw, connected, signed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="others have no splice")
MIB = 1024**2
LARGE = os.urandom(MIB) * 9 + b"end"
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def any_pipe_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever others on this machine have left of what a user may have."""
    monkeypatch.setattr(pipes, "_LEAST", 1)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Running]:
    with SERVERS["nginx"]() as server:
        yield server


@pytest.fixture(scope="module", params=LOOPS)
def live(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream: Running
) -> Iterator[Live]:
    storage = {**webdav_settings_of(upstream), "prefix": request.param}
    with running(
        tmp_path_factory.mktemp("splicing"),
        new_loop=LOOPS[request.param],
        durability="relaxed",
        storages={"far": storage},
    ) as server:
        server.client.make_bucket("bucket")
        assert server.client.put("bucket", "key", LARGE).status == 200
        assert server.client.put("bucket", "small", b"small").status == 200
        yield server


@pytest.fixture
def client(live: Live) -> Client:
    return live.client


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each splice has moved; each passes two."""
    counts: list[int] = []
    splice = os.splice

    def counted(source: int, target: int, count: int, *, flags: int) -> int:
        done = splice(source, target, count, flags=flags)
        counts.append(done)
        return done

    monkeypatch.setattr(os, "splice", counted)
    return counts


def test_the_kernel_moves_most_of_it(live: Live, client: Client, moved: list[int]) -> None:
    with connected(live.port) as raw:
        raw.send(signed(client, "GET", "/bucket/key"))
        assert raw.reply().body == LARGE
    assert sum(moved) > len(LARGE)
    assert sum(moved) % 2 == 0
    until(lambda: Pipe.count == 0)


def test_a_range_of_it(live: Live, client: Client, moved: list[int]) -> None:
    with connected(live.port) as raw:
        raw.send(signed(client, "GET", "/bucket/key", f"Range: bytes=12345-{7 * MIB}"))
        reply = raw.reply()
    assert (reply.status, reply.body) == (206, LARGE[12345 : 7 * MIB + 1])
    assert moved


def test_answers_keep_their_order(live: Live, client: Client, moved: list[int]) -> None:
    keys = ["small", "key", "small", "small", "key", "small"]
    with connected(live.port) as raw:
        raw.send(b"".join(signed(client, "GET", f"/bucket/{key}") for key in keys))
        bodies = [raw.reply().body for _ in keys]
    assert bodies == [LARGE if key == "key" else b"small" for key in keys]
    assert moved


def test_a_reader_that_comes_late_gets_all_of_it(live: Live, client: Client) -> None:
    with connected(live.port, buffer=16_384) as slow:
        slow.send(signed(client, "GET", "/bucket/key"))
        assert [client.get("bucket", "key").body == LARGE for _ in range(3)] == [True] * 3
        assert slow.reply().body == LARGE


def test_a_reader_that_takes_nothing_is_cut_off(tmp_path: Path, upstream: Running) -> None:
    storage = {**webdav_settings_of(upstream), "prefix": "stalling"}
    limits = Limits(reader_stall_s=0.3)
    with running(tmp_path, limits=limits, durability="relaxed", storages={"far": storage}) as live:
        client = live.client
        client.make_bucket("bucket")
        assert client.put("bucket", "key", LARGE).status == 200
        with connected(live.port, buffer=16_384) as slow:
            slow.send(signed(client, "GET", "/bucket/key"))
            until(lambda: Pipe.count == 1)
            while not live.events.get(timeout=20).aborted:
                pass
            assert len(slow.everything()) < len(LARGE)
    assert Pipe.count == 0


def test_a_client_that_leaves_in_the_middle_leaves_nothing(live: Live, client: Client) -> None:
    held = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with connected(live.port, buffer=16_384) as raw:
            raw.send(signed(client, "GET", "/bucket/key"))
            assert raw.socket.recv(1000)
    until(lambda: Pipe.count == 0)
    until(lambda: len(list(Path("/proc/self/fd").iterdir())) <= held + 2)
    assert client.get("bucket", "key").body == LARGE


@pytest.mark.parametrize("most", [0, 1])
def test_who_finds_no_pipe_gets_it_all_the_same(
    live: Live, client: Client, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(pipes, "MOST", most)
    get = signed(client, "GET", "/bucket/key")
    with ExitStack() as still_open:
        raws: list[Raw] = [still_open.enter_context(connected(live.port)) for _ in range(4)]
        for raw in raws:
            raw.send(get)
        assert [raw.reply().body == LARGE for raw in raws] == [True] * 4


def test_a_small_pipe_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its share a user gets pipes of two pages."""
    count = Pipe.count
    monkeypatch.setattr(pipes, "_LEAST", 1 << 40)
    held = len(list(Path("/proc/self/fd").iterdir()))
    assert Pipe.made() is None
    assert Pipe.count == count
    assert len(list(Path("/proc/self/fd").iterdir())) == held


def test_an_upstream_that_ends_cuts_the_answer(tmp_path: Path) -> None:
    with SERVERS["nginx"]() as server:
        storage = webdav_settings_of(server)
        with running(tmp_path, durability="relaxed", storages={"far": storage}) as live:
            client = live.client
            client.make_bucket("bucket")
            assert client.put("bucket", "key", LARGE * 4).status == 200
            with connected(live.port, buffer=16_384) as slow:
                slow.send(signed(client, "GET", "/bucket/key"))
                head = slow.socket.recv(1000)
                until(lambda: Pipe.count == 1)
                with capture_logs() as logged:
                    server.process.kill()
                    rest = slow.everything()
            assert head.startswith(b"HTTP/1.1 200")
            assert len(head) + len(rest) < 4 * len(LARGE)
            until(lambda: Pipe.count == 0)
            assert "an answer was cut short" in [line["event"] for line in logged]


async def test_nothing_waits_in_the_transport_when_bytes_go_around_it() -> None:
    told: list[str] = []

    class Out:
        """Tells what is asked of it; its bypass too."""

        is_secure = False

        def write(self, data: bytes) -> None:
            told.append("written")

        async def taken(self) -> None:
            """Some of it may still wait."""

        async def emptied(self) -> None:
            told.append("emptied")

        def bypass(self) -> Self:
            return self

        async def send_piped(self, pipe: int, count: int) -> None:
            room = bytearray(count)
            os.readv(pipe, [room])
            told.append(room.decode())

    class Body(Content):
        """Pieces, and bytes in the pipe between them."""

        first, length = 0, 200_000

        def chunks(self) -> AsyncIterator[bytes]:
            raise AssertionError

        def can_splice(self) -> bool:
            return True

        async def spliced(self, pipe: int) -> AsyncIterator[bytes | int]:
            yield b"read before"
            yield os.writev(pipe, [b"moved"])
            yield b"read again"
            yield os.writev(pipe, [b"to the end"])

        async def aclose(self) -> None:
            told.append("closed")

    out = cast("Connection", Out())
    response = Response(body=Body())
    await Sender("host").send(out, response, request_id="1", to_head=False, keep="")
    pieces = ["written", "written", "emptied", "moved", "written", "emptied", "to the end"]
    assert told == [*pieces, "closed"]

"""Large objects go from their file to the socket: whole, in order, or cut."""

import asyncio
import contextlib
import os
import socket
import threading
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.wire import connection, files
from tests.live.client import Client
from tests.live.server import Live
from tests.server.running import until
from tests.wire.raw import Raw, connected, signed

MIB = 1024**2
LARGE = os.urandom(MIB) * 9 + b"end"


@pytest.fixture
def sent_by_the_kernel(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    counts: list[int] = []
    sendfile = os.sendfile

    def counted(out: int, file: int, offset: int, count: int) -> int:
        sent = sendfile(out, file, offset, count)
        counts.append(sent)
        return sent

    monkeypatch.setattr(os, "sendfile", counted)
    return counts


def test_the_kernel_sends_all_of_it(
    client: Client, bucket: str, raw: Raw, sent_by_the_kernel: list[int]
) -> None:
    client.put(bucket, "key", LARGE)
    get = signed(client, "GET", f"/{bucket}/key")
    raw.send(get)
    assert raw.reply().body == LARGE
    assert sum(sent_by_the_kernel) == len(LARGE)


def test_a_range_of_it(
    client: Client, bucket: str, raw: Raw, sent_by_the_kernel: list[int]
) -> None:
    client.put(bucket, "key", LARGE)
    raw.send(signed(client, "GET", f"/{bucket}/key", f"Range: bytes=12345-{7 * MIB}"))
    assert raw.reply().body == LARGE[12345 : 7 * MIB + 1]
    assert sum(sent_by_the_kernel) == 7 * MIB + 1 - 12345


def test_answers_keep_their_order_though_some_go_around_the_transport(
    client: Client, bucket: str, raw: Raw
) -> None:
    client.put(bucket, "large", LARGE)
    client.put(bucket, "small", b"small")
    keys = ["small", "large", "small", "small", "large", "small"]
    raw.send(b"".join(signed(client, "GET", f"/{bucket}/{key}") for key in keys))
    bodies = [raw.reply().body for _ in keys]
    assert bodies == [LARGE if key == "large" else b"small" for key in keys]


def test_a_reader_that_comes_late_gets_all_of_it(live: Live, client: Client, bucket: str) -> None:
    client.put(bucket, "key", LARGE)
    with connected(live.port, buffer=16_384) as slow:
        slow.send(signed(client, "GET", f"/{bucket}/key"))
        others = [client.get(bucket, "key").body == LARGE for _ in range(3)]
        assert others == [True] * 3
        assert slow.reply().body == LARGE


def test_a_file_that_becomes_shorter_is_cut_and_never_looks_whole(
    live: Live, client: Client, bucket: str
) -> None:
    client.put(bucket, "key", LARGE * 4)
    path = live.root / bucket / "key"
    with connected(live.port, buffer=16_384) as slow:
        slow.send(signed(client, "GET", f"/{bucket}/key"))
        head = slow.socket.recv(1000)
        with capture_logs() as logged:
            os.truncate(path, MIB)
            rest = slow.everything()
    assert head.startswith(b"HTTP/1.1 200")
    assert len(head) + len(rest) < 4 * len(LARGE)
    assert "an answer was cut short" in [line["event"] for line in logged]


def test_a_client_that_leaves_in_the_middle_leaves_no_descriptor(
    live: Live, client: Client, bucket: str
) -> None:
    client.put(bucket, "key", LARGE * 4)
    for _ in range(5):
        with connected(live.port, buffer=16_384) as raw:
            raw.send(signed(client, "GET", f"/{bucket}/key"))
            assert raw.socket.recv(1000)
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        while True:
            event = live.events.get(timeout=20)
            if (event.operation, event.bucket) == ("GetObject", bucket):
                break
        assert event.aborted
    held = [str(one.readlink()) for one in Path("/proc/self/fd").iterdir() if one.exists()]
    assert not [one for one in held if one.endswith(f"{bucket}/key")]


def test_what_is_not_in_memory_is_sent_beside_the_loop(
    client: Client, bucket: str, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.put(bucket, "key", LARGE)
    threads: set[str] = set()
    sendfile = os.sendfile

    def noted(out: int, file: int, offset: int, count: int) -> int:
        threads.add(threading.current_thread().name)
        return sendfile(out, file, offset, count)

    monkeypatch.setattr(files, "_is_in_memory", lambda *_: False)
    monkeypatch.setattr(os, "sendfile", noted)
    raw.send(signed(client, "GET", f"/{bucket}/key"))
    assert raw.reply().body == LARGE
    assert threads
    assert "live-server" not in threads


def test_a_connection_has_one_way_around_its_transport(
    live: Live, client: Client, bucket: str, raw: Raw
) -> None:
    client.put(bucket, "key", LARGE)
    get = signed(client, "GET", f"/{bucket}/key")
    raw.send(get)
    assert raw.reply().body == LARGE
    held = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        raw.send(get)
        assert raw.reply().body == LARGE
    assert len(list(Path("/proc/self/fd").iterdir())) == held
    with connected(live.port) as other:
        other.send(get)
        assert other.reply().body == LARGE


def test_not_all_connections_keep_theirs(
    client: Client, bucket: str, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.put(bucket, "key", LARGE)
    until(lambda: files.Bypass.count == 0)
    monkeypatch.setattr(connection, "MOST_KEPT", 2)
    get = signed(client, "GET", f"/{bucket}/key")
    with contextlib.ExitStack() as still_open:
        raws = [still_open.enter_context(connected(live.port)) for _ in range(5)]
        for raw in raws:
            raw.send(get)
            assert raw.reply().body == LARGE
        until(lambda: files.Bypass.count == 2)
        for raw in raws:
            raw.send(get)
            assert raw.reply().body == LARGE
    until(lambda: files.Bypass.count == 0)


async def test_a_thread_that_sends_keeps_the_descriptors_though_nobody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closed under it, their numbers would be those of other files."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    path = tmp_path / "file"
    path.write_bytes(LARGE)
    begun, go_on = threading.Event(), threading.Event()

    def held(*_: int) -> int:
        begun.set()
        go_on.wait(20)
        return 5

    monkeypatch.setattr(files, "_is_in_memory", lambda *_: False)
    monkeypatch.setattr(os, "sendfile", held)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
    way = Standing(transport)
    bypass = files.Bypass(way)
    number = bypass._number
    with path.open("rb") as file:
        sending = loop.create_task(bypass.send_file(b"", file.fileno(), Whole()))
        await asyncio.to_thread(begun.wait, 20)
        sending.cancel()
        bypass.close()
        for _ in range(10):
            await asyncio.sleep(0)
        assert not sending.done()
        assert os.fstat(number)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await sending
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
    transport.close()
    theirs.close()


class Whole:
    """All of a file."""

    first = 0
    length = len(LARGE)

    def check(self) -> None:
        """It is as it was."""


class Standing:
    """A connection that stands."""

    is_lost = False

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    async def wait(self) -> None:
        raise AssertionError

    def wake(self) -> None:
        raise AssertionError

    def blocked(self, *, is_so: bool) -> None:
        raise AssertionError

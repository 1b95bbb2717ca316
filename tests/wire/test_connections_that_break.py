"""Clients that stall, leave or are cut off; a server that stops."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop
from structlog.testing import capture_logs

from backends.errors import Damaged
from backends.local.at_once import AtOnce
from backends.local.reading import LocalContent
from gateway.wire.limits import Limits
from tests.live.client import Client
from tests.live.framed import SIGNED, UNSIGNED_TRAILER, framed, pieces_of
from tests.live.server import Live, running
from tests.wire.raw import connected, head, signed

BODY = bytes(range(256)) * 2000


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _settled(live: Live, probe: Callable[[], bool]) -> None:
    """Let the server's loop turn until ``probe`` holds; it fails after many turns."""

    async def turn() -> None:
        for _ in range(2000):
            if probe():
                return
            await asyncio.sleep(0.005)
        raise AssertionError("it never settled")

    asyncio.run_coroutine_threadsafe(turn(), live.loop).result(20)


@pytest.mark.parametrize("sent", [0, 1, 1000, 65_536, 300_000, len(BODY) - 1])
def test_a_plain_body_that_is_cut_off_is_no_object(
    live: Live, client: Client, bucket: str, sent: int
) -> None:
    client.put(bucket, "key", b"old")
    path = f"/{bucket}/key"
    with connected(live.port) as raw:
        raw.send(signed(client, "PUT", path, f"Content-Length: {len(BODY)}") + BODY[:sent])
        raw.socket.shutdown(socket.SHUT_WR)
        raw.everything()
    _settled(live, lambda: live.staged() == [])
    assert client.get(bucket, "key").body == b"old"
    assert live.files(bucket) == ["key"]


@pytest.mark.parametrize("kind", [SIGNED, UNSIGNED_TRAILER])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.7, 0.999])
def test_a_framed_body_that_is_cut_off_is_no_object(
    live: Live, client: Client, bucket: str, kind: str, part: float
) -> None:
    client.put(bucket, "key", b"old")
    sent = framed(client, bucket, "key", pieces_of(BODY), kind=kind)
    length = f"Content-Length: {len(sent.body)}"
    with connected(live.port) as raw:
        raw.send(head("PUT", sent.target, sent.headers, length))
        raw.send(sent.body[: int(len(sent.body) * part)])
    _settled(live, lambda: live.staged() == [])
    assert client.get(bucket, "key").body == b"old"
    assert live.files(bucket) == ["key"]


def test_a_body_that_is_cut_off_is_no_failure_of_ours(
    live: Live, client: Client, bucket: str
) -> None:
    with connected(live.port) as raw:
        raw.send(signed(client, "PUT", f"/{bucket}/key", "Content-Length: 1000") + b"half")
    while True:
        event = live.events.get(timeout=10)
        if (event.operation, event.bucket) == ("PutObject", bucket):
            break
    assert (event.status, event.error_code, event.bytes_in) == (400, "IncompleteBody", 4)


def test_a_part_that_is_cut_off_can_be_sent_again(live: Live, client: Client, bucket: str) -> None:
    upload = client.start_upload(bucket, "big")
    query = f"partNumber=1&uploadId={upload}"
    with connected(live.port) as raw:
        raw.send(signed(client, "PUT", f"/{bucket}/big", "Content-Length: 1000", query=query))
        raw.send(b"x" * 500)
    _settled(live, lambda: live.events.qsize() > 0)
    etag = client.put_part(bucket, "big", upload, 1, b"whole").headers["etag"]
    assert client.complete(bucket, "big", upload, [(1, etag)]).status == 200
    assert client.get(bucket, "big").body == b"whole"
    _settled(live, lambda: live.staged(upload) == [])


def test_a_body_that_stalls_is_given_up(live: Live, client: Client, bucket: str) -> None:
    with connected(live.port) as raw:
        raw.send(signed(client, "PUT", f"/{bucket}/key", "Content-Length: 10") + b"12345")
        reply = raw.reply()
        assert (reply.status, reply.code) == (400, "RequestTimeout")
        assert reply.header("connection") == "close"
        assert raw.is_closed()
    assert live.files(bucket) == []
    assert live.staged() == []


def test_clients_that_leave_while_they_send_leak_nothing(
    live: Live, client: Client, bucket: str
) -> None:
    client.put(bucket, "warm", b"x")
    before = _descriptors()
    for _ in range(10):
        with connected(live.port) as raw:
            raw.send(signed(client, "PUT", f"/{bucket}/key", "Content-Length: 900000"))
            raw.send(BODY)
    _settled(live, lambda: live.staged() == [] and _descriptors() <= before)
    assert live.files(bucket) == ["warm"]


def test_clients_that_leave_while_they_receive_leak_nothing(
    live: Live, client: Client, bucket: str
) -> None:
    client.put(bucket, "key", b"x" * 20_000_000)
    before = _descriptors()
    for _ in range(10):
        with connected(live.port) as raw:
            raw.send(signed(client, "GET", f"/{bucket}/key"))
            assert raw.socket.recv(1000)
            # A reset: nothing of what is on its way is waited for.
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    _settled(live, lambda: _descriptors() <= before)
    while True:
        event = live.events.get(timeout=10)
        if (event.operation, event.bucket) == ("GetObject", bucket):
            break
    assert event.aborted


def test_bytes_that_cannot_be_read_are_an_error_and_not_a_short_object(
    live: Live, client: Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.put(bucket, "small", b"x" * 1000)
    client.put(bucket, "large", b"x" * 1_000_000)
    check = LocalContent.check

    def broken(_: LocalContent) -> None:
        raise Damaged("rewritten while it was read")

    monkeypatch.setattr(LocalContent, "check", broken)
    # As if it were not in memory.
    monkeypatch.setattr(AtOnce, "read", lambda *_, **__: None)
    with capture_logs() as logged:
        answer = client.get(bucket, "small")
    assert (answer.status, answer.code) == (500, "InternalError")
    request_id = answer.headers["x-amz-request-id"]
    assert answer.text("RequestId") == request_id
    event = live.event(request_id)
    assert (event.operation, event.status, event.error_code) == ("GetObject", 500, "InternalError")
    assert [line["request_id"] for line in logged] == [request_id]
    with connected(live.port) as raw, capture_logs():
        raw.send(signed(client, "GET", f"/{bucket}/large"))
        received = raw.everything()
    assert received.startswith(b"HTTP/1.1 200")
    assert len(received) < 1_000_000
    monkeypatch.setattr(LocalContent, "check", check)
    assert client.get(bucket, "large").status == 200


def test_stopping_finishes_what_is_in_flight_and_takes_nothing_new(tmp_path: Path) -> None:
    with running(tmp_path / "root", limits=Limits(), durability="relaxed") as live:
        client = live.client
        client.make_bucket("bucket")
        with connected(live.port) as idle, connected(live.port) as busy:
            idle.send(signed(client, "GET", "/bucket/none"))
            assert idle.reply().status == 404
            busy.send(
                signed(client, "PUT", "/bucket/key", "Content-Length: 10", "Expect: 100-continue")
            )
            assert busy.reply().status == 100
            stopped = threading.Event()

            async def drain() -> None:
                await live.listener.drain(10.0)
                stopped.set()

            asyncio.run_coroutine_threadsafe(drain(), live.loop)
            assert idle.is_closed()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", live.port), timeout=5)
            assert not stopped.is_set()
            busy.send(b"0123456789")
            reply = busy.reply()
            assert (reply.status, reply.header("connection")) == (200, "close")
            assert busy.is_closed()
            assert stopped.wait(10)
        assert (tmp_path / "root" / "bucket" / "key").read_bytes() == b"0123456789"


def test_stopping_waits_no_longer_than_it_may(tmp_path: Path) -> None:
    with contextlib.ExitStack() as open_still:
        with running(tmp_path / "root", limits=Limits(), drain_s=0.2, durability="relaxed") as live:
            live.client.make_bucket("bucket")
            raw = open_still.enter_context(connected(live.port))
            put = ("Content-Length: 10", "Expect: 100-continue")
            raw.send(signed(live.client, "PUT", "/bucket/key", *put))
            assert raw.reply().status == 100
            raw.send(b"half")
        assert raw.is_closed()
    assert list((tmp_path / "root" / "bucket").iterdir()) == []
    assert list((tmp_path / "root" / ".s3front" / "staged").iterdir()) == []


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_who_asked_before_the_stop_is_answered_though_nobody_had_looked(
    tmp_path: Path, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    with (
        running(tmp_path / "root", durability="relaxed", new_loop=new_loop) as live,
        contextlib.ExitStack() as still_open,
    ):
        live.client.make_bucket("bucket")
        kept = still_open.enter_context(connected(live.port))
        kept.send(signed(live.client, "GET", "/bucket/none"))
        assert kept.reply().status == 404
        held, free = threading.Event(), threading.Event()

        def hold() -> None:
            held.set()
            free.wait(20)

        live.loop.call_soon_threadsafe(hold)
        assert held.wait(20)
        asking = [kept, *(still_open.enter_context(connected(live.port)) for _ in range(50))]
        for raw in asking:
            raw.send(signed(live.client, "GET", "/bucket/none"))
        asyncio.run_coroutine_threadsafe(live.listener.drain(10.0), live.loop)
        free.set()
        for raw in asking:
            reply = raw.reply()
            assert reply.status == 404
            # What came on the kept one may have been read before the stop was ordered.
            assert raw is kept or reply.header("connection") == "close"
            assert raw.is_closed()

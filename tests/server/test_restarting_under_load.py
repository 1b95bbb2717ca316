"""Clients write and read all the time while all workers are replaced again and again."""

import contextlib
import hashlib
import http.client
import signal
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sigv4.payload import UNSIGNED_PAYLOAD
from tests.live.client import ACCESS_KEY, SECRET_KEY, Client
from tests.server.running import Running, running, until
from tests.wire.raw import connected, signed

pytestmark = pytest.mark.timeout(900)
KEYS = {"S3FRONT_ROOT_ACCESS_KEY": ACCESS_KEY, "S3FRONT_ROOT_SECRET_KEY": SECRET_KEY}
CLIENTS = 4
REAL = "gateway.server.build:build"


@dataclass(slots=True)
class Load:
    """One client on a connection that it keeps. It asks again only what was left without a single
    byte of an answer on a connection that had been used before, as every SDK does."""

    client: Client
    name: str
    stop: threading.Event
    written: list[str] = field(default_factory=list)
    again: int = 0
    problems: list[str] = field(default_factory=list)
    _connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        try:
            # Many requests are no better a proof than some, and other tests want the processor too.
            while not self.stop.wait(0.005) and not self.problems:
                key = f"{self.name}-{len(self.written)}"
                body = hashlib.sha256(key.encode()).digest() * 100
                self._expect("PUT", key, body, b"")
                self.written.append(key)
                self._expect("GET", key, b"", body)
        except (OSError, http.client.HTTPException) as error:
            self.problems.append(f"{type(error).__name__}: {error}")
        finally:
            if self._connection is not None:
                self._connection.close()

    def _expect(self, method: str, key: str, body: bytes, answer: bytes) -> None:
        path = f"/bucket/{key}"
        headers = self.client.headers(method, path, payload_hash=UNSIGNED_PAYLOAD)
        fresh = self._connection is None
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.client.port, timeout=30)
        try:
            self._connection.request(method, path, body=body, headers=headers)
            response = self._connection.getresponse()
        except (ConnectionError, http.client.RemoteDisconnected):
            self._connection.close()
            self._connection = None
            if fresh:
                raise
            self.again += 1
            self._expect(method, key, body, answer)
            return
        received = response.read()
        if response.status != 200 or received != answer:
            self.problems.append(f"{method} {key}: {response.status} {received[:300]!r}")
        if response.will_close:
            self._connection.close()
            self._connection = None


def all_keys(client: Client) -> list[str]:
    keys: list[str] = []
    while page := client.keys("bucket", f"list-type=2&start-after={keys[-1] if keys else ''}"):
        keys += page
    return keys


def restarted(server: Running, loads: list[Load], times: int) -> None:
    """Restart so many times, each after all clients have got somewhere."""
    for _ in range(times):
        marks = [len(load.written) for load in loads]
        until(
            lambda: all(
                load.problems or len(load.written) > mark + 5
                for load, mark in zip(loads, marks, strict=True)  # noqa: B023 - called at once
            ),
            seconds=200,
        )
        server.restart_workers()


@pytest.mark.parametrize(("workers", "times"), [(1, 5), (2, 3)])
def test_no_request_that_was_accepted_is_lost(tmp_path: Path, workers: int, times: int) -> None:
    flags = {"workers": workers, "durability": "relaxed", "factory": REAL}
    with running(tmp_path / "data", variables=KEYS, **flags) as server:
        client = Client(port=server.port)
        client.make_bucket("bucket")
        stop = threading.Event()
        loads = [Load(client, f"client-{number}", stop) for number in range(CLIENTS)]
        threads = [threading.Thread(target=load.run) for load in loads]
        for thread in threads:
            thread.start()
        try:
            restarted(server, loads, times)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert [load.problems for load in loads] == [[]] * CLIENTS
        written = [key for load in loads for key in load.written]
        assert sorted(written) == all_keys(client)
        assert server.stop() == 0
        # What was asked again had never begun to be answered: each key was written once.
        requests = server.events("request")
        puts = Counter(line["path"] for line in requests if line["operation"] == "PutObject")
        assert puts == dict.fromkeys((f"/bucket/{key}" for key in written), 1)
        assert [line for line in requests if line["status"] >= 500 or line.get("aborted")] == []


def test_an_upload_and_a_download_outlive_the_worker_that_was_replaced(tmp_path: Path) -> None:
    with running(tmp_path / "data", variables=KEYS, durability="relaxed", factory=REAL) as server:
        client = Client(port=server.port)
        client.make_bucket("bucket")
        size = 20_000_000
        client.put("bucket", "large", b"x" * size)
        before = server.workers()
        with contextlib.ExitStack() as stack:
            up = stack.enter_context(connected(server.port))
            down = stack.enter_context(connected(server.port, buffer=16_384))
            up.send(signed(client, "PUT", "/bucket/key", "Content-Length: 10") + b"01234")
            down.send(signed(client, "GET", "/bucket/large"))
            assert down.socket.recv(1000)
            marks = len(server.events("restarting workers"))
            server.process.send_signal(signal.SIGUSR2)
            until(lambda: len(server.events("restarting workers")) > marks)
            until(lambda: len(server.workers()) == 2)
            up.send(b"56789")
            reply = up.reply()
            assert (reply.status, len(down.everything()) > size - 1000) == (200, True)
        until(lambda: server.events("workers restarted") != [], seconds=60)
        assert not set(before) & set(server.workers())
        assert client.get("bucket", "key").body == b"0123456789"

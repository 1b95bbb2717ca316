"""Many clients that are slow in every way, held open by one thread of the tests."""

import contextlib
import socket
import threading
from collections.abc import Iterator

from tests.live.client import Client
from tests.wire.raw import signed

ADDRESSES = 20
KINDS = ("head", "body", "reader", "idle")


class SlowClients:
    """``count`` connections from many addresses of this machine: heads that never end, bodies that
    dribble, readers that take a byte now and then, connections that ask nothing."""

    def __init__(self, client: Client, count: int) -> None:
        self._client = client
        self._count = count
        self._sockets: list[tuple[str, socket.socket]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._dribble, name="slow-clients")

    def open(self) -> None:
        """Connect all of them and let each begin."""
        heads = {
            "head": f"GET /bucket/key HTTP/1.1\r\nHost: {self._client.host}\r\nx-slow: ".encode(),
            "body": signed(self._client, "PUT", "/bucket/slow", "Content-Length: 1000000") + b"x",
            "reader": signed(self._client, "GET", "/bucket/large"),
            "idle": b"",
        }
        for number in range(self._count):
            kind = KINDS[number % len(KINDS)]
            sock = socket.socket()
            self._sockets.append((kind, sock))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.bind((f"127.0.0.{2 + number % ADDRESSES}", 0))
            sock.connect(("127.0.0.1", self._client.port))
            sock.sendall(heads[kind])
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        for _, sock in self._sockets:
            sock.close()

    def _dribble(self) -> None:
        while not self._stop.wait(0.2):
            for kind, sock in self._sockets:
                with contextlib.suppress(OSError):
                    if kind in {"head", "body"}:
                        sock.send(b"x", socket.MSG_DONTWAIT)
                    elif kind == "reader":
                        sock.recv(1, socket.MSG_DONTWAIT)


@contextlib.contextmanager
def slow_clients(client: Client, count: int) -> Iterator[SlowClients]:
    slow = SlowClients(client, count)
    try:
        slow.open()
        yield slow
    finally:
        slow.close()

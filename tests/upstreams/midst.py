"""What is on its way through the gateway at the very moment when its upstream ends: a reading, a body and a part,
each half done."""

import hashlib
import http.client
import socket
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from random import Random

from tests.live.client import Answer, Client
from tests.wire.raw import signed

MIB = 1024**2
LARGE = "large"
_READ = 24 * MIB
_WRITTEN = 3 * MIB
_PART = 5 * MIB
_BUFFER = 64 * 1024
_WAIT_S = 60.0
_TRIES = 20


def put_large(client: Client) -> None:
    """What is read in the midst: more than all that is on the way has room for."""
    assert client.put("shared", LARGE, _data(LARGE, _READ)).status == 200


class Midst:
    """Of one end of the upstream."""

    def __init__(self, client: Client, number: int) -> None:
        self._wrong: list[str] = []
        self._client = client
        self._key = f"midst-{number}"
        self._parts = f"midst-parts-{number}"
        self._upload = client.start_upload("shared", self._parts)
        self._reading = _Asked(client, "GET", f"/shared/{LARGE}")
        self._reading.begin()
        self._body = _data(self._key, _WRITTEN)
        self._writing = _Asked(client, "PUT", f"/shared/{self._key}", body=self._body)
        self._part = _data(self._parts, _PART)
        self._sending = _Asked(
            client,
            "PUT",
            f"/shared/{self._parts}",
            f"partNumber=1&uploadId={self._upload}",
            body=self._part,
        )
        self._threads = ThreadPoolExecutor(3)
        self._going_on: list[Future[tuple[int, bytes]]] = []

    def go_on(self) -> None:
        """The upstream has ended: the rest is sent. Returns when body and part have been answered."""
        self._going_on = [
            self._threads.submit(one.finish)
            for one in (self._reading, self._writing, self._sending)
        ]
        for sent in self._going_on[1:]:
            sent.result(_WAIT_S)

    def judged(self) -> list[str]:
        """In words, what should not be: the upstream is there again, and what was told was not true."""
        read, written, sent = (one.result(_WAIT_S) for one in self._going_on)
        self._threads.shutdown()
        if read[1] and read[1] != _data(LARGE, _READ):
            self._wrong.append("a reading has other bytes")
        self._judge_writing(written[0])
        self._judge_part(sent[0])
        return self._wrong

    def _judge_writing(self, status: int) -> None:
        answer = _patiently(lambda: self._client.get("shared", self._key))
        if status not in {200, 503}:
            self._wrong.append(f"a body was answered {status}")
        elif status == 200 and answer.body != self._body:
            self._wrong.append(f"a body was acknowledged and is not there: {answer.status}")
        elif answer.status == 200 and answer.body != self._body:
            self._wrong.append("a body is torn")

    def _judge_part(self, status: int) -> None:
        client, key, upload = self._client, self._parts, self._upload
        if status == 503:
            again = _patiently(lambda: client.put_part("shared", key, upload, 1, self._part))
            status = again.status
        if status != 200:
            self._wrong.append(f"a part was answered {status}")
            return
        etag = f'"{hashlib.md5(self._part).hexdigest()}"'
        completed = _patiently(lambda: client.complete("shared", key, upload, [(1, etag)]))
        if completed.status != 200:
            self._wrong.append(f"an acknowledged part is not there: {completed.code}")
        elif _patiently(lambda: client.get("shared", key)).body != self._part:
            self._wrong.append("an acknowledged part has other bytes")


class _Asked:
    """One request on a connection of its own; half of its body is sent."""

    def __init__(
        self, client: Client, method: str, path: str, query: str = "", *, body: bytes = b""
    ) -> None:
        self._socket = socket.create_connection(("127.0.0.1", client.port), timeout=_WAIT_S)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        length = [f"Content-Length: {len(body)}"] if body else []
        self._socket.sendall(signed(client, method, path, *length, query=query))
        self._socket.sendall(body[: len(body) // 2])
        self._rest = body[len(body) // 2 :]
        self._answer = http.client.HTTPResponse(self._socket, method=method)
        self._read = b""

    def begin(self) -> None:
        """Read the first bytes of the answer."""
        self._answer.begin()
        assert self._answer.status == 200
        self._read = self._answer.read(_BUFFER)

    def finish(self) -> tuple[int, bytes]:
        """Status and body of the answer; no body if it was cut off."""
        with closing(self._socket):
            with suppress(ConnectionError):  # it may be answered before
                self._socket.sendall(self._rest)
            if not self._read:
                self._answer.begin()
            try:
                return self._answer.status, self._read + self._answer.read()
            except (http.client.IncompleteRead, ConnectionError):
                return self._answer.status, b""


def _patiently(ask: Callable[[], Answer]) -> Answer:
    """The first answer that is no 503: connections that were kept are found dead one by one."""
    answer = ask()
    for _ in range(_TRIES):
        if answer.status != 503:
            break
        answer = ask()
    return answer


def _data(seed: str, size: int) -> bytes:
    return Random(seed).randbytes(size)

"""A raw connection: what is sent is exactly what is written here."""

import contextlib
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.live.client import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer as it came. ``headers``: lower-case names, values in the order they came."""

    version: str
    status: int
    headers: Mapping[str, list[str]]
    body: bytes = field(repr=False)

    @property
    def closes(self) -> bool:
        """It is the last one of its connection."""
        return self.version == "HTTP/1.0" or self.headers.get("connection") == ["close"]

    def header(self, name: str) -> str:
        (value,) = self.headers[name]
        return value

    @property
    def code(self) -> str:
        """The S3 error code, "" if there is none."""
        return self.body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode()


class Raw:
    """One connection. Answers are read one behind the other."""

    def __init__(self, where: int | Path | socket.socket) -> None:
        """``where``: a port, a socket in the file system, or a connection."""
        if isinstance(where, socket.socket):
            self.socket = where
        elif isinstance(where, Path):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(20)
            self.socket.connect(str(where))
        else:
            self.socket = socket.create_connection(("127.0.0.1", where), timeout=20)
        self._unread = b""

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_or_be_closed(self, data: bytes) -> None:
        """Send as much of it as is taken: what is refused need not be read whole."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)

    def reply(self, *, method: str = "GET") -> Reply:
        """The next answer, an interim one too. ConnectionError if the server closes before it."""
        head = self._until(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers: dict[str, list[str]] = {}
        for line in filter(None, lines):
            name, _, value = line.partition(":")
            headers.setdefault(name.lower(), []).append(value.strip())
        version, status = first.split(" ")[0], int(first.split(" ")[1])
        body = b""
        if method != "HEAD" and status >= 200 and status not in {204, 304}:
            body = self._exactly(int(headers["content-length"][0]))
        return Reply(version=version, status=status, headers=headers, body=body)

    def is_closed(self) -> bool:
        """Wait for more: whether the server has closed instead. Asserts that nothing else came."""
        try:
            data = self._unread or self.socket.recv(65536)
        except ConnectionResetError:
            return True
        assert data == b"", data
        return True

    def everything(self) -> bytes:
        """All that comes until the server closes."""
        with contextlib.suppress(ConnectionResetError):
            while data := self.socket.recv(65536):
                self._unread += data
        data, self._unread = self._unread, b""
        return data

    def _until(self, end: bytes) -> bytes:
        while end not in self._unread:
            self._more()
        found, _, self._unread = self._unread.partition(end)
        return found

    def _exactly(self, count: int) -> bytes:
        while len(self._unread) < count:
            self._more()
        found, self._unread = self._unread[:count], self._unread[count:]
        return found

    def _more(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError(f"the server closed after {self._unread!r}")
        self._unread += data


def _connection(port: int, source: str, buffer: int) -> socket.socket:
    connection = socket.socket()
    connection.settimeout(20)
    if buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.bind((source, 0))
    connection.connect(("127.0.0.1", port))
    return connection


@contextlib.contextmanager
def connected(where: int | Path, *, source: str = "127.0.0.1", buffer: int = 0) -> Iterator[Raw]:
    """``source``: the client's address; ``buffer``: bytes its kernel holds for it, if bounded."""
    raw = Raw(where if isinstance(where, Path) else _connection(where, source, buffer))
    try:
        yield raw
    finally:
        raw.close()


def head(method: str, target: str, headers: Mapping[str, str], *more: str) -> bytes:
    """A request's head. ``more``: further header lines."""
    lines = [
        f"{method} {target} HTTP/1.1",
        *(f"{name}: {headers[name]}" for name in headers),
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def signed(
    client: Client,
    method: str,
    path: str,
    *more: str,
    query: str = "",
    payload_hash: str = "UNSIGNED-PAYLOAD",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """The head of a signed request. ``more``: header lines that are not signed."""
    whole = client.headers(method, path, query, headers=headers, payload_hash=payload_hash)
    return head(method, f"{path}?{query}" if query else path, whole, *more)

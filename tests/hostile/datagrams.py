"""A socket that a program logs to."""

import contextlib
import socket
from pathlib import Path
from types import TracebackType
from typing import Self


class Datagrams:
    """Gathers the lines; they wait in the socket until they are read."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self._lines: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def read(self) -> list[str]:
        """All lines so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._lines += self._socket.recv(65536).decode("utf-8", "replace").splitlines()
        return list(self._lines)

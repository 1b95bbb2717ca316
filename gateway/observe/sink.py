"""Where log lines go, without ever blocking who logs."""

import os
import select
import threading
from collections import deque

_ATOMIC = 4096
"""PIPE_BUF on Linux: a write of at most so many bytes to a pipe is not mixed with those of others
(POSIX write). Workers share one standard error."""
_GATHER_S = 0.02


class Sink:
    """A bounded buffer of lines and a thread that writes them to a descriptor.

    ``put`` may be called from any thread and never blocks. When the reader of the descriptor is
    slower than what is logged, lines beyond ``bound`` are dropped; ``dropped`` counts them and a
    line says so once there is room again.
    """

    def __init__(self, descriptor: int, *, bound: int = 20_000) -> None:
        self._descriptor = descriptor
        self._bound = bound
        self._lines: deque[str] = deque()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._told = 0
        self.dropped = 0
        self.terminal = os.isatty(descriptor)
        self._thread = threading.Thread(target=self._run, name="s3front-log", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Queue one line; it ends in a line feed and holds no other."""
        if len(self._lines) >= self._bound:
            self.dropped += 1
            return
        self._lines.append(line)
        if not self._wake.is_set():
            self._wake.set()

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what is queued, for at most that long; later lines are lost. Idempotent."""
        self._closing.set()
        self._wake.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            closing = self._closing.wait(_GATHER_S)
            self._wake.clear()
            while self._lines:
                self._write(self._batch())
            self._tell_drops()
            if closing and not self._lines:
                return

    def _batch(self) -> bytes:
        """Whole lines of at most ``_ATOMIC`` bytes together; a longer line goes alone."""
        parts: list[bytes] = []
        size = 0
        while self._lines:
            line = self._lines[0].encode("utf-8", "backslashreplace")
            if parts and size + len(line) > _ATOMIC:
                break
            self._lines.popleft()
            parts.append(line)
            size += len(line)
        return b"".join(parts)

    def _tell_drops(self) -> None:
        dropped = self.dropped
        if dropped > self._told:
            lost = dropped - self._told
            self._told = dropped
            self._write(
                f'{{"level":"warning","event":"log lines dropped","lines":{lost}}}\n'.encode()
            )

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                # The descriptor was made non-blocking by someone who shares it.
                select.select([], [self._descriptor], [], 1.0)
            except OSError:
                self.dropped += 1
                self._told += 1  # nobody is there to be told
                return

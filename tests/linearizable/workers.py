"""A server of two worker processes, with the real application or a broken one."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from gateway.server.start import FACTORY
from tests.live.client import ACCESS_KEY, SECRET_KEY, Client
from tests.server.running import Running, gone, until

WORKERS = 2
STALE = "tests.linearizable.stale_cache:build"
"""The application with a cache of a process's own before its catalog."""


class Workers:
    """The running server. Each request of ``client`` is a connection, so either worker gets it."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self.folder = running.folder
        self.client = Client(port=urlsplit(running.endpoint).port or 0)

    @property
    def log(self) -> str:
        return self._running.log

    def stop(self) -> None:
        """End all processes; they must end well."""
        assert self._running.stop() == 0, self.log[-4000:]

    def pids(self) -> list[int]:
        return self._running.workers()

    def kill_one(self, number: int) -> None:
        """``kill -9`` of a worker, and wait until another one serves in its place."""
        before = self.pids()
        victim = before[number % len(before)]
        ready = self.log.count("worker ready")
        os.kill(victim, signal.SIGKILL)
        until(lambda: gone(victim) and len(self.pids()) == WORKERS, seconds=40)
        until(lambda: self.log.count("worker ready") > ready, seconds=40)


@contextlib.contextmanager
def workers(
    folder: Path, *, durability: str = "relaxed", factory: str = FACTORY, **flags: object
) -> Iterator[Workers]:
    """Two workers on ``folder`` while the context lasts; they must end well. ``flags``: further
    settings, or the ``file`` that has them."""
    keys = {"S3FRONT_ROOT_ACCESS_KEY": ACCESS_KEY, "S3FRONT_ROOT_SECRET_KEY": SECRET_KEY}
    server = Running(
        folder,
        variables=keys,
        factory=factory,
        workers=WORKERS,
        durability=durability,
        log_level="debug",
        **flags,
    )
    try:
        assert server.endpoint, server.log
        assert len(server.workers()) == WORKERS
        yield Workers(server)
        assert server.stop() == 0, server.log[-4000:]
        assert "Traceback" not in server.log, server.log[-4000:]
    finally:
        server.close()

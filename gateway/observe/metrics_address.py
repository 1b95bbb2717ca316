"""The metrics of all workers on an address of their own. Runs in the parent."""

import shutil
import tempfile
from pathlib import Path
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder to workers; to be set in their environment."""


class MetricsAddress:
    """A private folder of counters and an HTTP server that adds them up."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="s3front-metrics-"))
        self._server: WSGIServer | None = None
        self._thread: Thread | None = None

    def start(self, host: str, port: int) -> int:
        """Serve; returns the port. OSError if the address cannot be had."""
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(self.folder))  # type: ignore[no-untyped-call]  # the library leaves it untyped
        self._server, self._thread = start_http_server(port, host or "0.0.0.0", registry)  # noqa: S104 - asked for
        return self._server.server_port

    def worker_died(self, number: int) -> None:
        """What was in flight in a dead worker is not any more."""
        mark_process_dead(number, str(self.folder))  # type: ignore[no-untyped-call]  # the library leaves it untyped

    def close(self) -> None:
        """Stop serving, remove the folder."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        if self._thread is not None:
            self._thread.join()
        shutil.rmtree(self.folder, ignore_errors=True)

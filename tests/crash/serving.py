"""The real command in processes of its own, to be killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tests.live.client import ACCESS_KEY, SECRET_KEY, Client
from tests.server.running import ROOT, gone, until

_START_S = 40.0


class Killable:
    """``s3front serve`` with its workers, in a process group of its own."""

    def __init__(self, served: Path, log: Path, *, workers: int, durability: str) -> None:
        """``served``: a directory, or a file of settings."""
        environ = {name: v for name, v in os.environ.items() if not name.startswith("S3FRONT_")}
        environ |= {
            "PYTHONPATH": str(ROOT),
            "S3FRONT_ROOT_ACCESS_KEY": ACCESS_KEY,
            "S3FRONT_ROOT_SECRET_KEY": SECRET_KEY,
        }
        self.log = log
        self._read = log.stat().st_size if log.exists() else 0
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "gateway.cli.main", "serve"),
                    *(("-c", str(served)) if served.is_file() else (str(served),)),
                    *("--address", "127.0.0.1:0", "--workers", str(workers)),
                    *("--durability", durability, "--log-format", "json"),
                ],
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=environ,
                cwd=ROOT,
                start_new_session=True,
            )
        until(self._is_ready, seconds=_START_S)

    @property
    def client(self) -> Client:
        return Client(port=self._port)

    def workers(self) -> list[int]:
        """Pids of the workers that live now."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split() if not gone(int(pid))]

    def kill_worker(self, pid: int) -> None:
        """``kill -9`` of one worker."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def kill(self) -> None:
        """``kill -9`` of parent and workers, at once; returns when all are gone."""
        workers = self.workers() if self.process.poll() is None else []
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        until(lambda: all(gone(pid) for pid in workers))

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[self._read :]
        for line in self.log.read_bytes()[self._read :].splitlines():
            if b'"ready"' in line and line.endswith(b"}"):
                self._port = int(urlsplit(json.loads(line)["endpoint"]).port or 0)
                return True
        return False


@contextlib.contextmanager
def killable(
    served: Path, log: Path, *, workers: int = 2, durability: str = "relaxed"
) -> Iterator[Killable]:
    """A server, killed in any case."""
    server = Killable(served, log, workers=workers, durability=durability)
    try:
        yield server
    finally:
        server.kill()

"""A server in processes of its own, for tests."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.server.tiny_application import FACTORY

ROOT = Path(__file__).resolve().parents[2]


def until(condition: Callable[[], bool], *, seconds: float = 20.0) -> None:
    """Wait for something another process does. Fails loudly, does not hang."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


class Running:
    """The parent process, once its workers are ready (or it has ended)."""

    def __init__(
        self,
        folder: Path,
        *,
        variables: Mapping[str, str] | None = None,
        factory: str = FACTORY,
        **flags: Any,
    ) -> None:
        self.folder = folder
        self.state = folder / ".s3front"
        given = {"address": "127.0.0.1:0", "log_format": "json", **flags}
        environ = {
            name: value for name, value in os.environ.items() if not name.startswith("S3FRONT_")
        }
        environ.update(variables or {})
        environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), environ.get("PYTHONPATH", "")])
        self._errors = (folder.parent / f"{folder.name}.log").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.server.run", str(folder), json.dumps(given), factory],
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environ,
            text=True,
            cwd=ROOT,
        )
        self.banner = ""
        self.endpoint = self.metrics = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("READY "):
                _, self.endpoint, self.metrics = line.split()
                break
            self.banner += line

    @property
    def log(self) -> str:
        self._errors.flush()
        return Path(self._errors.name).read_text()

    def get(self, path: str, *, base: str = "") -> tuple[int, str]:
        """Status and text of one request on a connection of its own."""
        url = urlsplit(base or self.endpoint)
        connection = http.client.HTTPConnection(str(url.hostname), url.port or 80, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def workers(self) -> list[int]:
        """Pids of the worker processes, by the kernel."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    @property
    def port(self) -> int:
        port = urlsplit(self.endpoint).port
        assert port is not None
        return port

    def events(self, name: str) -> list[dict[str, Any]]:
        """Lines of the log of one event."""
        lines = [json.loads(line) for line in self.log.splitlines() if line.endswith("}")]
        return [line for line in lines if line["event"] == name]

    def restart_workers(self) -> None:
        """SIGUSR2, and wait until all workers are new."""
        before = len(self.events("workers restarted"))
        self.process.send_signal(signal.SIGUSR2)
        until(lambda: len(self.events("workers restarted")) > before, seconds=200)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)

    def close(self) -> None:
        (self.state / "go").touch() if self.state.exists() else None
        if self.process.poll() is None:
            workers = self.workers()
            self.process.kill()
            self.process.wait()
            for pid in workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._errors.close()


@contextlib.contextmanager
def running(folder: Path, **flags: Any) -> Iterator[Running]:
    """A server on a free port, ended in any case."""
    server = Running(folder, **flags)
    try:
        yield server
    finally:
        server.close()


def gone(pid: int) -> bool:
    """Whether the process has ended (a zombie has)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"

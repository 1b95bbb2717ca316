"""The command itself in processes of its own, with words in its surroundings that must not get out."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.live.client import ACCESS_KEY, Client

ROOT = Path(__file__).resolve().parents[2]
SECRET = "canary-secret-2f9b71c4d8e6"
ENVIRONMENT = "canary-environment-7a15e3"
FOLDER = "canary-folder-c90d42"


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A running server; what it writes goes to ``log``."""

    client: Client
    metrics: str
    parent: int
    log: Path

    def processes(self) -> list[int]:
        """The parent and its workers."""
        children = Path(f"/proc/{self.parent}/task/{self.parent}/children").read_text().split()
        return [self.parent, *map(int, children)]


@contextlib.contextmanager
def whole_server(folder: Path, *, form: str) -> Iterator[Whole]:
    """Serve a folder below ``folder`` until the block ends; then it must end well."""
    data, log = folder / FOLDER, folder / "log"
    command = [sys.executable, "-m", "gateway.cli.main", "serve", str(data)]
    command += ["--address", "127.0.0.1:0", "--metrics-address", "127.0.0.1:0"]
    command += ["--log-format", form, "--durability", "relaxed"]
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("S3FRONT_")},
        "S3FRONT_ROOT_ACCESS_KEY": ACCESS_KEY,
        "S3FRONT_ROOT_SECRET_KEY": SECRET,
        "SOMETHING_PRIVATE": ENVIRONMENT,
    }
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=errors, cwd=ROOT, text=True
        )
    try:
        assert process.stdout is not None
        banner = ""
        while "s3 ls" not in banner:
            line = process.stdout.readline()
            assert line, log.read_text()
            banner += line
        with log.open("a") as written:
            written.write(banner)
        yield Whole(
            client=Client(
                port=int(_found(r"Endpoint +http://127.0.0.1:(\d+)", banner)), secret=SECRET
            ),
            metrics=_found(r"Metrics +(http://\S+)", banner),
            parent=process.pid,
            log=log,
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, text
    return found[1]

"""Servers that use S3 themselves, while a case asks them."""

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_START_S = 60.0
_STOP_S = 20.0


@contextmanager
def running(
    command: Sequence[str | Path], *, environment: Mapping[str, str], folder: Path
) -> Iterator[Path]:
    """A program in the background, ended by SIGTERM; the file of what it prints.

    AssertionError, with the end of it, if it had ended by itself before.
    """
    log = folder / "log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [str(word) for word in command],
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
        )
    try:
        yield log
        assert process.poll() is None, f"it ended\n{end_of(log)}"
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(url: str, log: Path) -> None:
    """Wait until there is an answer; AssertionError, with the end of the log, if none comes."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError:
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    raise AssertionError(f"no answer from {url}\n{end_of(log)}")


def end_of(log: Path) -> str:
    """The last lines of what a program printed."""
    return log.read_text(errors="replace")[-3000:]


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

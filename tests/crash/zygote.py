"""``python -m tests.crash.zygote``: attempts, each in a process forked from this one.

Starting a Python process with all of the server takes a second, forking one that has it a few
milliseconds. One order a line on standard input, one result a line on standard output.
"""

import contextlib
import functools
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import structlog

from tests.crash.attempting import attempt
from tests.server.running import ROOT

_LONGEST_S = 60.0
"""After which an attempt hangs. Operations take milliseconds, on a machine that has time for them."""


def main() -> None:
    """Fork for each order. No thread and no loop may run here."""
    # Tracebacks with all variables, as structlog draws them unless told, would take most of the time.
    structlog.configure(
        processors=[structlog.processors.KeyValueRenderer()],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    for line in sys.stdin:
        began, ended = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(began)
            with open(os.devnull, "w") as nowhere:  # noqa: PTH123
                os.dup2(nowhere.fileno(), 1)
            try:
                attempt(json.loads(line), functools.partial(_tell, ended))
            finally:
                os._exit(1)
        os.close(ended)
        print(json.dumps(_outcome(child, began)), flush=True)


def _tell(pipe: int, result: dict[str, Any]) -> None:
    os.write(pipe, json.dumps(result).encode())
    os.kill(os.getpid(), signal.SIGKILL)


def _outcome(child: int, pipe: int) -> dict[str, Any]:
    end = time.monotonic() + _LONGEST_S
    told = b""
    while select.select([pipe], [], [], max(0.0, end - time.monotonic()))[0]:
        piece = os.read(pipe, 1 << 16)
        if not piece:
            break
        told += piece
    else:
        os.kill(child, signal.SIGKILL)
    os.close(pipe)
    _, status = os.waitpid(child, 0)
    outcome: dict[str, Any] = json.loads(told) if told else {}
    outcome["hung"] = time.monotonic() >= end
    outcome["died"] = not told
    outcome["code"] = os.waitstatus_to_exitcode(status)
    return outcome


class Zygote:
    """The running process, seen from a test."""

    def __init__(self, log: Path) -> None:
        self.log = log
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.crash.zygote"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                cwd=ROOT,
                text=True,
            )

    def attempt(self, **order: Any) -> dict[str, Any]:
        """One attempt; see ``tests.crash.attempting``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, self.log.read_text()
        result: dict[str, Any] = json.loads(line)
        return result

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(30)


@contextlib.contextmanager
def zygote(log: Path) -> Iterator[Zygote]:
    """A zygote, ended in any case."""
    running = Zygote(log)
    try:
        yield running
    finally:
        running.close()


if __name__ == "__main__":
    main()

"""The process of a worker, before anything is known of it but that it is wanted.

Imports next to nothing: `s3front serve` launches its first worker before it has imported its own
modules, so that two processors share what is most of a start.
"""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2})
"""What the parent is told by: stop, stop, reload, restart the workers."""

_HIDDEN = ("S3FRONT_", "MINIO_")


class Launched:
    """A process of ``gateway.server.worker`` that waits for files and a first order on ``orders``, the
    other end of its standard input (``gateway.server.processes``)."""

    def __init__(self) -> None:
        """Start it. OSError if there can be no process."""
        self.orders, theirs = socket.socketpair()
        # Blocked signals stay blocked in the new process until it can handle them.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            self.process: subprocess.Popen[bytes] = subprocess.Popen(
                [sys.executable, "-P", "-m", "gateway.server.worker"],
                stdin=theirs.fileno(),
                stdout=subprocess.PIPE,
                bufsize=0,
                env=_environment(),
            )
        except BaseException:
            self.orders.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()

    def discard(self) -> None:
        """End it, and wait for that. It may have ended already, as whatever it was."""
        self.orders.close()
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def _environment() -> dict[str, str]:
    """Ours without settings, for they may be secrets; with our own path of modules."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(_HIDDEN)}
    environ["PYTHONPATH"] = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    return environ

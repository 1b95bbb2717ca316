"""What is to run, and the places of workers in it."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from gateway.access.credentials import Credentials
from gateway.server import orders, sockets
from gateway.settings.model import Settings

FIRST_PAUSE_S = 0.1
_HIDDEN = ("S3FRONT_", "MINIO_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to run."""

    settings: Settings
    credentials: Credentials
    catalog: str
    factory: str
    reserved: socket.socket
    """Bound, holds the port; see ``sockets.reserve``."""
    locks: Sequence[int]
    """Descriptors that workers inherit."""
    check: Callable[[], None] = lambda: None
    """OSError if no worker can be started now, since the directories are not those that were locked."""
    metrics_folder: str | None = None


@dataclass(slots=True, eq=False)
class Slot:
    """The place of one worker. When it is replaced, its successor has a slot of its own, of the same
    number and with the same socket."""

    number: int
    generation: int = 0
    sock: socket.socket | None = None
    """What it listens on. Ours too, so that connections that wait there outlive the worker."""
    process: Process | None = None
    ready: bool = False
    pause_s: float = FIRST_PAUSE_S
    on_trial: "asyncio.Future[str] | None" = None
    """A successor's: done when it is ready, with the cause when it is not going to be."""
    leaving: bool = False
    """Nobody is started here again."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Nobody runs here, nor will."""

    def successor(self) -> Self:
        """Its slot, which shares the socket."""
        return type(self)(
            self.number,
            generation=1 - self.generation,
            sock=None if self.sock is None else self.sock.dup(),
            on_trial=asyncio.get_running_loop().create_future(),
        )

    def metrics_number(self, workers: int) -> int:
        """Names its files of metrics: two generations must not write the same at once."""
        return self.number + self.generation * workers

    def tell(self, line: bytes) -> None:
        """Give an order, if there is still somebody to take it."""
        stdin = None if self.process is None else self.process.stdin
        if stdin is not None and not stdin.is_closing():
            stdin.write(line)

    def close(self) -> None:
        """Close the socket. Connections that wait there are reset, others go to other workers."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None


async def spawn(plan: Plan, settings: Settings, slot: Slot, *, first: bool) -> Process:
    """Start a worker in a slot and give it its first order. OSError if there can be no process."""
    if slot.sock is None:
        slot.sock = sockets.listening(plan.reserved)
    listener = slot.sock.fileno()
    start = orders.Start(
        number=slot.number,
        metrics_number=slot.metrics_number(settings.workers),
        first=first,
        factory=plan.factory,
        settings=orders.dump_settings(settings),
        access_key=plan.credentials.root_access_key,
        secret_key=plan.credentials.root_secret_key,
        catalog=plan.catalog,
        listener=listener,
        metrics=plan.metrics_folder is not None,
    )
    # Blocked signals stay blocked in the new process until it can handle them.
    signal.pthread_sigmask(signal.SIG_BLOCK, orders.SIGNALS)
    try:
        slot.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "gateway.server.worker",
            stdin=PIPE,
            stdout=PIPE,
            env=_environment(plan),
            pass_fds=(*plan.locks, listener),
        )
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, orders.SIGNALS)
    slot.tell(orders.start_line(start))
    return slot.process


def _environment(plan: Plan) -> dict[str, str]:
    """Ours without settings, for they may be secrets; with our own path of modules."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(_HIDDEN)}
    environ["PYTHONPATH"] = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    if plan.metrics_folder is not None:
        environ["PROMETHEUS_MULTIPROC_DIR"] = plan.metrics_folder
    return environ

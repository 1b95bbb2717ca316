"""What is to run, and the places of workers in it."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

from gateway.access.credentials import Credentials
from gateway.launch import Launched
from gateway.server import orders, sockets
from gateway.server.processes import WorkerProcess
from gateway.settings.model import Settings

FIRST_PAUSE_S = 0.1


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
    """Descriptors that workers hold, too."""
    check: Callable[[], None] = lambda: None
    """OSError if no worker can be started now, since the directories are not those that were locked."""
    metrics_folder: str | None = None
    ahead: list[Launched] = field(default_factory=list)
    """Processes that were launched already, and wait for an order."""


@dataclass(slots=True, eq=False)
class Slot:
    """The place of one worker. When it is replaced, its successor has a slot of its own, of the same
    number and with the same socket."""

    number: int
    generation: int = 0
    sock: socket.socket | None = None
    """What it listens on. Ours too, so that connections that wait there outlive the worker."""
    process: WorkerProcess | None = None
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
        if self.process is not None:
            self.process.tell(line)

    def close(self) -> None:
        """Close the socket. Connections that wait there are reset, others go to other workers."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None


async def spawn(plan: Plan, settings: Settings, slot: Slot, *, first: bool) -> WorkerProcess:
    """Start a worker in a slot and give it its first order. OSError if there can be no process."""
    if slot.sock is None:
        slot.sock = sockets.listening(plan.reserved)
    start = orders.Start(
        number=slot.number,
        metrics_number=slot.metrics_number(settings.workers),
        first=first,
        factory=plan.factory,
        settings=orders.dump_settings(settings),
        access_key=plan.credentials.root_access_key,
        secret_key=plan.credentials.root_secret_key,
        catalog=plan.catalog,
        metrics_folder=plan.metrics_folder,
    )
    slot.process = WorkerProcess(plan.ahead.pop() if plan.ahead else None)
    await slot.process.begin(orders.start_line(start), [slot.sock.fileno(), *plan.locks])
    return slot.process

"""The whole server in this process, on a thread of its own."""

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any, TypeVar

from backends.interface import Can
from gateway.access.credentials import Credentials
from gateway.jobs.lease import Lease
from gateway.observe.event import RequestEvent
from gateway.s3.target import Domains
from gateway.server.build import JOBS_LOCK, S3, build
from gateway.server.health import Health, State
from gateway.service.context import Services
from gateway.settings.loader import load
from gateway.settings.parts import StorageSettings
from gateway.wire.limits import Limits
from gateway.wire.listener import Listener
from tests.live.client import ACCESS_KEY, SECRET_KEY, Client

_START_S = 30.0

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Live:
    """A running server and what it saw."""

    port: int
    root: Path
    application: S3
    listener: Listener
    health: Health
    loop: asyncio.AbstractEventLoop
    events: "Queue[RequestEvent]" = field(default_factory=Queue)
    """What the access log would tell, in the order in which requests ended."""

    @property
    def client(self) -> Client:
        return Client(port=self.port)

    @property
    def services(self) -> Services:
        return self.application._services

    def event(self, request_id: str) -> RequestEvent:
        """What was told of one request; those that ended before it are dropped."""
        while True:
            event = self.events.get(timeout=10)
            if event.id == request_id:
                return event

    def staged(self, upload: str | None = None) -> list[str]:
        """Staged names of the default storage: those of an upload, or all that belong to none."""
        storage = self.services.storages[self.services.default_storage]
        if Can.STAGE not in storage.can:
            return []
        names = storage.staged_names()
        if upload is not None:
            return [name for name in names if upload in name]
        return [name for name in names if not name.startswith(("upload-", "part-"))]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something on the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(_START_S)

    def files(self, bucket: str) -> list[str]:
        """Paths of all files and empty folders below a bucket's folder."""
        folder = self.root / bucket
        return sorted(
            str(path.relative_to(folder))
            for path in folder.rglob("*")
            if path.is_file() or not any(path.iterdir())
        )


@contextlib.contextmanager
def running(
    root: Path,
    *,
    limits: Limits | None = None,
    drain_s: float = 5.0,
    jobs: bool = False,
    new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
    **flags: object,
) -> Iterator[Live]:
    """Serve ``root`` until the block ends. ``flags`` are settings by their flag's name; ``storages``
    stand in place of ``root`` for the bytes, the first is the default. Without
    ``jobs`` nothing runs beside the requests: somebody else holds the lease."""
    loop = new_loop()
    thread = threading.Thread(target=loop.run_forever, name="live-server")
    thread.start()
    try:
        live, stop = asyncio.run_coroutine_threadsafe(
            _start(root, limits or Limits(linger_s=1.0), flags, drain_s, jobs=jobs), loop
        ).result(_START_S)
        try:
            yield live
        finally:
            asyncio.run_coroutine_threadsafe(stop(), loop).result(_START_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _start(
    root: Path, limits: Limits, flags: dict[str, object], drain_s: float, *, jobs: bool
) -> tuple[Live, Callable[[], Coroutine[None, None, None]]]:
    storages = flags.pop("storages", None)
    settings = load(flags=flags, environ={}, folder=root, file=None).settings
    if isinstance(storages, dict):
        made = {name: StorageSettings.model_validate(of) for name, of in storages.items()}
        update = {"storages": made, "default_storage": next(iter(made))}
        settings = settings.model_copy(update=update)
    credentials = Credentials(root_access_key=ACCESS_KEY, root_secret_key=SECRET_KEY)
    state = root / ".s3front"
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    lease = Lease(state / JOBS_LOCK)
    held = None if jobs else await lease.hold()
    application = build(settings, credentials, str(state / "catalog.db"), 1)
    try:
        await application.open(first=True)
    except BaseException:
        if held is not None:
            lease.let_go(held)
        raise
    health = Health(probe=application.probe, bucket_exists=application.bucket_exists)
    health.state = State.READY
    events: Queue[RequestEvent] = Queue()
    listener = Listener(
        application.answer,
        site=health.answer,
        limits=limits,
        observe=events.put,
        trusted_proxies=[ipaddress.ip_network(one) for one in settings.trusted_proxies],
        domains=Domains(settings.domains),
    )
    sock = socket.create_server(("127.0.0.1", 0))
    live = Live(
        port=sock.getsockname()[1],
        root=root,
        application=application,
        listener=listener,
        health=health,
        loop=asyncio.get_running_loop(),
        events=events,
    )
    await listener.start(sock, None)

    async def stop() -> None:
        await listener.drain(drain_s)
        await application.aclose()
        if held is not None:
            lease.let_go(held)
        # As asyncio.run ends: what runs beside may not have heard yet.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    return live, stop

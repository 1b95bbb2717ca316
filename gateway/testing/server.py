"""A server on one loop: its wire stays, what is behind it is exchanged at each reset."""

import asyncio
import socket
from collections.abc import Callable, Sequence

from gateway.access.credentials import Credentials
from gateway.observe.event import RequestEvent
from gateway.s3.message import Response
from gateway.s3.target import Domains
from gateway.server.health import Health, State
from gateway.settings.model import Settings
from gateway.settings.parts import StorageSettings
from gateway.testing.control import PREFIX
from gateway.testing.faults import Faults
from gateway.testing.interposed import Control, Interposed
from gateway.testing.journal import Journal
from gateway.testing.stage import Stage
from gateway.wire.limits import Limits
from gateway.wire.listener import Listener

_LINGER_S = 1.0
_RETIRE_S = 10.0


def in_memory(settings: Settings) -> Settings:
    """The same, with all that is kept in memory."""
    storages = {"memory": StorageSettings(type="memory")}
    return settings.model_copy(
        update={
            "storages": storages,
            "default_storage": "memory",
            "buckets": (),
            "durability": "relaxed",
        }
    )


class Server:
    """S3 as ``settings`` say, which are those of ``in_memory``. All methods are for its loop.

    ``buckets`` are there after each reset. ``observe`` is told of every request that has ended.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        credentials: Credentials,
        faults: Faults,
        journal: Journal,
        buckets: Sequence[str] = (),
        observe: Callable[[RequestEvent], None] | None = None,
    ) -> None:
        self._credentials = credentials
        self._faults = faults
        self._journal = journal
        self._buckets = tuple(buckets)
        self._observe = observe
        self._settings = settings
        self._resetting = asyncio.Lock()
        self._retiring: set[asyncio.Task[None]] = set()
        self._listener: Listener | None = None
        self._interposed: Interposed | None = None

    async def open(self, sock: socket.socket, *, control: Control | None = None) -> None:
        """Serve on a bound socket, which is closed in the end. Raises StartError, ValueError."""
        domains = Domains(self._settings.domains)
        interposed = Interposed(
            faults=self._faults, journal=self._journal, domains=domains, control=control
        )
        self._interposed = interposed
        interposed.stage = await self._new_stage()
        health = Health(
            # Of the stage that is on when they are called.
            probe=lambda: self._stage.probe(),  # noqa: PLW0108
            bucket_exists=lambda name: self._stage.bucket_exists(name),  # noqa: PLW0108
        )
        health.state = State.READY

        async def site(path: str) -> Response | None:
            theirs = control is not None and path.startswith(PREFIX)
            return None if theirs else await health.answer(path)

        self._listener = Listener(
            interposed.answer,
            site=site,
            limits=Limits(linger_s=_LINGER_S),
            observe=self._ended,
            domains=domains,
        )
        await self._listener.start(sock, None)

    async def create_bucket(self, name: str) -> None:
        """ValueError if no bucket can have that name, or one has it."""
        await self._stage.create_bucket(name)

    async def reset(self) -> None:
        """Forget everything: objects, buckets, faults, recorded requests; delayed answers are sent."""
        async with self._resetting:
            old = self._stage
            new = await self._new_stage() if old.touched else old
            self._on(new)
            if new is not old:
                task = asyncio.create_task(old.retire(_RETIRE_S))
                self._retiring.add(task)
                task.add_done_callback(self._retiring.discard)

    async def aclose(self) -> None:
        """Answer no more, release everything."""
        if self._interposed is not None and self._interposed.stage is not None:
            stage = self._interposed.stage
            stage.released.set()
            if self._listener is not None:
                await self._listener.drain(_LINGER_S)
            self._interposed.stage = None
            await stage.retire(0.0)
        await asyncio.gather(*self._retiring, return_exceptions=True)

    @property
    def _stage(self) -> Stage:
        if self._interposed is None or self._interposed.stage is None:
            raise RuntimeError("the server is not open")
        return self._interposed.stage

    def _on(self, stage: Stage) -> None:
        if self._interposed is not None:
            self._interposed.stage = stage
        self._faults.clear()
        self._journal.clear()

    async def _new_stage(self) -> Stage:
        stage = await Stage.opened(self._settings, self._credentials)
        try:
            for name in self._buckets:
                await stage.create_bucket(name)
        except BaseException:
            await stage.retire(0.0)
            raise
        stage.touched = False
        return stage

    def _ended(self, event: RequestEvent) -> None:
        if self._interposed is not None:
            self._interposed.observe(event)
        if self._observe is not None:
            self._observe(event)

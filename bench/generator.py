"""The process that makes the load.

It takes orders from a pipe and answers each: ``Fill`` puts the objects a scenario needs, ``Load``
signs its requests and opens its connections, ``Go`` sends them. Between the answer to ``Load`` and
``Go`` it does nothing, so that whoever measures can look at the server.
"""

import asyncio
import gc
import signal
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from resource import RUSAGE_SELF, getrusage
from time import perf_counter

import uvloop

from bench.client import Client, Record
from bench.exchange import Script
from bench.requests import Requests
from bench.scenarios import SCENARIOS, Scenario
from bench.scripts import Objects, Plan, put_script
from sigv4.sign import Credentials

FILL_S = 90.0
"""How long filling may take."""
GRACE_S = 60.0
"""How long the last operations may take after the end of the measured time."""
_FILLERS = 64  # puts that wait together share their fsync
_AT_ONCE = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where the load goes: a loopback address and the keys of its owner."""

    host: str
    port: int
    bucket: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)

    @property
    def authority(self) -> str:
        """``host:port`` as the Host header says it."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"{name}:{self.port}"

    def requests(self, now: datetime, *, bucket: str | None = None) -> Requests:
        """What makes requests to its bucket or another (``""``: to none), signed at ``now``."""
        return Requests(
            host=self.authority,
            bucket=self.bucket if bucket is None else bucket,
            credentials=Credentials(access_key=self.access_key, secret=self.secret_key),
            region=self.region,
            now=now,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """Put the objects that ``scenario`` reads, unless they are there."""

    scenario: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Get ready for ``scenario``: as many of its clients as fall to process ``number``."""

    scenario: str
    seconds: float
    number: int
    processes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """Send for ``seconds``."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of an order. Times in seconds."""

    latencies: Sequence[float] = ()
    moved: int = 0
    elapsed: float = 0.0
    cpu: float = 0.0
    """Processor time of this process."""
    errors: int = 0
    texts: tuple[str, ...] = ()


Order = Fill | Load | Go


def serve_orders(orders: Connection, target: Target) -> None:
    """Follow orders until the other end of the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever gave the orders ends us
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        generator = _Generator(target)
        while True:
            try:
                order: Order = orders.recv()
            except EOFError:
                return
            result = runner.run(generator.follow(order))
            try:
                orders.send(result)
            except BrokenPipeError:
                return


class _Generator:
    def __init__(self, target: Target) -> None:
        self._target = target
        self._there: dict[str, Objects] = {}
        self._crew: _Crew | None = None
        self._leaves: Objects | None = None

    async def follow(self, order: Order) -> Result:
        match order:
            case Fill():
                return await self._fill(SCENARIOS[order.scenario], order.seconds)
            case Load():
                return await self._load(order)
            case Go():
                return await self._go(order.seconds)

    async def _fill(self, scenario: Scenario, seconds: float) -> Result:
        errors = 0
        for objects in scenario.needs(seconds):
            there = self._there.get(objects.prefix)
            if there is not None and there.count >= objects.count:
                continue
            requests = self._target.requests(datetime.now(UTC))
            clients = max(1, min(_FILLERS, objects.count, _AT_ONCE // objects.content.size))
            result = await self._run(
                [put_script(requests, objects, number, clients) for number in range(clients)],
                FILL_S,
            )
            errors += result.errors
            missing = objects.count - len(result.latencies)
            if missing:
                text = f"{missing} of {objects.count} objects {objects.prefix}* could not be put"
                return Result(errors=max(1, errors), texts=(text, *result.texts))
            self._there[objects.prefix] = objects
        return Result()

    async def _run(self, scripts: list[Script], seconds: float) -> Result:
        crew = _Crew(self._target, scripts)
        failed = await crew.connect()
        return failed or await crew.run(seconds)

    async def _load(self, order: Load) -> Result:
        scenario = SCENARIOS[order.scenario]
        plan = Plan(
            requests=self._target.requests(datetime.now(UTC)),
            seconds=order.seconds,
            clients=scenario.clients,
        )
        mine = range(order.number, scenario.clients, order.processes)
        self._leaves = scenario.leaves
        script = scenario.scripts(plan)
        self._crew = _Crew(self._target, [script(client) for client in mine])
        return await self._crew.connect() or Result()

    async def _go(self, seconds: float) -> Result:
        crew, self._crew = self._crew, None
        if crew is None:
            return Result(errors=1, texts=("there is nothing loaded",))
        result = await crew.run(seconds)
        if self._leaves is not None and not result.errors:
            self._there[self._leaves.prefix] = self._leaves
        return result


class _Crew:
    """Clients that start together."""

    def __init__(self, target: Target, scripts: list[Script]) -> None:
        self._record = Record()
        self._all_done = asyncio.Event()
        self._running = len(scripts)
        self._clients = [
            Client(target.host, target.port, script, self._record, self._one_done)
            for script in scripts
        ]

    async def connect(self) -> Result | None:
        """What went wrong, None if all are connected."""
        try:
            async with asyncio.timeout(GRACE_S):
                for client in self._clients:
                    await client.connect()
        except OSError as error:
            text = f"cannot connect: {error.strerror or type(error).__name__}"
            return Result(errors=1, texts=(text,))
        return None

    async def run(self, seconds: float) -> Result:
        gc.collect()
        gc.disable()
        cpu = _cpu()
        began = perf_counter()
        for client in self._clients:
            client.start(began + seconds)
        try:
            async with asyncio.timeout(seconds + GRACE_S):
                if self._running:
                    await self._all_done.wait()
        except TimeoutError:
            for client in self._clients:
                client.give_up(f"no answer {GRACE_S:.0f} s after the measured time")
        finally:
            gc.enable()
        record = self._record
        return Result(
            latencies=record.latencies,
            moved=record.moved,
            elapsed=perf_counter() - began,
            cpu=_cpu() - cpu,
            errors=record.errors,
            texts=tuple(record.texts),
        )

    def _one_done(self) -> None:
        self._running -= 1
        if not self._running:
            self._all_done.set()


def _cpu() -> float:
    used = getrusage(RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def joined(results: Sequence[Result]) -> Result:
    """Several processes' results of the same order as one."""
    latencies = array("d")
    for result in results:
        latencies.extend(result.latencies)
    return Result(
        latencies=latencies,
        moved=sum(result.moved for result in results),
        elapsed=max((result.elapsed for result in results), default=0.0),
        cpu=sum(result.cpu for result in results),
        errors=sum(result.errors for result in results),
        texts=tuple(text for result in results for text in result.texts),
    )

"""A run: the chosen scenarios, one after the other, within a time."""

import secrets
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench import accounting
from bench.asking import create_bucket, delete_bucket, list_buckets_answers
from bench.crew import Generators, generators
from bench.figure import Figure, Usage, figure
from bench.generator import Fill, Go, Load, Result, Target, joined
from bench.scenarios import SCENARIOS, Scenario
from bench.server import Server, end_of_log, launched, wait_until

IDLE = "idle-rss"
COLD_START = "cold-start"
NAMES = (IDLE, COLD_START, *SCENARIOS)
"""Everything a run can measure, in its order."""
FULL_S = 200.0
EACH_S = 12.0
SHORT_S = 120.0
"""Runs shorter than this leave out what is large."""
FINISH_S = 4.0
"""Kept for stopping the server and removing its files."""
_LEAST_S = 0.3
_LEAST_SHARE = 0.25
"""However long filling took; the scenarios after it get less."""
_STARTS = 5
_START_TAKES_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is to run. ``ends`` on the clock of ``time.monotonic``."""

    names: Sequence[str]
    ends: float
    processes: int
    options: Sequence[str]
    """Of the server, for starts of our own."""
    directory: Path | None
    started_here: bool
    """The server is ours: others like it may be started, and its data is removed with it."""


def chosen(asked: Sequence[str], seconds: float | None) -> tuple[list[str], float]:
    """Which scenarios run, in their order, and for how many seconds in all.

    A name that is none selects those that begin with it and a dash: ``put-1m``. Raises KeyError
    for one that selects nothing.
    """
    if not asked:
        total = FULL_S if seconds is None else seconds
        return [name for name in NAMES if total >= SHORT_S or not _is_large(name)], total
    selected = set()
    for word in asked:
        found = [word] if word in NAMES else [n for n in NAMES if n.startswith(f"{word}-")]
        if not found:
            raise KeyError(word)
        selected.update(found)
    names = [name for name in NAMES if name in selected]
    return names, min(FULL_S, EACH_S * len(names)) if seconds is None else seconds


def _is_large(name: str) -> bool:
    return name in SCENARIOS and SCENARIOS[name].large


def figures(
    server: Server, terms: Terms, tell: Callable[[str], None]
) -> Generator[Figure, None, None]:
    """Measure; ``tell`` is given each scenario's name as it begins.

    The objects go to a new bucket. In a server that is not ours it is emptied and deleted after.
    Raises ServerError, GeneratorError.
    """
    target = _target(server, f"bench-{secrets.token_hex(6)}")
    create_bucket(target)
    try:
        with generators(terms.processes, target) as crew:
            for number, name in enumerate(terms.names):
                tell(name)
                left = max(0.0, terms.ends - time.monotonic())
                share = max(_LEAST_S, left / (len(terms.names) - number))
                if name == IDLE:
                    measured = _idle(server)
                elif name == COLD_START:
                    measured = _cold_starts(terms, share) if terms.started_here else None
                else:
                    measured = _scenario(server, crew, SCENARIOS[name], share)
                if measured is not None:
                    yield _with_log(measured, server)
    finally:
        if not terms.started_here:
            delete_bucket(target)


def _target(server: Server, bucket: str) -> Target:
    return Target(
        host=server.host,
        port=server.port,
        bucket=bucket,
        region=server.region,
        access_key=server.access_key,
        secret_key=server.secret_key,
    )


def _scenario(server: Server, crew: Generators, scenario: Scenario, share: float) -> Figure:
    began = time.monotonic()
    ready = crew.first(Fill(scenario=scenario.name, seconds=share))
    if not ready.errors:
        processes = min(len(crew), scenario.clients)
        ready = joined(
            crew.each(
                [
                    Load(scenario=scenario.name, seconds=share, number=number, processes=processes)
                    for number in range(processes)
                ]
            )
        )
        if not ready.errors:
            left = share - (time.monotonic() - began)
            seconds = max(_LEAST_S, share * _LEAST_SHARE, left)
            result, usage = _watched(
                server.pid, lambda: crew.each([Go(seconds=seconds)] * processes)
            )
            return figure(scenario.name, scenario.clients, result, usage)
    return figure(scenario.name, scenario.clients, ready, None)


def _watched(pid: int | None, send: Callable[[], Sequence[Result]]) -> tuple[Result, Usage | None]:
    if pid is None:
        return joined(send()), None
    accounting.forget_peaks(accounting.workers(pid))
    machine, before = accounting.busy_seconds(), accounting.cpu(pid)
    result = joined(send())
    after = accounting.cpu(pid)
    usage = Usage(
        server=after.since(before),
        memory=accounting.memory(accounting.workers(pid)),
        machine=accounting.busy_seconds() - machine,
    )
    return result, usage


def _idle(server: Server) -> Figure | None:
    """Memory after the start, before any load."""
    if server.pid is None:
        return None
    usage = Usage(
        server=accounting.Cpu(),
        memory=accounting.memory(accounting.workers(server.pid)),
        machine=0.0,
    )
    return figure(IDLE, 0, Result(), usage)


def _cold_starts(terms: Terms, share: float) -> Figure:
    """From the command to the first answer to a signed request, on an empty directory."""
    ends = time.monotonic() + share
    results: list[Result] = []
    usages: list[Usage] = []
    while len(results) < _STARTS and (not results or time.monotonic() + _START_TAKES_S < ends):
        result, usage = _cold_start(terms)
        results.append(result)
        usages.append(usage)
    used = accounting.Cpu(
        user=sum(usage.server.user for usage in usages),
        system=sum(usage.server.system for usage in usages),
    )
    return figure(COLD_START, 1, joined(results), replace(usages[-1], server=used))


def _cold_start(terms: Terms) -> tuple[Result, Usage]:
    with tempfile.TemporaryDirectory(
        prefix="s3front-bench-", dir=terms.directory, ignore_cleanup_errors=True
    ) as place:
        began = time.perf_counter()
        with launched(Path(place), terms.options) as (process, server):
            target = _target(server, "")
            wait_until(process, server, lambda: list_buckets_answers(target))
            took = time.perf_counter() - began
            usage = Usage(
                server=accounting.cpu(process.pid),
                memory=accounting.memory(accounting.workers(process.pid)),
                machine=0.0,
            )
        return Result(latencies=[took], elapsed=took), usage


def _with_log(measured: Figure, server: Server) -> Figure:
    if not measured.errors or server.log is None:
        return measured
    return replace(
        measured, first_errors=(*measured.first_errors, f"server's log: {end_of_log(server)}")
    )

"""Rows in interleaved rounds: each server once, then each again."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from bench import accounting
from bench.content import KIB
from bench.peers.kinds import Kind
from bench.peers.load import FILL_S, Generator, LoadError, Sample, four_digits
from bench.peers.processes import Running, running
from bench.peers.rows import Load, Objects, Row
from bench.server import ServerError

_WARM_S = 0.3
_WARMING_S = 5.0
_MOST_WARMING = 20
_SETTLED_S = 1.0
"""After the first answer, until memory is that of a server that does nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a run may use."""

    kinds: Sequence[Kind]
    programs: dict[str, Path]
    """The program of each kind, by its name."""
    generator: Path
    rounds: int
    seconds: float
    directory: Path | None


@dataclass(slots=True)
class _Guest:
    """A server of this run, held still but for its turns."""

    server: Running
    generator: Generator
    buckets: set[str] = field(default_factory=set)
    filled: dict[Objects, int] = field(default_factory=dict)


def turns(row: Row, kinds: Sequence[Kind], rounds: int) -> Iterator[tuple[int, Kind]]:
    """Rounds from 1, in each every server of the row once: A B C A B C."""
    asked = {row.ours, *row.peers}
    for number in range(1, rounds + 1):
        for kind in kinds:
            if kind.name in asked:
                yield number, kind


class Rounds:
    """Measures rows. Servers are started when a row first needs them, and stopped at the end."""

    def __init__(self, terms: Terms, tell: Callable[[str], None]) -> None:
        self._terms = terms
        self._tell = tell
        self._stack = ExitStack()
        self._guests: dict[str, _Guest] = {}
        self._lost: set[tuple[str, str]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def measured(self, row: Row) -> Iterator[Sample]:
        """All rounds of one row: A B C A B C. What fails is a sample with errors."""
        for number, kind in turns(row, self._terms.kinds, self._terms.rounds):
            if (row.name, kind.name) in self._lost:
                continue
            self._tell(f"{row.name}, round {number}, {kind.name}")
            sample = Sample(
                row=row.name, server=kind.name, round=number, durability=kind.durability
            )
            try:
                figures = self._cold(kind) if row.load is None else self._turn(kind, row, number)
            except (ServerError, LoadError) as error:
                # It would fail again, and slowly.
                self._lost.add((row.name, kind.name))
                yield replace(sample, errors=1, first_errors=(str(error),))
            else:
                yield replace(sample, **figures)

    def _cold(self, kind: Kind) -> dict[str, Any]:
        with running(kind, self._terms.programs[kind.name], self._terms.directory) as server:
            used = accounting.cpu(server.pid)
            time.sleep(_SETTLED_S)
            memory = [
                four_digits(each.resident / 1024)
                for each in accounting.memory(accounting.workers(server.pid))
            ]
        return {
            "ops": 1,
            "seconds": four_digits(server.start_s),
            "p50_ms": four_digits(server.start_s * 1000),
            "server_us_per_op": four_digits(used.total * 1_000_000),
            "server_user_us_per_op": four_digits(used.user * 1_000_000),
            "server_system_us_per_op": four_digits(used.system * 1_000_000),
            "rss_mib": memory,
            "worker_rss_mib": max(memory),
        }

    def _turn(self, kind: Kind, row: Row, number: int) -> dict[str, Any]:
        assert row.load is not None
        guest = self._guest(kind)
        guest.server.release()
        try:
            short = self._ready(guest, row.load.bucket, row.needs)
            figures = guest.generator.run(
                row.load,
                seconds=0.0 if row.load.once else self._terms.seconds,
                warm=0.0 if row.load.once else _WARM_S,
                label=f"{row.name}-{number}",
            )
            if short is not None:
                figures["first_errors"] = [short, *figures["first_errors"]]
            return figures
        finally:
            guest.server.hold()

    def _guest(self, kind: Kind) -> _Guest:
        if kind.name not in self._guests:
            server = self._stack.enter_context(
                running(kind, self._terms.programs[kind.name], self._terms.directory)
            )
            guest = _Guest(server=server, generator=Generator(self._terms.generator, server))
            self._guests[kind.name] = guest
            self._warm(guest)
        return self._guests[kind.name]

    def _warm(self, guest: _Guest) -> None:
        server = guest.server
        there = Objects(prefix="warm/", count=64, size=4 * KIB)
        warming = Load(work="mixed", clients=16, prefix="warm/", size=there.size, objects=64)
        for _ in range(_MOST_WARMING):
            if accounting.cpu(server.pid).total >= server.kind.warm_cpu_s:
                return
            self._tell(f"{server.kind.name}: warming up")
            self._ready(guest, there.bucket, there)
            guest.generator.run(warming, seconds=_WARMING_S, warm=0.0, label="warm")

    def _ready(self, guest: _Guest, bucket: str, objects: Objects | None) -> str | None:
        """Create and fill what is not there yet; a word if there could not be all."""
        if bucket not in guest.buckets | guest.server.kind.buckets:
            guest.generator.create(bucket)
            guest.buckets.add(bucket)
        if objects is None:
            return None
        if objects not in guest.filled:
            self._tell(f"{guest.server.kind.name}: putting {objects.count:,} objects")
            guest.filled[objects] = guest.generator.fill(objects)
        there = guest.filled[objects]
        if there == objects.count:
            return None
        return f"has {there:,} of {objects.count:,} keys: no more came in {FILL_S:.0f} s"

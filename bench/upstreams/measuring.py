"""Rows in interleaved rounds: the upstream alone, then the gateway in front of it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from bench.content import KIB, MIB
from bench.peers.load import Generator
from bench.peers.processes import running
from bench.peers.rows import LARGE_CLIENTS, SMALL_CLIENTS, Load, Objects
from bench.peers.servers import our_program
from bench.upstreams.servers import HELD, UPSTREAMS, front_of

_WARM_S = 0.3
_SMALL = Objects(prefix="small/", count=500, size=4 * KIB)
_LARGE = Objects(prefix="large/", count=4, size=64 * MIB)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One kind of work. ``clients`` load at once."""

    about: str
    load: Load
    needs: Objects | None = None


def _reading(work: str, objects: Objects, clients: int) -> Load:
    return Load(
        work=work,
        clients=clients,
        prefix=objects.prefix,
        size=objects.size,
        objects=objects.count,
    )


ROWS: Mapping[str, Row] = {
    "get-4k": Row(about="GET of 4 KiB", load=_reading("get", _SMALL, SMALL_CLIENTS), needs=_SMALL),
    "head-4k": Row(
        about="HEAD of 4 KiB", load=_reading("head", _SMALL, SMALL_CLIENTS), needs=_SMALL
    ),
    "put-4k": Row(
        about="PUT of 4 KiB, each key new",
        load=Load(work="put", clients=SMALL_CLIENTS, prefix="new/", size=4 * KIB, fresh=True),
    ),
    "get-64m": Row(
        about="GET of 64 MiB", load=_reading("get", _LARGE, LARGE_CLIENTS), needs=_LARGE
    ),
    "put-64m": Row(
        about="PUT of 64 MiB, UNSIGNED-PAYLOAD",
        load=replace(_reading("put", _LARGE, LARGE_CLIENTS), prefix="put/", payload="unsigned"),
    ),
}
"""By name, in the order in which they run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One row in one round, ``direct`` or ``through`` the gateway.

    Processor times are of all processes and threads of each server, from /proc, in µs an operation.
    """

    row: str
    upstream: str
    way: str
    round: int
    clients: int
    ops: int
    errors: int
    seconds: float
    upstream_us_per_op: float | None
    gateway_us_per_op: float | None = None
    ops_per_s: float | None = None
    mib_per_s: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    gateway_rss_mib: float | None = None
    client_us_per_op: float | None = None
    other_cpu_percent: float | None = None
    first_errors: Sequence[str] = ()

    def line(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a run may use."""

    generator: Path
    rounds: int
    seconds: float
    directory: Path | None


def measured(
    name: str,
    program: Path,
    rows: Sequence[str],
    terms: Terms,
    tell: Callable[[str], None],
) -> Iterator[Sample]:
    """All rounds of the rows with one upstream: direct, through, direct, through.

    Raises ServerError, LoadError.
    """
    upstream = UPSTREAMS[name]
    with ExitStack() as stack:
        server = stack.enter_context(running(upstream.kind, program, terms.directory))
        direct = Generator(terms.generator, server)
        direct.create(HELD)
        direct.create("bench")
        front = stack.enter_context(
            running(front_of(upstream, server), our_program(), terms.directory)
        )
        through = Generator(terms.generator, front, behind=server.pid)
        through.create("bench")
        for row in rows:
            needs = ROWS[row].needs
            if needs is not None:
                tell(f"{name}: putting {needs.count} objects, twice")
                direct.fill(needs)
                through.fill(needs)
            for number in range(1, terms.rounds + 1):
                for way, generator in (("direct", direct), ("through", through)):
                    tell(f"{name}, {row}, round {number}, {way}")
                    figures = generator.run(
                        ROWS[row].load,
                        seconds=terms.seconds,
                        warm=_WARM_S,
                        label=f"{row}-{number}",
                    )
                    yield _sample(figures, row=row, upstream=name, way=way, round=number)


def _sample(figures: Mapping[str, Any], *, row: str, upstream: str, way: str, round: int) -> Sample:
    used = figures.get("server_us_per_op")
    is_direct = way == "direct"
    told: dict[str, Any] = {
        each.name: figures[each.name] for each in fields(Sample) if each.name in figures
    }
    return Sample(
        row=row,
        upstream=upstream,
        way=way,
        round=round,
        upstream_us_per_op=used if is_direct else figures.get("behind_us_per_op"),
        gateway_us_per_op=None if is_direct else used,
        gateway_rss_mib=None if is_direct else figures["worker_rss_mib"],
        **told,
    )

"""One line of results: how it is reckoned, written and shown."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from rich import box
from rich.table import Table

from bench.accounting import Cpu, Memory
from bench.content import MIB
from bench.generator import Result

TABLE_WIDTH = 150
"""Columns of a terminal in which nothing of the table is cut."""
_MICRO = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What server and machine used while a scenario ran."""

    server: Cpu
    memory: Sequence[Memory]
    """Of each worker, at the end."""
    machine: float
    """Processor seconds of the whole machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One scenario's results. None is what was not measured, or has no meaning there."""

    scenario: str
    server_us_per_op: float | None
    server_user_us_per_op: float | None
    server_system_us_per_op: float | None
    clients: int
    ops: int
    errors: int
    seconds: float
    ops_per_s: float | None
    mib_per_s: float | None
    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None
    peak_rss_mib: Sequence[float]
    """Of each worker, since the scenario began."""
    rss_mib: Sequence[float]
    """Of each worker, at its end."""
    client_us_per_op: float | None
    other_cpu_percent: float | None
    """What others used on the machine: 100 is one processor. High: do not trust the run."""
    first_errors: Sequence[str] = ()

    def line(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self))


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The least value that at least ``percent`` of the values do not exceed (nearest rank).

    ``ordered`` is sorted and not empty; 0 < ``percent`` <= 100.
    """
    if not ordered or not 0 < percent <= 100:
        raise ValueError("a percentile needs values, and a share above 0 up to 100")
    return ordered[max(1, math.ceil(len(ordered) * percent / 100)) - 1]


def figure(scenario: str, clients: int, result: Result, usage: Usage | None) -> Figure:
    """The figure of one run. Without ``usage`` the server was not looked at."""
    ordered = sorted(result.latencies)
    ops = len(ordered)

    def per_op(seconds: float | None) -> float | None:
        return None if seconds is None or not ops else _rounded(seconds * _MICRO / ops)

    def milliseconds(percent: float) -> float | None:
        return _rounded(percentile(ordered, percent) * 1000) if ops else None

    def rate(amount: float) -> float | None:
        return _rounded(amount / result.elapsed) if ops and result.elapsed else None

    server = usage.server if usage is not None else None
    return Figure(
        scenario=scenario,
        server_us_per_op=per_op(server.total if server else None),
        server_user_us_per_op=per_op(server.user if server else None),
        server_system_us_per_op=per_op(server.system if server else None),
        clients=clients,
        ops=ops,
        errors=result.errors,
        seconds=_rounded(result.elapsed),
        ops_per_s=rate(ops),
        mib_per_s=rate(result.moved / MIB) if result.moved else None,
        p50_ms=milliseconds(50),
        p90_ms=milliseconds(90),
        p99_ms=milliseconds(99),
        peak_rss_mib=[_rounded(each.peak / 1024) for each in usage.memory] if usage else [],
        rss_mib=[_rounded(each.resident / 1024) for each in usage.memory] if usage else [],
        client_us_per_op=per_op(result.cpu),
        other_cpu_percent=_others(result, usage),
        first_errors=result.texts,
    )


def _others(result: Result, usage: Usage | None) -> float | None:
    if usage is None or not result.elapsed or not result.cpu:
        return None
    used = usage.machine - usage.server.total - result.cpu
    return _rounded(max(0.0, used) / result.elapsed * 100)


def _rounded(value: float) -> float:
    """Four digits: more would be noise."""
    return float(f"{value:.4g}")


def table(figures: Iterable[Figure]) -> Table:
    """For a terminal of ``TABLE_WIDTH`` columns or more."""
    shown = Table(
        title="CPU per operation first; rates and times depend on the machine",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    shown.add_column("scenario", no_wrap=True)
    for column in (
        "CPU µs/op",
        "user",
        "system",
        "ops",
        "errors",
        "ops/s",
        "MiB/s",
        "p50 ms",
        "p90",
        "p99",
        "peak RSS MiB",
        "client µs",
        "others %",
    ):
        shown.add_column(column, justify="right", no_wrap=True)
    for each in figures:
        shown.add_row(
            each.scenario,
            _shown(each.server_us_per_op),
            _shown(each.server_user_us_per_op),
            _shown(each.server_system_us_per_op),
            str(each.ops),
            str(each.errors),
            _shown(each.ops_per_s),
            _shown(each.mib_per_s),
            _shown(each.p50_ms),
            _shown(each.p90_ms),
            _shown(each.p99_ms),
            " ".join(f"{peak:.0f}" for peak in each.peak_rss_mib) or "–",
            _shown(each.client_us_per_op),
            _shown(each.other_cpu_percent),
            style="red" if each.errors else None,
        )
    return shown


def _shown(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"

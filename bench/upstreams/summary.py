"""Medians of a run, and how they stand to the bars."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.upstreams.measuring import ROWS, Sample
from bench.upstreams.servers import UPSTREAMS

MOST_US = 120.0
"""What the gateway may take for an operation of 4 KiB."""
LEAST_SHARE = 0.9
"""Of the throughput that the upstream has alone, with 64 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row with one upstream: medians of its rounds."""

    row: str
    upstream: str
    alone_us: float
    behind_us: float
    gateway_us: float
    least_us: float
    most_us: float
    alone_per_s: float
    through_per_s: float

    @property
    def share(self) -> float:
        """Of the rate that the upstream has alone."""
        return self.through_per_s / self.alone_per_s

    @property
    def is_met(self) -> bool:
        """The bar of its size."""
        if self.row.endswith("-4k"):
            return self.gateway_us <= MOST_US
        return self.share >= LEAST_SHARE


def lines(samples: Iterable[Sample]) -> list[Line]:
    """In the order of upstreams and rows; what was not measured both ways is left out."""
    taken: dict[tuple[str, str, str], list[Sample]] = {}
    for each in samples:
        if each.ops:
            taken.setdefault((each.upstream, each.row, each.way), []).append(each)
    return [
        _line(taken[upstream, row, "direct"], taken[upstream, row, "through"])
        for upstream in UPSTREAMS
        for row in ROWS
        if (upstream, row, "direct") in taken and (upstream, row, "through") in taken
    ]


def _line(direct: Sequence[Sample], through: Sequence[Sample]) -> Line:
    gateway = [each.gateway_us_per_op or 0.0 for each in through]
    return Line(
        row=through[0].row,
        upstream=through[0].upstream,
        alone_us=median(each.upstream_us_per_op or 0.0 for each in direct),
        behind_us=median(each.upstream_us_per_op or 0.0 for each in through),
        gateway_us=median(gateway),
        least_us=min(gateway),
        most_us=max(gateway),
        alone_per_s=median(each.ops_per_s or 0.0 for each in direct),
        through_per_s=median(each.ops_per_s or 0.0 for each in through),
    )


def table(measured: Sequence[Line]) -> str:
    """In Markdown."""
    heads = ["work", "upstream", "upstream alone", "upstream behind S3front", "S3front"]
    heads += ["ops/s alone", "ops/s through S3front", "share", "bar", "met"]
    text = [f"| {' | '.join(heads)} |", f"|---|---|{'--:|' * (len(heads) - 2)}"]
    for each in measured:
        is_small = each.row.endswith("-4k")
        bar = f"≤ {MOST_US:.0f} µs" if is_small else f"≥ {LEAST_SHARE} of the rate"
        text.append(
            f"| {ROWS[each.row].about} (`{each.row}`) | {UPSTREAMS[each.upstream].kind.shown} "
            f"| {each.alone_us:,.0f} µs | {each.behind_us:,.0f} µs | {each.gateway_us:,.0f} µs "
            f"({each.least_us:,.0f}–{each.most_us:,.0f}) | {_rate(each.alone_per_s)} "
            f"| {_rate(each.through_per_s)} | {each.share:.2f} | {bar} "
            f"| {'yes' if each.is_met else '**no**'} |"
        )
    return "\n".join(text)


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"

"""Medians, their spread, and how ours stand to the bars."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.peers.load import Sample
from bench.peers.rows import ROWS, Bar, Row
from bench.peers.servers import KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What one figure was over the rounds."""

    middle: float
    least: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A bar and where ours stand. ``value`` and ``ratio`` are None if something was not measured."""

    bar: Bar
    ours: float | None
    value: float | None
    """What ours may be at most, or must be at least."""
    ratio: float | None
    """Ours divided by it."""

    @property
    def met(self) -> bool | None:
        if self.ratio is None:
            return None
        return self.ratio >= 1 if self.bar.at_least else self.ratio <= 1


class Summary:
    """Samples of a run, by row and server."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples: dict[tuple[str, str], list[Sample]] = {}
        for each in samples:
            self._samples.setdefault((each.row, each.server), []).append(each)

    @property
    def rows(self) -> list[Row]:
        """Those that were measured, in their order."""
        there = {row for row, _ in self._samples}
        return [row for name, row in ROWS.items() if name in there]

    @property
    def others(self) -> float | None:
        """What else used the machine: the median of all samples, 100 is one processor."""
        values = [
            sample.other_cpu_percent
            for taken in self._samples.values()
            for sample in taken
            if sample.other_cpu_percent is not None
        ]
        return median(values) if values else None

    def samples(self, row: str, server: str) -> Sequence[Sample]:
        """All rounds, those with errors too."""
        return self._samples.get((row, server), ())

    def spread(self, row: str, server: str, figure: str) -> Spread | None:
        """Of the rounds without errors."""
        values = [
            value
            for sample in self.samples(row, server)
            if not sample.errors and (value := getattr(sample, figure)) is not None
        ]
        if not values:
            return None
        return Spread(middle=median(values), least=min(values), most=max(values))

    def best(self, row: Row, figure: str, *, highest: bool) -> tuple[str, float] | None:
        """The peer that speaks S3 with the best median, and that."""
        found: Mapping[str, float] = {
            peer: spread.middle
            for peer in row.peers
            if not KINDS[peer].is_a_limit
            and (spread := self.spread(row.name, peer, figure)) is not None
        }
        if not found:
            return None
        name = max(found, key=found.__getitem__) if highest else min(found, key=found.__getitem__)
        return name, found[name]

    def verdicts(self, row: Row) -> list[Verdict]:
        """One for each bar of the row."""
        return [self._verdict(row, bar) for bar in row.bars]

    def _verdict(self, row: Row, bar: Bar) -> Verdict:
        spread = self.spread(row.name, row.ours, bar.figure)
        ours = spread.middle if spread else None
        other = self._other(row, bar)
        value = None if other is None else other * bar.times
        ratio = ours / value if ours is not None and value else None
        return Verdict(bar=bar, ours=ours, value=value, ratio=ratio)

    def _other(self, row: Row, bar: Bar) -> float | None:
        if bar.of is None:
            return bar.limit
        if bar.of == "best":
            best = self.best(row, bar.figure, highest=bar.at_least)
            return best[1] if best else None
        kind, _, name = bar.of.rpartition(":")
        place = (name, ROWS[name].ours) if kind == "row" else (row.name, name)
        spread = self.spread(*place, bar.figure)
        return spread.middle if spread else None

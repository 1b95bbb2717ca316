"""The result in Markdown."""

from collections.abc import Iterator, Mapping, Sequence

from bench.peers.rows import CPU, LATENCY, MEMORY, RATE, USER, Row
from bench.peers.servers import KINDS
from bench.peers.summary import Spread, Summary, Verdict

_UNITS: Mapping[str, str] = {CPU: "CPU", USER: "user time", RATE: "ops/s", LATENCY: "", MEMORY: ""}
_MILLISECONDS_FROM = 10_000
"""Processor times from this many µs on are shown in milliseconds."""
_COLUMNS = ("versitygw", "minio", "rclone", "s3proxy", "nginx", "least")


def tables(summary: Summary) -> str:
    """All that was measured."""
    parts = [_bars(summary), _processor(summary), _rates(summary), _durability(summary)]
    others = summary.others
    if others is not None:
        parts.insert(
            0,
            "While this was measured, the rest of the machine (not the server, not the load) used "
            f"{_number(others)} % of one processor, as the median of all samples.",
        )
    notes = _notes(summary)
    if notes:
        parts.append("What failed or fell short:\n\n" + "\n".join(f"- {note}" for note in notes))
    return "\n\n".join(parts)


def _table(head: Sequence[str], lines: Iterator[Sequence[str]]) -> str:
    rule = ["---", *("--:" for _ in head[1:])]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *lines))


def _bars(summary: Summary) -> str:
    def lines() -> Iterator[Sequence[str]]:
        for row in summary.rows:
            for verdict in summary.verdicts(row):
                figure = verdict.bar.figure
                best = summary.best(row, figure, highest=verdict.bar.at_least)
                yield (
                    f"{row.about} (`{row.name}`)",
                    f"{_shown(verdict.ours, figure)} {_UNITS[figure]}".strip(),
                    f"{_shown(best[1], figure)} ({KINDS[best[0]].shown})" if best else "–",
                    f"{_relation(verdict)} {_shown(verdict.value, figure)}",
                    f"{verdict.ratio:.2f}" if verdict.ratio is not None else "–",
                    {True: "yes", False: "**no**", None: "–"}[verdict.met],
                )

    return "Against the bars:\n\n" + _table(
        ("work", "S3front", "best peer", "bar", "S3front ÷ bar", "met"), lines()
    )


def _relation(verdict: Verdict) -> str:
    bar = verdict.bar
    sign = "≥" if bar.at_least else "≤"
    if bar.of is None:
        return sign
    of = {"best": "best peer"}.get(bar.of) or bar.of.removeprefix("row:")
    return f"{sign} {bar.times:g} × {of} ="


def _processor(summary: Summary) -> str:
    def lines() -> Iterator[Sequence[str]]:
        for row in summary.rows:
            if row.load is None:
                continue
            user = summary.spread(row.name, row.ours, USER)
            system = summary.spread(row.name, row.ours, "server_system_us_per_op")
            yield (
                f"`{row.name}` ({row.load.clients})",
                _ranged(summary.spread(row.name, row.ours, CPU)),
                _sum(user, system),
                *(_ranged(summary.spread(row.name, peer, CPU)) for peer in _COLUMNS),
            )

    return (
        "Processor time of the server for one operation, median of the rounds (least–most); "
        "in parentheses after the work the number of connections:\n\n"
        + _table(
            ("work", "S3front", "user + system", *(KINDS[peer].shown for peer in _COLUMNS)),
            lines(),
        )
    )


def _rates(summary: Summary) -> str:
    def lines() -> Iterator[Sequence[str]]:
        for row in summary.rows:
            spread = _connections(summary, row)
            yield (
                f"`{row.name}`",
                *(_rate(summary, row, server) for server in (row.ours, *_COLUMNS)),
                spread,
            )

    return (
        "Operations per second, and in milliseconds the median and the 99th percentile of their "
        "latency, each the median of the rounds; how the connections lay on our workers:\n\n"
        + _table(
            ("work", "S3front", *(KINDS[peer].shown for peer in _COLUMNS), "connections"), lines()
        )
    )


def _rate(summary: Summary, row: Row, server: str) -> str:
    found = {
        figure: summary.spread(row.name, server, figure) for figure in (RATE, LATENCY, "p99_ms")
    }
    rate, middle, most = found.values()
    if row.load is None:
        memory = summary.spread(row.name, server, MEMORY)
        return (
            f"{_shown(middle.middle, LATENCY)}, {_shown(memory.middle, MEMORY)}"
            if (middle and memory)
            else "–"
        )
    if rate is None or middle is None or most is None:
        return "–"
    return f"{_number(rate.middle)} ({_number(middle.middle)}, {_number(most.middle)})"


def _connections(summary: Summary, row: Row) -> str:
    seen = {
        " + ".join(map(str, sample.connections))
        for sample in summary.samples(row.name, row.ours)
        if sample.connections
    }
    return "; ".join(sorted(seen)) or "–"


def _durability(summary: Summary) -> str:
    named = {row.ours for row in summary.rows} | {
        peer for row in summary.rows for peer in row.peers
    }

    def lines() -> Iterator[Sequence[str]]:
        for name, kind in KINDS.items():
            if name in named:
                yield kind.shown, kind.durability

    return "What is safe when a PUT is answered:\n\n" + _table(("server", "durability"), lines())


def _notes(summary: Summary) -> list[str]:
    found = []
    for row in summary.rows:
        for server in (row.ours, *row.peers):
            texts = {
                text for sample in summary.samples(row.name, server) for text in sample.first_errors
            }
            if texts:
                words = "; ".join(" ".join(text.split())[:200] for text in sorted(texts)[:3])
                found.append(f"`{row.name}`, {KINDS[server].shown}: {words}")
    return found


def _sum(user: Spread | None, system: Spread | None) -> str:
    if user is None or system is None:
        return "–"
    return f"{_shown(user.middle, CPU)} + {_shown(system.middle, CPU)}"


def _ranged(spread: Spread | None) -> str:
    if spread is None:
        return "–"
    scale, unit = (1000, "ms") if spread.middle >= _MILLISECONDS_FROM else (1, "µs")
    middle, least, most = (
        _number(value / scale) for value in (spread.middle, spread.least, spread.most)
    )
    return f"{middle} {unit} ({least}–{most})"


def _shown(value: float | None, figure: str) -> str:
    if value is None:
        return "–"
    if figure == RATE:
        return _number(value)
    if figure == LATENCY:
        return f"{_number(value)} ms"
    if figure == MEMORY:
        return f"{_number(value)} MiB"
    return f"{_number(value / 1000)} ms" if value >= _MILLISECONDS_FROM else f"{_number(value)} µs"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"

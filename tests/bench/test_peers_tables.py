"""Medians, bars and tables of a run beside other servers."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.page import put_into
from bench.peers.command import peers
from bench.peers.load import Sample
from bench.peers.page import tables
from bench.peers.record import Run, headings, read
from bench.peers.rows import CPU, RATE, ROWS, USER
from bench.peers.servers import KINDS
from bench.peers.summary import Spread, Summary


def samples(row: str, server: str, *values: float, figure: str = CPU) -> list[Sample]:
    return [
        Sample(row=row, server=server, round=number, durability="none", ops=1, **{figure: value})  # type: ignore[arg-type]
        for number, value in enumerate(values, 1)
    ]


def test_every_row_speaks_of_servers_and_rows_that_there_are() -> None:
    for row in ROWS.values():
        assert {row.ours, *row.peers} <= set(KINDS)
        for bar in row.bars:
            assert (bar.limit is None) == (bar.of is not None)
            kind, _, name = (bar.of or "").rpartition(":")
            assert bar.of in (None, "best", *row.peers) or (kind == "row" and name in ROWS)


def test_work_that_reads_has_objects_to_read() -> None:
    for row in ROWS.values():
        if row.load is not None and row.load.work in ("get", "head", "mixed"):
            assert row.needs is not None
            assert (row.load.prefix, row.load.size) == (row.needs.prefix, row.needs.size)
            assert (row.load.bucket, row.load.objects) == (row.needs.bucket, row.needs.count)


def test_a_figure_is_the_median_of_its_rounds_with_the_least_and_the_most() -> None:
    summary = Summary(samples("get-4k", "s3front", 60, 40, 90))
    assert summary.spread("get-4k", "s3front", CPU) == Spread(middle=60, least=40, most=90)
    assert summary.spread("get-4k", "s3front", RATE) is None
    assert summary.spread("get-4k", "minio", CPU) is None


def test_what_else_ran_is_told() -> None:
    taken = [
        Sample(row="get-4k", server=name, round=1, durability="", ops=1, other_cpu_percent=used)
        for name, used in (("s3front", 10.0), ("minio", 30.0), ("rclone", 90.0))
    ]
    assert "used 30 % of one processor" in tables(Summary(taken))
    assert "of one processor" not in tables(Summary(samples("get-4k", "s3front", 60)))


def test_a_round_with_errors_does_not_count() -> None:
    taken = samples("get-4k", "s3front", 60, 40)
    failed = Sample(
        row="get-4k", server="s3front", round=3, durability="", errors=1, server_us_per_op=1
    )
    assert Summary([*taken, failed]).spread("get-4k", "s3front", CPU) == Spread(
        middle=50, least=40, most=60
    )


def test_a_limit_is_met_by_less() -> None:
    (verdict,) = Summary(samples("get-4k", "s3front", 60)).verdicts(ROWS["get-4k"])
    assert (verdict.value, verdict.ratio, verdict.met) == (50, 1.2, False)
    (verdict,) = Summary(samples("get-4k", "s3front", 50)).verdicts(ROWS["get-4k"])
    assert verdict.met is True


def test_a_bar_follows_the_best_peer_that_speaks_s3() -> None:
    row = ROWS["put-4k"]
    summary = Summary(
        [
            *samples("put-4k", "s3front", 150),
            *samples("put-4k", "minio", 800),
            *samples("put-4k", "s3proxy", 200),
            *samples("get-4k", "nginx", 8),
            *samples("get-4k", "minio", 300),
        ]
    )
    user, total = summary.verdicts(row)
    assert (user.bar.figure, user.ratio, user.met) == (USER, None, None)
    assert total.value == pytest.approx(140)
    assert total.ratio == pytest.approx(150 / 140)
    assert summary.best(ROWS["get-4k"], CPU, highest=False) == ("minio", 300)


def test_a_rate_is_met_by_more() -> None:
    rates = [
        *samples("rate-get-4k-16", "s3front-2", 30_000, figure=RATE),
        *samples("rate-get-4k-16", "s3proxy", 14_000, figure=RATE),
        *samples("rate-get-4k-16", "rclone", 9_000, figure=RATE),
    ]
    (verdict,) = Summary(rates).verdicts(ROWS["rate-get-4k-16"])
    assert (verdict.value, verdict.met) == (21_000, True)


def test_a_bar_may_be_another_row_of_ours() -> None:
    both = [*samples("deep-100k", "s3front", 1000), *samples("deep-10m", "s3front-10m", 1400)]
    (verdict,) = Summary(both).verdicts(ROWS["deep-10m"])
    assert (verdict.value, verdict.met) == (1300, False)


def test_tables_name_what_was_measured_and_what_failed() -> None:
    failed = Sample(
        row="get-4k",
        server="minio",
        round=1,
        durability="",
        errors=7,
        first_errors=("503 instead\nof 200",),
    )
    text = tables(Summary([*samples("get-4k", "s3front", 60, 40, 90), failed]))
    assert "| GET of 4 KiB (`get-4k`) | 60 µs CPU | – | ≤ 50 µs | 1.20 | **no** |" in text
    assert "| `get-4k` (16) | 60 µs (40–90) |" in text
    assert "- `get-4k`, MinIO: 503 instead of 200" in text
    assert "put-4k" not in text
    assert "| MinIO | fdatasync of the file" in text


RUN = Run(command="python -m bench.peers", began="2026-01-02 03:04", about={"S3front": "abc"})


def test_a_run_comes_back_from_its_lines(tmp_path: Path) -> None:
    taken = [
        *samples("get-4k", "s3front", 60, 40),
        Sample(row="head-4k", server="minio", round=1, durability="", connections=(3, 4)),
    ]
    file = tmp_path / "lines"
    file.write_text("\n".join([RUN.line(), *(each.line() for each in taken)]))
    assert read([file]) == ([RUN], taken)
    done = CliRunner().invoke(
        peers, ["--from", str(file), "--from", str(file), "--note", "A word."]
    )
    assert done.exit_code == 0
    assert "50 µs (40–60)" in done.output
    assert done.output.count("Run of 2026-01-02 03:04 UTC: `python -m bench.peers`") == 2
    assert done.output.count("- S3front: abc") == 1
    assert "\n\nA word.\n\n" in done.output


def test_runs_on_other_commits_say_so() -> None:
    other = replace(RUN, about={"S3front": "def"})
    shown = headings([RUN, other, RUN])
    assert shown.count("Run of") == 3
    assert shown.count("- S3front:") == 2
    assert shown.index("- S3front: abc") < shown.index("- S3front: def")


@pytest.mark.parametrize("words", [["--row", "get-5k"], ["--server", "garage"]])
def test_an_unknown_name_is_told_with_those_there_are(words: list[str]) -> None:
    done = CliRunner().invoke(peers, words)
    assert done.exit_code == 2
    assert ("deep-100k" in done.output) or ("versitygw" in done.output)


def test_a_page_keeps_what_is_around_the_table(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- peers: generated, do not edit -->\nold\n<!-- /peers -->\nz\n")
    put_into(page, "peers", "new | table\n")
    put_into(page, "peers", "new | table\n")
    assert page.read_text() == (
        "a\n<!-- peers: generated, do not edit -->\n\nnew | table\n\n<!-- /peers -->\nz\n"
    )
    with pytest.raises(ValueError, match="no place for keys"):
        put_into(page, "keys", "text")

"""Percentiles by nearest rank."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.accounting import Cpu, Memory
from bench.figure import Usage, figure, percentile
from bench.generator import Result

VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=300).map(sorted)


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(1, 15), (5, 15), (20, 15), (30, 20), (40, 20), (50, 35), (90, 50), (99, 50), (100, 50)],
)
def test_textbook_example(percent: float, expected: int) -> None:
    assert percentile([15, 20, 35, 40, 50], percent) == expected


def test_of_a_hundred_values_the_99th_is_exceeded_by_one() -> None:
    assert percentile(range(1, 101), 99) == 99
    assert percentile(range(1, 101), 50) == 50


@given(VALUES, st.integers(1, 100))
def test_it_is_the_least_value_that_enough_values_do_not_exceed(
    ordered: Sequence[float], percent: int
) -> None:
    found = percentile(ordered, percent)

    def enough(limit: float) -> bool:
        return sum(value <= limit for value in ordered) * 100 >= percent * len(ordered)

    assert found in ordered
    assert enough(found)
    assert not any(enough(value) for value in ordered if value < found)


@pytest.mark.parametrize(("values", "percent"), [([], 50), ([1.0], 0), ([1.0], 101)])
def test_what_has_no_percentile_is_refused(values: Sequence[float], percent: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile(values, percent)


def test_a_figure_reckons_per_operation_and_per_second() -> None:
    result = Result(
        latencies=[0.004, 0.001, 0.002, 0.003], moved=8 * 1024 * 1024, elapsed=2.0, cpu=0.0004
    )
    usage = Usage(
        server=Cpu(user=0.003, system=0.001),
        memory=[Memory(resident=51200, peak=102400)],
        machine=1.0044,
    )
    made = figure("get-4k", 16, result, usage)
    assert (made.server_us_per_op, made.server_user_us_per_op) == (1000, 750)
    assert made.server_system_us_per_op == 250
    assert made.client_us_per_op == 100
    assert (made.ops, made.ops_per_s, made.mib_per_s) == (4, 2, 4)
    assert (made.p50_ms, made.p90_ms, made.p99_ms) == (2, 4, 4)
    assert (made.rss_mib, made.peak_rss_mib) == ([50], [100])
    assert made.other_cpu_percent == 50


def test_a_figure_of_nothing_but_errors_has_no_rates() -> None:
    made = figure("head", 16, Result(errors=3, elapsed=1.0, texts=("why",)), None)
    assert (made.errors, made.ops, made.ops_per_s, made.p50_ms) == (3, 0, None, None)
    assert made.server_us_per_op is None
    assert made.first_errors == ("why",)

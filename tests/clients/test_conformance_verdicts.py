"""What the conformance run makes of a case."""

from pathlib import Path

import pytest

from conformance.outcome import Verdict, deviations, judged

KNOWN = frozenset({"mc: stat", "mc: diff"})


@pytest.mark.parametrize(
    ("failure", "reason", "verdict", "is_good", "words"),
    [
        (None, None, Verdict.PASSED, True, ""),
        ("broken", None, Verdict.FAILED, False, "broken"),
        ("broken", "not yet", Verdict.DEVIATES, True, "not yet"),
        (None, "not yet", Verdict.SURPRISES, False, "not yet"),
    ],
)
def test_a_case_is_judged_by_outcome_and_excuse(
    failure: str | None, reason: str | None, verdict: Verdict, *, is_good: bool, words: str
) -> None:
    outcome = judged("mc", "stat", seconds=1, failure=failure, reason=reason)
    assert (outcome.verdict, outcome.is_good, outcome.words) == (verdict, is_good, words)
    assert outcome.name == "mc: stat"


def test_excuses_are_read(tmp_path: Path) -> None:
    path = tmp_path / "deviations.toml"
    path.write_text('"mc: stat" = "not yet"\n')
    assert deviations(path, KNOWN) == {"mc: stat": "not yet"}


@pytest.mark.parametrize("line", ['"mc: gone" = "not yet"', '"mc: stat" = " "', '"mc: stat" = 1'])
def test_an_excuse_for_nothing_or_without_reason_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "deviations.toml"
    path.write_text(line)
    with pytest.raises(ValueError, match=r"deviations\.toml"):
        deviations(path, KNOWN)

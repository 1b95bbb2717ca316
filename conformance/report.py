"""The report: a page to read and a document to compare."""

import json
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.outcome import Outcome, Suite, Verdict

_MARKS = {
    Verdict.PASSED: "✔",
    Verdict.FAILED: "✘",
    Verdict.DEVIATES: "~",
    Verdict.SURPRISES: "!",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What ran where."""

    commit: str
    is_clean: bool
    endpoint: str
    suites: Sequence[Suite]
    outcomes: Sequence[Outcome]


def commit(root: Path) -> tuple[str, bool]:
    """The commit checked out ("none" if there is none), and whether files differ from it.

    The reports themselves may differ: they are what a run writes.
    """
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False
    )
    status = subprocess.run(
        ["git", "status", "--porcelain", "--", ".", ":!conformance/report.*"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    name = head.stdout.strip() if head.returncode == 0 else "none"
    return name, status.returncode == 0 and not status.stdout.strip()


def write(run: Run, folder: Path) -> None:
    """``report.md`` and ``report.json`` in ``folder``."""
    (folder / "report.md").write_text(_page(run))
    document = {
        "commit": run.commit,
        "clean": run.is_clean,
        "endpoint": run.endpoint,
        "platform": _platform(),
        "clients": {suite.name: suite.version for suite in run.suites},
        "cases": [
            {
                "suite": each.suite,
                "case": each.case,
                "verdict": each.verdict.value,
                "seconds": round(each.seconds, 2),
                "words": each.words,
            }
            for each in run.outcomes
        ],
    }
    (folder / "report.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def _platform() -> str:
    return f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"


def _page(run: Run) -> str:
    tree = "" if run.is_clean else " with uncommitted changes"
    lines = [
        "# Conformance report",
        "",
        "Written by `make conformance`; what it means is in [README.md](README.md).",
        "",
        f"- Commit: `{run.commit}`{tree}",
        f"- Server: {run.endpoint}",
        f"- Platform: {_platform()}",
        "",
        "| suite | client | passed | failed | deviates | surprises |",
        "|---|---|---|---|---|---|",
    ]
    for suite in run.suites:
        mine = [each.verdict for each in run.outcomes if each.suite == suite.name]
        counts = " | ".join(str(mine.count(verdict)) for verdict in Verdict)
        lines.append(f"| {suite.name} | {suite.version} | {counts} |")
    for suite in run.suites:
        lines += ["", f"## {suite.name}", "", "| | case | seconds | |", "|---|---|---|---|"]
        for each in run.outcomes:
            if each.suite == suite.name:
                words = _cell(each.words)
                lines.append(
                    f"| {_MARKS[each.verdict]} | {_cell(each.case)} | {each.seconds:.1f} | {words} |"
                )
    lines += ["", "✔ passed, ✘ failed, ~ deviates for the reason given, ! passes unexpectedly", ""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    words = " ".join(text.split()).replace("|", "\\|").replace("`", "'")
    return words if len(words) <= 600 else f"{words[:600]}…"

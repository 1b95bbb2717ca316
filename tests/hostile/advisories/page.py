"""docs/advisories.md. ``python -m tests.hostile.advisories.page`` writes it."""

from pathlib import Path

from tests.hostile.advisories.table import THEMES

PAGE = Path(__file__).parents[3] / "docs" / "advisories.md"
FOLDER = "tests/hostile/advisories"

_HEAD = """# Advisories

Weaknesses that others had, and the test that holds each off here. Generated from `tests/hostile/advisories/table.py`; `make docs` writes it.

Where the weakness is in an operation that is not built, the test asserts the refusal: the operation answers `NotImplemented` with its name and
changes nothing. It fails on the day the operation is built, so that the real test is written then. One test runs for each id:
`pytest tests/hostile/advisories -k CVE-2025-31489`.
"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for theme, rows in THEMES.items():
        parts.append(
            f"\n## {theme}\n\n| id | where | what was wrong | test | not built |\n|---|---|---|---|---|\n"
        )
        parts += [
            f"| {row.id} | {row.project} | {row.mechanism} | `{FOLDER}/{row.test}` "
            f"| {', '.join(row.unserved)} |\n"
            for row in rows
        ]
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())

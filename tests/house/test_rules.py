"""Rules of the house that no linter knows."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for folder in ("gateway", "sigv4", "backends", "bench", "conformance")
    for path in (ROOT / folder).rglob("*.py")
    if "node_modules" not in path.parts
)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_named_for_its_one_job(path: Path) -> None:
    assert path.stem not in {"utils", "util", "helpers", "helper", "common", "misc", "base"}
    assert "manager" not in path.stem


def test_every_package_says_what_belongs_in_it() -> None:
    for path in SOURCES:
        if path.name == "__init__.py":
            assert path.read_text().startswith('"""'), path


def test_no_package_is_empty() -> None:
    for path in SOURCES:
        if path.name == "__init__.py":
            others = [other for other in path.parent.rglob("*.py") if other != path]
            assert others, path

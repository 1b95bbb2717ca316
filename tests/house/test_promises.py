"""What the docs promise has a test, and the test is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
_NODE = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?(?:\[[^`]*\])?`")
_PROMISES = "threat-model.md"


@cache
def _tests_of(path: str) -> frozenset[str]:
    """Names of the tests a file defines, and of its classes of tests."""
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and node.name.startswith(("test_", "Test"))
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_test_that_a_page_names_is_there(page: Path) -> None:
    for path, name in _NODE.findall(page.read_text()):
        assert (ROOT / path).is_file(), path
        assert not name or name in _tests_of(path), f"{path}::{name}"


def test_every_promise_of_the_threat_model_names_its_test() -> None:
    text = (ROOT / "docs" / _PROMISES).read_text()
    tables = re.findall(r"\| promise \| test \|\n\|---\|---\|\n((?:\|.*\n)+)", text)
    rows = [row for table in tables for row in table.splitlines()]
    assert len(rows) > 30
    for row in rows:
        assert _NODE.search(row), f"no test is named: {row}"

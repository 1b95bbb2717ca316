"""The table is true: each advisory has its test, each test its advisory, the page says so."""

import ast
from pathlib import Path

from tests.hostile.advisories.page import PAGE, page
from tests.hostile.advisories.table import BY_ID, THEMES

FOLDER = Path(__file__).parent


def _covered() -> dict[str, str]:
    """Id ▶ file and function of the test that says it covers it."""
    found: dict[str, str] = {}
    for path in FOLDER.glob("test_*.py"):
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.FunctionDef):
                continue
            for call in node.decorator_list:
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "covers":
                    for argument in call.args:
                        id = ast.literal_eval(argument)
                        assert id not in found, id
                        found[id] = f"{path.name}::{node.name}"
    return found


def test_each_advisory_has_its_test_and_each_test_its_advisory() -> None:
    assert {row.id: row.test for row in BY_ID.values()} == _covered()
    assert len(BY_ID) == sum(len(rows) for rows in THEMES.values()) >= 80


def test_what_is_not_built_is_refused_in_the_test_that_leans_on_it() -> None:
    for row in BY_ID.values():
        file, _, name = row.test.partition("::")
        (source,) = (
            ast.unparse(node)
            for node in ast.parse((FOLDER / file).read_text()).body
            if isinstance(node, ast.FunctionDef) and node.name == name
        )
        for operation in row.unserved:
            assert f"'{operation}'" in source, row.id
            assert "assert_not_served" in source, row.id


def test_the_page_is_that_of_the_table() -> None:
    assert PAGE.read_text() == page(), "make docs writes it"

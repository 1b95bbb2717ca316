"""The examples of docs/testing-your-app.md, run as they stand."""

import re
from pathlib import Path

import pytest

pytest_plugins = ("pytester",)
PAGE = Path(__file__).parents[2] / "docs/testing-your-app.md"
EXAMPLES = dict(
    re.findall(
        r"<!-- example: (test_\w+\.py) -->\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL
    )
)


def test_all_examples_pass(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.plugins = []
    for name, text in EXAMPLES.items():
        (pytester.path / name).write_text(text)
    assert len(EXAMPLES) == PAGE.read_text().count("<!-- example: test_")
    result = pytester.runpytest_subprocess("-W", "error", "-p", "no:asyncio", *EXAMPLES)
    tests = sum(text.count("def test_") for text in EXAMPLES.values())
    result.assert_outcomes(passed=tests)


def test_the_unittest_example_is_a_program_too(pytester: pytest.Pytester) -> None:
    script = pytester.path / "photos.py"
    script.write_text(EXAMPLES["test_unittest.py"])
    done = pytester.runpython(script)
    assert done.ret == 0
    done.stderr.fnmatch_lines(["Ran 1 test in *", "OK"])

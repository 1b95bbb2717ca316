"""Bars for people, silence for scripts."""

import io
import re

import pytest
from rich.console import Console

from gateway.cli import progress
from gateway.safekeeping.steps import Silent


def _consoles(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> io.StringIO:
    shown = io.StringIO()
    monkeypatch.setattr(
        progress, "Console", lambda **_: Console(file=shown, force_terminal=terminal, width=100)
    )
    return shown


def test_on_a_terminal_each_step_has_a_bar_that_ends_full(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _consoles(monkeypatch, terminal=True)
    with progress.progress_bars() as steps:
        steps.begin("objects", 4)
        steps.advance(3)
        steps.advance()
        steps.begin("files")
        steps.advance(7)
        steps.begin("nothing")
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.getvalue())
    last = text.replace("\r", "\n").strip().splitlines()[-3:]
    assert [line.split()[0] for line in last] == ["objects", "files", "nothing"]
    assert "4/4" in last[0]
    assert "7/7" in last[1]


def test_where_nobody_looks_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _consoles(monkeypatch, terminal=False)
    with progress.progress_bars() as steps:
        assert isinstance(steps, Silent)
        steps.begin("objects", 4)
        steps.advance()
    assert shown.getvalue() == ""

"""Measuring without HTTP: every kind of request is answered as it should be, and has a figure."""

import json
import subprocess
import sys
from pathlib import Path


def test_each_step_has_a_figure(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.steps", "--json", "--seconds", "0"]
    few = ["--keys", "5", "--rows", "3000", "--directory", str(tmp_path)]
    done = subprocess.run([*command, *few], stdout=subprocess.PIPE, check=True)
    figures = json.loads(done.stdout)
    assert {"get", "head", "missing", "list-313", "list-1000", "list-deep"} <= set(figures)
    assert all(figure > 0 for figure in figures.values())
    assert not list(tmp_path.iterdir())

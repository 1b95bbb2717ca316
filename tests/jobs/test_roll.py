"""Who lives is known by a lock, however a process died."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.jobs.roll import Roll
from tests.server.running import ROOT

_ENTERS = """
import sys
from pathlib import Path
from gateway.jobs.roll import Roll

Roll(Path(sys.argv[1])).enter(sys.argv[2])
print("entered", flush=True)
sys.stdin.read()
"""


@contextmanager
def living(folder: Path, process: str) -> Iterator["subprocess.Popen[str]"]:
    """Another process, on the roll under that name."""
    with subprocess.Popen(
        [sys.executable, "-c", _ENTERS, str(folder), process],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "entered\n"
        try:
            yield other
        finally:
            other.kill()


def test_a_process_lives_until_it_is_killed(tmp_path: Path) -> None:
    roll = Roll(tmp_path / "workers")
    roll.enter("00000001")
    with living(tmp_path / "workers", "00000002") as other:
        assert roll.lives("00000002")
        roll.clear()
        assert roll.lives("00000002")
        other.kill()
        other.wait()
        assert not roll.lives("00000002")
    assert [file.name for file in (tmp_path / "workers").iterdir()] == ["00000001"]


def test_one_that_never_was_does_not_live(tmp_path: Path) -> None:
    roll = Roll(tmp_path)
    assert not roll.lives("00000001")
    assert list(tmp_path.iterdir()) == []


def test_leaving_is_like_dying(tmp_path: Path) -> None:
    roll, other = Roll(tmp_path), Roll(tmp_path)
    roll.enter("00000001")
    assert other.lives("00000001")
    roll.leave()
    other.clear()
    assert list(tmp_path.iterdir()) == []


def test_a_file_unlinked_before_it_was_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roll, other = Roll(tmp_path), Roll(tmp_path)
    real = Roll._is
    asked = iter([True])

    def unlinked_first(self: Roll, process: str, file: int) -> bool:
        if next(asked, False):
            (tmp_path / process).unlink()  # as by another that found it unlocked
        return real(self, process, file)

    with monkeypatch.context() as patch:
        patch.setattr(Roll, "_is", unlinked_first)
        roll.enter("00000001")
    assert other.lives("00000001")

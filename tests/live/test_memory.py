"""A large object passes through the server without being held there."""

from pathlib import Path

from tests.live.measuring import PEAK_MIB, peak_of


def test_a_quarter_of_a_gibibyte_needs_little_memory(tmp_path: Path) -> None:
    assert peak_of(tmp_path / "root", 256) < PEAK_MIB

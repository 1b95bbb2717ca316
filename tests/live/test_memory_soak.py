"""As test_memory.py, with an object no machine of a test could hold by accident."""

from pathlib import Path

import pytest

from tests.live.measuring import PEAK_MIB, peak_of

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]


def test_a_gibibyte_needs_no_more(tmp_path: Path) -> None:
    assert peak_of(tmp_path / "root", 1024) < PEAK_MIB

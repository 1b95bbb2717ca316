"""A shelf to put blocks on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.cache.shelves import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(directory=tmp_path / "cache")
    bench.open()
    yield bench
    bench.shelf.close()

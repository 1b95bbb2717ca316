"""Several processes share a directory, and are killed in the midst of it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backends.cache import sweeping
from backends.cache.index import Index
from backends.cache.naming import Block
from backends.cache.sizes import OVERHEAD
from tests.backends.cache import filling
from tests.backends.cache.shelves import Bench, files, key_of, taken
from tests.seeds import seed

SIZE = OVERHEAD + 3 * 1024 * 1024


@contextmanager
def filler(directory: Path, number: int) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", filling.__name__, str(directory), str(SIZE), str(number)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def goes_on(process: subprocess.Popen[str], lines: int) -> None:
    """Wait until it has done some more."""
    assert process.stdout is not None
    for _ in range(lines):
        assert process.stdout.readline() == "filled\n"


def known() -> dict[str, Block]:
    blocks = (
        key_of(thing, size).block(0) for thing in range(filling.THINGS) for size in filling.SIZES
    )
    return {block.name.hex(): block for block in blocks}


def sound(directory: Path) -> int:
    """How many blocks are there. All are right, each has a row, and no row has none."""
    bench = Bench(directory=directory, size=SIZE)
    bench.open()
    there, of = files(directory), known()
    assert all(bench.has(of[name]) for name in there)
    assert not bench.counts
    assert not bench.complaints
    bench.shelf.close()
    index = Index(directory / sweeping.INDEX)
    rows = index._rows("SELECT name, bytes, whole FROM blocks")
    assert {name.hex() for name, _, _ in rows} >= there
    assert all(whole for _, _, whole in rows)
    assert index.total() == sum(size for _, size, _ in rows) <= SIZE - OVERHEAD
    index.close()
    return len(there)


@pytest.mark.timeout(300)
def test_a_process_may_be_killed_at_any_moment(tmp_path: Path) -> None:
    directory = tmp_path / "cache"
    first = seed("cache")
    for kill in range(8):
        with filler(directory, first + 10 * kill) as process:
            goes_on(process, 3 + kill)
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert taken(directory) <= SIZE
        there = {name.removesuffix(".new") for name in files(directory)}
        index = Index(directory / sweeping.INDEX)
        assert {name.hex() for (name,) in index._rows("SELECT name FROM blocks")} >= there
        index.close()
        assert sound(directory) > 10


@pytest.mark.timeout(300)
def test_processes_share_a_directory_and_its_bound(tmp_path: Path) -> None:
    directory = tmp_path / "cache"
    first = seed("caches")
    with filler(directory, first) as one, filler(directory, first + 10) as two:
        for _ in range(8):
            goes_on(one, 1)
            goes_on(two, 1)
            assert taken(directory) <= SIZE
        one.send_signal(signal.SIGKILL)
        one.wait()
        with filler(directory, first + 20) as three:
            for _ in range(4):
                goes_on(two, 1)
                goes_on(three, 1)
                assert taken(directory) <= SIZE
    assert sound(directory) > 10

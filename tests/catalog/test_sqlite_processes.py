"""Several processes and one catalog: none waits for long, and each gets its share."""

import asyncio
import itertools
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.catalog.sqlite import SqliteCatalog
from tests.catalog.shelf import Shelf

ROOT = Path(__file__).parents[2]
MOST = {"relaxed": 4_000, "full": 2_000}


async def start(*arguments: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert (await process.stdout.readline()).strip() == b"ready"
    return process


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Who wanted (w) and had the gate (g), and had the lock (h), while both wrote."""

    told: list[str]

    @classmethod
    def read(cls, file: Path) -> "Turns":
        text = file.read_text()
        told = [text[at : at + 2] for at in range(0, len(text), 2)]
        # Before the first and after the last turn of the other one there is nobody to wait for.
        first = max(told.index(f"h{name}") for name in "ab")
        last = min(len(told) - 1 - told[::-1].index(f"h{name}") for name in "ab")
        return cls(told=told[first : last + 1])

    def overtaken(self, since: str, name: str) -> list[int]:
        """For each wait of ``name``, how often the other one had the lock in between."""
        counts: list[int] = []
        waiting: int | None = None
        for what, who in map(tuple, self.told):
            if who == name and what == since:
                waiting = 0
            elif who == name and what == "h" and waiting is not None:
                counts.append(waiting)
                waiting = None
            elif what == "h" and waiting is not None:
                waiting += 1
        return counts


@pytest.mark.parametrize("durability", ["relaxed", "full"])
async def test_of_two_processes_that_write_flat_out_none_starves(
    tmp_path: Path, durability: str
) -> None:
    path, most = tmp_path / "catalog.db", MOST[durability]
    catalog = SqliteCatalog(path, placings={"disk": Shelf()}, durable=False)
    await catalog.open()
    bucket = await catalog.create_bucket("shared", region="", storage="disk", now_ns=1)
    arguments = ["-m", "tests.catalog.flat_out", str(path)]
    processes = [await start(*arguments, name, str(most), durability) for name in "ab"]
    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    made = [int(output) for output, _ in outputs]
    assert max(made) >= most
    assert min(made) >= sum(made) / 4
    entries = [entry.key async for entry in catalog.every_entry(bucket)]
    assert len(entries) == sum(made)
    reader = catalog._reader
    assert reader is not None
    assert reader.execute("PRAGMA integrity_check").get == "ok"
    await catalog.aclose()

    turns = Turns.read(tmp_path / "turns")
    for name in "ab":
        # Who has the gate is the next, whatever the other one does.
        assert set(turns.overtaken("g", name)) == {0}
        # Before that it only depends on being run at all: a batch of the other one is long enough.
        waits = turns.overtaken("w", name)
        assert sum(count <= 1 for count in waits) >= len(waits) * 3 / 4
        assert max(waits) <= 20


TURNS = """
import os, sys, time
from pathlib import Path
from gateway.catalog.sqlite.lock import FairLock

path, name = Path(sys.argv[1]), sys.argv[2].encode()
lock = FairLock(path)
turns = os.open(path.with_name("turns"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(200):
    with lock:
        os.write(turns, name)
        time.sleep(0.0005)  # as a commit waits for its disk
"""


async def test_two_that_want_the_lock_without_pause_take_turns(tmp_path: Path) -> None:
    processes = [
        await start("-c", TURNS, str(tmp_path / "catalog.db"), name) for name in ("a", "b")
    ]
    await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    turns = (tmp_path / "turns").read_bytes()
    assert len(turns) == 400
    first = max(turns.index(name) for name in (b"a", b"b"))
    last = min(turns.rindex(name) for name in (b"a", b"b"))
    contested = turns[first : last + 1]
    changes = sum(a != b for a, b in itertools.pairwise(contested))
    assert changes >= len(contested) // 2

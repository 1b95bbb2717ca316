"""Several processes and one catalog."""

import asyncio
import itertools
import os
import sys
from pathlib import Path

from gateway.catalog.sqlite import SqliteCatalog
from tests.catalog.shelf import Shelf

ROOT = Path(__file__).parents[2]
MOST = 4_000


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


async def test_of_two_processes_that_write_flat_out_none_starves(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    catalog = SqliteCatalog(path, placings={"disk": Shelf()}, durable=False)
    await catalog.open()
    bucket = await catalog.create_bucket("shared", region="", storage="disk", now_ns=1)
    processes = [
        await start("-m", "tests.catalog.flat_out", str(path), name, str(MOST)) for name in "ab"
    ]
    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    made = [int(output) for output, _ in outputs]
    assert max(made) >= MOST
    assert min(made) >= MOST // 4
    entries = [entry.key async for entry in catalog.every_entry(bucket)]
    assert len(entries) == sum(made)
    reader = catalog._reader
    assert reader is not None
    assert reader.execute("PRAGMA integrity_check").get == "ok"
    await catalog.aclose()


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

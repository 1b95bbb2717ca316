"""A process that writes flat out: ``python flat_out.py CATALOG NAME MOST DURABILITY``.

Prints how many writes it made before it, or another one of the same catalog, had made MOST. What it
does with the lock goes to the file ``turns`` beside the catalog: one letter and NAME when it wants
the gate (w), has it (g), has the lock (h).
"""

import asyncio
import fcntl
import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path

from gateway.catalog.sqlite import SqliteCatalog
from tests.catalog.shelf import Shelf
from tests.catalog.versions import new_version


def told_of(turns: Path, name: str) -> Callable[[int, int], None]:
    """``fcntl.flock``, which tells; what it tells stands in the order in which it happened."""
    real = fcntl.flock
    told = os.open(turns, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def flock(file: int, operation: int) -> None:
        gate = Path(f"/proc/self/fd/{file}").readlink().name.endswith("-gate")
        taking = operation == fcntl.LOCK_EX
        if gate and taking:
            os.write(told, f"w{name}".encode())
        real(file, operation)
        if taking:
            os.write(told, f"{'g' if gate else 'h'}{name}".encode())

    return flock


async def main(path: Path, name: str, most: int, durability: str) -> None:
    catalog = SqliteCatalog(path, placings={"disk": Shelf()}, durable=durability == "full")
    await catalog.open()
    bucket = await catalog.bucket("shared")
    done = path.with_name("done")
    made = 0
    numbers = itertools.count()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    setattr(fcntl, "flock", told_of(path.with_name("turns"), name))  # noqa: B010 - replaced

    # 200 jobs always wait, so the committer never pauses between batches.
    async def write() -> None:
        nonlocal made
        while made < most and not done.exists():
            await catalog.publish(bucket, new_version(bucket, f"{name}/{next(numbers)}"))
            made += 1

    await asyncio.gather(*(write() for _ in range(200)))
    done.touch()
    await catalog.aclose()
    sys.stdout.write(f"{made}\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]))

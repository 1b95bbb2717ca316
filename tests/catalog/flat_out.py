"""A process that writes flat out: ``python flat_out.py CATALOG NAME MOST``.

Prints how many writes it made before it, or another one of the same catalog, had made MOST.
"""

import asyncio
import itertools
import sys
from pathlib import Path

from gateway.catalog.sqlite import SqliteCatalog
from tests.catalog.shelf import Shelf
from tests.catalog.versions import new_version


async def main(path: Path, name: str, most: int) -> None:
    catalog = SqliteCatalog(path, placings={"disk": Shelf()}, durable=False)
    await catalog.open()
    bucket = await catalog.bucket("shared")
    done = path.with_name("done")
    made = 0
    numbers = itertools.count()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()

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
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))

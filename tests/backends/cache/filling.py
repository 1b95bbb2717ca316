"""A process that fills a cache from several threads until it is killed: DIRECTORY SIZE SEED.

It writes a line for every hundred blocks that it has asked for.
"""

import os
import random
import sys
import threading
from pathlib import Path

from tests.backends.cache.shelves import Bench, key_of

THINGS = 2000


def main(directory: Path, size: int, seed: int) -> None:
    bench = Bench(directory=directory, size=size)
    bench.open()
    threads = [threading.Thread(target=fill, args=(bench, seed + n)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def fill(bench: Bench, seed: int) -> None:
    chance = random.Random(seed)
    while True:
        for _ in range(100):
            block = key_of(chance.randrange(THINGS), size=chance.choice(SIZES)).block(0)
            if chance.random() < 0.02:
                bench.shelf.drop(block.path)
            elif not bench.has(block):
                bench.keep(block, often=chance.randrange(1, 16))
        assert not bench.complaints, bench.complaints
        os.write(1, b"filled\n")  # at once: threads do not mix their lines


SIZES = (1000, 5000, 100_000)

if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))

"""Shelves for the tests, and what is put there."""

import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backends.cache import sweeping
from backends.cache.index import Index
from backends.cache.naming import Block, Key, hash_of
from backends.cache.shelf import Arrived, Kept, Shelf
from backends.cache.sizes import OVERHEAD
from backends.interface import Fingerprint

ROOM = OVERHEAD + 1024 * 1024
"""Bytes of a cache that a few hundred small blocks fill."""


def key_of(thing: int, size: int = 5000, stamp: str = "1") -> Key:
    return Key(path=hash_of("nas", f"b/{thing}"), of=Fingerprint(size=size, stamp=stamp))


def data_of(block: Block) -> bytes:
    """The bytes that a block must have."""
    return random.Random(block.name).randbytes(block.size)


def arrived(block: Block, *, often: int = 1, begun: int | None = None) -> Arrived:
    data = data_of(block)
    pieces = [data[at : at + 70_000] for at in range(0, len(data), 70_000)]
    return Arrived(
        block=block,
        pieces=pieces,
        modified_ns=5,
        begun=time.monotonic_ns() if begun is None else begun,
        often=often,
    )


@dataclass(kw_only=True)
class Bench:
    """A shelf, what it told, and how often things are said to be asked for."""

    directory: Path
    size: int = ROOM
    counts: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    often: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shelf = Shelf(
            self.directory,
            self.size,
            often=lambda name: self.often.get(name, 0),
            count=lambda event, number: self.counts.update({event: number}),
            complain=self.complaints.append,
        )

    def open(self) -> None:
        self.shelf.open()
        self.shelf.get_ready()

    def keep(
        self, block: Block, *, often: int = 1, touched: Mapping[bytes, int] | None = None
    ) -> Kept:
        return self.shelf.keep(arrived(block, often=often), touched or {})

    def has(self, block: Block) -> bool:
        """Whether it is found; then it is right."""
        found = self.shelf.find(block, 0, block.size)
        assert found in {None, (data_of(block), 5)}
        return found is not None


def taken(directory: Path) -> int:
    """Bytes of the disk that all files of a directory take."""
    total = 0
    for file in directory.rglob("*"):
        try:
            total += file.lstat().st_blocks * 512
        except FileNotFoundError:  # gone since it was listed
            continue
    return total


def files(directory: Path) -> set[str]:
    """Names of the files of blocks."""
    return {file.name for file in directory.glob("??/*")}


def total_of(bench: Bench) -> int:
    """What its index accounts for."""
    index = Index(bench.directory / sweeping.INDEX)
    try:
        return index.total()
    finally:
        index.close()

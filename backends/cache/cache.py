"""The cache of one storage, for the tasks of one loop: what is at hand, and who fetches what is not."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from backends.cache.blocks import AT_ONCE
from backends.cache.events import BYTES, Count
from backends.cache.flights import MOST, RUN, Flight, Reader
from backends.cache.frequencies import Frequencies
from backends.cache.naming import Block, Key, hash_of
from backends.cache.shelf import Arrived, Kept, Shelf
from backends.cache.sizes import BLOCK
from backends.errors import Unavailable
from backends.interface import PIECE, Fingerprint, Storage
from backends.local.threads import Pool

_ARRIVED = 32
"""Blocks that wait for the disk at once; what comes beyond is not kept."""
_KEEPERS = 4
"""Of them, those that are written at once."""
_TOUCHED = 256
"""Blocks that are read before the index is told."""
_REMEMBERED = 1024
_LEAST_THING = 64 * 1024

Found = tuple[bytes, int]
"""Some bytes, and when their object was changed last."""


class Cache:
    """Of the storage ``name``: blocks in ``directory``, at most ``size`` bytes. To be opened; may be
    opened again. A cache that cannot be used says so by ``complain``, and has nothing."""

    def __init__(
        self,
        directory: Path,
        size: int,
        *,
        name: str,
        count: Count,
        complain: Callable[[str], None],
    ) -> None:
        self._name = name
        self.count = count
        self._often = Frequencies(size // _LEAST_THING)
        self._shelf = Shelf(directory, size, often=self._often.of, count=count, complain=complain)
        self._pool: Pool | None = None
        self._readying: asyncio.Future[bool] | None = None
        self._keepers = asyncio.Semaphore(_KEEPERS)
        self._flying: dict[Flight, asyncio.Task[None]] = {}
        self._arrived: dict[bytes, Arrived] = {}
        self._kept: dict[bytes, int] = {}
        """Those kept last, by the number that each was."""
        self._kept_so_far = 0
        self._touched: dict[bytes, int] = {}
        self._jobs: set[asyncio.Task[None]] = set()

    @property
    def is_open(self) -> bool:
        return self._pool is not None

    async def open(self) -> None:
        if self._pool is None:
            self._pool = Pool()
            await self._pool.run(self._shelf.open)
            self._readying = self._pool.start(self._shelf.get_ready)

    async def aclose(self) -> None:
        """End what is fetched, keep what has arrived."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        flying = list(self._flying.values())
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)
        await self.settled()
        touched, self._touched = self._touched, {}
        if touched:
            await pool.run(self._shelf.touch, touched)
        await pool.run(self._shelf.close)
        if self._readying is not None:
            await self._readying
        await pool.aclose()

    async def settled(self) -> None:
        """Wait until all that nobody waits for has come, and all that has come is kept or is not to be."""
        while waits := {
            *self._jobs,
            *(task for flight, task in self._flying.items() if not flight.is_followed),
        }:
            await asyncio.wait(waits)

    def key(self, path: str, of: Fingerprint) -> Key:
        return Key(path=hash_of(self._name, path), of=of)

    def asked_for(self, block: Block) -> None:
        """Somebody will read a block."""
        estimate = self._often.add(block.name)
        self._touched[block.name] = estimate
        if len(self._touched) >= _TOUCHED and self._pool is not None:
            self._begin(self._touch(self._pool))

    def at_once(self, path: str, of: Fingerprint, first: int, end: int) -> bytes | None:
        """Bytes of a small object that are kept, without a hop to a thread, which costs ten times as much."""
        if self._pool is None or of.size > AT_ONCE:
            return None
        block = self.key(path, of).block(0)
        data = self._shelf.find_at_once(block)
        if data is None:
            return None
        self.asked_for(block)
        self.count("hit", 1)
        self.count(f"hit{BYTES}", end - first)
        return data[first:end]

    async def sought(
        self, inner: Storage, path: str, key: Key, position: int, end: int
    ) -> Found | Reader | None:
        """Bytes from ``position`` on that are at hand, or a reader of ``inner``, alone or with others. None
        if too much is read there: whoever asks goes there by himself."""
        number, inside = divmod(position, BLOCK)
        block = key.block(number)
        while True:
            before = self._kept_so_far
            flight = self._joined(key, position)
            if flight is not None:
                return flight.follow(position)
            found = await self._at_hand(block, inside, min(block.size, inside + end - position))
            if found is not None:
                return found
            last = min((end - 1) // BLOCK, number + RUN - 1)
            last = await self._end_of_run(key, number, last)
            came = block.name in self._arrived or self._kept.get(block.name, 0) > before
            if not came and self._joined(key, position) is None:
                flight = self._set_out(inner, path, key, number, last)
                return None if flight is None else flight.follow(position)
            # It came, or somebody went for it, while it was looked for.

    async def _at_hand(self, block: Block, first: int, end: int) -> Found | None:
        arrived = self._arrived.get(block.name)
        if arrived is not None:
            return _slice(arrived.pieces, first, end), arrived.modified_ns
        if self._pool is None:
            return None
        end = min(end, (first // PIECE + 1) * PIECE)
        return await self._pool.run(self._shelf.find, block, first, end)

    async def drop(self, path: str) -> None:
        """Forget what was read of a path until now."""
        hashed = hash_of(self._name, path)
        for flight in self._flying:
            if flight.key.path == hashed:
                flight.is_dropped = True
        for name in [n for n, one in self._arrived.items() if one.block.path == hashed]:
            del self._arrived[name]
        if self._pool is not None:
            await self._pool.run(self._shelf.drop, hashed)

    def _joined(self, key: Key, position: int) -> Flight | None:
        for flight in self._flying:
            if flight.key == key and not flight.is_dropped and flight.takes(position):
                return flight
        return None

    async def _end_of_run(self, key: Key, first: int, last: int) -> int:
        """The last block of those one after another that are not kept."""
        if first == last or self._pool is None:
            return first
        return await self._pool.run(_end_of_run, self._shelf, key, first, last)

    def _set_out(self, inner: Storage, path: str, key: Key, first: int, last: int) -> Flight | None:
        if self._pool is None or len(self._flying) >= MOST:
            return None
        flight = Flight(key, first * BLOCK, min(key.of.size, (last + 1) * BLOCK) - 1)
        task = asyncio.create_task(flight.fly(inner, path, self._take))
        self._flying[flight] = task
        task.add_done_callback(lambda _: self._landed(flight))
        return flight

    def _landed(self, flight: Flight) -> None:
        del self._flying[flight]
        flight.end(Unavailable("the storage is closed"))  # if it was cancelled before it began

    def _take(self, flight: Flight, number: int, pieces: Sequence[bytes], modified_ns: int) -> None:
        """A whole block has arrived."""
        block = flight.key.block(number)
        pool = self._pool
        if pool is None or flight.is_dropped:
            return
        if len(self._arrived) >= _ARRIVED:
            self.count("refused", 1)
        elif block.name not in self._arrived:
            arrived = self._arrived[block.name] = Arrived(
                block=block,
                pieces=pieces,
                modified_ns=modified_ns,
                begun=flight.begun,
                often=self._often.of(block.name),
            )
            self._begin(self._keep(pool, arrived))

    async def _keep(self, pool: Pool, arrived: Arrived) -> None:
        name = arrived.block.name
        try:
            async with self._keepers:
                touched, self._touched = self._touched, {}
                kept = await pool.run(self._shelf.keep, arrived, touched)
            self.count(kept.value, 1)
            if kept is Kept.KEPT:
                self._remember(name)
        finally:
            if self._arrived.get(name) is arrived:
                del self._arrived[name]

    def _remember(self, name: bytes) -> None:
        """For who looks for it at this moment."""
        self._kept_so_far += 1
        self._kept.pop(name, None)
        self._kept[name] = self._kept_so_far
        if len(self._kept) > _REMEMBERED:
            del self._kept[next(iter(self._kept))]

    async def _touch(self, pool: Pool) -> None:
        touched, self._touched = self._touched, {}
        await pool.run(self._shelf.touch, touched)

    def _begin(self, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(job)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)


def _end_of_run(shelf: Shelf, key: Key, first: int, last: int) -> int:
    for number in range(first + 1, last + 1):
        if shelf.holds(key.block(number)):
            return number - 1
    return last


def _slice(pieces: Sequence[bytes], first: int, end: int) -> bytes:
    """What the piece that holds byte ``first`` has from there on."""
    for piece in pieces:
        if first < len(piece):
            return piece[first:end]
        first, end = first - len(piece), end - len(piece)
    return b""

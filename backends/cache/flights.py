"""Readings of a storage that any number of readers follow. Loop thread only.

A flight reads on at the pace of its fastest reader; who comes to what it still holds follows it, who falls
behind goes his own way. It belongs to none of them: one that leaves takes nothing from the others, and
when all have left it ends with the block that it is in.
"""

import asyncio
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise

from backends.cache.naming import Key
from backends.cache.sizes import BLOCK
from backends.errors import Damaged, StorageError, Unavailable
from backends.interface import Content, Storage, Stored

MOST = 64
"""Flights at once: each holds at most two blocks in memory, and a piece."""
RUN = 64
"""Blocks of a flight."""

OnBlock = Callable[["Flight", int, Sequence[bytes], int], None]
"""Is given each block that arrived whole: by which flight, its number, its bytes, and when its object was
changed last."""


class Reader:
    """One who follows a flight, from ``position`` on."""

    def __init__(self, flight: "Flight", position: int) -> None:
        self.position = position
        self._flight = flight

    async def piece(self) -> bytes | None:
        """What comes next, whole blocks of it or less. None if that is not to be had here: the flight has
        ended, or is too far ahead. What the flight fails with."""
        piece = await self._flight.piece(self.position)
        if piece is not None:
            self.position += len(piece)
            self._flight.wake()
        return piece

    async def stored(self) -> Stored:
        """What is read, as soon as it is open. What the flight fails with."""
        return await asyncio.shield(self._flight.stored)

    def leave(self) -> None:
        """May be called more than once."""
        self._flight.left(self)


class Flight:
    """One reading of bytes ``first`` to ``last``, of whole blocks."""

    def __init__(self, key: Key, first: int, last: int) -> None:
        self.key = key
        self.first = first
        self.last = last
        self.begun = time.monotonic_ns()
        self.is_dropped = False
        """The path has other bytes now, or none: nobody may follow it any more, and nothing is kept."""
        self.stored: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self.stored.add_done_callback(_seen)
        self._position = first
        self._starts: list[int] = []
        self._pieces: list[bytes] = []
        self._readers: set[Reader] = set()
        self._changed = asyncio.Event()
        self._error: BaseException | None = None
        self._is_over = False

    @property
    def is_followed(self) -> bool:
        return bool(self._readers)

    def takes(self, position: int) -> bool:
        """Whether a reader may follow it from there."""
        oldest = self._starts[0] if self._starts else self._position
        return not self._is_over and oldest <= position <= min(
            self.last, self._position + BLOCK - 1
        )

    def follow(self, position: int) -> Reader:
        reader = Reader(self, position)
        self._readers.add(reader)
        self.wake()
        return reader

    def left(self, reader: Reader) -> None:
        self._readers.discard(reader)
        self.wake()

    async def piece(self, position: int) -> bytes | None:
        while position >= self._position and not self._is_over:
            await self._changed.wait()
        at = bisect_right(self._starts, position) - 1
        if at >= 0 and position < self._starts[at] + len(self._pieces[at]):
            return self._pieces[at][position - self._starts[at] :]
        if self._error is not None and position >= self._position:
            raise self._error
        return None

    def wake(self) -> None:
        """Let all who wait look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def fly(self, inner: Storage, path: str, on_block: OnBlock) -> None:
        """Read, and give each whole block to ``on_block``."""
        content: Content | None = None
        try:
            content = await inner.read(path, first=self.first, last=self.last, only_if=self.key.of)
            self.stored.set_result(content.stored)
            await self._read(content, on_block)
        except StorageError as error:
            self.end(error)
        except asyncio.CancelledError:
            self.end(Unavailable("the storage is closed"))
            raise
        except BaseException as error:
            self.end(error)
            raise
        finally:
            self.end(None)
            if content is not None:
                await content.aclose()

    def end(self, error: BaseException | None) -> None:
        """Tell all who follow that no more comes, and why. Nothing if it has ended."""
        if not self._is_over:
            self._is_over = True
            self._error = error
            if not self.stored.done():
                self.stored.set_exception(error or Unavailable("nothing was read"))
            self.wake()

    async def _read(self, content: Content, on_block: OnBlock) -> None:
        block: list[bytes] = []
        async for piece in content.chunks():
            for taken in _cut(piece, self._position):
                number, inside = divmod(self._position, BLOCK)
                until = min(BLOCK, self.key.of.size - number * BLOCK)
                block.append(taken)
                is_whole = inside + len(taken) == until
                if is_whole:
                    on_block(self, number, block, content.stored.modified_ns)
                    block = []
                self._arrived(taken)
                if is_whole and not self._readers:
                    return
            await self._in_step()
        if self._position <= self.last:
            raise Damaged(f"{content.stored.path!r} ended early")

    def _arrived(self, piece: bytes) -> None:
        self._starts.append(self._position)
        self._pieces.append(piece)
        self._position += len(piece)
        self._let_go()
        self.wake()

    async def _in_step(self) -> None:
        """Wait for the fastest reader, if he is a block behind."""
        while self._readers:
            fastest = max(reader.position for reader in self._readers)
            if self._position - fastest < BLOCK:
                return
            await self._changed.wait()

    def _let_go(self) -> None:
        """Of what nobody may ask for any more: before this block, and taken by all or too old."""
        begin = (self._position - 1) // BLOCK * BLOCK
        slowest = min((reader.position for reader in self._readers), default=begin)
        oldest = min(begin, max(slowest, self._position - BLOCK))
        count = bisect_right(self._starts, oldest) - 1
        if count > 0:
            del self._starts[:count], self._pieces[:count]


def _cut(piece: bytes, position: int) -> list[bytes]:
    """A piece, cut where a block ends."""
    cuts = [0, *range(-position % BLOCK or BLOCK, len(piece), BLOCK), len(piece)]
    return [piece[a:b] for a, b in pairwise(cuts) if a < b]


def _seen(future: asyncio.Future[Stored]) -> None:
    if not future.cancelled():
        future.exception()  # asked for, so that one nobody waits for logs nothing

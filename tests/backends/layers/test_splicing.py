"""Bytes that the kernel moves pass the layers as pieces do: resumed, timed, limited."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

import pytest

from backends.errors import Damaged, Throttled, Unavailable
from backends.interface import Content, Fingerprint, Storage
from backends.layers.around import Around, AroundContent
from backends.layers.limiting import Limiting
from backends.layers.retrying import Patience, Retrying
from backends.layers.timing import Timing
from gateway.service.beginning import begun
from tests.backends.layers.flaky import DATA, flaky

PIECE = 60_000


class Splicing(Around):
    """Its readings move bytes into the pipe, a piece at a time; after it the next of ``breaks`` is raised."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self.breaks: list[Exception] = []
        self.stalls = False
        self.opened: list[int] = []

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        self.opened.append(first)
        content = await self.inner.read(path, first=first, last=last, only_if=only_if)
        return _Spliced(content, self)


class _Spliced(AroundContent):
    def __init__(self, inner: Content, storage: Splicing) -> None:
        super().__init__(inner)
        self._storage = storage
        self._at = inner.first

    async def chunks(self) -> AsyncIterator[bytes]:
        while piece := self._next():
            yield piece

    def can_splice(self) -> bool:
        return True

    async def spliced(self, pipe: int) -> AsyncIterator[bytes | int]:
        while piece := self._next():
            yield os.writev(pipe, [piece])
            if self._storage.stalls:
                await asyncio.Event().wait()
            if self._storage.breaks:
                raise self._storage.breaks.pop(0)

    def _next(self) -> bytes:
        piece = DATA[self._at : min(self._at + PIECE, self.first + self.length)]
        self._at += len(piece)
        return piece


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    end, begin = os.pipe()
    yield end, begin
    os.close(end)
    os.close(begin)


async def all_of(content: Content, pipe: tuple[int, int]) -> bytes:
    """What ``spliced`` gives. AssertionError if none of it comes by the pipe."""
    assert content.can_splice()
    got, by_pipe = bytearray(), 0
    async for piece in content.spliced(pipe[1]):
        if isinstance(piece, bytes):
            got += piece
        else:
            got += os.read(pipe[0], piece)
            by_pipe += piece
    assert by_pipe
    return bytes(got)


async def none(_: float) -> None:
    """No pause."""


def layered(storage: Storage) -> Storage:
    return Retrying(Timing(Limiting(storage), 20), Patience(attempts=3), sleep=none)


async def test_it_passes_all_layers(pipe: tuple[int, int]) -> None:
    storage, of, _ = await flaky()
    content = await layered(Splicing(storage)).read("b/k", first=5, last=900_000, only_if=of)
    assert await all_of(content, pipe) == DATA[5:900_001]
    await content.aclose()


@pytest.mark.parametrize("failure", [Unavailable, Damaged, Throttled])
async def test_it_is_resumed_where_it_broke_off(
    pipe: tuple[int, int], failure: type[Exception]
) -> None:
    storage, of, _ = await flaky()
    splicing = Splicing(storage)
    splicing.breaks = [failure("broken off"), failure("again")]
    content = await layered(splicing).read("b/k", only_if=of)
    assert await all_of(content, pipe) == DATA
    assert splicing.opened == [0, PIECE, 2 * PIECE]
    await content.aclose()


async def test_it_is_resumed_by_one_that_cannot(pipe: tuple[int, int]) -> None:
    storage, of, _ = await flaky()
    splicing = Splicing(storage)
    splicing.breaks = [Unavailable("broken off")]
    retrying = Retrying(splicing, sleep=none)
    content = await retrying.read("b/k", only_if=of)
    retrying.inner = storage
    assert await all_of(content, pipe) == DATA
    await content.aclose()


async def test_it_fails_when_patience_is_out(pipe: tuple[int, int]) -> None:
    storage, of, _ = await flaky()
    splicing = Splicing(storage)
    splicing.breaks = [Unavailable("broken off")]
    content = await Retrying(splicing, Patience(attempts=1), sleep=none).read("b/k", only_if=of)
    with pytest.raises(Unavailable, match="broken off"):
        await all_of(content, pipe)
    await content.aclose()


async def test_one_that_stalls_is_not_waited_for(pipe: tuple[int, int]) -> None:
    storage, of, _ = await flaky()
    splicing = Splicing(storage)
    splicing.stalls = True
    content = await Timing(splicing, 0.05).read("b/k", only_if=of)
    with pytest.raises(Unavailable, match="no further"):
        await all_of(content, pipe)
    await content.aclose()


async def test_it_counts_only_while_the_storage_is_waited_for(pipe: tuple[int, int]) -> None:
    storage, of, _ = await flaky()
    limiting = Limiting(Splicing(storage), readings=1)
    first = await limiting.read("b/k", only_if=of)
    pieces = aiter(first.spliced(pipe[1]))
    moved = await anext(pieces)
    assert isinstance(moved, int)
    assert os.read(pipe[0], moved) == DATA[:moved]
    # Whoever reads takes his time; another one is not kept waiting.
    async with asyncio.timeout(20):
        second = await limiting.read("b/k", only_if=of)
        assert await all_of(second, pipe) == DATA
    await second.aclose()
    await first.aclose()


async def test_one_that_was_begun_goes_on_behind_its_first_piece(pipe: tuple[int, int]) -> None:
    storage, of, _ = await flaky()
    content = await begun(await layered(Splicing(storage)).read("b/k", only_if=of))
    assert await all_of(content, pipe) == DATA
    await content.aclose()


async def test_a_layer_that_knows_nothing_of_it_does_not_pass_it_on() -> None:
    storage, of, _ = await flaky()
    content = await Splicing(storage).read("b/k", only_if=of)
    assert content.can_splice()
    assert not AroundContent(content).can_splice()
    await content.aclose()

"""Gateways that are wrong about what a storage has done: what the tests of failing storages must find.

Each is the real application, with a layer next to the storage that breaks one promise. ``build_…`` are for
servers in processes of their own.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from backends import registry
from backends.errors import Damaged, StorageError, Unavailable
from backends.interface import Content, Fingerprint, Storage, Stored
from backends.layers.around import Around, AroundContent
from gateway.access.credentials import Credentials
from gateway.server import build as real
from gateway.settings.model import Settings


class TakesSilenceForYes(Around):
    """What the storage has not answered counts as stored."""

    async def write(
        self,
        path: str,
        body: AsyncIterator[bytes],
        *,
        size: int | None,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        create: bool = False,
    ) -> Stored:
        kept = [piece async for piece in body]
        try:
            return await self.inner.write(
                path,
                _given(kept),
                size=size,
                description=description,
                headers=headers,
                create=create,
            )
        except Unavailable:
            of = Fingerprint(size=size or 0, stamp="unanswered")
            return Stored(path=path, fingerprint=of, modified_ns=0)

    async def write_part(
        self, path: str, upload: str, number: int, body: AsyncIterator[bytes], *, size: int
    ) -> str:
        kept = [piece async for piece in body]
        try:
            return await self.inner.write_part(path, upload, number, _given(kept), size=size)
        except Unavailable:
            return "unanswered"


class TakesACutAnswerForWhole(Around):
    """What is missing of an answer is not missed."""

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        content = await self.inner.read(path, first=first, last=last, only_if=only_if)
        return content if content.at_hand() is not None else _Filled(content)


class _Filled(AroundContent):
    async def chunks(self) -> AsyncIterator[bytes]:
        left = self.length
        try:
            async for piece in self.inner.chunks():
                left -= len(piece)
                yield piece
        except (Unavailable, Damaged):
            yield bytes(left)


class DropsWhatFailed(Around):
    """An upload of which one part could not be sent is ended, as soon as that can be."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self._ending: dict[str, asyncio.Task[None]] = {}

    async def write_part(
        self, path: str, upload: str, number: int, body: AsyncIterator[bytes], *, size: int
    ) -> str:
        if upload in self._ending:
            await self._ending[upload]
        try:
            return await self.inner.write_part(path, upload, number, body, size=size)
        except Unavailable:
            self._ending[upload] = asyncio.create_task(self._ended(path, upload))
            raise

    async def _ended(self, path: str, upload: str) -> None:
        while True:
            try:
                return await self.inner.abort_parts(path, upload)
            except StorageError:
                await asyncio.sleep(0.1)


async def _given(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def broken(layer: type[Around]) -> Callable[..., Storage]:
    """In place of ``registry.construct``."""
    construct = registry.construct
    return lambda type, options: layer(construct(type, options))


def _build(layer: type[Around]) -> Callable[[Settings, Credentials, str, int], real.S3]:
    def build(settings: Settings, credentials: Credentials, catalog: str, number: int) -> real.S3:
        registry.construct = broken(layer)
        return real.build(settings, credentials, catalog, number)

    return build


build_taking_silence_for_yes = _build(TakesSilenceForYes)
build_taking_a_cut_answer_for_whole = _build(TakesACutAnswerForWhole)
build_dropping_what_failed = _build(DropsWhatFailed)

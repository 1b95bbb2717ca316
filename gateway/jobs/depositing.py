"""Snapshots of the catalog, sealed, on a storage behind a network.

There the bytes outlive the machine that has the catalog, and so must what is known of them. Whoever may
read the storage, as everybody may where a CDN serves it, learns nothing from a snapshot: it is sealed with
the secret that the storage itself is used with.
"""

import asyncio
import os
import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from backends.interface import RESERVED, Storage
from backends.naming import OWN
from gateway.catalog.interface import Catalog
from gateway.jobs.sealing import FRAME, HEAD, TAG, NotGenuine, Sealing, Unsealing, sealed_size

FOLDER = f"{RESERVED}/{OWN}/snapshots/"
"""No name of a version has that folder."""
_NAME = re.compile(r"(?P<snapshot>catalog-[0-9T]+Z)\.(?P<line>[0-9a-f]{8})\.sealed", re.ASCII)
_NOTE = "line of snapshots"
_FRAME = FRAME + TAG


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """A snapshot on the storage. ``line``: snapshots of one catalog, or of what was rebuilt of them."""

    path: str
    snapshot: str
    """The name of its file."""
    line: str


class Deposits:
    """Of one storage, sealed with ``secret``."""

    def __init__(self, storage: Storage, secret: str, *, keep: int = 2) -> None:
        self._storage = storage
        self._secret = secret
        self._keep = keep
        self._proven = ""
        """The path of the one that was written or opened last."""

    async def all(self) -> list[Deposit]:
        """The newest first. StorageError."""
        found = []
        async with aclosing(self._storage.list(FOLDER)) as files:
            async for stored in files:
                name = _NAME.fullmatch(stored.path.removeprefix(FOLDER))
                if name is not None:
                    snapshot = f"{name['snapshot']}.db"
                    found.append(Deposit(path=stored.path, snapshot=snapshot, line=name["line"]))
        return sorted(found, key=lambda one: one.path, reverse=True)

    async def keep(self, catalog: Catalog, snapshot: Path) -> bool:
        """Have that snapshot there, and drop older ones of its line beyond those that are kept. Whether it
        was not there, or could not be opened. StorageError, CatalogError, OSError.

        Others than of its line stay: they may be all that is left of a catalog that was lost.
        """
        line = await _line_of(catalog)
        wanted = f"{FOLDER}{snapshot.stem}.{line}.sealed"
        there = [one.path for one in await self.all() if one.line == line]
        is_new = wanted not in there or not await self._opens(wanted)
        if is_new:
            await self._put(snapshot, wanted)
        self._proven = wanted
        for path in [one for one in there if one != wanted][self._keep - 1 :]:
            await self._storage.delete(path)
        return is_new

    async def fetch(self, folder: Path) -> Sequence[str]:
        """Put the newest that can be opened among the snapshots in ``folder``, unless it is there.
        Returns why newer ones cannot be. StorageError, OSError."""
        passed_over = []
        for one in await self.all():
            target = folder / one.snapshot
            if await asyncio.to_thread(target.exists):
                break
            try:
                await self._get(one.path, target)
            except NotGenuine as error:
                passed_over.append(f"{one.path}: {error}")
            else:
                break
        return passed_over

    async def _put(self, snapshot: Path, path: str) -> None:
        size = (await asyncio.to_thread(snapshot.stat)).st_size
        body = _sealed(snapshot, size, self._secret)
        async with aclosing(body):
            await self._storage.write(path, body, size=sealed_size(size))

    async def _opens(self, path: str) -> bool:
        """Whether it begins as it must, if that is not known."""
        if path == self._proven:
            return True
        content = await self._storage.read(path, last=HEAD + _FRAME - 1)
        last = content.stored.fingerprint.size <= HEAD + _FRAME
        try:
            begins = b"".join([piece async for piece in content.chunks()])
        finally:
            await content.aclose()
        try:
            unsealing = await asyncio.to_thread(Unsealing, self._secret, begins[:HEAD])
            unsealing.opened(begins[HEAD:], last=last)
        except NotGenuine:
            return False
        return True

    async def _get(self, path: str, target: Path) -> None:
        await asyncio.to_thread(target.parent.mkdir, mode=0o700, exist_ok=True)
        unfinished = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = await asyncio.to_thread(os.open, unfinished, flags, 0o600)
        try:
            content = await self._storage.read(path)
            try:
                async for data in _unsealed(content.chunks(), self._secret):
                    await asyncio.to_thread(_write, descriptor, data)
            finally:
                await content.aclose()
            await asyncio.to_thread(os.fsync, descriptor)
            await asyncio.to_thread(unfinished.rename, target)
        finally:
            os.close(descriptor)
            await asyncio.to_thread(unfinished.unlink, missing_ok=True)


async def _line_of(catalog: Catalog) -> str:
    known = await catalog.note(_NOTE)
    if known is None:
        known = secrets.token_hex(4)
        await catalog.set_note(_NOTE, known)
    return known


async def _sealed(snapshot: Path, size: int, secret: str) -> AsyncGenerator[bytes, None]:
    sealing = await asyncio.to_thread(Sealing, secret)
    yield sealing.head
    with await asyncio.to_thread(snapshot.open, "rb") as file:
        left = size
        while True:
            data = await asyncio.to_thread(file.read, min(FRAME, left))
            left -= len(data)
            yield await asyncio.to_thread(sealing.sealed, data, last=not left)
            if not left:
                return
            if not data:
                raise OSError(f"{snapshot} became shorter while it was read")


async def _unsealed(pieces: AsyncIterator[bytes], secret: str) -> AsyncIterator[bytes]:
    """Frame by frame. NotGenuine."""
    unsealing: Unsealing | None = None
    held = bytearray()
    async for piece in pieces:
        held += piece
        if unsealing is None and len(held) >= HEAD:
            unsealing = await asyncio.to_thread(Unsealing, secret, bytes(held[:HEAD]))
            del held[:HEAD]
        # The last frame is known by the end that follows it.
        while unsealing is not None and len(held) > _FRAME:
            frame = bytes(held[:_FRAME])
            del held[:_FRAME]
            yield await asyncio.to_thread(unsealing.opened, frame, last=False)
    if unsealing is None:
        raise NotGenuine("it is no sealed file")
    yield await asyncio.to_thread(unsealing.opened, bytes(held), last=True)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]

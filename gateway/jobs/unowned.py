"""Bytes of ours behind a network of which no row knows.

Names come in the order of paths, rows in that of keys, and both may be very many. So the paths of our own
are taken by the piece, and all rows are gone through for each piece; natural paths tell their key. No
transaction waits for the storage. What is found is looked at a second time.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from backends.errors import StorageError
from backends.interface import RESERVED, Can, Storage
from gateway.catalog.errors import CatalogDamaged, NoSuchBucket
from gateway.catalog.interface import Catalog
from gateway.jobs.depositing import FOLDER
from gateway.service.certainty import MARK
from gateway.service.description import decode

_SHADOWS = f"{RESERVED}/o/"
_PIECE = 10_000
_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Unowned:
    """On one storage, under its ``name``. ``told`` is called with how many names have been looked at."""

    catalog: Catalog
    name: str
    storage: Storage
    pause_s: float
    told: Callable[[int], None]

    async def paths(self) -> AsyncIterator[tuple[str, str]]:
        """Each path, and what is the matter with it. StorageError, CatalogError."""
        number = 0
        piece: set[str] = set()
        for prefix, found in (("", self._natural), (_SHADOWS, self._of_our_own)):
            async with aclosing(self.storage.list(prefix, pass_over_closed=True)) as files:
                async for stored in files:
                    number += 1
                    self.told(number)
                    piece.add(stored.path)
                    if len(piece) == _PIECE:
                        for one in await self._twice(found, piece):
                            yield one
                        piece = set()
            for one in await self._twice(found, piece):
                yield one
            piece = set()

    async def _twice(
        self, found: Callable[[set[str]], AsyncIterator[tuple[str, str]]], piece: set[str]
    ) -> list[tuple[str, str]]:
        first = {path async for path, _ in found(piece)}
        if not first:
            return []
        await asyncio.sleep(self.pause_s)
        return [one async for one in found(first)]

    async def _natural(self, piece: set[str]) -> AsyncIterator[tuple[str, str]]:
        if Can.DESCRIBE not in self.storage.can:
            return  # nothing says whose they are
        for path in sorted(piece):
            folder, _, key = path.partition("/")
            try:
                bucket = await self.catalog.bucket(folder)
                # What is not indexed yet is somebody else's, by all we know.
                asks = bucket.storage == self.name and bucket.indexed
                version = await self.catalog.get(bucket, key)
            except (NoSuchBucket, CatalogDamaged):
                continue
            if not asks or (version is not None and version.location.path == path):
                continue
            if await self._says_that_it_is_ours(path) and not await self._is_owned(path):
                yield path, "bytes that say they are an object, of which no row knows"

    async def _of_our_own(self, piece: set[str]) -> AsyncIterator[tuple[str, str]]:
        left = {path for path in piece if path != MARK and not path.startswith(FOLDER)}
        async for path in self._of_rows():
            left.discard(path)
        for path in sorted(left):
            if await self._is_there(path) and not await self._is_owned(path):
                yield path, "bytes under a path of our own, of which no row knows"

    async def _of_rows(self) -> AsyncIterator[str]:
        """Paths of current objects that are not under their own names."""
        of_buckets = ""
        while buckets := await self.catalog.buckets(after=of_buckets, limit=_PAGE):
            of_buckets = buckets[-1].name
            for bucket in buckets:
                after = ""
                while page := await self.catalog.lying(bucket, after=after, limit=_PAGE):
                    after = page[-1].key
                    for lying in page:
                        if not lying.natural:
                            yield lying.path
                    await asyncio.sleep(0)

    async def _is_owned(self, path: str) -> bool:
        return await self.catalog.is_owned(self.name, path)

    async def _is_there(self, path: str) -> bool:
        try:
            await self.storage.stat(path)
        except StorageError:
            return False
        return True

    async def _says_that_it_is_ours(self, path: str) -> bool:
        try:
            stored = await self.storage.stat(path)
        except StorageError:
            return False
        said = None if stored.description is None else decode(stored.description)
        return said is not None and f"{said.bucket}/{said.key}" == path

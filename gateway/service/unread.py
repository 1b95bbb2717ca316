"""Bytes that are copied by their storage, and read only if somebody asks for them after all."""

from collections.abc import AsyncIterator

from backends.interface import Content, Storage, Stored
from gateway.catalog.records import Location
from gateway.s3.ranges import ByteRange


class Unread(Content):
    """Looks like an open reading of a location. What is wrong with the bytes is told late: NotFound and
    Damaged by the copy, or by ``chunks``."""

    def __init__(self, storage: Storage, location: Location, span: ByteRange) -> None:
        self.stored = Stored(path=location.path, fingerprint=location.fingerprint, modified_ns=0)
        self.first = span.first
        self.length = span.length
        self._storage = storage

    async def chunks(self) -> AsyncIterator[bytes]:
        """All bytes. NotFound, Damaged, and what else a read raises."""
        content = await self._storage.read(
            self.stored.path,
            first=self.first,
            last=self.first + self.length - 1,
            only_if=self.stored.fingerprint,
        )
        try:
            async for piece in content.chunks():
                yield piece
        finally:
            await content.aclose()

    async def aclose(self) -> None:
        """Nothing is open."""

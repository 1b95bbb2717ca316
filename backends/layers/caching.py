"""What was read of a storage is kept on a local disk, and read there the next time.

Only a reading that says which bytes it wants (``only_if``) is answered from there: they are the same whatever
became of the path, so the storage need not be asked, nor be there. What is not at hand is read in whole
blocks, once for all who want it at that moment.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from backends.cache.cache import Cache
from backends.cache.events import BYTES, Count
from backends.cache.flights import Reader
from backends.cache.naming import Key
from backends.cache.sizes import BLOCK
from backends.errors import Damaged, NotFound, Unavailable
from backends.interface import Can, Content, Fingerprint, Storage, Stored
from backends.layers.around import Around


class Caching(Around):
    """Keeps what is read in ``directory``, at most ``size`` bytes of it.

    ``name``: of the storage, among those that might share the directory. ``count`` is told what the cache
    does, see ``backends.cache.events``; ``complain`` what keeps it from working. Then all goes on without it.
    """

    def __init__(
        self,
        inner: Storage,
        directory: Path,
        size: int,
        *,
        name: str = "",
        count: Count = lambda _event, _number: None,
        complain: Callable[[str], None] = lambda _cause: None,
    ) -> None:
        super().__init__(inner)
        self.cache = Cache(directory, size, name=name, count=count, complain=complain)

    def _declare(self) -> None:
        super()._declare()
        self.can &= ~Can.OUTLIVE  # a reading goes to and fro between the cache and the storage

    async def open(self) -> None:
        """What is kept can be read even if ``inner`` cannot be opened."""
        await self.cache.open()
        await super().open()

    async def aclose(self) -> None:
        await self.cache.aclose()
        await super().aclose()

    def check_readable(self) -> None:
        if not self.cache.is_open:
            super().check_readable()

    def itself(self) -> Storage:
        return self.inner

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        if only_if is not None and self.cache.is_open:
            end = only_if.size if last is None else min(only_if.size, last + 1)
            if first < end:
                content = _CachedContent(
                    self.cache, self.inner, path, of=only_if, first=first, length=end - first
                )
                await content.begin()
                return content
        return await super().read(path, first=first, last=last, only_if=only_if)

    def read_at_once(
        self, path: str, *, first: int, last: int, only_if: Fingerprint
    ) -> bytes | None:
        end = min(only_if.size, last + 1)
        data = self.cache.at_once(path, only_if, first, end) if first < end else None
        if data is not None:
            return data
        return super().read_at_once(path, first=first, last=last, only_if=only_if)

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
        async with self._dropping(path):
            return await super().write(
                path, body, size=size, description=description, headers=headers, create=create
            )

    async def delete(self, path: str) -> None:
        async with self._dropping(path):
            await super().delete(path)

    async def copy(
        self,
        source: str,
        path: str,
        *,
        only_if: Fingerprint,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        create: bool = False,
    ) -> Stored:
        async with self._dropping(path):
            return await super().copy(
                source,
                path,
                only_if=only_if,
                description=description,
                headers=headers,
                create=create,
            )

    async def move(self, source: str, path: str, *, only_if: Fingerprint) -> Stored:
        async with self._dropping(source, path):
            return await super().move(source, path, only_if=only_if)

    async def complete_parts(
        self, path: str, upload: str, parts: Sequence[tuple[int, str]], *, create: bool = False
    ) -> Stored:
        async with self._dropping(path):
            return await super().complete_parts(path, upload, parts, create=create)

    @asynccontextmanager
    async def _dropping(self, *paths: str) -> AsyncIterator[None]:
        """However it ends: what failed may have been done."""
        try:
            yield
        finally:
            for path in paths:
                await self.cache.drop(path)


class _CachedContent(Content):
    """A reading that takes each piece from where it is: the cache, a flight, the storage itself."""

    def __init__(
        self,
        cache: Cache,
        inner: Storage,
        path: str,
        *,
        of: Fingerprint,
        first: int,
        length: int,
    ) -> None:
        self.first = first
        self.length = length
        self._cache = cache
        self._inner = inner
        self._path = path
        self._key: Key = cache.key(path, of)
        self._end = first + length
        self._last = (self._end - 1) // BLOCK
        self._number = -1
        self._cache.asked_for(self._key.block(first // BLOCK))
        self._ahead: bytes | None = None
        self._reader: Reader | None = None
        self._direct: Content | None = None
        self._pieces: AsyncIterator[bytes] | None = None

    async def begin(self) -> None:
        """Find its first bytes, or who fetches them. As ``Storage.read``."""
        try:
            self.stored = await self._set_out(self.first)
        except BaseException:
            await self.aclose()
            raise

    async def chunks(self) -> AsyncIterator[bytes]:
        position = self.first
        while position < self._end:
            piece = await self._piece(position)
            if len(piece) > self._end - position:
                piece = piece[: self._end - position]
            position += len(piece)
            yield piece

    async def aclose(self) -> None:
        self._leave()
        direct, self._direct, self._pieces = self._direct, None, None
        if direct is not None:
            await direct.aclose()

    async def _piece(self, position: int) -> bytes:
        while True:
            piece, self._ahead = self._ahead, None
            if piece is not None:
                self._count("hit", position, len(piece))
                return piece
            piece = await self._fetched()
            if piece is not None:
                self._count("miss", position, len(piece))
                return piece
            try:
                await self._set_out(position)
            except NotFound:
                raise Damaged(f"{self._path!r} is gone since it was opened") from None

    async def _fetched(self) -> bytes | None:
        """What comes next from where it is fetched, if anything is."""
        if self._pieces is not None:
            piece = await anext(self._pieces, None)
            if piece is None:
                raise Damaged(f"{self._path!r} ended early")
            return piece
        piece = None if self._reader is None else await self._reader.piece()
        if piece is None:
            self._leave()
        return piece

    async def _set_out(self, position: int) -> Stored:
        """Have the next piece, or know where it comes from."""
        if not self._cache.is_open:
            raise Unavailable("the storage is closed")
        found = await self._cache.sought(self._inner, self._path, self._key, position, self._end)
        if isinstance(found, tuple):
            self._ahead, modified_ns = found
            return Stored(path=self._path, fingerprint=self._key.of, modified_ns=modified_ns)
        if found is not None:
            self._reader = found
            return await found.stored()
        self._direct = await self._inner.read(
            self._path, first=position, last=self._end - 1, only_if=self._key.of
        )
        self._pieces = self._direct.chunks()
        return self._direct.stored

    def _count(self, event: str, position: int, size: int) -> None:
        number = position // BLOCK
        if number != self._number:
            self._number = number
            self._cache.count(event, 1)
            if number < self._last:  # it may arrive before it is read
                self._cache.asked_for(self._key.block(number + 1))
        self._cache.count(event + BYTES, size)

    def _leave(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.leave()

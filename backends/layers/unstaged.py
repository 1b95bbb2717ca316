"""A storage whose root is ours alone, as one that is written under its paths at once."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping

from backends import naming
from backends.bodies import stage_whole
from backends.errors import Exists, NameRefused, NotFound, Unsupported
from backends.interface import Can, Fingerprint, Staged, Storage, Stored
from backends.layers.around import Around

_OURS = "once-"
_NONE = b"\0"
"""The description of bytes that were given none."""
_LEFT_S = 86_400.0


class Unstaged(Around):
    """Has self-descriptions, creating and copies in place of staging.

    What is written is durable, under its path too, if the storage is. Calls of this process that publish
    go one by one; what others put there between the look and the rename of a call that creates is replaced.
    """

    def __init__(self, inner: Storage, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(inner)
        self._clock = clock
        self._turn = asyncio.Lock()
        self._seen: dict[str, float] = {}

    def _declare(self) -> None:
        super()._declare()
        self.can |= Can.DESCRIBE | Can.CREATE | Can.COPY

    async def tidy(self) -> None:
        """What has been on its way for a day was left by a process that died."""
        names = await asyncio.to_thread(self.inner.staged_names)
        now, seen = self._clock(), self._seen
        self._seen = {name: seen.get(name, now) for name in names if name.startswith(_OURS)}
        for name, since in self._seen.items():
            if now - since >= _LEFT_S:
                await asyncio.to_thread(self.inner.drop_staged, name)

    async def stat(self, path: str) -> Stored:
        stored = await super().stat(path)
        if stored.description != _NONE:
            return stored
        return Stored(
            path=stored.path, fingerprint=stored.fingerprint, modified_ns=stored.modified_ns
        )

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
        staged = self._begun(path, headers)
        try:
            await stage_whole(staged, body, size)
            of = await _sealed(staged, description)
            return await self._published(staged.name, path, of, create=create)
        except BaseException:
            await staged.discard()
            raise

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
        staged = self._begun(path, headers)
        content = await self.inner.read(source, only_if=only_if)
        try:
            if description is None:
                description = (await self.inner.stat(source)).description
            await staged.copy(content)
            of = await _sealed(staged, description)
            return await self._published(staged.name, path, of, create=create)
        except BaseException:
            await staged.discard()
            raise
        finally:
            await content.aclose()

    def _begun(self, path: str, headers: Mapping[str, str] | None) -> Staged:
        if headers is not None:
            raise Unsupported("headers that others are answered with")
        naming.segments(path, self.limits)
        return self.inner.stage(f"{_OURS}{secrets.token_hex(16)}")

    async def _published(self, name: str, path: str, of: Fingerprint, *, create: bool) -> Stored:
        async with self._turn:
            is_free = await asyncio.to_thread(self.inner.prepare, path)
            if create and not is_free and await self._is_taken(path):
                raise Exists(f"something is stored as {path!r}")
            if not await asyncio.to_thread(self.inner.place, name, path):
                raise NameRefused(f"a directory or a file is in the way of {path!r}")
            stored = await self.inner.stat(path)
        await asyncio.to_thread(self.inner.force_removed, [path])
        return Stored(path=path, fingerprint=of, modified_ns=stored.modified_ns)

    async def _is_taken(self, path: str) -> bool:
        try:
            await self.inner.stat(path)
        except NotFound:
            return False
        return True


async def _sealed(staged: Staged, description: bytes | None) -> Fingerprint:
    return await staged.seal(lambda _: _NONE if description is None else description)

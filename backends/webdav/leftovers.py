"""What writers and probes that ended badly have left: removed for its age, and only what is surely ours.

Times are the server's own; that of an upload is in its id.
"""

import secrets
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Final

from backends.errors import StorageError
from backends.interface import RESERVED
from backends.webdav.asking import Dav
from backends.webdav.chunking import Uploads
from backends.webdav.describing import ABOUT, Descriptions
from backends.webdav.hrefs import below
from backends.webdav.parts import BEGUN
from backends.webdav.probing import PROBE
from backends.webdav.publishing import INCOMING

STALE_S: Final = 24 * 3600
"""Nothing of ours takes so long without a byte."""
UPLOAD_STALE_S: Final = 7 * 24 * 3600
"""Nor an upload altogether."""
MOST: Final = 1000
"""What is removed of one kind in one go; the rest waits for the next."""
MOST_ASKED: Final = 500
"""Descriptions that are asked for in one go, from somewhere on."""


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Of one storage."""

    dav: Dav
    uploads: Uploads | None
    descriptions: Descriptions

    async def remove(self) -> int:
        """Remove them. How many they were. Never fails: what cannot be removed waits."""
        removed = 0
        for kind in (self._incoming, self._probes, self._uploads, self._noted, self._about):
            with suppress(StorageError):
                async with aclosing(kind()) as stale:
                    found = [one async for one in _first(stale)]
                for path in found:
                    await self._remove(path)
                    removed += 1
        return removed

    async def _remove(self, path: str) -> None:
        if self.uploads is not None and path.startswith(self.uploads.ours):
            await self.uploads.remove(path)
        else:
            is_folder = path.startswith(PROBE)
            # Whatever else it has become by now is no file of ours.
            await self.dav.ask(
                "DELETE", path, {} if is_folder else {"Depth": "0"}, folder=is_folder
            )

    async def _incoming(self) -> AsyncGenerator[str, None]:
        async for name, is_folder in self._old(INCOMING):
            if not is_folder:
                yield f"{INCOMING}/{name}"

    async def _probes(self) -> AsyncGenerator[str, None]:
        async for name, is_folder in self._old(RESERVED):
            if is_folder and f"{RESERVED}/{name}".startswith(PROBE):
                yield f"{RESERVED}/{name}"

    async def _uploads(self) -> AsyncGenerator[str, None]:
        """Those that nobody has noted: what was noted is aborted by who owns it."""
        if self.uploads is None:
            return
        noted = await self._names(BEGUN)
        async for upload in self.uploads.open():
            if upload not in noted and self.uploads.age_s(upload) > UPLOAD_STALE_S:
                yield upload

    async def _noted(self) -> AsyncGenerator[str, None]:
        """What was noted of uploads that are gone, but for those that are being published."""
        if self.uploads is None:
            return
        there = {upload async for upload in self.uploads.open()}
        joined = tuple(await self._names(INCOMING))
        async for name, is_folder in self._old(BEGUN):
            is_gone = name not in there and not any(one.startswith(name) for one in joined)
            if is_gone and not is_folder and name.startswith(self.uploads.ours):
                yield f"{BEGUN}/{name}"

    async def _about(self) -> AsyncGenerator[str, None]:
        """Descriptions of what is not, or not any more."""
        asked = 0
        folders = sorted(await self._names(ABOUT))
        first = secrets.randbelow(max(1, len(folders)))
        for folder in [f"{ABOUT}/{name}" for name in folders[first:] + folders[:first]]:
            async for name, is_folder in self._old(folder):
                if is_folder:
                    continue
                if asked >= MOST_ASKED:
                    return
                asked += 1
                path = f"{folder}/{name}"
                if await self.descriptions.is_void(path):
                    yield path

    async def _names(self, folder: str) -> Collection[str]:
        return {name async for name, _, _ in self._members(folder)}

    async def _old(self, folder: str) -> AsyncGenerator[tuple[str, bool], None]:
        """What is older than a day, and whether it is a folder."""
        async for name, is_folder, modified_s in self._members(folder):
            now_s = self.dav.now_s
            if now_s is not None and modified_s is not None and now_s - modified_s > STALE_S:
                yield name, is_folder

    async def _members(self, folder: str) -> AsyncGenerator[tuple[str, bool, int | None], None]:
        async with aclosing(self.dav.members(folder)) as members:
            async for resource in members:
                name = below(f"{self.dav.base}{folder}/", resource.href)
                if name and "/" not in name:
                    yield name, resource.is_folder, resource.modified_s


async def _first(stale: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    left = MOST
    async for one in stale:
        yield one
        left -= 1
        if not left:
            return

"""The folders that files lie in: made when they are needed, remembered, never removed.

WebDAV has no verb that removes a folder only if it is empty, so empty ones stay.
"""

import asyncio
from collections import OrderedDict

from backends.errors import NameRefused
from backends.webdav.asking import Dav
from backends.webdav.refusals import refusal

MOST = 4096
"""Folders remembered at once."""
_LOCKS = 64
_BAD_REQUEST = 400


class Locks:
    """Keeps apart, within this process, making a folder and putting a file in its place."""

    def __init__(self) -> None:
        self._locks = [asyncio.Lock() for _ in range(_LOCKS)]

    def of(self, path: str) -> asyncio.Lock:
        """The lock of a path, which others may share: hold one at a time."""
        return self._locks[hash(path) % _LOCKS]


class Folders:
    """The folders of one storage."""

    def __init__(self, dav: Dav, locks: Locks) -> None:
        self._dav = dav
        self._locks = locks
        self._known: OrderedDict[str, None] = OrderedDict()

    async def make_for(self, path: str) -> None:
        """Have the folder of ``path`` there. NameRefused if a file is in the way."""
        await self.make(path.rpartition("/")[0])

    def forget_for(self, path: str) -> None:
        """Believe no longer that the folders of ``path`` are there."""
        while path:
            path = path.rpartition("/")[0]
            self._known.pop(path, None)

    async def make(self, folder: str) -> None:
        """Have ``folder`` there, and those it lies in."""
        missing: list[str] = []
        while folder and folder not in self._known:
            if await self._made(folder) is None:
                self._remember(folder)
                break
            missing.append(folder)
            folder = folder.rpartition("/")[0]
        if folder in self._known:
            self._known.move_to_end(folder)
        for below in reversed(missing):
            status = await self._made(below)
            if status == _BAD_REQUEST:
                raise NameRefused(f"the server does not take the folder {below!r}")
            if status is not None:
                raise refusal(self._dav.where, f"MKCOL {below!r}", status, {})
            self._remember(below)

    async def _made(self, folder: str) -> int | None:
        """None if it is there now, else the status of MKCOL. NameRefused if it is a file."""
        async with self._locks.of(folder):
            status = await self._dav.ask("MKCOL", folder, folder=True)
        if status == 201:
            return None
        there = await self._dav.look(folder)
        if there is None:
            return status
        if there.is_folder:
            return None
        raise NameRefused(f"{folder!r} is a file, and no folder")

    def _remember(self, folder: str) -> None:
        self._known[folder] = None
        if len(self._known) > MOST:
            self._known.popitem(last=False)

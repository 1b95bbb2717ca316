"""Deleting files, and never a folder: WebDAV's DELETE takes one with all that is in it."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from backends.errors import StorageError, Unavailable
from backends.webdav.asking import Dav
from backends.webdav.describing import Descriptions
from backends.webdav.dialect import Dialect
from backends.webdav.folders import Folders
from backends.webdav.publishing import Publisher, outcome_unknown
from backends.webdav.refusals import refusal
from backends.webdav.states import state_of

_GONE: Final = frozenset({200, 204, 404, 409, 410})


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleter:
    """Deletes files, and what describes them."""

    dav: Dav
    dialect: Dialect
    folders: Folders
    descriptions: Descriptions
    publisher: Publisher

    async def delete(self, path: str) -> None:
        """As ``Storage.delete``."""
        there = await self.dav.look(path, kept=self.descriptions.marks)
        if there is None or there.is_folder:
            return
        if self.dialect.spares_folders:
            await self._delete_file(path)
        else:
            await self._delete_aside(path)
        with suppress(StorageError):  # what it describes is gone: it harms nobody
            await self.descriptions.forget(path, state_of(there, self.dialect.validator))

    async def _delete_file(self, path: str) -> None:
        """DELETE that no folder is deleted by, should it be one by now."""
        status = await self.dav.ask("DELETE", path, {"Depth": "0"})
        if status not in _GONE:
            there = await self.dav.look(path)
            if there is not None and not there.is_folder:
                raise refusal(self.dav.where, f"DELETE {path!r}", status, {})

    async def _delete_aside(self, path: str) -> None:
        """Move it away first: what turns out to be a folder goes back."""
        async with self.publisher.incoming() as aside:
            aside.left = True
            await self.folders.make_for(aside.path)
            status = await self.dav.transfer("MOVE", path, aside.path, replace=False)
            with outcome_unknown():
                moved = await self.dav.look(aside.path)
                there = await self.dav.look(path) if moved is None else None
                if moved is not None and moved.is_folder:
                    back = await self.dav.transfer("MOVE", aside.path, path, replace=False)
                    if back not in {201, 204}:
                        raise Unavailable(f"the folder {path!r} has become {aside.path!r}")
            if there is not None and not there.is_folder:
                self.folders.forget_for(aside.path)
                raise refusal(self.dav.where, f"MOVE {path!r}", status, {})
            # What stays under a name of ours is removed for its age.
            aside.left = moved is None or moved.is_folder

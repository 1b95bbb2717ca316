"""Listing a tree in the byte order of whole paths, one folder at a time."""

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from backends.errors import Denied, NameRefused, Unavailable
from backends.interface import RESERVED, Limits, Stored
from backends.naming import OWN, looks_reserved, segments
from backends.webdav.asking import Dav
from backends.webdav.describing import Descriptions
from backends.webdav.dialect import Dialect
from backends.webdav.hrefs import below, decoded
from backends.webdav.multistatus import Resource
from backends.webdav.names import is_name
from backends.webdav.states import stored_as

NAMES = 20_000
"""Names of one folder held at once; a larger one is asked for again for each further 20,000."""
ALL_NAMES = 100_000
"""Names of all folders held at once; those of outer folders are asked for again, if need be."""


@dataclass(slots=True, eq=False)
class _Folder:
    path: str
    """``""`` or ends with ``/``."""
    after: str = ""
    """The last name taken; that of a folder ends with ``/``."""
    names: deque[tuple[str, Stored | None]] = field(default_factory=deque)
    whole: bool = False
    """No names are left but those in ``names``."""


class Walk:
    """A walk. A folder counts as its name with ``/``: ``a.b`` comes before ``a/b``, as bytes do.

    For str of valid UTF-8 the order of code points is that of bytes. What vanishes meanwhile is
    left out, as are names that are no paths, and what is reserved.
    """

    def __init__(
        self,
        dav: Dav,
        dialect: Dialect,
        descriptions: Descriptions,
        limits: Limits,
        *,
        prefix: str,
        after: str,
        pass_over_closed: bool,
    ) -> None:
        self._dav = dav
        self._dialect = dialect
        self._descriptions = descriptions
        self._limits = limits
        self._prefix = prefix
        self._after = after
        self._pass_over_closed = pass_over_closed
        self._folders: list[_Folder] = []

    async def stored(self) -> AsyncGenerator[Stored, None]:
        """All that is to be listed."""
        start = _start(self._prefix, self._limits)
        if start is not None:
            self._folders.append(_Folder(start))
        while self._folders:
            folder = self._folders[-1]
            if not folder.names and not folder.whole:
                await self._fill(folder)
            if not folder.names:
                self._folders.pop()
                continue
            folder.after, stored = folder.names.popleft()
            if stored is None:
                self._folders.append(_Folder(folder.path + folder.after))
            else:
                yield stored

    async def _fill(self, folder: _Folder) -> None:
        """Take up the first names of a folder that come next."""
        folder.whole = True
        found: list[tuple[str, Stored | None]] = []
        try:
            async with aclosing(
                self._dav.members(folder.path[:-1], kept=self._descriptions.marks)
            ) as members:
                async for resource in members:
                    entry = self._entry(folder, resource)
                    if entry is not None:
                        found.append(entry)
                    if len(found) > 2 * NAMES:
                        found = _first(found)
                        folder.whole = False
        except Denied:
            if not self._pass_over_closed:
                raise
            found = []
        if len(found) > NAMES:
            folder.whole = False
        folder.names = deque(_first(found))
        self._let_go(folder)

    def _let_go(self, filled: _Folder) -> None:
        held = sum(len(folder.names) for folder in self._folders)
        for folder in self._folders:
            if held <= ALL_NAMES:
                return
            if folder is not filled and folder.names:
                held -= len(folder.names)
                folder.names.clear()
                folder.whole = False

    def _entry(self, folder: _Folder, resource: Resource) -> tuple[str, Stored | None] | None:
        base = f"{self._dav.base}{folder.path}"
        name = below(base, resource.href)
        if name is None and decoded(resource.href) is None:
            return None
        if name is None or ("/" in name and "%2f" not in resource.href.lower()):
            raise Unavailable(
                f"{self._dav.where}: tells of {resource.href[:200]!r} when asked for {folder.path!r}"
            )
        if not is_name(name, self._limits) or resource.status != 200:
            return None
        path = folder.path + name
        if not self._is_open(path):
            return None
        if resource.is_folder:
            path += "/"
            wanted = path.startswith(self._prefix) or self._prefix.startswith(path)
            to_come = path > self._after or self._after.startswith(path)
            name += "/"
        else:
            wanted = path.startswith(self._prefix)
            to_come = path > self._after
        if not wanted or not to_come or name <= folder.after:
            return None
        if resource.is_folder:
            return name, None
        return name, stored_as(path, resource, self._dialect.validator)

    def _is_open(self, path: str) -> bool:
        """Whether ``path``, or something below it, may be listed."""
        parts = path.split("/")
        if not looks_reserved(parts[0]):
            return True
        asked = self._prefix.startswith(f"{RESERVED}/")
        return asked and parts[0] == RESERVED and (len(parts) < 2 or parts[1] == OWN)


def _first(found: list[tuple[str, Stored | None]]) -> list[tuple[str, Stored | None]]:
    return sorted(found, key=lambda entry: entry[0])[:NAMES]


def _start(prefix: str, limits: Limits) -> str | None:
    """The folder to begin in; None if no path can begin with ``prefix``."""
    folder = prefix[: prefix.rfind("/") + 1]
    if folder in {"", f"{RESERVED}/"}:
        return folder
    try:
        # A path of that folder, as an example: the folder alone may be none.
        segments(f"{folder}x", limits)
    except NameRefused:
        return None
    return folder if all(is_name(part, limits) for part in folder[:-1].split("/")) else None

"""Listing a tree in the byte order of whole paths, a batch at a time."""

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from backends.errors import Denied, NameRefused, NotFound, StorageError
from backends.interface import RESERVED, Limits, Stored
from backends.local.attributes import fingerprint
from backends.local.faults import translated
from backends.local.opening import Beneath
from backends.naming import OWN, looks_reserved, segments

BATCH = 1000
"""Objects found in one step."""

NAMES = 50_000
"""Names of one directory held at once; a larger one is read again for each further 50,000."""

_LIMITS = Limits(max_path=4095)


@dataclass(slots=True, eq=False)
class _Folder:
    path: str
    """"" or ends with ``/``."""
    after: str = ""
    """The last name taken; names are as ``_names`` spells them."""
    names: deque[str] = field(default_factory=deque)
    whole: bool = False
    """No names are left but those in ``names``."""


class Walk:
    """A walk that holds no descriptor between steps. Steps block: they belong in the pool.

    A directory counts as its name with ``/``: ``a.b`` comes before ``a/b``, as bytes do. For str
    of valid UTF-8 the order of code points is that of bytes; other names are no paths and left out,
    as are links, special files and what is reserved. What vanishes meanwhile is left out.
    """

    def __init__(
        self, beneath: Beneath, prefix: str, after: str, *, pass_over_closed: bool = False
    ) -> None:
        self._beneath = beneath
        self._passed_over: tuple[type[StorageError], ...] = (NotFound, NameRefused)
        if pass_over_closed:
            self._passed_over += (Denied,)
        self._prefix = prefix
        self._after = after
        self._folders: list[_Folder] = []
        start = _start(prefix)
        if start is not None:
            self._folders.append(_Folder(start))

    def step(self) -> list[Stored]:
        """The next objects, at most BATCH; none at the end. Denied, Unavailable."""
        found: list[Stored] = []
        while self._folders and len(found) < BATCH:
            folder = self._folders[-1]
            try:
                self._visit(folder, found)
            except OSError as error:
                failure = translated(error, f"list {folder.path!r}")
                if not isinstance(failure, self._passed_over):
                    raise failure from error
                self._folders.remove(folder)
        return found

    def _visit(self, folder: _Folder, found: list[Stored]) -> None:
        """Take names of ``folder`` until one is a directory, the batch is full, or none is left."""
        directory = self._beneath.open_directory(folder.path[:-1])
        try:
            if not folder.names and not folder.whole:
                self._fill(folder, directory)
            while folder.names and len(found) < BATCH:
                name = folder.names.popleft()
                folder.after = name
                if name.endswith("/"):
                    self._folders.append(_Folder(folder.path + name))
                    return
                stored = _stored(directory, name, folder.path + name)
                if stored is not None:
                    found.append(stored)
        finally:
            os.close(directory)
        if folder.whole and not folder.names:
            self._folders.remove(folder)

    def _fill(self, folder: _Folder, directory: int) -> None:
        names: list[str] = []
        cut = False
        for name in self._names(folder, directory):
            names.append(name)
            if len(names) >= 2 * NAMES:
                names.sort()
                del names[NAMES:]
                cut = True
        names.sort()
        cut = cut or len(names) > NAMES
        folder.names.extend(names[:NAMES])
        folder.whole = not cut

    def _names(self, folder: _Folder, directory: int) -> Iterator[str]:
        with os.scandir(directory) as entries:
            for entry in entries:
                name = entry.name
                if entry.is_dir(follow_symlinks=False):
                    name += "/"
                elif not entry.is_file(follow_symlinks=False):
                    continue
                if name > folder.after and self._wanted(folder.path, name):
                    yield name

    def _wanted(self, parent: str, name: str) -> bool:
        path = parent + name
        if not _can_be_path(path):
            return False
        if not parent and looks_reserved(name.rstrip("/")):
            if path != f"{RESERVED}/" or not self._prefix.startswith(path):
                return False
        elif parent == f"{RESERVED}/" and name != f"{OWN}/":
            return False
        if name.endswith("/"):
            if not path.startswith(self._prefix) and not self._prefix.startswith(path):
                return False
            return path > self._after or self._after.startswith(path)
        return path.startswith(self._prefix) and path > self._after


def _start(prefix: str) -> str | None:
    """The folder all paths with ``prefix`` are in; None if no path can have it (``..``, ``//``)."""
    head = prefix.rpartition("/")[0]
    if not head or head == RESERVED or prefix.startswith(f"{RESERVED}/"):
        return ""  # what is visible under RESERVED is decided name by name
    try:
        segments(head, _LIMITS)
    except NameRefused:
        return None
    return f"{head}/"


def _can_be_path(path: str) -> bool:
    if path.isascii():
        return len(path) <= _LIMITS.max_path
    try:
        return len(path.encode()) <= _LIMITS.max_path
    except UnicodeEncodeError:
        return False


def _stored(directory: int, name: str, path: str) -> Stored | None:
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return Stored(path=path, fingerprint=fingerprint(found), modified_ns=found.st_mtime_ns)

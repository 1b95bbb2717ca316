"""The files of one user: a folder on disk, and beside it what Nextcloud keeps in its file cache."""

import asyncio
import itertools
import os
import secrets
import shutil
import unicodedata
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.backends.webdav.nextcloud import sparse
from tests.backends.webdav.nextcloud.quirks import Quirks
from tests.backends.webdav.nextcloud.refusing import Refused

_LONGEST = 250
_numbers = itertools.count(17)


@dataclass(slots=True, kw_only=True)
class Node:
    """A row of the file cache. ``path``: without a ``/`` at either end; "" is the root."""

    path: str
    folder: bool
    size: int
    modified_s: int
    etag: str
    fileid: int
    checksum: str = ""
    uploaded_s: int = 0
    seen: tuple[int, int, int] = (0, 0, 0)

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(slots=True)
class Tree:
    """All of them, below ``root``."""

    root: Path
    quirks: Quirks
    cache: dict[str, Node] = field(default_factory=dict)
    properties: dict[str, dict[str, str]] = field(default_factory=dict)
    locked: set[str] = field(default_factory=set)

    def find(self, path: str) -> Node:
        """What is there, found on disk as with ``filesystem_check_changes``. 404 if nothing is."""
        for name in path.split("/") if path else []:
            _looked_for(name, strictly=self.quirks.looks_refuse_names)
        there = self._at(path)
        try:
            status = there.stat()
        except OSError:
            raise Refused(404, f"File with name /{path} could not be located") from None
        seen = (status.st_mtime_ns, status.st_size, status.st_ino)
        node = self.cache.get(path)
        if node is not None and node.folder != there.is_dir():
            node = None
        if node is not None and node.seen == seen:
            return node
        second = int(status.st_mtime)
        if node is None:
            node = Node(path=path, folder=there.is_dir(), size=0, modified_s=0, etag="", fileid=0)
            node.fileid = next(_numbers)
            self.cache[path] = node
        if not node.etag or node.modified_s != second or not self.quirks.etags_of_seconds:
            node.etag = secrets.token_hex(16)
        node.seen, node.modified_s = seen, second
        node.size = 0 if node.folder else status.st_size
        return node

    def exists(self, path: str) -> bool:
        """Whether anything is there."""
        return self._at(path).exists()

    def children(self, path: str) -> Iterator[Node]:
        """What a folder holds, without what is still being written."""
        for each in sorted(self._at(path).iterdir()):
            if each.suffix != ".part":
                yield self.find(f"{path}/{each.name}".lstrip("/"))

    def used(self) -> int:
        """Bytes of all files."""
        return sum(
            (Path(folder) / name).stat().st_size
            for folder, _, names in os.walk(self.root)
            for name in names
        )

    async def write(
        self,
        path: str,
        body: AsyncIterator[bytes],
        *,
        length: int | None,
        locked: bool = False,
    ) -> Node:
        """Put all of ``body`` there by a part file and one rename, as Connector/Sabre/File.php does.

        400 if it is not ``length`` long; nothing changes then. ``locked``: by who calls.
        """
        name = path.rpartition("/")[2]
        allowed(name)
        there = self._at(path)
        part = there.with_name(f"{name}.ocTransferId{secrets.randbelow(2**31)}.part")
        count = 0
        try:
            try:
                file = part.open("xb")
            except OSError:
                raise Refused(500, "Could not write file contents") from None
            with file:
                async for piece in body:
                    sparse.append(file, piece)
                    count += len(piece)
                sparse.end(file)
            if length is not None and count != length:
                raise Refused(400, f"Expected filesize of {length} bytes but read {count} bytes.")
            if not locked:
                self._unlocked(path)
            try:
                part.rename(there)
            except OSError:
                raise Refused(500, "Could not rename part file to final file") from None
        finally:
            part.unlink(missing_ok=True)
        node = self.find(path)
        node.checksum = ""
        self._propagate(path)
        return node

    def touch(self, path: str, modified_s: int) -> Node:
        """Give a file another time (X-OC-MTime)."""
        os.utime(self._at(path), (modified_s, modified_s))
        return self.find(path)

    def make_folder(self, path: str) -> None:
        """MKCOL. The parent is a folder, and nothing is there."""
        allowed(path.rpartition("/")[2])
        self._at(path).mkdir()
        self._propagate(path)

    def delete(self, path: str) -> None:
        """With all that is in it; 403 for the root."""
        if not path:
            raise Refused(403, "")
        self.find(path)
        self._unlocked(path)
        there = self._at(path)
        shutil.rmtree(there) if there.is_dir() else there.unlink()
        for old in self._below(path):
            self.cache.pop(old, None)
        self._propagate(path)

    def forget_properties(self, path: str) -> None:
        """What is known of a path that is gone (PropertyStorage)."""
        for old in [each for each in self.properties if _is_below(each, path)]:
            del self.properties[old]

    async def move(self, source: str, path: str) -> None:
        """As sabre/dav does: what is there is deleted first, and then there is a moment without."""
        allowed(path.rpartition("/")[2])
        self._unlocked(source)
        if self.exists(path):
            self.delete(path)
            self.forget_properties(path)
            await asyncio.sleep(0)
        self._at(source).rename(self._at(path))
        for old in self._below(source):
            node = self.cache.pop(old)
            node.path = path + old[len(source) :]
            self.cache[node.path] = node
        for old in [each for each in self.properties if _is_below(each, source)]:
            self.properties[path + old[len(source) :]] = self.properties.pop(old)
        self._propagate(source)
        self._propagate(path)

    async def copy(self, source: str, path: str) -> None:
        """Bytes only: properties stay where they are (DAV/CustomPropertiesBackend.php)."""
        allowed(path.rpartition("/")[2])
        if self.exists(path):
            self.delete(path)
            await asyncio.sleep(0)
        copying = shutil.copytree if self._at(source).is_dir() else shutil.copyfile
        await asyncio.to_thread(copying, self._at(source), self._at(path))
        self._propagate(path)

    def read(self, path: str, first: int, count: int) -> Iterator[bytes]:
        """``count`` bytes from ``first`` on."""
        with self._at(path).open("rb") as file:
            file.seek(first)
            while count > 0 and (piece := file.read(min(count, 256 * 1024))):
                count -= len(piece)
                yield piece

    def change_etags(self) -> None:
        """All files get another ETag, and no byte is another."""
        for node in self.cache.values():
            node.etag = secrets.token_hex(16)

    def _at(self, path: str) -> Path:
        return self.root / path if path else self.root

    def _below(self, path: str) -> list[str]:
        return [each for each in self.cache if _is_below(each, path)]

    def _unlocked(self, path: str) -> None:
        if any(_is_below(each, path) for each in self.locked):
            raise Refused(423, f'"{path}" is locked')

    def _propagate(self, path: str) -> None:
        """Each folder above has another ETag from now on."""
        while path:
            path = path.rpartition("/")[0]
            if path in self.cache:
                self.cache[path].etag = secrets.token_hex(16)


def normal(path: str) -> str:
    """A path as ``Filesystem::normalizePath`` makes it: composed, and with single slashes."""
    names = [name for name in path.split("/") if name not in {"", "."}]
    return unicodedata.normalize("NFC", "/".join(names))


def allowed(name: str) -> None:
    """400 for a name that may not be given: lib/private/Files/FilenameValidator.php."""
    low = name.lower()
    if (
        name.strip(" \t\n\r\0\x0b") in {"", ".", ".."}
        or low == ".htaccess"
        or low.endswith((".part", ".filepart"))
        or any(ord(letter) < 32 or letter in "\\/" for letter in name)
        or len(name.encode()) > _LONGEST
    ):
        raise Refused(400, f'"{name}" is not an allowed name')


def _looked_for(name: str, *, strictly: bool) -> None:
    """What is only looked for is held to less since version 30 (View::verifyPath)."""
    if strictly and not name.lower().endswith((".part", ".filepart")):
        allowed(name)
    if name.lower() == ".htaccess":
        raise Refused(400, "Filename is a reserved word")


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")

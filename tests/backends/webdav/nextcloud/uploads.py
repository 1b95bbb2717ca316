"""Uploads in chunks, of one user: a folder for each, and the file that becomes of it."""

import asyncio
import hashlib
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.backends.webdav.nextcloud import sparse
from tests.backends.webdav.nextcloud.quirks import Quirks
from tests.backends.webdav.nextcloud.refusing import Refused
from tests.backends.webdav.nextcloud.tree import Tree

LEAST_CHUNK = 5 * 1024 * 1024
MOST_CHUNK = 5 * 1024**3
LAST_CHUNK = 10_000


@dataclass(slots=True)
class Upload:
    """``given_up``: an object store has dropped its parts, though its folder is still there."""

    folder: Path
    given_up: bool = False
    assembling: bool = False


@dataclass(slots=True)
class Uploads:
    """``go_on``: set while assemblies may go on."""

    home: Path
    tree: Tree
    quirks: Quirks
    by_name: dict[str, Upload] = field(default_factory=dict)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def on_objects(self) -> bool:
        return self.quirks.store == "object"

    def find(self, name: str) -> Upload:
        """404 if there is none, or it has expired."""
        if name not in self.by_name:
            raise Refused(404, f"File with name //{name} could not be located")
        return self.by_name[name]

    def begin(self, name: str) -> None:
        """MKCOL of its folder."""
        if name in self.by_name:
            raise Refused(405, "The resource you tried to create already exists")
        folder = self.home / hashlib.sha256(name.encode()).hexdigest()
        folder.mkdir()
        self.by_name[name] = Upload(folder)

    def end(self, name: str) -> None:
        """DELETE of its folder, even from under an assembly that runs: nextcloud/server 63122."""
        shutil.rmtree(self.find(name).folder)
        del self.by_name[name]

    def expire(self) -> None:
        """All are a day old now: BackgroundJob/UploadCleanup.php."""
        for name in list(self.by_name):
            self.end(name)

    def chunks(self, name: str) -> list[Path]:
        """In the order of their names, as people count."""
        found = [each for each in self.find(name).folder.iterdir() if each.suffix != ".part"]
        return sorted(found, key=lambda each: _natural(each.name))

    async def put(
        self, name: str, chunk: str, body: AsyncIterator[bytes], *, length: int | None
    ) -> bool:
        """Store a chunk. Whether it is a new one; an object store says so of each."""
        upload = self.find(name)
        if self.on_objects or self.quirks.strict:
            if not (chunk.isascii() and chunk.isdigit() and 1 <= int(chunk) <= LAST_CHUNK):
                raise Refused(400, "Invalid chunk name, must be numeric between 1 and 10000")
            if length is not None and length > MOST_CHUNK:
                raise Refused(400, "A chunk is 5 GB at most")
        if upload.given_up:
            raise Refused(500, "The specified multipart upload does not exist.")
        there = upload.folder / (str(int(chunk)) if self.on_objects else chunk)
        part = there.with_name(f"{there.name}.part")
        try:
            with part.open("wb") as file:
                async for piece in body:
                    sparse.append(file, piece)
                sparse.end(file)
            if length is not None and part.stat().st_size != length:
                raise Refused(400, f"Expected filesize of {length} bytes")
            new = self.on_objects or not there.exists()
            part.rename(there)
        except FileNotFoundError:
            raise Refused(404, f"File with name //{name} could not be located") from None
        finally:
            part.unlink(missing_ok=True)
        return new

    def delete(self, name: str, chunk: str) -> None:
        """DELETE of one chunk. An object store gives up the whole upload, and knows no such file."""
        upload = self.find(name)
        if self.on_objects:
            upload.given_up = True
            for each in self.chunks(name):
                each.unlink()
        if not (upload.folder / chunk).exists():
            raise Refused(404, f"File with name //{name}/{chunk} could not be located")
        (upload.folder / chunk).unlink()

    def check(self, name: str, total: str | None) -> int:
        """How many bytes an assembly would write; what would keep it from beginning is refused."""
        upload = self.find(name)
        sizes = [each.stat().st_size for each in self.chunks(name)]
        if upload.assembling:
            raise Refused(423, f'"{name}/.file" is locked')
        if upload.given_up:
            raise Refused(500, "The specified multipart upload does not exist.")
        if total is not None and total != str(sum(sizes)):
            text = f"Chunks on server do not sum up to {total} but to {sum(sizes)} bytes"
            raise Refused(400, text)
        if self.on_objects and any(size < LEAST_CHUNK for size in sizes[:-1]):
            raise Refused(500, "Your proposed upload is smaller than the minimum allowed size")
        return sum(sizes)

    async def assemble(self, name: str, path: str) -> None:
        """Write all chunks to ``path``, which is locked meanwhile, and drop the folder."""
        upload = self.find(name)
        upload.assembling = True
        self.tree.locked.add(path)
        try:
            await self.go_on.wait()
            await self.tree.write(path, self._joined(name), length=None, locked=True)
            shutil.rmtree(upload.folder)
            del self.by_name[name]
        except FileNotFoundError:
            raise Refused(503, "Could not open file, file doesn't seem to exist") from None
        finally:
            upload.assembling = False
            self.tree.locked.discard(path)

    async def _joined(self, name: str) -> AsyncIterator[bytes]:
        for chunk in self.chunks(name):
            for piece in _pieces(chunk):
                yield piece
                await asyncio.sleep(0)


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(256 * 1024):
            yield piece


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts as strnatcmp does names of letters and digits."""
    parts = re.split(r"(\d+)", name)
    return [(int(each), "") if each.isdigit() else (0, each) for each in parts]

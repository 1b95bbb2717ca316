"""Uploads in chunks as Nextcloud takes them: into a folder of their own, put together by one MOVE.

The folders lie beside the files, under ``…/remote.php/dav/uploads/USER``. What is put together goes to a
name of ours among the files, is looked at there and published from there, as any other write. So a MOVE
that is late, or done twice, publishes nothing.
"""

import asyncio
import hashlib
import re
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Final

from backends.errors import NotFound, StorageError, Throttled, Unavailable
from backends.http.origin import Origin
from backends.webdav.afterwards import Afterwards
from backends.webdav.asking import LONG_S, Dav
from backends.webdav.hrefs import decoded
from backends.webdav.multistatus import Resource
from backends.webdav.publishing import PAUSES_S, RUNNING, Incoming, outcome_unknown
from backends.webdav.refusals import refusal

MOST: Final = 10_000
"""Chunks of one upload."""
LARGEST: Final = 5 * 1000**3
"""Bytes of one chunk."""
SMALLEST: Final = 5 * 1024**2
"""Bytes of one chunk, but of the last."""

_ASSEMBLED_A_SECOND: Final = 16 * 1024**2
_TRIES: Final = 3
_IN_ONE_SECOND: Final = 20
_DAY_S: Final = 86_400
_DONE: Final = frozenset({200, 201, 204})
_GONE: Final = frozenset({200, 204, 404, 410})
# Or a proxy asked twice, and the second was done or is in the way.
_RUNNING: Final = RUNNING | {404, 412}
_FILES: Final = re.compile(r"(.*/remote\.php/dav)/files/([^/]+)(?:/.*)?")
_NUMBER: Final = re.compile("[0-9]{1,5}", re.ASCII)


def uploads_of(files: Origin) -> Origin | None:
    """Where files at that origin are uploaded to in chunks; None if it is not one of Nextcloud's."""
    found = _FILES.fullmatch(files.path)
    if found is None:
        return None
    path = f"{found[1]}/uploads/{found[2]}"
    return Origin(scheme=files.scheme, host=files.host, port=files.port, path=path)


def chunk_size(size: int, wanted: int) -> int:
    """How large chunks must be for so many bytes: as wanted, or larger if they would be too many."""
    return max(wanted, -(-size // MOST))


class Uploads:
    """The uploads of one storage. Their ids are the names of their folders."""

    def __init__(
        self,
        dav: Dav,
        files: Dav,
        afterwards: Afterwards,
        *,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        """``dav``: the folder of uploads; ``files``: that of the storage."""
        self._dav = dav
        self._files = files
        self._afterwards = afterwards
        self._pauses_s = pauses_s
        self.keeps_times = False
        """Whether a chunk has the time that it is sent with."""
        # Others upload for the same user: other programs, and storages in other folders.
        self.ours = f"s3front-{_digest(files.own(''))[:12]}-"
        """What the names of all our folders begin with."""

    def new_id(self, path: str) -> str:
        """The id of an upload that is to become ``path``."""
        return f"{self._beginning(path)}{int(time.time()):x}-{secrets.token_hex(12)}"

    def age_s(self, upload: str) -> float:
        """How long ago such an upload was begun."""
        begun = upload.rpartition("-")[0].rpartition("-")[2]
        try:
            return time.time() - int(begun, 16)
        except ValueError:
            return 0.0

    def is_of(self, upload: str, path: str) -> bool:
        """Whether such an upload can have been begun for ``path``."""
        return upload.startswith(self._beginning(path)) and "/" not in upload

    async def begin(self, upload: str, to: str) -> None:
        """Make its folder. ``to``: what will be put together there, among the files."""
        headers = {"Destination": self._files.named(to)}
        await self._dav.must("MKCOL", upload, headers, folder=True)

    async def put(
        self,
        upload: str,
        number: int,
        body: AsyncIterator[bytes],
        *,
        size: int,
        to: str,
        total: int | None = None,
        modified_s: int | None = None,
    ) -> None:
        """Store a chunk, in place of an earlier one of that number. NotFound if there is no upload.

        ``total``: of all chunks, if it is known. ``modified_s``: the time that it is to have.
        """
        headers = {"Destination": self._files.named(to)}
        if total is not None:
            headers["OC-Total-Length"] = str(total)
        if modified_s is not None:
            headers["X-OC-Mtime"] = str(modified_s)
        gone = NotFound(f"no such upload: {upload!r}")
        await self._dav.put(
            _chunk(upload, number),
            body,
            size=size,
            headers=headers,
            meaning={404: gone, 409: gone, 410: gone},
        )

    async def put_part(
        self, upload: str, number: int, body: AsyncIterator[bytes], *, size: int, to: str
    ) -> str:
        """As ``put``. The tag of the chunk, which tells it from any other of that number.

        Within one second Nextcloud may keep the ETag of what is replaced. So each chunk is given a
        time of its own, within a day from now: by its time it is known when nobody needs it any more.
        """
        modified_s = int(time.time()) + secrets.randbelow(_DAY_S)
        await self.put(upload, number, body, size=size, to=to, modified_s=modified_s)
        found = await self._dav.look(_chunk(upload, number))
        if found is None:
            raise NotFound(f"no such upload: {upload!r}")
        if found.size != size or (self.keeps_times and found.modified_s != modified_s):
            raise Unavailable(f"{self._dav.where}: a chunk is not the one that was sent")
        return _tag(found)

    async def tells_chunks_apart(self, upload: str, number: int, to: str) -> bool:
        """Whether it does so within a second. Finds out ``keeps_times``; leaves such a chunk."""
        self.keeps_times = True
        with suppress(Unavailable):
            await self.put_part(upload, number, _once(b"one"), size=3, to=to)
            return True
        self.keeps_times = False
        for _ in range(_IN_ONE_SECOND):
            tags = [
                await self.put_part(upload, number, _once(data), size=3, to=to)
                for data in (b"two", b"one")
            ]
            one, two = (tag.split("-") for tag in tags)
            if one[1] == two[1]:
                return one[2] != two[2]
        return False

    async def has_begun(self, upload: str) -> bool:
        """Whether there is such an upload."""
        return await self._dav.look(upload) is not None

    async def listed(self, upload: str) -> Mapping[int, str] | None:
        """The tags of all chunks by number; None if there is no such upload."""
        found: dict[int, str] = {}
        is_there = False
        async with aclosing(self._dav.members(upload)) as members:
            async for resource in members:
                is_there = True
                name = (decoded(resource.href) or "").rpartition("/")[2]
                if _NUMBER.fullmatch(name) and resource.status == 200 and not resource.is_folder:
                    found[int(name)] = _tag(resource)
        return found if is_there else None

    async def open(self) -> AsyncGenerator[str, None]:
        """All uploads of this storage that have a folder."""
        async with aclosing(self._dav.members("")) as members:
            async for resource in members:
                name = (decoded(resource.href) or "").removesuffix("/").rpartition("/")[2]
                if name.startswith(self.ours) and resource.is_folder:
                    yield name

    async def drop(self, upload: str, number: int) -> None:
        """Remove one chunk."""
        # Without a Destination: with one, some servers drop the whole upload.
        status = await self._dav.ask("DELETE", _chunk(upload, number))
        if status not in _GONE:
            raise refusal(self._dav.where, f"DELETE of chunk {number}", status, {})

    async def remove(self, upload: str) -> None:
        """Drop an upload with all its chunks. That there is none is no error."""
        status = await self._dav.ask("DELETE", upload, folder=True)
        if status not in _GONE:
            raise refusal(self._dav.where, f"DELETE of upload {upload!r}", status, {})

    async def assemble(self, upload: str, incoming: Incoming, size: int) -> None:
        """Put all chunks, of ``size`` bytes, together as ``incoming``, which did not exist.

        NotFound if there is no such upload. Unavailable, with ``incoming.left``, while it is not known
        whether it was done: then neither of both may be removed.
        """
        headers = {
            "Destination": self._files.named(incoming.path),
            "Overwrite": "F",
            "OC-Total-Length": str(size),
        }
        failure: StorageError | None = None
        status = 0
        incoming.left = True
        try:
            status = await self._dav.ask("MOVE", f"{upload}/.file", headers, answer_s=LONG_S)
        except (Unavailable, Throttled) as error:
            failure = error
        if status not in _DONE:
            await self._wait(upload, incoming, size, running=status in _RUNNING or not status)
            if await self._size_of(incoming) != size:
                incoming.left = False
                raise failure or refusal(self._dav.where, f"MOVE of {upload!r}", status, {})
        incoming.left = False

    async def _wait(self, upload: str, incoming: Incoming, size: int, *, running: bool) -> None:
        """Until a MOVE is decided whose answer does not say what it did."""
        pauses = (*self._pauses_s, *_more_pauses(self._pauses_s, size)) if running else ()
        arrived = None
        for pause_s in (*pauses, None):
            with outcome_unknown():
                is_there = await self.has_begun(upload)
                arrived = await self._size_of(incoming)
            if not is_there and arrived is None:
                incoming.left = False
                raise NotFound(f"no such upload: {upload!r}")
            # The folder goes last. Until then what is there may be locked.
            if not running or (arrived == size and not is_there):
                return
            if pause_s is not None:
                await asyncio.sleep(pause_s)
        if arrived != size:
            raise Unavailable(f"{self._dav.where}: it is not known whether chunks were joined")

    async def _size_of(self, incoming: Incoming) -> int | None:
        with outcome_unknown():
            found = await self._files.look(incoming.path)
        return None if found is None or found.is_folder else found.size

    async def write(
        self, incoming: Incoming, body: AsyncIterator[bytes], *, size: int, chunk: int
    ) -> None:
        """Bring a body under ``incoming``, chunk after chunk. What it raises is raised.

        A chunk is sent again as long as none of its bytes was taken: a body can be read once.
        """
        upload = self.new_id(incoming.path)
        try:
            await self.begin(upload, incoming.path)
            await self._send(upload, incoming.path, body, size=size, chunk=chunk)
            await self.assemble(upload, incoming, size)
        except BaseException as error:
            if not incoming.left:
                self._afterwards.do(self._drop(upload))
            if isinstance(error, NotFound):
                raise Unavailable(f"{self._dav.where}: {error}") from error
            raise

    async def _send(
        self, upload: str, to: str, body: AsyncIterator[bytes], *, size: int, chunk: int
    ) -> None:
        cuts = Cuts(body)
        for number, first in enumerate(range(0, size, chunk), start=1):
            length = min(chunk, size - first)
            for pause_s in (*self._pauses_s[: _TRIES - 1], None):
                piece = cuts.next(length, last=first + length == size)
                try:
                    await self.put(upload, number, piece, size=length, to=to, total=size)
                except (Unavailable, Throttled):
                    if cuts.begun or pause_s is None:
                        raise
                    await asyncio.sleep(pause_s)
                else:
                    break

    async def _drop(self, upload: str) -> None:
        with suppress(StorageError):  # what stays is removed for its age
            await self.remove(upload)

    def _beginning(self, path: str) -> str:
        return f"{self.ours}{_digest(path)[:16]}-"


class Cuts:
    """A body in chunks, one after the other."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self.begun = False
        """Whether anything of the chunk that came last was taken."""
        self._body = body
        self._held = b""

    def next(self, size: int, *, last: bool) -> AsyncIterator[bytes]:
        """The next ``size`` bytes; all that is left if they are the ``last``."""
        self.begun = False
        return self._next(size, last=last)

    async def _next(self, size: int, *, last: bool) -> AsyncIterator[bytes]:
        while size > 0 or last:
            self.begun = True
            piece, self._held = self._held, b""
            if not piece:
                given = await anext(self._body, None)
                if given is None:
                    return
                piece = given
            if not last:
                piece, self._held = piece[:size], piece[size:]
            size -= len(piece)
            yield piece


def size_of(tag: str) -> int:
    """The size of the chunk of that tag; 0 if it is none."""
    size = tag.partition("-")[0]
    return int(size) if size.isascii() and size.isdigit() and len(size) < 20 else 0


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _tag(chunk: Resource) -> str:
    return f"{chunk.size or 0}-{chunk.modified_s}-{chunk.etag or ''}"


def _chunk(upload: str, number: int) -> str:
    return f"{upload}/{number:05}"


def _more_pauses(pauses_s: Sequence[float], size: int) -> Iterator[float]:
    """For as long as bytes so many may take to be copied."""
    left_s = size / _ASSEMBLED_A_SECOND - sum(pauses_s)
    while left_s > 0:
        yield pauses_s[-1]
        left_s -= pauses_s[-1]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

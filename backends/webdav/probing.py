"""Finding a server out: by doing everything once, in a folder of our own that is removed again."""

import asyncio
import base64
import secrets
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from backends.errors import Denied, NameRefused, StorageError, Unavailable, Unsupported
from backends.interface import RESERVED
from backends.webdav.asking import Dav
from backends.webdav.chunking import Uploads
from backends.webdav.describing import DESCRIPTION, MAX_PROPERTY
from backends.webdav.dialect import (
    HTACCESS,
    LENGTHS,
    ODD,
    SPECIAL,
    Chunks,
    Destination,
    Dialect,
    Kind,
    Validator,
    kind_of,
)
from backends.webdav.folders import Folders
from backends.webdav.hrefs import decoded
from backends.webdav.multistatus import Resource
from backends.webdav.publishing import Incoming
from backends.webdav.states import STAMP, state_of

PROBE = f"{RESERVED}/probe-"
"""What the names of such folders begin with."""

_ONE, _TWO = b"one\n", b"two\n"
_LOOKS, _LOOK_S = 50, 0.05
_TRIES = 5
_MIXED = "\u00e9-Mixed"
# As long as the longest that will be asked for, in every character that base64 has.
_LONG = base64.b64encode(bytes(range(256)) * (2 * MAX_PROPERTY // 256)).decode()[
    : MAX_PROPERTY * 4 // 3
]


async def probe(dav: Dav, folders: Folders, uploads: Uploads | None = None) -> Dialect:
    """The dialect of a server, with ``dav.destination`` set as it wants it.

    ``uploads``: where it would take chunks, if it is one that may.

    Denied, Unavailable, or Unsupported with what is missing: no server is used that cannot list, or
    has no MOVE.
    """
    kind = await _kind(dav)
    place = f"{PROBE}{secrets.token_hex(8)}"
    await folders.make(place)
    try:
        return await _Probe(dav, place, kind, uploads).dialect()
    finally:
        folders.forget_for(f"{place}/x")
        with suppress(StorageError):
            await asyncio.shield(dav.ask("DELETE", place, folder=True))


async def _kind(dav: Dav) -> Kind:
    answer = await dav.send("OPTIONS", "", folder=True)
    await answer.excerpt()
    kind = kind_of(answer.headers)
    if kind is Kind.GENERIC:
        answer = await dav.send("HEAD", "", folder=True)
        await answer.aclose()
        kind = kind_of(answer.headers)
    return kind


@dataclass(frozen=True, slots=True)
class _Names:
    cannot: frozenset[str]
    strips: bool


class _Probe:
    def __init__(self, dav: Dav, place: str, kind: Kind, uploads: Uploads | None) -> None:
        self._dav = dav
        self._place = place
        self._kind = kind
        self._uploads = uploads

    async def dialect(self) -> Dialect:
        base = await self._base()
        # From one folder to another, as in use: within one, some rename what they copy otherwise.
        await self._dav.must("MKCOL", self._at("m"), folder=True)
        before = await self._put("a", _ONE)
        await self._let_pass(before)
        after = await self._moves("a", "m/b")
        validator, renames = _validator(before, after)
        await self._put("a", _TWO)
        creates = await self._creates("a", "m/b")
        await self._replaces("a", "m/b", _TWO)
        properties = await self._keeps("m/b", "c")
        here = "c" if await self._has("c") else "m/b"
        names = await self._names()
        hides_dots = await self._hides(".g")
        chunks = await self._chunks()
        return Dialect(
            kind=self._kind,
            base=base,
            destination=self._dav.destination,
            creates=creates,
            copies=await self._copies(here, "m/e", _TWO),
            validator=validator,
            renames=renames,
            at_once=await self._at_once(),
            properties=properties,
            ranges=await self._ranges(here),
            if_match=await self._if_match(here),
            spares_folders=await self._spares_folders("f"),
            hides_dots=hides_dots,
            folds=await self._folds(),
            cannot=names.cannot,
            lost=await self._lost(dots=not hides_dots),
            strips=names.strips,
            longest=await self._longest(),
            chunks=chunks,
            heads=await self._heads(here, "m", validator),
            yields=await self._yields("w"),
            chunk_times=chunks is Chunks.CHOSEN and self._keeps_times(),
        )

    def _at(self, name: str) -> str:
        return f"{self._place}/{name}"

    async def _base(self) -> str:
        """What the server's hrefs have in front of our paths. It differs behind some proxies."""
        there = await self._dav.look(self._place)
        path = None if there is None else decoded(there.href)
        own = f"{self._dav.prefix}/{self._place}".removeprefix("/")
        if path is None or not path.removesuffix("/").endswith(f"/{own}"):
            raise Unsupported(f"{self._dav.where}: does not tell of a folder by the name it has")
        return path.removesuffix("/").removesuffix(own)

    async def _put(self, name: str, data: bytes) -> Resource:
        await self._dav.must("PUT", self._at(name), body=data)
        there = await self._dav.look(self._at(name))
        if there is None or there.is_folder or there.size != len(data):
            raise Unsupported(f"{self._dav.where}: does not keep what is PUT, or tells no size")
        return there

    async def _let_pass(self, there: Resource) -> None:
        """Wait for the next second, by the clock that gives files their time: where MOVE copies, the
        time of the file tells it then."""
        for _ in range(_LOOKS):
            later = await self._put("t", _ONE)
            if None in {later.modified_s, there.modified_s} or later.modified_s != there.modified_s:
                return
            await asyncio.sleep(_LOOK_S)

    async def _has(self, name: str) -> bool:
        return await self._dav.look(self._at(name)) is not None

    async def _holds(self, name: str, data: bytes) -> bool:
        answer = await self._dav.send("GET", self._at(name))
        if answer.status != 200:
            await answer.excerpt()
            return False
        return await answer.document(4096) == data

    async def _moves(self, name: str, to: str) -> Resource:
        for destination in Destination:
            self._dav.destination = destination
            status = await self._dav.transfer("MOVE", self._at(name), self._at(to), replace=False)
            there = await self._dav.look(self._at(to))
            if there is not None and not await self._has(name):
                return there
            if status == 403:
                raise Denied(f"{self._dav.where}: forbids MOVE: give the account the right to move")
        raise Unsupported(f"{self._dav.where}: has no MOVE, without which nothing is written whole")

    async def _creates(self, name: str, to: str) -> bool:
        status = await self._dav.transfer("MOVE", self._at(name), self._at(to), replace=False)
        if not await self._has(name):
            await self._put(name, _TWO)
            return False
        return status == 412 and await self._holds(to, _ONE)

    async def _replaces(self, name: str, to: str, data: bytes) -> None:
        await self._dav.transfer("MOVE", self._at(name), self._at(to), replace=True)
        if await self._has(name) or not await self._holds(to, data):
            raise Unsupported(f"{self._dav.where}: MOVE does not replace what is there")

    async def _keeps(self, name: str, to: str) -> bool:
        """Whether properties are kept, as long as they may be, and go along: said is not done."""
        values = {STAMP: secrets.token_hex(12), DESCRIPTION: _LONG}
        if not await self._dav.keep(self._at(name), values):
            return False
        there = await self._dav.look(self._at(name), kept=tuple(values))
        if there is None or there.kept != values:
            return False
        await self._dav.transfer("MOVE", self._at(name), self._at(to), replace=False)
        there = await self._dav.look(self._at(to), kept=tuple(values))
        return there is not None and there.kept == values

    async def _at_once(self) -> bool:
        """Whether what is written in one second is told apart, by more than its time."""
        for _ in range(_TRIES):
            one, two = await self._put("s", _ONE), await self._put("s", _TWO)
            if one.modified_s == two.modified_s:
                return one.etag is not None and one.etag != two.etag
        return False

    async def _copies(self, name: str, to: str, data: bytes) -> bool:
        status = await self._dav.transfer("COPY", self._at(name), self._at(to), replace=False)
        return status in {201, 204} and await self._holds(to, data) and await self._has(name)

    async def _ranges(self, name: str) -> bool:
        answer = await self._dav.send("GET", self._at(name), {"Range": "bytes=1-2"})
        said = answer.headers.get("Content-Range")
        if answer.status != 206 or said != f"bytes 1-2/{len(_TWO)}":
            await answer.aclose()
            return False
        return await answer.document(4096) == _TWO[1:3]

    async def _if_match(self, name: str) -> bool:
        # nginx says of such an answer that it keeps the connection, and closes it.
        headers = {"If-Match": '"no-such-etag"', "Connection": "close"}
        return await self._dav.ask("GET", self._at(name), headers) == 412

    async def _chunks(self) -> Chunks:
        if self._uploads is None:
            return Chunks.NONE
        # Whatever is refused here, files can still be written whole.
        with suppress(StorageError):
            if await self._chooses(self._uploads, self._at("u"), self._at("u-joined")):
                return Chunks.CHOSEN
        with suppress(StorageError):
            if await self._joins(self._uploads, self._at("v")):
                return Chunks.ALL
        return Chunks.NONE

    def _keeps_times(self) -> bool:
        return self._uploads is not None and self._uploads.keeps_times

    async def _joins(self, uploads: Uploads, to: str) -> bool:
        async with _begun(uploads, to) as upload:
            await uploads.put(upload, 1, _body(_ONE), size=len(_ONE), to=to, total=len(_ONE))
            await uploads.assemble(upload, Incoming(to), len(_ONE))
            return await self._holds(to.rpartition("/")[2], _ONE)

    async def _chooses(self, uploads: Uploads, to: str, joined: str) -> bool:
        """Whether one of two chunks can be replaced, told from what it was, and left alone."""
        async with _begun(uploads, to) as upload:
            await uploads.put(upload, 1, _body(_ONE), size=len(_ONE), to=to)
            if not await uploads.tells_chunks_apart(upload, 2, to):
                return False
            tag = await uploads.put_part(upload, 2, _body(_TWO), size=len(_TWO), to=to)
            await uploads.drop(upload, 1)
            if await uploads.listed(upload) != {2: tag}:
                return False
            await uploads.assemble(upload, Incoming(joined), len(_TWO))
            return await self._holds(joined.rpartition("/")[2], _TWO)

    async def _spares_folders(self, name: str) -> bool:
        await self._dav.must("MKCOL", self._at(name), folder=True)
        await self._put(f"{name}/x", _ONE)
        await self._dav.ask("DELETE", self._at(name), {"Depth": "0"})
        return await self._has(f"{name}/x")

    async def _heads(self, name: str, folder: str, validator: Validator) -> bool:
        """Whether HEAD tells of a file what PROPFIND does, and of a folder and of nothing no file."""
        told = await self._dav.told_by_head(self._at(name))
        there = await self._dav.look(self._at(name))
        if told is None or there is None or told.modified_s != there.modified_s:
            return False
        if state_of(told, validator) != state_of(there, validator):
            return False
        of_a_folder = await self._dav.told_by_head(self._at(folder))
        return of_a_folder is None and await self._dav.is_free(self._at("nothing"))

    async def _yields(self, name: str) -> bool:
        await self._dav.must("MKCOL", self._at(name), folder=True)
        await self._put(f"{name}/x", _ONE)
        await self._put("y", _ONE)
        await self._dav.transfer("MOVE", self._at("y"), self._at(name), replace=False)
        return await self._has("y") and await self._has(f"{name}/x")

    async def _hides(self, name: str) -> bool:
        await self._put(f"m/{name}", _ONE)
        return name not in await self._listed("m")

    async def _folds(self) -> bool:
        await self._put(_MIXED, _ONE)
        others = (_MIXED.swapcase(), unicodedata.normalize("NFD", _MIXED))
        return any([await self._has(other) for other in others])

    async def _names(self) -> _Names:
        """Which characters do not survive, and whether the ends of a name do."""
        if await self._survives(f" a{SPECIAL}z."):
            return _Names(frozenset(), strips=False)
        return _Names(
            frozenset(await self._spoilt(SPECIAL)), strips=not await self._survives(" a.")
        )

    async def _spoilt(self, characters: str) -> str:
        """Those that do not survive, by halves: they are few."""
        if await self._survives(f"a{characters}z"):
            return ""
        half = len(characters) // 2
        if not half:
            return characters
        return await self._spoilt(characters[:half]) + await self._spoilt(characters[half:])

    async def _lost(self, *, dots: bool) -> frozenset[str]:
        """Which whole names do not survive, in the case they are known by."""
        asked = [name for name in ODD if dots or not name.startswith(".")]
        return frozenset([name for name in asked if not await self._survives_whole(name)])

    async def _survives_whole(self, name: str) -> bool:
        if name != HTACCESS:
            return await self._survives(name.replace("dav", "DAV"))
        # In a folder of its own: of one whose settings are nonsense Apache tells nothing any more.
        await self._dav.must("MKCOL", self._at("h"), folder=True)
        with suppress(Unavailable):
            return await self._survives(name, folder="h")
        return False

    async def _longest(self) -> int:
        for length in LENGTHS[:-1]:
            if await self._survives("n" * length):
                return length
        return LENGTHS[-1]

    async def _survives(self, name: str, *, folder: str = "m") -> bool:
        await self._put("n", _ONE)
        to = f"{folder}/{name}"
        await self._dav.transfer("MOVE", self._at("n"), self._at(to), replace=False)
        try:
            return await self._has(to) and name in await self._listed(folder)
        except (Denied, NameRefused):
            return False

    async def _listed(self, folder: str) -> set[str]:
        names = set()
        async for resource in self._dav.members(self._at(folder)):
            path = decoded(resource.href)
            if path is None:
                raise Unavailable(f"{self._dav.where}: lists a name that was not written")
            names.add(path.removesuffix("/").rpartition("/")[2])
        return names


@asynccontextmanager
async def _begun(uploads: Uploads, to: str) -> AsyncIterator[str]:
    upload = uploads.new_id(to)
    await uploads.begin(upload, to)
    try:
        yield upload
    finally:
        with suppress(StorageError):
            await asyncio.shield(uploads.remove(upload))


async def _body(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _validator(before: Resource, after: Resource) -> tuple[Validator, bool]:
    """What tells the states of a file apart, and whether it stays over a MOVE."""
    kind = Validator.WEAK if before.is_weak else Validator.STRONG
    if before.etag is not None and before.etag == after.etag:
        return kind, True
    if before.modified_s is not None and before.modified_s == after.modified_s:
        return Validator.MODIFIED, True
    if before.etag is not None:
        return kind, False
    if before.modified_s is None:
        raise Unsupported("the server tells neither ETag nor time of a file")
    return Validator.MODIFIED, False

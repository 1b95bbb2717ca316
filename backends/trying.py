"""Whether a storage works as its settings say: tried, and told in plain words with the remedy.

What is tried is written below the reserved name, and removed.
"""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from enum import Enum

from backends.errors import Damaged, Denied, Exists, NotFound, StorageError
from backends.interface import RESERVED, Can, Content, Fingerprint, Storage
from backends.naming import OWN

BYTES = b"S3front tries what this storage can do.\n"
ABOUT = b"a description"


class Grade(Enum):
    GOOD = "good"
    NOTE = "note"
    """It works, but something is worth knowing."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was tried. ``text`` says what to do where it is WRONG."""

    grade: Grade
    tried: str
    text: str = ""


async def trial(storage: Storage) -> Sequence[Finding]:
    """Try the verbs of an open storage on sentinels of its own. Never fails; removes them."""
    name = f"{RESERVED}/{OWN}/probe/{secrets.token_hex(8)}"
    sentinels = _Sentinels(storage, name)
    try:
        written = await attempt("write", sentinels.write)
        if written.grade is Grade.WRONG:
            return [written]
        return [written, *[await attempt(tried, act) for tried, act in sentinels.trials()]]
    finally:
        await sentinels.remove()


async def attempt(
    tried: str, act: Callable[[], Awaitable[object]], *, permission: str = ""
) -> Finding:
    """What came of it. ``permission``: named where that is what may be missing."""
    try:
        await act()
    except Denied as error:
        needed = f" ({permission})" if permission and "permission" in str(error) else ""
        return Finding(grade=Grade.WRONG, tried=tried, text=f"{error}{needed}")
    except StorageError as error:
        return Finding(grade=Grade.WRONG, tried=tried, text=str(error))
    return Finding(grade=Grade.GOOD, tried=tried)


async def drained(content: Content) -> bytes:
    """All bytes of a short reading, which is closed."""
    try:
        return b"".join([piece async for piece in content.chunks()])
    finally:
        await content.aclose()


async def once(data: bytes) -> AsyncIterator[bytes]:
    """A body in one piece."""
    yield data


async def first_of(storage: Storage, prefix: str) -> str | None:
    """The first path that begins so."""
    async with aclosing(storage.list(prefix)) as listed:
        async for stored in listed:
            return stored.path
    return None


class _Sentinels:
    def __init__(self, storage: Storage, name: str) -> None:
        self._storage = storage
        self._path, self._copy, self._moved = f"{name}-a", f"{name}-b", f"{name}-c"
        self._of = Fingerprint(size=len(BYTES), stamp="")

    def trials(self) -> Sequence[tuple[str, Callable[[], Awaitable[object]]]]:
        can = self._storage.can
        trials: list[tuple[str, Callable[[], Awaitable[object]]]] = [
            ("look at what was written", self._stat),
            ("read it", self._read),
            ("read a range of it", self._read_range),
            ("find it in a listing", self._list),
        ]
        if Can.CREATE in can:
            trials.append(("refuse to replace it", self._create))
        if Can.COPY in can:
            trials.append(("copy it", self._copied))
        if Can.MOVE in can:
            trials.append(("move it", self._move))
        trials.append(("delete it", self._delete))
        return trials

    async def write(self) -> None:
        describes = Can.DESCRIBE in self._storage.can
        stored = await self._storage.write(
            self._path, once(BYTES), size=len(BYTES), description=ABOUT if describes else None
        )
        self._of = stored.fingerprint

    async def remove(self) -> None:
        for path in (self._path, self._copy, self._moved):
            with suppress(StorageError):
                await self._storage.delete(path)

    async def _stat(self) -> None:
        stored = await self._storage.stat(self._path)
        if stored.fingerprint != self._of:
            raise Damaged("another size or state than when it was written")
        if Can.DESCRIBE in self._storage.can and stored.description != ABOUT:
            raise Damaged("what was said about it is not kept")

    async def _read(self) -> None:
        content = await self._storage.read(self._path, only_if=self._of)
        if await drained(content) != BYTES:
            raise Damaged("other bytes than those that were written")

    async def _read_range(self) -> None:
        content = await self._storage.read(self._path, first=3, last=7, only_if=self._of)
        if await drained(content) != BYTES[3:8]:
            raise Damaged("other bytes than those of the range")

    async def _list(self) -> None:
        if await first_of(self._storage, self._path) != self._path:
            raise Damaged("what was written is not in the listing")

    async def _create(self) -> None:
        try:
            await self._storage.write(self._path, once(BYTES), size=len(BYTES), create=True)
        except Exists:
            return
        raise Damaged("what is there was replaced, though it should not have been")

    async def _copied(self) -> None:
        stored = await self._storage.copy(self._path, self._copy, only_if=self._of)
        if await drained(await self._storage.read(stored.path)) != BYTES:
            raise Damaged("the copy holds other bytes")

    async def _move(self) -> None:
        there = await self._storage.write(self._moved, once(BYTES), size=len(BYTES))
        await self._storage.delete(self._copy)
        stored = await self._storage.move(self._moved, self._copy, only_if=there.fingerprint)
        if await drained(await self._storage.read(stored.path)) != BYTES:
            raise Damaged("what was moved holds other bytes")

    async def _delete(self) -> None:
        for path in (self._path, self._copy):
            await self._storage.delete(path)
            with suppress(NotFound):
                await self._storage.stat(path)
                raise Damaged("what was deleted is still there")

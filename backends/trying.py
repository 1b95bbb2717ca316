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
    sentinels = _AllThatItCan(storage)
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


class Sentinels:
    """Something small, written to a storage, and what is tried with it. Each raises StorageError."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        name = f"{RESERVED}/{OWN}/probe/{secrets.token_hex(8)}"
        self.path, self.other, self.third = f"{name}-a", f"{name}-b", f"{name}-c"
        self.of = Fingerprint(size=len(BYTES), stamp="")

    async def write(self) -> None:
        """Before all others."""
        describes = Can.DESCRIBE in self.storage.can
        stored = await self.storage.write(
            self.path, once(BYTES), size=len(BYTES), description=ABOUT if describes else None
        )
        self.of = stored.fingerprint

    async def remove(self) -> None:
        """After all others. Never fails."""
        for path in (self.path, self.other, self.third):
            with suppress(StorageError):
                await self.storage.delete(path)

    async def stat(self) -> None:
        """It is as it was written."""
        stored = await self.storage.stat(self.path)
        if stored.fingerprint != self.of:
            raise Damaged("another size or state than when it was written")
        if Can.DESCRIBE in self.storage.can and stored.description != ABOUT:
            raise Damaged("what was said about it (user metadata, properties) is not kept")

    async def read(self) -> None:
        """All of it."""
        content = await self.storage.read(self.path, only_if=self.of)
        if await drained(content) != BYTES:
            raise Damaged("other bytes than those that were written")

    async def read_range(self) -> None:
        """A range of it."""
        content = await self.storage.read(self.path, first=3, last=7, only_if=self.of)
        if await drained(content) != BYTES[3:8]:
            raise Damaged("other bytes than those of the range")

    async def list(self) -> None:
        """It is found."""
        if await first_of(self.storage, self.path) != self.path:
            raise Damaged("what was written is not in the listing")

    async def copy(self) -> None:
        """To the other path."""
        stored = await self.storage.copy(self.path, self.other, only_if=self.of)
        if await drained(await self.storage.read(stored.path)) != BYTES:
            raise Damaged("the copy holds other bytes")

    async def delete(self) -> None:
        """It and its copy are gone."""
        for path in (self.path, self.other):
            await self.storage.delete(path)
            with suppress(NotFound):
                await self.storage.stat(path)
                raise Damaged("what was deleted is still there; is it kept in versions?")


class _AllThatItCan(Sentinels):
    """What can be tried of any storage, by what it declares."""

    def trials(self) -> Sequence[tuple[str, Callable[[], Awaitable[object]]]]:
        can = self.storage.can
        trials: list[tuple[str, Callable[[], Awaitable[object]]]] = [
            ("look at what was written", self.stat),
            ("read it", self.read),
            ("read a range of it", self.read_range),
            ("find it in a listing", self.list),
        ]
        if Can.CREATE in can:
            trials.append(("refuse to replace it", self._create))
        if Can.COPY in can:
            trials.append(("copy it", self.copy))
        if Can.MOVE in can:
            trials.append(("move it", self._move))
        trials.append(("delete it", self.delete))
        return trials

    async def _create(self) -> None:
        try:
            await self.storage.write(self.path, once(BYTES), size=len(BYTES), create=True)
        except Exists:
            return
        raise Damaged("what is there was replaced, though it should not have been")

    async def _move(self) -> None:
        there = await self.storage.write(self.third, once(BYTES), size=len(BYTES))
        await self.storage.delete(self.other)
        stored = await self.storage.move(self.third, self.other, only_if=there.fingerprint)
        if await drained(await self.storage.read(stored.path)) != BYTES:
            raise Damaged("what was moved holds other bytes")

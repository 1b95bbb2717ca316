"""Giving a member the bytes of a path that it lacks."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import TypedDict

from backends.errors import StorageError, Unavailable
from backends.interface import Can, Content, Storage, Stored
from backends.mirror.body import Body
from backends.mirror.finishing import abandoned, begun, finished
from backends.mirror.ledger import Entry, Ledger
from backends.mirror.marking import marked
from backends.mirror.member import Member

_PART = 64 * 1024 * 1024
_MOST_PARTS = 10_000


class _About(TypedDict, total=False):
    description: bytes
    headers: Mapping[str, str]


class Filling:
    """Of one mirror, from which the bytes are read: it goes on where a member fails."""

    def __init__(self, mirror: Storage, ledger: Ledger) -> None:
        self._mirror = mirror
        self._ledger = ledger

    async def fill(self, entry: Entry, member: Member, *, creates: bool) -> None:
        """Have the member hold the entry's bytes. Raises StorageError, BodyFailed.

        ``creates``: it is told to replace nothing. Exists if something is there.
        """
        about = _told_of(entry, member, await self._mirror.stat(entry.path))
        if entry.size > member.storage.limits.max_write and Can.PARTS in member.can:
            await self._in_parts(entry, member, about, creates=creates)
        else:
            await self._at_once(entry, member, about, creates=creates)

    async def _at_once(self, entry: Entry, member: Member, about: _About, *, creates: bool) -> None:
        storage, path, size = member.storage, entry.path, entry.size
        async with self._opened(entry) as content:
            body = Body(content.chunks(), size)
            await self._held(
                entry,
                member,
                lambda: storage.write(path, body.pieces(), size=size, **about, create=creates),
            )

    async def _in_parts(
        self, entry: Entry, member: Member, about: _About, *, creates: bool
    ) -> None:
        """The call begins with the last request: until then nothing is to be seen under the path."""
        storage, path, size = member.storage, entry.path, entry.size
        least = max(storage.limits.min_part, -(-size // _MOST_PARTS))
        step = min(max(least, _PART), storage.limits.max_write)
        upload = await member.ask(lambda: storage.begin_parts(path, **about))
        try:
            tags = [
                (number, await self._part(entry, member, upload, number, step))
                for number in range(1, -(-size // step) + 1)
            ]
            await self._held(
                entry,
                member,
                lambda: storage.complete_parts(path, upload, tags, create=creates),
            )
        except BaseException:
            await finished(_aborted(member, path, upload))
            raise

    async def _part(self, entry: Entry, member: Member, upload: str, number: int, step: int) -> str:
        path, first = entry.path, (number - 1) * step
        last = min(first + step, entry.size) - 1
        async with self._opened(entry, first, last) as content:
            body = Body(content.chunks(), content.length)
            return await member.ask(
                lambda: member.storage.write_part(
                    path, upload, number, body.pieces(), size=content.length
                )
            )

    @asynccontextmanager
    async def _opened(
        self, entry: Entry, first: int = 0, last: int | None = None
    ) -> AsyncIterator[Content]:
        content = await self._mirror.read(
            entry.path, first=first, last=last, only_if=entry.fingerprint
        )
        async with aclosing(content):
            yield content

    async def _held(
        self, entry: Entry, member: Member, act: Callable[[], Awaitable[Stored]]
    ) -> None:
        path, name, ledger = entry.path, member.name, self._ledger
        token, _ = await begun(ledger, path, name)
        try:
            stored = await member.ask(act)
        except BaseException as failure:
            await abandoned(ledger, path, name, token, failure)
            raise
        is_held = await finished(
            ledger.repaired(
                path, name, token, generation=entry.generation, fingerprint=stored.fingerprint
            )
        )
        if not is_held:
            raise Unavailable(f"{path!r} was changed while it was copied")


def _told_of(entry: Entry, member: Member, stored: Stored) -> _About:
    """What a member is to keep with the bytes, as far as it can."""
    about = _About()
    if Can.DESCRIBE in member.can:
        about["description"] = marked(entry.path, entry.generation, stored.description)
        if len(about["description"]) > member.storage.limits.max_description:
            about["description"] = marked(entry.path, entry.generation, None)  # of a file of others
    if Can.HEADERS in member.can and stored.headers is not None:
        about["headers"] = stored.headers
    return about


async def _aborted(member: Member, path: str, upload: str) -> None:
    try:
        await member.ask(lambda: member.storage.abort_parts(path, upload))
    except StorageError:
        return  # it goes with what the service drops after some days

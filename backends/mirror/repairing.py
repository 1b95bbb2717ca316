"""Giving members what they lack, and taking from them what is not to be there.

The ledger is the queue: each copy that is not CURRENT waits in it until it is.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypedDict

from backends.errors import Exists, NotFound, StorageError, Unavailable
from backends.interface import Can, Content, Storage, Stored
from backends.mirror.body import Body, BodyFailed
from backends.mirror.crew import Crew
from backends.mirror.finishing import begun, finished
from backends.mirror.ledger import Copy, Entry, State
from backends.mirror.marking import generation_of, marked
from backends.mirror.meeting import MARK
from backends.mirror.member import Member
from backends.mirror.refusals import REFUSALS
from backends.mirror.turns import Turns

AT_ONCE = 4
"""Paths that are repaired side by side."""
BATCH = 64
"""Paths of one round."""
DOUBT_S = 300.0
"""How long after a call of which nobody knows how it ended its member is looked at: it may still be on its
way there."""
_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 600.0
_IN_THE_WAY_S = 3600.0
_PART = 64 * 1024 * 1024
_MOST_PARTS = 10_000


class _About(TypedDict, total=False):
    description: bytes
    headers: Mapping[str, str]


@dataclass(slots=True)
class Repaired:
    """What has been done, and why the rest could not be."""

    copied: int = 0
    removed: int = 0
    bytes: int = 0
    failed: int = 0
    causes: dict[str, str] = field(default_factory=dict)
    """By member, the last one of each."""


class Repairs:
    """Of one mirror. What is copied is read from it by ``mirror``, which goes on where a member fails."""

    def __init__(self, mirror: Storage, crew: Crew, turns: Turns) -> None:
        self._mirror = mirror
        self._members = crew.members
        self._ledger = crew.ledger
        self._copies = crew.copies
        self._turns = turns

    async def knock(self) -> None:
        """Ask the members that have rested long enough whether they are back."""
        for member in self._members.values():
            if member.breaker.rests and member.admits():
                with contextlib.suppress(StorageError):
                    await member.ask(partial(member.storage.stat, MARK))

    async def round(self) -> Repaired:
        """Repair some of what waits, the oldest first. Raises Unavailable if the ledger cannot be used."""
        able = [one.name for one in self._members.values() if one.breaker.is_due]
        done = Repaired()
        paths = await self._ledger.due(able, limit=BATCH)
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(path: str) -> None:
            async with limit, self._turns.of(path):
                await self.of(path, done)

        async with asyncio.TaskGroup() as group:
            for path in paths:
                group.create_task(one(path))
        return done

    async def of(self, path: str, done: Repaired) -> None:
        """Of one path, whose turn the caller has."""
        entry = await self._ledger.find(path)
        if entry is None:
            return
        for name, copy in entry.copies.items():
            member = self._members.get(name)
            if (
                member is None
                or copy.state is State.CURRENT
                or copy.token is not None
                or copy.waits
            ):
                continue
            if not member.admits():
                done.causes[name] = f"it rests: {member.cause}"
                continue
            try:
                await self._settle(entry, member, copy, done)
            except BodyFailed as failure:
                await self._postpone(path, name, copy, done, failure.__cause__ or failure)
            except StorageError as error:
                await self._postpone(path, name, copy, done, error)

    async def _postpone(
        self, path: str, name: str, copy: Copy, done: Repaired, error: BaseException
    ) -> None:
        done.failed += 1
        done.causes[name] = str(error)
        pause_s = min(_FIRST_PAUSE_S * 2 ** min(copy.tries, 10), _LONGEST_PAUSE_S)
        if isinstance(error, Exists):
            pause_s = _IN_THE_WAY_S
        await self._ledger.postpone(path, name, in_s=pause_s)

    async def _settle(self, entry: Entry, member: Member, copy: Copy, done: Repaired) -> None:
        path = entry.path
        if not entry.live or copy.state is State.SURPLUS or self._is_one_too_many(entry):
            await self._remove(entry, member)
            done.removed += 1
            return
        seen = await _seen(member, path)
        if seen is not None and _is_current(seen, entry, copy):
            await self._ledger.looked(
                path, member.name, generation=entry.generation, fingerprint=seen.fingerprint
            )
            return
        if copy.state is State.UNKNOWN and not _is_held(entry):
            if seen is None:
                await self._ledger.lost(path, member.name, generation=entry.generation)
                raise NotFound(f"no member holds {path!r} any more")
            await self._believe(entry, member, seen)
            return
        if seen is not None and not copy.touched and generation_of(seen.description) is None:
            raise Exists(f"{path!r} is in the way, which others put there")
        await self._copy(entry, member, creates=seen is None and Can.CREATE in member.can)
        done.copied += 1
        done.bytes += entry.size

    async def _believe(self, entry: Entry, member: Member, seen: Stored) -> None:
        """A write of which nobody knew how it ended has replaced the only copy: it has succeeded."""
        others = [name for name in self._members if name != member.name] if self._copies else []
        await self._ledger.adopt(
            entry.path,
            member.name,
            fingerprint=seen.fingerprint,
            modified_ns=seen.modified_ns,
            others=others,
            instead_of=entry.generation,
            generation=generation_of(seen.description),
        )

    async def _remove(self, entry: Entry, member: Member) -> None:
        path, name = entry.path, member.name
        token, now = await begun(self._ledger, path, name)
        if now.generation != entry.generation:
            await finished(self._ledger.abandon(path, name, token, unknown=False))
            raise Unavailable(f"{path!r} was changed meanwhile")
        try:
            await member.ask(lambda: member.storage.delete(path))
        except BaseException as failure:
            await self._abandon(entry, member, token, failure)
            raise
        surplus = self._is_one_too_many(entry)
        await finished(self._ledger.gone(path, name, token, surplus=surplus))

    async def _abandon(
        self, entry: Entry, member: Member, token: int, failure: BaseException
    ) -> None:
        unknown = not isinstance(failure, (*REFUSALS, BodyFailed))
        await finished(
            self._ledger.abandon(entry.path, member.name, token, unknown=unknown, in_s=DOUBT_S)
        )

    def _is_one_too_many(self, entry: Entry) -> bool:
        return not self._copies and _is_held(entry)

    async def _copy(self, entry: Entry, member: Member, *, creates: bool) -> None:
        path = entry.path
        about = _told_of(entry, member, await self._mirror.stat(path))
        content = await self._mirror.read(path, only_if=entry.fingerprint)
        try:
            token, _ = await begun(self._ledger, path, member.name)
            try:
                stored = await self._stored(entry, member, content, about, creates=creates)
            except BaseException as failure:
                await self._abandon(entry, member, token, failure)
                raise
        finally:
            await content.aclose()
        is_done = await finished(
            self._ledger.repaired(
                path,
                member.name,
                token,
                generation=entry.generation,
                fingerprint=stored.fingerprint,
            )
        )
        if not is_done:
            raise Unavailable(f"{path!r} was changed while it was copied")

    async def _stored(
        self,
        entry: Entry,
        member: Member,
        content: Content,
        about: _About,
        *,
        creates: bool,
    ) -> Stored:
        storage, path, size = member.storage, entry.path, entry.size
        if size > storage.limits.max_write and Can.PARTS in member.can:
            return await self._stored_in_parts(entry, member, about)
        body = Body(content.chunks(), size)
        return await member.ask(
            lambda: storage.write(path, body.pieces(), size=size, **about, create=creates)
        )

    async def _stored_in_parts(self, entry: Entry, member: Member, about: _About) -> Stored:
        storage, path, size = member.storage, entry.path, entry.size
        least = max(storage.limits.min_part, -(-size // _MOST_PARTS))
        step = min(max(least, _PART), storage.limits.max_write)
        upload = await member.ask(lambda: storage.begin_parts(path, **about))
        try:
            tags = [
                (number, await self._part(entry, member, upload, number, step))
                for number in range(1, -(-size // step) + 1)
            ]
            return await member.ask(lambda: storage.complete_parts(path, upload, tags))
        except BaseException:
            await finished(_aborted(member, path, upload))
            raise

    async def _part(self, entry: Entry, member: Member, upload: str, number: int, step: int) -> str:
        path, first = entry.path, (number - 1) * step
        last = min(first + step, entry.size) - 1
        content = await self._mirror.read(path, first=first, last=last, only_if=entry.fingerprint)
        try:
            body = Body(content.chunks(), content.length)
            return await member.ask(
                lambda: member.storage.write_part(
                    path, upload, number, body.pieces(), size=content.length
                )
            )
        finally:
            await content.aclose()


def _told_of(entry: Entry, member: Member, stored: Stored) -> _About:
    """What a member is to keep with the bytes, as far as it can."""
    about = _About()
    if Can.DESCRIBE in member.can:
        about["description"] = marked(entry.generation, stored.description)
        if len(about["description"]) > member.storage.limits.max_description:
            about["description"] = marked(entry.generation, None)  # of a file of others
    if Can.HEADERS in member.can and stored.headers is not None:
        about["headers"] = stored.headers
    return about


async def _seen(member: Member, path: str) -> Stored | None:
    try:
        return await member.ask(lambda: member.storage.stat(path))
    except NotFound:
        return None


def _is_held(entry: Entry) -> bool:
    return any(copy.state is State.CURRENT for copy in entry.copies.values())


def _is_current(seen: Stored, entry: Entry, copy: Copy) -> bool:
    """Whether what was seen on a member is what is to be there."""
    if copy.state is State.UNKNOWN and seen.fingerprint == copy.fingerprint:
        return True
    return (
        generation_of(seen.description) == entry.generation and seen.fingerprint.size == entry.size
    )


async def _aborted(member: Member, path: str, upload: str) -> None:
    try:
        await member.ask(lambda: member.storage.abort_parts(path, upload))
    except StorageError:
        return  # it goes with what the service drops after some days

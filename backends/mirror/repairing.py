"""Giving members what they lack of a path, and taking from them what is not to be there."""

from dataclasses import dataclass, field

from backends.errors import Exists, NotFound, StorageError, Unavailable
from backends.interface import RESERVED, Can, Storage, Stored
from backends.mirror.body import BodyFailed
from backends.mirror.crew import Crew
from backends.mirror.filling import Filling
from backends.mirror.finishing import abandoned, begun, finished
from backends.mirror.ledger import Copy, Entry, State
from backends.mirror.marking import generation_of
from backends.mirror.member import Member

_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 600.0
_IN_THE_WAY_S = 3600.0


@dataclass(slots=True)
class Repaired:
    """What has been done, and why the rest could not be."""

    copied: int = 0
    removed: int = 0
    bytes: int = 0
    failed: int = 0
    causes: dict[str, str] = field(default_factory=dict)
    """By member, the last one of each."""

    def add(self, other: "Repaired") -> None:
        self.copied += other.copied
        self.removed += other.removed
        self.bytes += other.bytes
        self.failed += other.failed
        self.causes |= other.causes


class Repairing:
    """Of one mirror, from which what is copied is read: it goes on where a member fails."""

    def __init__(self, mirror: Storage, crew: Crew) -> None:
        self._filling = Filling(mirror, crew.ledger)
        self._crew = crew
        self._members = crew.members
        self._ledger = crew.ledger
        self._copies = crew.copies

    async def of(self, path: str, done: Repaired) -> None:
        """Repair what can be of one path; ``done`` is told of it. Unavailable if the ledger cannot be used."""
        for name, member in self._members.items():
            entry = await self._ledger.find(path)  # as the one before has left it
            copy = None if entry is None else entry.copies.get(name)
            if entry is None or copy is None or not _is_due(copy):
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
            if seen is None or not self._is_newer(entry, member, seen):
                await self._ledger.lost(path, member.name, generation=entry.generation)
                raise NotFound(f"{member.name!r} does not hold {path!r} any more")
            await self._believe(entry, member, seen)
            return
        if seen is not None and not copy.touched and generation_of(seen) is None:
            raise Exists(f"{path!r} is in the way, which others put there")
        creates = seen is None and Can.CREATE in member.can
        await self._filling.fill(entry, member, creates=creates)
        done.copied += 1
        done.bytes += entry.size

    def _is_newer(self, entry: Entry, member: Member, seen: Stored) -> bool:
        """Whether what was seen has come after the entry's bytes, which nobody is known to hold: by a write
        of which nobody knew how it ended, or by others where these count."""
        generation = generation_of(seen)
        if generation is not None:
            return generation > entry.generation
        if self._crew.describes:
            return member is self._crew.first and not entry.path.startswith(f"{RESERVED}/")
        # Nothing tells: it has, if it replaced them here and they may be nowhere else.
        able = [name for name, copy in entry.copies.items() if copy.fingerprint is not None]
        return able == [member.name]

    async def _believe(self, entry: Entry, member: Member, seen: Stored) -> None:
        """It is the path's now: a write of which nobody knew how it ended has succeeded."""
        others = [name for name in self._members if name != member.name] if self._copies else []
        await self._ledger.adopt(
            entry.path,
            member.name,
            fingerprint=seen.fingerprint,
            modified_ns=seen.modified_ns,
            others=others,
            instead_of=entry.generation,
            generation=generation_of(seen),
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
            await abandoned(self._ledger, path, name, token, failure)
            raise
        surplus = self._is_one_too_many(entry)
        await finished(self._ledger.gone(path, name, token, surplus=surplus))

    def _is_one_too_many(self, entry: Entry) -> bool:
        return not self._copies and _is_held(entry)


def _is_due(copy: Copy) -> bool:
    return copy.state is not State.CURRENT and copy.token is None and not copy.waits


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
    return generation_of(seen) == entry.generation and seen.fingerprint.size == entry.size

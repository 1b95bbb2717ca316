"""Finding the member that has the bytes of a path, and files of others that are to be the mirror's."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from backends.errors import Damaged, NameRefused, NotFound, StorageError, Unavailable
from backends.interface import RESERVED, Fingerprint, Stored
from backends.mirror.crew import Crew
from backends.mirror.ledger import Entry, State
from backends.mirror.marking import generation_of
from backends.mirror.member import Member
from backends.mirror.reading import holders

_T = TypeVar("_T")
_LOOKS = 5


class Overtaken(Exception):
    """The path has other bytes by now: whoever looked looks again."""


class Finding:
    """Of one mirror."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew

    async def of_holders(
        self,
        path: str,
        act: Callable[[Entry, Member, Fingerprint], Awaitable[_T]],
        *,
        only_if: Fingerprint | None = None,
        without: Sequence[Member] = (),
    ) -> tuple[Entry, _T]:
        """What ``act`` tells of the first member that has the current bytes."""
        for _ in range(_LOOKS):
            entry = await self.entry(path, only_if=only_if)
            try:
                found, error = await self._of_one(entry, act, without)
            except Overtaken:
                continue
            if found is not None:
                return entry, found
            now = await self._crew.ledger.find(path)
            if now is not None and now.generation == entry.generation:
                raise error
        raise Unavailable(f"{path!r} changes whenever it is looked at")

    async def _of_one(
        self,
        entry: Entry,
        act: Callable[[Entry, Member, Fingerprint], Awaitable[_T]],
        without: Sequence[Member],
    ) -> tuple[_T | None, StorageError]:
        error: StorageError = NotFound(f"no member holds {entry.path!r} any more")
        for member, of in holders(self._crew.in_order, entry):
            if member in without:
                continue
            if not member.admits():
                error = Unavailable(
                    f"{member.name!r}, which holds {entry.path!r}, rests: {member.cause}"
                )
                continue
            try:
                return await act(entry, member, of), error
            except (NotFound, Damaged):
                if entry.copies[member.name].state is State.UNKNOWN:
                    error = Unavailable(
                        f"what {member.name!r} holds of {entry.path!r} is not known"
                    )
                await self._crew.ledger.doubt(entry.path, member.name, of)
            except StorageError as failure:
                error = failure
        return None, error

    async def changed(self, entry: Entry, member: Member, stored: Stored) -> None:
        """The first member holds other bytes than those it is known for. Overtaken if others put them
        there: they are the path's now."""
        copy = entry.copies[member.name]
        if (
            member is self._crew.first
            and copy.state is State.CURRENT
            and self._crew.describes
            and generation_of(stored) is None
            and not entry.path.startswith(f"{RESERVED}/")
        ):
            await self._crew.ledger.adopt(
                entry.path,
                member.name,
                fingerprint=stored.fingerprint,
                modified_ns=stored.modified_ns,
                others=self._crew.others(member),
                instead_of=entry.generation,
            )
            raise Overtaken

    async def of_others(self, path: str) -> Entry | None:
        """A file that others put on the first member, as far as it can be asked."""
        first = self._crew.first
        if path.startswith(f"{RESERVED}/") or not first.admits():
            return None
        try:
            stored = await first.ask(lambda: first.storage.stat(path))
        except (NotFound, NameRefused, Unavailable):
            return None
        if generation_of(stored) is not None:
            return None  # left there by a write or a removal of ours
        return await self._crew.ledger.adopt(
            path,
            first.name,
            fingerprint=stored.fingerprint,
            modified_ns=stored.modified_ns,
            others=self._crew.others(first),
        )

    async def entry(self, path: str, *, only_if: Fingerprint | None = None) -> Entry:
        """What is stored there. NotFound; Damaged if it is not ``only_if``."""
        entry = await self._crew.ledger.find(path)
        if entry is None:
            entry = await self.of_others(path)
        if entry is None or not entry.live:
            raise NotFound(f"nothing is stored as {path!r}")
        if only_if is not None and entry.fingerprint != only_if:
            raise Damaged(f"{path!r} holds other bytes than those that were stored")
        return entry

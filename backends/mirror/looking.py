"""Whether members still hold what they are known to hold: path after path, from time to time.

Nobody reads a copy as long as a member before it answers. So what was lost there, or set back to what it was,
would be found when it is needed.
"""

import asyncio
from collections.abc import Sequence

from backends.errors import Damaged, NotFound, StorageError
from backends.interface import RESERVED, Fingerprint
from backends.mirror.crew import Crew
from backends.mirror.finding import Finding, Overtaken
from backends.mirror.ledger import Entry, State
from backends.mirror.member import Member

_AT_ONCE = 4
_NOTE = "looked at"
_STRETCHES = ("", f"{RESERVED}/")


class Looking:
    """Of one mirror. Where it is, is in the ledger: whoever looks next goes on from there."""

    def __init__(self, crew: Crew, finding: Finding) -> None:
        self._crew = crew
        self._finding = finding

    async def some(self, limit: int) -> int:
        """Look at the copies of the next ``limit`` paths; after the last one comes the first. Returns how many
        were not as they are known, which are then to be repaired. Unavailable if the ledger cannot be used."""
        limiting = asyncio.Semaphore(_AT_ONCE)

        async def one(entry: Entry) -> int:
            async with limiting:
                return await self._copies_of(entry)

        return sum(await asyncio.gather(*(one(entry) for entry in await self._next(limit))))

    async def _next(self, limit: int) -> Sequence[Entry]:
        ledger = self._crew.ledger
        stretch, _, after = (await ledger.note(_NOTE) or "0:").partition(":")
        number = int(stretch)
        found = await ledger.entries(_STRETCHES[number], after=after, limit=limit)
        if found:
            await ledger.set_note(_NOTE, f"{number}:{found[-1].path}")
        else:
            await ledger.set_note(_NOTE, f"{(number + 1) % len(_STRETCHES)}:")
        return found

    async def _copies_of(self, entry: Entry) -> int:
        others = 0
        for name, copy in entry.copies.items():
            member = self._crew.members.get(name)
            if member is None or copy.state is not State.CURRENT or copy.fingerprint is None:
                continue
            if member.is_open and member.admits():
                others += not await self._is_as_known(entry, member, copy.fingerprint)
        return others

    async def _is_as_known(self, entry: Entry, member: Member, of: Fingerprint) -> bool:
        try:
            stored = await member.ask(lambda: member.storage.stat(entry.path))
            if stored.fingerprint == of:
                return True
            await self._finding.changed(entry, member, stored)
        except Overtaken:
            return False
        except (NotFound, Damaged):
            pass
        except StorageError:
            return True  # as far as can be told
        await self._crew.ledger.doubt(entry.path, member.name, of)
        return False

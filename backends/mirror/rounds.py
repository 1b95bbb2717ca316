"""Repairing what waits in a mirror's ledger: each copy that is not CURRENT, until it is.

Long ones have places of their own and go on from round to round, so that none waits for them.
"""

import asyncio
import contextlib
from functools import partial

from backends.errors import StorageError
from backends.mirror.crew import Crew
from backends.mirror.meeting import MARK
from backends.mirror.repairing import Repaired, Repairing
from backends.mirror.turns import Turns

AT_ONCE = 4
"""Paths that are repaired side by side."""
BATCH = 64
"""Paths of one round."""
LONG = 64 * 1024 * 1024
"""Bytes from which on a copy is a long one."""
LONG_AT_ONCE = 2


class Repairs:
    """Of one mirror. To be closed."""

    def __init__(self, repairing: Repairing, crew: Crew, turns: Turns) -> None:
        self._repairing = repairing
        self._members = crew.members
        self._ledger = crew.ledger
        self._turns = turns
        self._long: dict[str, asyncio.Task[None]] = {}
        """By path."""
        self._lately = Repaired()
        """By long ones, since the last round."""

    async def knock(self) -> None:
        """Ask the members that have rested long enough whether they are back."""
        for member in self._members.values():
            if member.breaker.rests and member.admits():
                with contextlib.suppress(StorageError):
                    await member.ask(partial(member.storage.stat, MARK))

    async def round(self) -> Repaired:
        """Repair some of what waits, the oldest first; returns what was done since the last round. Raises
        Unavailable if the ledger cannot be used."""
        able = [one.name for one in self._members.values() if one.breaker.is_due]
        await self._begin_long_ones(able)
        done = Repaired()
        paths = await self._ledger.due(able, limit=BATCH, below=LONG)
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(path: str) -> None:
            async with limit, self._turns.of(path):
                await self._repairing.of(path, done)

        async with asyncio.TaskGroup() as group:
            for path in paths:
                group.create_task(one(path))
        lately, self._lately = self._lately, Repaired()
        done.add(lately)
        return done

    async def settled(self) -> None:
        """Wait until no long one is being copied."""
        while self._long:
            await asyncio.wait(self._long.values())

    async def aclose(self) -> None:
        """Break off what is being copied. May be called more than once."""
        for task in self._long.values():
            task.cancel()
        await self.settled()

    async def _begin_long_ones(self, able: list[str]) -> None:
        if len(self._long) == LONG_AT_ONCE:
            return
        for path in await self._ledger.due(able, limit=LONG_AT_ONCE, least=LONG):
            if path not in self._long and len(self._long) < LONG_AT_ONCE:
                self._begin(path)

    def _begin(self, path: str) -> None:
        task = self._long[path] = asyncio.create_task(self._long_one(path))
        task.add_done_callback(lambda _: self._long.pop(path))

    async def _long_one(self, path: str) -> None:
        """Without the path's turn, which writers would wait for: the ledger keeps them apart."""
        done = Repaired()
        try:
            await self._repairing.of(path, done)
        except StorageError:
            return  # the ledger's; the next round tells of it
        finally:
            self._lately.add(done)

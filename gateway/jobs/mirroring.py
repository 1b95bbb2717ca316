"""Repairs the members of a mirror: the elected worker's part of it.

What is to be repaired is in the mirror's ledger, where every worker writes it. What dead workers were
doing there is unknown, and looked at.
"""

import asyncio
from collections.abc import Mapping

import structlog

from backends.errors import StorageError
from backends.mirror.repairing import Repaired
from backends.mirror.rounds import BATCH
from backends.mirror.storage import Mirror
from gateway.jobs.roll import Roll
from gateway.observe.tally import MirrorTally
from gateway.service.context import Services

_log = structlog.get_logger("s3front.mirror")
_TICK_S = 1.0
_TELL_S = 5.0
"""Between counts of what waits."""
_DEAD_S = 30.0
"""Between looks for workers that have died."""


async def run(services: Services, name: str, roll: Roll, tally: MirrorTally) -> None:
    """Keep the members of the mirror ``name`` equal, until cancelled."""
    mirror = services.storages[name].itself()
    if not isinstance(mirror, Mirror):
        return
    try:
        await _rounds(Mirroring(services, name, mirror, roll, tally), name)
    finally:
        await mirror.repairs.aclose()


async def _rounds(mirroring: "Mirroring", name: str) -> None:
    failed = ""
    while True:
        try:
            done = await mirroring.round()
            failed = ""
        except (StorageError, OSError) as error:
            done = Repaired()
            if str(error) != failed:
                _log.warning("a mirror cannot be repaired now", storage=name, cause=str(error))
            failed = str(error)
        if done.copied + done.removed < BATCH:
            await asyncio.sleep(_TICK_S)


class Mirroring:
    """Of one mirror: remembers what was told of it."""

    def __init__(
        self,
        services: Services,
        name: str,
        mirror: Mirror,
        roll: Roll,
        tally: MirrorTally,
        *,
        tell_s: float = _TELL_S,
    ) -> None:
        self._services = services
        self._name = name
        self._mirror = mirror
        self._roll = roll
        self._tally = tally
        self._resting: set[str] = set()
        self._waits = False
        self._causes: Mapping[str, str] = {}
        self._dead_due = 0.0
        self._tell_s = tell_s
        self._tell_due = 0.0
        self._failed: dict[str, str] = {}

    async def round(self) -> Repaired:
        """Repair some of what waits. StorageError, OSError."""
        mirror = self._mirror
        mirror.check()
        await self._give_up_the_dead()
        await mirror.repairs.knock()
        done = await mirror.repairs.round()
        self._tally.repaired(
            self._name,
            copied=done.copied,
            bytes=done.bytes,
            removed=done.removed,
            failed=done.failed,
        )
        self._failed |= done.causes
        now = asyncio.get_running_loop().time()
        if now >= self._tell_due:
            self._tell_due = now + self._tell_s
            await self._tell(self._failed)
            self._failed = {}
        return done

    async def _give_up_the_dead(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._dead_due:
            return
        self._dead_due = now + _DEAD_S
        ledger = self._mirror.ledger
        for process in await ledger.processes():
            if not await asyncio.to_thread(self._roll.lives, process):
                await ledger.give_up(process)

    async def _tell(self, causes: Mapping[str, str]) -> None:
        backlog, resting = await self._mirror.ledger.backlog(), self._mirror.resting()
        oldest_s = 0.0
        if backlog.oldest_ns is not None:
            oldest_s = max(0.0, (self._services.now_ns() - backlog.oldest_ns) / 1e9)
        self._tally.stands(
            self._name, waiting=backlog.waiting, oldest_s=oldest_s, resting=len(resting)
        )
        for member in resting.keys() - self._resting:
            _log.error(
                "a member of a mirror cannot be used",
                storage=self._name,
                member=member,
                cause=resting[member],
            )
        for member in self._resting - resting.keys():
            _log.info("a member of a mirror is back", storage=self._name, member=member)
        self._resting = set(resting)
        causes = {name: cause for name, cause in causes.items() if name not in resting}
        if causes and causes != self._causes:
            _log.warning("copies could not be repaired yet", storage=self._name, members=causes)
            self._causes = causes
        if self._waits and not backlog.waiting:
            _log.info("all members of a mirror are equal", storage=self._name)
            self._causes = {}
        self._waits = backlog.waiting > 0 and (self._waits or bool(causes) or bool(resting))

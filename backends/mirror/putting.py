"""Having a member store something, so that it counts."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from backends.errors import Damaged, Denied, Exists, Full, NotFound, StorageError, Unavailable
from backends.interface import Fingerprint, Stored
from backends.mirror.body import Body
from backends.mirror.crew import Crew
from backends.mirror.finishing import DOUBT_S, begun, finished
from backends.mirror.ledger import Entry, State
from backends.mirror.marking import generation_of
from backends.mirror.member import Member
from backends.mirror.refusals import REFUSALS
from backends.mirror.repairing import Repaired, Repairing


class Act(Protocol):
    """Has a member store the bytes of that generation."""

    async def __call__(self, member: Member, generation: int, /, *, creates: bool) -> Stored: ...


class Putting:
    """Of one mirror. ``all``: nothing counts before all members hold it."""

    def __init__(self, crew: Crew, repairing: Repairing, *, all: bool) -> None:
        self._crew = crew
        self._repairing = repairing
        self._all = all

    async def put(
        self,
        path: str,
        act: Act,
        *,
        members: Sequence[Member],
        create: bool,
        sent: Body | None = None,
        generation: int | None = None,
    ) -> Stored:
        """Have the first member that can store it, the others get it from there."""
        self.refuse_fewer_than_all()
        error: StorageError = Unavailable(f"no member that {path!r} can be written to can be asked")
        for member in members:
            if not member.admits():
                continue
            try:
                token, before = await self._begin(path, member, create=create)
            except Unavailable as busy:
                error = busy
                continue
            number = token if generation is None else generation
            try:
                stored = await self._stored(member, number, before, act, create=create)
            except BaseException as failure:
                certain = isinstance(failure, REFUSALS) or (sent is not None and not sent.ended)
                await finished(
                    self._crew.ledger.abandon(
                        path, member.name, token, unknown=not certain, in_s=DOUBT_S
                    )
                )
                if not isinstance(failure, StorageError) or not _passes(failure, sent):
                    raise
                error = failure
            else:
                return await self._held(path, member, token, number, stored)
        raise error

    async def remove(self, path: str) -> None:
        """From all members that can be asked; from the others later."""
        tokens = await finished(self._crew.ledger.delete(path, first=self._crew.first.name))
        await asyncio.gather(*(self._remove(path, name, token) for name, token in tokens.items()))

    async def _remove(self, path: str, name: str, token: int) -> None:
        member, ledger = self._crew.members.get(name), self._crew.ledger
        if member is None or not member.admits():
            await finished(ledger.abandon(path, name, token, unknown=False))
            return
        try:
            await member.ask(lambda: member.storage.delete(path))
        except BaseException as failure:
            unknown = not isinstance(failure, REFUSALS)
            await finished(ledger.abandon(path, name, token, unknown=unknown, in_s=DOUBT_S))
            if not isinstance(failure, StorageError):
                raise
        else:
            await finished(ledger.gone(path, name, token))

    async def _begin(self, path: str, member: Member, *, create: bool) -> tuple[int, Entry]:
        return await begun(
            self._crew.ledger, path, member.name, create=create, tree=self._crew.is_tree
        )

    async def _stored(
        self, member: Member, generation: int, before: Entry, act: Act, *, create: bool
    ) -> Stored:
        creates = create and await self._is_free(member, before)
        return await member.ask(lambda: act(member, generation, creates=creates))

    async def _held(
        self, path: str, member: Member, token: int, generation: int, stored: Stored
    ) -> Stored:
        of = stored.fingerprint
        is_held = await finished(
            self._crew.ledger.hold(
                path,
                member.name,
                token,
                generation=generation,
                fingerprint=of,
                modified_ns=stored.modified_ns,
                others=self._crew.others(member),
            )
        )
        if not is_held:
            raise Unavailable(f"the write of {path!r} took so long that it was given up")
        await self.count(path, generation)
        return Stored(
            path=path,
            fingerprint=Fingerprint(size=of.size, stamp=str(generation)),
            modified_ns=stored.modified_ns,
        )

    async def _is_free(self, member: Member, before: Entry) -> bool:
        """Whether the member may be told to create. Exists if a file of others is there.

        False if what is there is ours, and only waits to be removed.
        """
        copy = before.copies.get(member.name)
        if copy is None or not copy.touched:
            return True
        try:
            stored = await member.ask(lambda: member.storage.stat(before.path))
        except NotFound:
            return True
        if self._crew.describes and generation_of(stored) is None:
            raise Exists(f"something is stored as {before.path!r}")
        return False

    def refuse_fewer_than_all(self) -> None:
        away = [one.name for one in self._crew.in_order if not one.breaker.is_due]
        if self._all and away:
            raise Unavailable(
                f"all members are to hold what is written, and {', '.join(away)} cannot be asked"
            )

    async def count(self, path: str, generation: int) -> None:
        """One member holds the bytes of that generation; if all are to, the others get them now. Unavailable
        if they do not count yet. The caller has the path's turn."""
        if not self._all:
            return
        done = Repaired()
        await self._repairing.of(path, done)
        entry = await self._crew.ledger.find(path)
        if entry is None or entry.generation != generation:
            return  # another call has replaced it
        lacking = [name for name, copy in entry.copies.items() if copy.state is not State.CURRENT]
        if lacking:
            causes = {name: done.causes.get(name, "another call is at it") for name in lacking}
            raise Unavailable(f"not all members hold {path!r}: {causes}")


def _passes(failure: StorageError, sent: Body | None) -> bool:
    """Whether another member may be able to do what this one could not."""
    if sent is None:
        return failure.retryable or isinstance(failure, (Full, Denied, Damaged, NotFound))
    return sent.can_begin_again and (failure.retryable or isinstance(failure, (Full, Denied)))

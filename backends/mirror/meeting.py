"""Getting to know the members when they are opened: is each the one that it was, and what does it hold?

Each member has a mark under a path of our own, which names the mirror and the member. By it a disk that
was replaced or not mounted is told from one that lost its files, and a ledger that was lost is found again
on the members, where they keep self-descriptions.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing

from backends.bodies import given
from backends.errors import NotFound, Unavailable
from backends.interface import RESERVED, Can, Stored
from backends.mirror.ledger import Ledger
from backends.mirror.marking import generation_of
from backends.mirror.member import Member
from backends.naming import OWN

MARK = f"{RESERVED}/{OWN}/mirror"
_MOST = 200
"""Bytes of a mark."""
_AT_ONCE = 32


class Meeting:
    """Of the members of one mirror with its ledger."""

    def __init__(
        self, members: Sequence[Member], ledger: Ledger, *, copies: bool, refill: Sequence[str]
    ) -> None:
        self._members = members
        self._ledger = ledger
        self._copies = copies
        self._refill = refill
        self._met: dict[str, str | None] = {}
        """What the marks said, while the ledger is new."""
        self.needs_all = False
        """Nothing can be done before all members are there: the ledger is new."""
        self.told: list[str] = []

    async def begin(self) -> None:
        """Before the members are opened. Unavailable if one that is needed is no member any more."""
        enlisted = await self._ledger.members()
        self._met.clear()
        self.told.clear()
        self.needs_all = not enlisted
        for name in set(enlisted) - {member.name for member in self._members}:
            alone = await self._ledger.dismiss(name)
            if alone:
                raise Unavailable(
                    f"{name!r} is no member any more, but it alone has the bytes of {alone} paths; "
                    "make it the last member until they have been copied"
                )

    async def meet(self, member: Member) -> None:
        """One of them has been opened. Unavailable if it cannot be used as it is."""
        mark = await _mark_of(member)
        if self.needs_all:
            self._met[member.name] = mark
            return
        ours = await self._mark_for(member)
        if mark == ours:
            return
        if mark is not None:
            raise Unavailable(f"{member.name!r} holds what belongs to another mirror or member")
        if member.name not in await self._ledger.members():
            await self._welcome(member)
        elif member.name in self._refill:
            await self._ledger.forget(member.name)
            await _leave_mark(member, ours)
        else:
            raise Unavailable(
                f"{member.name!r} is not the storage that it was: its mark is gone. If it was replaced "
                f"and is to be filled again, start with refill = [{member.name!r}] in the mirror's "
                "settings"
            )

    async def end(self) -> None:
        """All that can be opened are. Unavailable if a lost ledger cannot be found again."""
        if not self.needs_all:
            return
        names = {mark.split()[1] for mark in self._met.values() if mark is not None}
        if len(names) > 1:
            raise Unavailable("its members belong to several mirrors: give each its own storages")
        if names:
            await self._ledger.rename(names.pop())
            await self._find_again()
        for member in self._members:
            await self._welcome(member)
        self.needs_all = False

    async def _welcome(self, member: Member) -> None:
        await _leave_mark(member, await self._mark_for(member))
        await self._ledger.enlist(member.name, copies=self._copies)

    async def _mark_for(self, member: Member) -> str:
        return f"s3front-mirror {await self._ledger.name()} {member.name}"

    async def _find_again(self) -> None:
        marked = [member for member in self._members if self._met[member.name] is not None]
        for member in marked:
            if self._met[member.name] != await self._mark_for(member):
                raise Unavailable(f"{member.name!r} holds what belongs to another member")
            if Can.DESCRIBE not in member.can:
                raise Unavailable(
                    f"the mirror's ledger is lost, and {member.name!r} keeps no self-descriptions by "
                    "which it could be found again: put the ledger's file back from a backup"
                )
        paths = differing = 0
        batch: list[tuple[str, Sequence[Member]]] = []
        async with AsyncExitStack() as streams:
            async for path, holders in _side_by_side(marked, streams):
                if path == MARK:
                    continue
                batch.append((path, holders))
                if len(batch) == _AT_ONCE:
                    paths, differing = await self._restore(batch, paths, differing)
                    batch = []
        paths, differing = await self._restore(batch, paths, differing)
        self.told.append(
            f"its ledger was lost; {paths} paths were found again, {differing} of which its members did "
            "not agree on: the newest bytes count, and what had been deleted on some of them is back"
        )

    async def _restore(
        self, batch: Sequence[tuple[str, Sequence[Member]]], paths: int, differing: int
    ) -> tuple[int, int]:
        found = await asyncio.gather(*(_looked_at(path, holders) for path, holders in batch))
        for (path, _), by_member in zip(batch, found, strict=True):
            newest = max((number for number, _ in by_member.values() if number), default=None)
            if newest is None or self._is_of_others(path, by_member):
                continue  # what others put there is found when it is asked for
            held = {name: one for name, (number, one) in by_member.items() if number == newest}
            behind = [one.name for one in self._members if one.name not in held]
            await self._ledger.restore(
                path,
                generation=newest,
                modified_ns=next(iter(held.values())).modified_ns,
                held={name: one.fingerprint for name, one in held.items()},
                behind=behind if self._copies else [],
            )
            paths += 1
            differing += self._copies and bool(behind)
        return paths, differing

    def _is_of_others(self, path: str, by_member: Mapping[str, tuple[int | None, Stored]]) -> bool:
        """Whether the first member holds bytes there that no mirror has put there."""
        number, _ = by_member.get(self._members[0].name, (0, None))
        return number is None and not path.startswith(f"{RESERVED}/")


async def _mark_of(member: Member) -> str | None:
    try:
        content = await member.storage.read(MARK, last=_MOST)
    except NotFound:
        return None
    try:
        said = b"".join([piece async for piece in content.chunks()])
    finally:
        await content.aclose()
    mark = said.decode("utf-8", "replace").strip()
    if len(mark.split()) != 3:
        raise Unavailable(f"the mark of {member.name!r} ({MARK}) cannot be read")
    return mark


async def _leave_mark(member: Member, mark: str) -> None:
    said = mark.encode()
    await member.storage.write(MARK, given([said]), size=len(said))


async def _looked_at(
    path: str, members: Sequence[Member]
) -> Mapping[str, tuple[int | None, Stored]]:
    """What each has there, and its generation; None of what others put there."""
    found: dict[str, tuple[int | None, Stored]] = {}
    for member in members:
        try:
            stored = await member.storage.stat(path)
        except NotFound:
            continue
        found[member.name] = generation_of(stored), stored
    return found


async def _side_by_side(
    members: Sequence[Member], streams: AsyncExitStack
) -> AsyncIterator[tuple[str, Sequence[Member]]]:
    """Every path of any of them, in order, and who lists it."""
    for prefix in (f"{RESERVED}/", ""):
        lists = [
            await streams.enter_async_context(aclosing(member.storage.list(prefix)))
            for member in members
        ]
        heads = [await anext(one, None) for one in lists]
        while True:
            path = min((head.path for head in heads if head is not None), default=None)
            if path is None:
                break
            at = [n for n, head in enumerate(heads) if head is not None and head.path == path]
            yield path, [members[n] for n in at]
            for n in at:
                heads[n] = await anext(lists[n], None)

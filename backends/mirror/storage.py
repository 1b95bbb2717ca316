"""The verbs of ``backends.interface`` over several storages."""

import asyncio
import contextlib
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from typing import Literal

from backends import naming
from backends.declaring import Declaring
from backends.errors import (
    Damaged,
    NotFound,
    StorageError,
    Unavailable,
    Unsupported,
)
from backends.interface import Begun, Can, Content, Fingerprint, Storage, Stored
from backends.mirror.abilities import can_of, limits_of
from backends.mirror.body import Body, BodyFailed
from backends.mirror.breaker import Breaker
from backends.mirror.crew import Crew
from backends.mirror.finding import Finding
from backends.mirror.ledger import Entry, Ledger
from backends.mirror.listing import Listing
from backends.mirror.looking import Looking
from backends.mirror.meeting import Meeting
from backends.mirror.member import Member
from backends.mirror.putting import Putting
from backends.mirror.reading import MirrorContent, holders, told
from backends.mirror.repairing import Repairing
from backends.mirror.rounds import Repairs
from backends.mirror.turns import Turns
from backends.mirror.uploads import Uploads


class Mirror(Declaring):
    """See ``backends.mirror``. It owns its members and its ledger: both are opened and closed with it.

    ``members``: by name, in the order in which they are asked. ``refill``: those that may be found
    empty, as a disk that was replaced is; what they held is given to them again.
    """

    def __init__(
        self,
        members: Mapping[str, Storage],
        ledger: Ledger,
        *,
        quorum: Literal[1, "all"] = 1,
        copies: bool = True,
        refill: Sequence[str] = (),
        breaker: Callable[[], Breaker] = Breaker,
    ) -> None:
        self.declared: Callable[[], None] = lambda: None
        """Called when it may declare something else than it did: a member was opened. For a layer around."""
        self.members = {name: Member(name, one, breaker()) for name, one in members.items()}
        self.ledger = ledger
        self._crew = Crew(members=self.members, ledger=ledger, copies=copies)
        self._in_order = self._crew.in_order
        self._turns = Turns()
        self._finding = Finding(self._crew)
        repairing = Repairing(self, self._crew)
        self.repairs = Repairs(repairing, self._crew, self._turns)
        self.looking = Looking(self._crew, self._finding)
        self._putting = Putting(self._crew, repairing, all=quorum == "all")
        self._uploads = Uploads(self, self._crew, self._finding, self._putting, self._turns)
        self._listing = Listing(self, self._crew, self._finding)
        self._is_open = False
        self._meeting = Meeting(self._in_order, ledger, copies=copies, refill=refill)
        for member in self._in_order:
            member.meet = self._meet
        self._declare()

    def _declare(self) -> None:
        self.can = can_of([member.can for member in self._in_order])
        self.limits = limits_of([member.storage.limits for member in self._in_order])

    async def open(self) -> None:
        """With those members that are there; the first time, and with a new ledger, with all."""
        if self._is_open:
            return
        await self.ledger.open()
        try:
            await self._meeting.begin()
            await self._open_members()
            await self._meeting.end()
        except BaseException:
            await self.aclose()
            raise
        self._is_open = True
        self._declare()

    async def _open_members(self) -> None:
        outcomes = await asyncio.gather(
            *(member.open() for member in self._in_order), return_exceptions=True
        )
        failed: dict[str, StorageError] = {}
        for member, outcome in zip(self._in_order, outcomes, strict=True):
            if isinstance(outcome, StorageError):
                member.cause = str(outcome)
                member.breaker.rest()
                failed[member.name] = outcome
            elif isinstance(outcome, BaseException):
                raise outcome
        if len(failed) == len(self._in_order):
            raise next(iter(failed.values()))
        if failed and self._meeting.needs_all:
            name, error = failed.popitem()
            raise Unavailable(
                f"its ledger is new, and {name!r} cannot be used, without which it is not known what the "
                f"members hold: {error}"
            ) from error

    async def _meet(self, member: Member) -> None:
        await self._meeting.meet(member)
        self._declare()
        self.declared()

    async def aclose(self) -> None:
        self._is_open = False
        await self.repairs.aclose()
        for member in self._in_order:
            await member.aclose()
        await self.ledger.aclose()

    async def tidy(self) -> None:
        for member in self._in_order:
            if member.admits():
                with contextlib.suppress(StorageError):  # the next time
                    await member.ask(member.storage.tidy)

    def about(self) -> str:
        """Its members, and what ``open`` has found out."""
        names = ", ".join(member.name for member in self._in_order)
        kind = "a mirror of" if self._crew.copies else "failover between"
        lost = (
            ""
            if self._crew.describes
            else "; its ledger cannot be found again on them if it is lost"
        )
        return "\n".join([f"{kind} {names}{lost}", *self._meeting.told])

    def check(self) -> None:
        if not self._is_open:
            raise Unavailable("the storage is not open")

    def resting(self) -> Mapping[str, str]:
        """The members that are not asked at the moment, and why."""
        return {one.name: one.cause for one in self._in_order if one.breaker.rests}

    # Names.

    def claim(self, path: str) -> str:
        for member in self._in_order:
            # What a member folds that was not there yet, is not known.
            with contextlib.suppress(Unavailable):
                path = member.storage.claim(path)
        return path

    def natural(self, bucket: str, key: str) -> str | None:
        names = {naming.natural(bucket, key, self.limits)}
        for member in self._in_order:
            with contextlib.suppress(Unavailable):
                names.add(member.storage.natural(bucket, key))
        return names.pop() if len(names) == 1 else None

    # Reading.

    async def stat(self, path: str) -> Stored:
        self._check(path)

        async def seen(entry: Entry, member: Member, of: Fingerprint) -> Stored:
            stored = await member.ask(lambda: member.storage.stat(path))
            if stored.fingerprint != of:
                await self._finding.changed(entry, member, stored)
                raise Damaged(f"{path!r} holds other bytes than those that were stored")
            return told(entry, stored, holder=member.name)

        _, stored = await self._finding.of_holders(path, seen)
        return stored

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        self._check(path)

        async def opened(_: Entry, member: Member, of: Fingerprint) -> tuple[Member, Content]:
            content = await member.ask(
                lambda: member.storage.read(path, first=first, last=last, only_if=of)
            )
            return member, content

        entry, (member, content) = await self._finding.of_holders(path, opened, only_if=only_if)
        return MirrorContent(entry, member, content, self._go_on)

    async def _go_on(
        self, entry: Entry, failed: Sequence[Member], first: int, last: int
    ) -> tuple[Member, Content]:
        """The same bytes, from another member than those that failed. StorageError if none has them."""

        async def opened(_: Entry, member: Member, of: Fingerprint) -> tuple[Member, Content]:
            content = await member.ask(
                lambda: member.storage.read(entry.path, first=first, last=last, only_if=of)
            )
            return member, content

        only_if = entry.fingerprint
        _, found = await self._finding.of_holders(
            entry.path, opened, only_if=only_if, without=failed
        )
        return found

    async def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        self.check()
        listed = self._listing.under(prefix, after=after, pass_over_closed=pass_over_closed)
        async with aclosing(listed):
            async for stored in listed:
                yield stored

    # Writing.

    async def write(
        self,
        path: str,
        body: AsyncIterator[bytes],
        *,
        size: int | None,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        create: bool = False,
    ) -> Stored:
        self._check(path)
        self._may(description, headers, create=create)
        if size is None:
            self._need(Can.UNSIZED)
        elif size > self.limits.max_write:
            raise Unsupported(f"a body of {size} bytes")
        sent = Body(body, size)
        await sent.keep()

        async def act(member: Member, generation: int, *, creates: bool) -> Stored:
            return await member.storage.write(
                path,
                sent.pieces(),
                size=size,
                description=self._crew.marked(path, generation, description),
                headers=headers,
                create=creates,
            )

        try:
            async with self._turns.of(path):
                return await self._putting.put(
                    path, act, members=self._in_order, create=create, sent=sent
                )
        except BodyFailed as failed:
            raise (failed.__cause__ or failed) from None

    async def copy(
        self,
        source: str,
        path: str,
        *,
        only_if: Fingerprint,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        create: bool = False,
    ) -> Stored:
        self._need(Can.COPY)
        self._check(source)
        self._check(path)
        self._may(description, headers, create=create)
        entry = await self._finding.entry(source, only_if=only_if)
        able = [member for member, _ in holders(self._in_order, entry)]
        if description is None and Can.DESCRIBE in self.can:
            description = (await self.stat(source)).description

        async def act(member: Member, generation: int, *, creates: bool) -> Stored:
            of = entry.copies[member.name].fingerprint or entry.fingerprint
            try:
                return await member.storage.copy(
                    source,
                    path,
                    only_if=of,
                    description=self._crew.marked(path, generation, description),
                    headers=headers,
                    create=creates,
                )
            except (NotFound, Damaged):
                await self.ledger.doubt(source, member.name, of)
                raise

        async with self._turns.of(path):
            return await self._putting.put(path, act, members=able, create=create)

    async def delete(self, path: str) -> None:
        self._check(path)
        async with self._turns.of(path):
            await self._putting.remove(path)

    # Parts.

    async def begin_parts(
        self,
        path: str,
        *,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        self._need(Can.PARTS)
        self._check(path)
        self._may(description, headers)
        return await self._uploads.begin(path, description=description, headers=headers)

    async def write_part(
        self, path: str, upload: str, number: int, body: AsyncIterator[bytes], *, size: int
    ) -> str:
        self._need(Can.PARTS)
        self._check(path)
        return await self._uploads.write(path, upload, number, body, size=size)

    async def copy_part(
        self,
        path: str,
        upload: str,
        number: int,
        source: str,
        *,
        first: int,
        last: int,
        only_if: Fingerprint,
    ) -> str:
        self._need(Can.COPY_PARTS)
        self._check(source)
        self._check(path)
        return await self._uploads.copy(
            path, upload, number, source, first=first, last=last, only_if=only_if
        )

    async def complete_parts(
        self, path: str, upload: str, parts: Sequence[tuple[int, str]], *, create: bool = False
    ) -> Stored:
        self._need(Can.PARTS)
        self._check(path)
        self._may(create=create)
        return await self._uploads.complete(path, upload, parts, create=create)

    async def abort_parts(self, path: str, upload: str) -> None:
        if Can.OPEN_PARTS not in self.can:  # else what a repair began where a mirror has no parts
            self._need(Can.PARTS)
        self._check(path)
        await self._uploads.abort(path, upload)

    async def open_parts(self) -> AsyncGenerator[Begun, None]:
        self._need(Can.OPEN_PARTS)
        self.check()
        async with aclosing(self._uploads.open()) as found:
            async for begun in found:
                yield begun

    def link(self, stored: Stored, *, seconds: int, answer_with: Mapping[str, str]) -> str:
        """The link of the member that has told it, as long as that answers."""
        self._need(Can.LINK)
        self._check(stored.path)
        member = self.members.get(stored.holder)
        if member is None or Can.LINK not in member.can or member.breaker.rests:
            raise Unsupported(f"links to {stored.holder!r}")
        return member.storage.link(stored, seconds=seconds, answer_with=answer_with)

    # What the verbs have in common.

    def _check(self, path: str) -> None:
        self.check()
        naming.segments(path, self.limits)

"""What is written in parts: all of them on the member that was chosen when they were begun."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TypeVar

from backends.errors import NotFound, StorageError, Unavailable
from backends.interface import Begun, Can, Fingerprint, Storage, Stored
from backends.mirror.body import Body, BodyFailed
from backends.mirror.crew import Crew
from backends.mirror.finding import Finding
from backends.mirror.ledger import Entry, State
from backends.mirror.marking import generation_of
from backends.mirror.member import Member
from backends.mirror.putting import Putting
from backends.mirror.reading import told
from backends.mirror.turns import Turns

_T = TypeVar("_T")


class Uploads:
    """Of one mirror, whose paths and abilities have been checked. What is copied into a part from another
    member is read from it by ``mirror``.

    The id of an upload names its member and the generation that its bytes will have.
    """

    def __init__(
        self, mirror: Storage, crew: Crew, finding: Finding, putting: Putting, turns: Turns
    ) -> None:
        self._mirror = mirror
        self._crew = crew
        self._finding = finding
        self._putting = putting
        self._turns = turns

    async def begin(
        self, path: str, *, description: bytes | None, headers: Mapping[str, str] | None
    ) -> str:
        """As ``Storage.begin_parts``, on the first member that can be asked."""
        self._putting.refuse_fewer_than_all()
        error: StorageError = Unavailable("no member can be asked")
        for member in self._crew.in_order:
            if not member.admits():
                continue
            generation = await self._crew.ledger.number()
            kept = self._crew.marked(path, generation, description)
            begin = partial(member.storage.begin_parts, path, description=kept, headers=headers)
            try:
                upload = await member.ask(begin)
            except StorageError as failure:
                if not failure.retryable:
                    raise
                error = failure
            else:
                return f"{member.name}/{generation}/{upload}"
        raise error

    async def write(
        self, path: str, upload: str, number: int, body: AsyncIterator[bytes], *, size: int
    ) -> str:
        """As ``Storage.write_part``."""
        member, _, id = self._of(path, upload)
        write = partial(member.storage.write_part, path, id, number, size=size)
        return await _sent(member, write, Body(body, size))

    async def copy(
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
        """As ``Storage.copy_part``. What the member does not hold is sent to it."""
        member, _, id = self._of(path, upload)
        entry = await self._finding.entry(source, only_if=only_if)
        copy = entry.copies.get(member.name)
        if copy is not None and copy.state is State.CURRENT and copy.fingerprint is not None:
            of = copy.fingerprint
            return await _asked(
                member,
                lambda: member.storage.copy_part(
                    path, id, number, source, first=first, last=last, only_if=of
                ),
            )
        content = await self._mirror.read(source, first=first, last=last, only_if=only_if)
        async with aclosing(content):
            write = partial(member.storage.write_part, path, id, number, size=content.length)
            return await _sent(member, write, Body(content.chunks(), content.length))

    async def complete(
        self, path: str, upload: str, parts: Sequence[tuple[int, str]], *, create: bool
    ) -> Stored:
        """As ``Storage.complete_parts``. Once more is no error as long as these are the path's bytes."""
        member, generation, id = self._of(path, upload)

        async def act(_: Member, __: int, *, creates: bool) -> Stored:
            try:
                return await member.storage.complete_parts(path, id, parts, create=creates)
            except NotFound:
                # Completed already, if that is what is there: the answer was lost.
                stored = await member.storage.stat(path)
                if generation_of(stored) != generation:
                    raise
                return stored

        async with self._turns.of(path):
            entry = await self._crew.ledger.find(path)
            if entry is not None and entry.live and entry.generation == generation:
                await self._putting.count(path, generation)
                return told(entry)
            if entry is not None and await self._has_been_completed(entry, member, generation):
                await self._putting.count(path, generation)
                return told(await self._finding.entry(path))
            return await self._putting.put(
                path, act, members=[member], create=create, generation=generation
            )

    async def _has_been_completed(self, entry: Entry, member: Member, generation: int) -> bool:
        """By a call whose answer was lost: nothing of it is on its way any more if its bytes are there."""
        copy = entry.copies.get(member.name)
        if entry.live or copy is None or copy.state is not State.UNKNOWN:
            return False
        try:
            stored = await _asked(member, lambda: member.storage.stat(entry.path))
        except NotFound:
            return False
        return generation_of(stored) == generation and await self._crew.ledger.conclude(
            entry.path,
            member.name,
            generation=generation,
            fingerprint=stored.fingerprint,
            modified_ns=stored.modified_ns,
            others=self._crew.others(member),
        )

    async def abort(self, path: str, upload: str) -> None:
        """As ``Storage.abort_parts``."""
        try:
            member, _, id = self._of(path, upload)
        except NotFound:
            return
        await _asked(member, lambda: member.storage.abort_parts(path, id))

    async def open(self) -> AsyncGenerator[Begun, None]:
        """As ``Storage.open_parts``."""
        failed: StorageError | None = None
        for member in self._crew.in_order:
            if Can.OPEN_PARTS not in member.can:
                continue
            if not member.is_open or not member.admits():
                failed = Unavailable(f"{member.name!r} cannot be asked: {member.cause}")
                continue
            try:
                async with aclosing(member.storage.open_parts()) as found:
                    async for one in found:
                        # Its generation is known to whoever began it; it is of no use for what is dropped.
                        yield replace(one, upload=f"{member.name}/0/{one.upload}")
            except StorageError as error:
                if error.retryable:
                    member.failed(error)
                failed = error
            else:
                member.succeeded()
        if failed is not None:
            raise failed

    def _of(self, path: str, upload: str) -> tuple[Member, int, str]:
        name, _, rest = upload.partition("/")
        generation, _, id = rest.partition("/")
        member = self._crew.members.get(name)
        if member is None or not generation.isdecimal():
            raise NotFound(f"no such upload of {path!r}")
        return member, int(generation), id


async def _sent(
    member: Member, write: Callable[[AsyncIterator[bytes]], Awaitable[str]], body: Body
) -> str:
    """A part, whose source may fail: that says nothing of the member."""
    try:
        return await _asked(member, lambda: write(body.pieces()))
    except BodyFailed as failed:
        raise (failed.__cause__ or failed) from None


async def _asked(member: Member, act: Callable[[], Awaitable[_T]]) -> _T:
    if not member.admits():
        raise Unavailable(f"{member.name!r}, which has the parts, rests: {member.cause}")
    return await member.ask(act)

"""Mirrors over memory, whose members fail as they are told."""

import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from itertools import count
from typing import Literal, TypeVar

from backends.bodies import given
from backends.errors import NotFound, StorageError, Unavailable
from backends.interface import Begun, Can, Content, Limits, Storage, Stored
from backends.layers.around import Around, AroundContent
from backends.layers.retrying import Patience, Retrying
from backends.mirror.breaker import Breaker
from backends.mirror.storage import Mirror
from backends.remote_memory import AS_S3, S3_LIMITS, RemoteMemoryStorage
from gateway.catalog.sqlite.mirrors import SqliteMirrorLedger

_T = TypeVar("_T")
_CHANGES = {"write", "delete", "copy", "complete_parts"}
_IN_PIPE = 32 * 1024
"""Bytes that any pipe holds."""


class Shaky(Around):
    """Does not answer while ``is_down``, and whenever ``fails`` says so of a verb, or of a ``piece`` of what
    is read."""

    def __init__(self, inner: Storage, fails: Callable[[str], bool] = lambda _: False) -> None:
        super().__init__(inner)
        self.is_down = False
        self.loses_answers = False
        self.splices = False
        self.asked = 0
        self.fails = fails

    def answers(self, verb: str) -> None:
        self.asked += 1
        if self.is_down or self.fails(verb):
            raise Unavailable("it does not answer")

    async def ask(self, verb: str, act: Callable[[], Awaitable[_T]]) -> _T:
        self.answers(verb)
        done = await act()
        if self.loses_answers:
            raise Unavailable("the answer was lost")
        return _ShakyContent(done, self) if isinstance(done, Content) else done  # type: ignore[return-value]  # as it is

    async def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        self.answers("list")
        async for stored in self.inner.list(prefix, after=after):
            yield stored
            self.answers("list")

    async def open_parts(self) -> AsyncGenerator[Begun, None]:
        self.answers("open_parts")
        async for begun in self.inner.open_parts():
            yield begun


class _ShakyContent(AroundContent):
    def __init__(self, inner: Content, storage: Shaky) -> None:
        super().__init__(inner)
        self._storage = storage

    async def chunks(self) -> AsyncIterator[bytes]:
        async for piece in self.inner.chunks():
            self._storage.answers("piece")
            yield piece

    def can_splice(self) -> bool:
        return self._storage.splices

    async def spliced(self, pipe: int) -> AsyncIterator[bytes | int]:
        async for piece in self.inner.chunks():
            self._storage.answers("piece")
            for at in range(0, len(piece), _IN_PIPE):
                yield os.writev(pipe, [piece[at : at + _IN_PIPE]])


class Faulty(Around):
    """Fails as its ``mode`` says. What is late is done when it is told to ``arrive``."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self.mode = "up"
        self.late: list[Callable[[], Awaitable[object]]] = []

    async def ask(self, verb: str, act: Callable[[], Awaitable[_T]]) -> _T:
        changes = verb in _CHANGES
        if self.mode == "down":
            raise Unavailable("it does not answer")
        if self.mode == "forgets" and verb in {"stat", "read"}:
            raise NotFound("it has no such thing, it says")
        if self.mode == "answers late" and changes:
            self.late.append(act)
            raise Unavailable("it does not answer in time")
        done = await act()
        if self.mode == "loses answers" and changes:
            raise Unavailable("the answer was lost")
        return done

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
        """All of the body has arrived, whatever becomes of it."""
        if self.mode == "down":
            raise Unavailable("it does not answer")
        pieces = [piece async for piece in body]

        async def act() -> Stored:
            return await self.inner.write(
                path,
                given(pieces),
                size=size,
                description=description,
                headers=headers,
                create=create,
            )

        return await self.ask("write", act)

    async def arrive(self) -> None:
        late, self.late = self.late, []
        for act in late:
            try:
                await act()
            except StorageError:
                continue


class Time:
    """Of breakers and ledgers: it goes on when it is told to."""

    now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s

    def ns(self) -> int:
        return int(self.now_s * 1e9)


def mirror_of(
    members: Mapping[str, Storage],
    *,
    time: Time | None = None,
    ledger: SqliteMirrorLedger | None = None,
    quorum: Literal[1, "all"] = 1,
    copies: bool = True,
    failures: int = 3,
) -> Mirror:
    """With a ledger in memory."""
    time = time or Time()
    return Mirror(
        members,
        ledger or SqliteMirrorLedger(None, process="p", now_ns=time.ns),
        quorum=quorum,
        copies=copies,
        breaker=lambda: Breaker(failures=failures, clock=time),
    )


def memories(can: Can = AS_S3, limits: Limits = S3_LIMITS) -> dict[str, Shaky]:
    return {name: Shaky(RemoteMemoryStorage(can, limits)) for name in ("nas", "cloud")}


class Dying(Mirror):
    """One of its members is down as soon as it has been opened."""

    dies = "nas"

    async def open(self) -> None:
        await super().open()
        one = self.members[self.dies].storage
        assert isinstance(one, Shaky)
        one.is_down = True
        one.can &= ~Can.OPEN_PARTS  # what it cannot tell is another test's


def dying(name: str, can: Can, limits: Limits) -> Storage:
    mirror = Dying(memories(can, limits), SqliteMirrorLedger(None, process="p"))
    mirror.dies = name
    return mirror


def flapping(can: Can, limits: Limits) -> Storage:
    """Of the first, each third call of those fails that may be tried again or made to the other one."""
    numbers = count()

    def fails(verb: str) -> bool:
        return (
            verb in {"stat", "read", "piece", "write", "delete", "list"} and next(numbers) % 3 == 2
        )

    members = {
        "nas": Retrying(Shaky(RemoteMemoryStorage(can, limits), fails), _PATIENCE, sleep=_at_once),
        "cloud": RemoteMemoryStorage(can, limits),
    }
    return mirror_of(members, failures=1000)


_PATIENCE = Patience(budget=1_000_000)


async def _at_once(_: float) -> None:
    pass

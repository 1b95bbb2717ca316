"""Which member of a mirror holds what: what every ledger promises.

Each method is one short transaction, seen by all processes that share the ledger; none is open while a
member is asked. A path that has an entry is the mirror's. An entry that is not ``live`` tells that
nothing is stored there, and where bytes are still to be removed; it goes with the last of them.

A call that changes a path of a member *begins* before the member is asked, and ends with ``hold``,
``repaired``, ``gone`` or ``abandon``. Until then its ``token`` is on the copy and no other call begins there. A process
that dies leaves its tokens behind; ``give_up`` takes them away and leaves the copies UNKNOWN.
"""

import abc
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from backends.interface import Fingerprint


class State(IntEnum):
    """What is known of a member's copy of a path."""

    CURRENT = 0
    """It holds the entry's bytes, and has this fingerprint of them."""
    BEHIND = 1
    """It does not, or not yet."""
    UNKNOWN = 2
    """Nobody knows: it is to be looked at. Its fingerprint, if there is one, is of the entry's bytes."""
    SURPLUS = 3
    """It is to have nothing there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Of a path on a member."""

    state: State
    fingerprint: Fingerprint | None = None
    token: int | None = None
    """Of the call that is changing it."""
    touched: bool = True
    """Whether the mirror has ever begun to write there: else what is there is somebody else's."""
    tries: int = 0
    """How often its repair has failed."""
    waits: bool = False
    """It is not to be repaired yet. If it is UNKNOWN, something may still be on its way there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of a path. ``generation``: the number of its bytes, which no others ever have."""

    path: str
    generation: int
    size: int
    modified_ns: int
    live: bool
    copies: Mapping[str, Copy] = field(default_factory=dict)

    @property
    def fingerprint(self) -> Fingerprint:
        """The mirror's own."""
        return Fingerprint(size=self.size, stamp=str(self.generation))


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """The repair queue: how many copies wait, and since when the oldest does (Unix ns)."""

    waiting: int = 0
    oldest_ns: int | None = None


class Ledger(abc.ABC):
    """Of one mirror. Every method may raise Unavailable."""

    @abc.abstractmethod
    async def open(self) -> None: ...

    @abc.abstractmethod
    async def aclose(self) -> None: ...

    # What the mirror is.

    @abc.abstractmethod
    async def name(self) -> str:
        """What the mirror is called in the marks on its members; made at the first ``open``."""

    @abc.abstractmethod
    async def rename(self, name: str) -> None:
        """Take over the name that the members' marks have: this ledger is made anew."""

    @abc.abstractmethod
    async def members(self) -> Sequence[str]:
        """Those that have been enlisted."""

    @abc.abstractmethod
    async def enlist(self, member: str, *, copies: bool) -> None:
        """From now on that is a member. ``copies``: it is behind with every path there is."""

    @abc.abstractmethod
    async def forget(self, member: str) -> None:
        """Nothing of what it held is known to be there any more."""

    @abc.abstractmethod
    async def dismiss(self, member: str) -> int:
        """It is no member any more, unless it alone holds something: of how many paths that is so."""

    @abc.abstractmethod
    async def note(self, name: str) -> str | None:
        """What was noted under that name."""

    @abc.abstractmethod
    async def set_note(self, name: str, value: str) -> None: ...

    # Paths.

    @abc.abstractmethod
    async def count(self) -> int:
        """How many entries are live."""

    @abc.abstractmethod
    async def number(self) -> int:
        """One that was never given before, and greater than all those."""

    @abc.abstractmethod
    async def find(self, path: str) -> Entry | None: ...

    @abc.abstractmethod
    async def entries(self, prefix: str, *, after: str, limit: int) -> Sequence[Entry]:
        """Live ones in byte order; without what is reserved unless ``prefix`` is there."""

    @abc.abstractmethod
    async def begin(
        self, path: str, member: str, *, create: bool = False, tree: bool = False
    ) -> tuple[int, Entry]:
        """A call begins to change that path of that member. Returns its token and what is known.

        Exists if ``create`` and the entry is live. NameRefused if ``tree`` and something lies above or
        below. Unavailable if another call is at it, or something may still be on its way there.
        """

    @abc.abstractmethod
    async def hold(
        self,
        path: str,
        member: str,
        token: int,
        *,
        generation: int,
        fingerprint: Fingerprint,
        modified_ns: int,
        others: Collection[str],
    ) -> bool:
        """It has stored new bytes: they are the path's. ``others`` are behind; who is not among them and
        has a copy has one too many. False, and nothing changes, if the token is not its any more."""

    @abc.abstractmethod
    async def repaired(
        self, path: str, member: str, token: int, *, generation: int, fingerprint: Fingerprint
    ) -> bool:
        """It has stored the bytes of that generation. False if they are the path's no more, or the token
        is not its: the copy is then UNKNOWN."""

    @abc.abstractmethod
    async def abandon(
        self, path: str, member: str, token: int, *, unknown: bool, in_s: float = 0.0
    ) -> None:
        """The call has come to nothing, or ``unknown``: then the member is looked at ``in_s`` from now."""

    @abc.abstractmethod
    async def delete(self, path: str, *, first: str) -> Mapping[str, int]:
        """Nothing is stored there from now on. Calls begin to remove what is there: their tokens, by
        member. Where nothing is known of the path, ``first`` may hold a file of others."""

    @abc.abstractmethod
    async def gone(self, path: str, member: str, token: int, *, surplus: bool = False) -> None:
        """The call has left nothing there; ``surplus``: as it is to be, though the entry is live."""

    @abc.abstractmethod
    async def doubt(self, path: str, member: str, fingerprint: Fingerprint) -> None:
        """A copy that is CURRENT by that fingerprint was not found so."""

    @abc.abstractmethod
    async def looked(
        self, path: str, member: str, *, generation: int, fingerprint: Fingerprint
    ) -> None:
        """The member was looked at, and holds the bytes of that generation."""

    @abc.abstractmethod
    async def conclude(
        self,
        path: str,
        member: str,
        *,
        generation: int,
        fingerprint: Fingerprint,
        modified_ns: int,
        others: Collection[str],
    ) -> bool:
        """As ``hold``, where nothing is stored under the path, and of a call of which it is UNKNOWN how it ended:
        the member was looked at, and it has stored these bytes. False, and nothing changes, if it is not so."""

    @abc.abstractmethod
    async def adopt(
        self,
        path: str,
        member: str,
        *,
        fingerprint: Fingerprint,
        modified_ns: int,
        others: Collection[str],
        instead_of: int | None = None,
        generation: int | None = None,
    ) -> Entry:
        """What is on ``member`` becomes the path's bytes, if nothing is known of the path, or if it has the
        generation ``instead_of``. Returns what is known then. ``generation``: if they have one."""

    @abc.abstractmethod
    async def lost(self, path: str, member: str, *, generation: int) -> None:
        """Where it was UNKNOWN what is there of that generation, nothing is."""

    @abc.abstractmethod
    async def restore(
        self,
        path: str,
        *,
        generation: int,
        modified_ns: int,
        held: Mapping[str, Fingerprint],
        behind: Collection[str],
    ) -> None:
        """An entry that was lost, found again on its members."""

    # The repair queue.

    @abc.abstractmethod
    async def due(
        self, members: Collection[str], *, limit: int, least: int = 0, below: int | None = None
    ) -> Sequence[str]:
        """Paths whose copies on these members wait for repair and may be tried now, the oldest first; those
        with ``least`` bytes or more, and fewer than ``below``. What is to be removed has none."""

    @abc.abstractmethod
    async def postpone(self, path: str, member: str, *, in_s: float) -> None:
        """A repair has failed: it is due again ``in_s`` from now, or when it was already to be looked at if
        that is later."""

    @abc.abstractmethod
    async def backlog(self) -> Backlog: ...

    @abc.abstractmethod
    async def processes(self) -> Sequence[str]:
        """Those that have tokens."""

    @abc.abstractmethod
    async def give_up(self, process: str) -> None:
        """That process is dead: what it was doing is unknown."""

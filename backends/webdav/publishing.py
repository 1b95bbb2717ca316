"""Writing: PUT to a name of our own, a look at what arrived, MOVE to the path."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace

from backends.errors import (
    Exists,
    NameRefused,
    StorageError,
    Throttled,
    Unavailable,
)
from backends.interface import RESERVED, Stored
from backends.webdav.afterwards import Afterwards
from backends.webdav.asking import Dav
from backends.webdav.describing import Descriptions
from backends.webdav.dialect import Dialect
from backends.webdav.folders import Folders, Locks
from backends.webdav.multistatus import Resource
from backends.webdav.refusals import refusal
from backends.webdav.states import State, is_the_moved, state_of, stored_as

INCOMING = f"{RESERVED}/incoming"
"""The folder of what is being written."""
GAVE_UP = frozenset({502, 504, 520, 522, 524})
"""What a proxy answers that waited for too long, 52x if it is Cloudflare: the server may still be at it."""
RUNNING = GAVE_UP | {423}
"""The same, or another request holds the lock."""
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Between looks at a MOVE that may still be running."""

_TRIES = 8
_DONE = frozenset({200, 201, 204})
_NO_SUCH_NAME = frozenset({400, 404, 405, 409, 414, 422})


@dataclass(slots=True, eq=False)
class Incoming:
    """A name of our own. ``left``: nothing of ours is under it any more, or it may yet be moved."""

    path: str
    left: bool = False


@contextmanager
def outcome_unknown() -> Iterator[None]:
    """For what is asked after something may have been changed: that it is refused says nothing of that."""
    try:
        yield
    except StorageError as error:
        if error.retryable:
            raise
        raise Unavailable(f"it is not known what was done: {error}") from error


class Publisher:
    """Moves what was written to its path, and tells what is there then."""

    def __init__(
        self,
        *,
        dav: Dav,
        dialect: Dialect,
        folders: Folders,
        descriptions: Descriptions,
        locks: Locks,
        afterwards: Afterwards,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        self._dav = dav
        self._dialect = dialect
        self._folders = folders
        self._descriptions = descriptions
        self._locks = locks
        self._afterwards = afterwards
        self._pauses_s = pauses_s

    @asynccontextmanager
    async def incoming(self) -> AsyncIterator[Incoming]:
        """A name to write to. What is left under it is removed, soon after."""
        begun = Incoming(f"{INCOMING}/{secrets.token_hex(16)}")
        try:
            yield begun
        finally:
            if not begun.left:
                self._afterwards.do(self.remove(begun))

    async def arrived(self, incoming: Incoming, size: int) -> State:
        """The state of what lies there. Unavailable unless all of it does."""
        found = await self._dav.find(incoming.path, kept=self._descriptions.marks)
        if found is None or found.is_folder or found.size != size:
            kept = 0 if found is None else found.size
            raise Unavailable(
                f"{self._dav.where}: kept {kept} of {size} bytes, and said all is well"
            )
        # A token that came along with a copy is that of the source.
        return replace(state_of(found, self._dialect.validator), token="")

    async def remove(self, incoming: Incoming) -> None:
        """Remove what lies there. Never fails: what stays is removed for its age."""
        await self._remove(incoming.path)

    async def publish(
        self,
        incoming: Incoming,
        state: State,
        path: str,
        *,
        description: bytes | None = None,
        create: bool,
    ) -> Stored:
        """Describe ``incoming``, which is in ``state``, and move it to ``path``.

        Exists; NameRefused where a folder is there, or a file in the way of one. Unavailable or
        Throttled where it is not known whether it was done.
        """
        await self._descriptions.prepare(path)
        sealed = None
        for attempt in range(_TRIES):
            async with self._locks.of(path):
                # MOVE to a folder would replace all that is in it, or put the file into it.
                there = None
                if attempt or not create or not await self._may_create(path):
                    there = await self.replaceable(path)
                if there is not None and create:
                    raise Exists(f"something is stored as {path!r}")
                if sealed is None:
                    sealed = await self._descriptions.attach(
                        incoming.path, state, path, description
                    )
                moved = await self._moved(
                    incoming, sealed, path, replace=there is not None, last=attempt > 0
                )
                stored = await self._told(incoming, sealed, path) if moved else None
            if stored is not None:
                await self._forget(path, there, sealed)
                return stored
            self._folders.forget_for(path)
            await self._folders.make_for(path)
        raise Throttled(f"{path!r} is being written by many at once")

    async def move(self, source: str, state: State, path: str) -> Stored:
        """Give the file ``source``, which is in ``state``, another name. Exists; else as ``publish``."""
        await self._descriptions.prepare(path)
        given = Incoming(source, left=True)
        for attempt in range(2):
            async with self._locks.of(path):
                blind = attempt == 0 and await self._may_create(path)
                if not blind and await self.replaceable(path) is not None:
                    raise Exists(f"something is stored as {path!r}")
                await self._descriptions.carry(source, state, path)
                if await self._moved(given, state, path, replace=False, last=attempt > 0):
                    stored = await self._told(given, state, path)
                    with suppress(StorageError):  # it describes nothing any more
                        await self._descriptions.forget(source, state)
                    return stored
            self._folders.forget_for(path)
            await self._folders.make_for(path)
        raise Exists(f"something is stored as {path!r}")

    async def replaceable(self, path: str) -> Resource | None:
        """The file that is under ``path``, if any. NameRefused if a folder is."""
        there = await self._dav.look(path, kept=self._descriptions.marks)
        if there is not None and there.is_folder:
            raise NameRefused(f"a folder is in the way of {path!r}")
        return there

    async def _may_create(self, path: str) -> bool:
        """Whether a MOVE that replaces nothing may be tried, without a look for folders."""
        dialect = self._dialect
        if not dialect.yields or dialect.properties:
            return dialect.yields
        # What lies beside is written before: not that of a file that is in the same state.
        return dialect.heads and await self._dav.is_free(path)

    async def _moved(
        self, incoming: Incoming, state: State, path: str, *, replace: bool, last: bool
    ) -> bool:
        """Whether it was; False if it is worth another attempt, with folders made again."""
        failure: StorageError | None = None
        status = 0
        left, incoming.left = incoming.left, True
        try:
            status = await self._dav.transfer("MOVE", incoming.path, path, replace=replace)
        except (Unavailable, Throttled) as error:
            failure = error
        if status in _DONE:
            return True
        if status == 412 and not replace:
            incoming.left = left
            return False
        if await self._has_moved(incoming, state, path, running=status in RUNNING or not status):
            return True
        incoming.left = left
        if failure is not None:
            raise failure
        if status in _NO_SUCH_NAME and last:
            raise NameRefused(f"the server does not take the name {path!r} (it answered {status})")
        if last or status in {401, 423, 429, 503, 507}:
            raise refusal(self._dav.where, f"MOVE to {path!r}", status, {})
        return False

    async def _has_moved(
        self, incoming: Incoming, state: State, path: str, *, running: bool
    ) -> bool:
        """Whether a MOVE was done whose answer does not say so; False only if it is not running."""
        for pause_s in (*self._pauses_s, None):
            there = await self._is_there(path, state)
            if there and state.token:
                return True
            # Without a token what was there before may look the same: then it counts that ours is gone.
            with outcome_unknown():
                gone = await self._dav.look(incoming.path) is None
            if gone:
                if there or await self._is_there(path, state):
                    return True
                raise Unavailable(f"{self._dav.where}: it is not known where {path!r} was moved")
            if not running:
                return False
            if pause_s is not None:
                await asyncio.sleep(pause_s)
        raise Unavailable(f"{self._dav.where}: it is not known whether {path!r} was moved")

    async def _is_there(self, path: str, state: State) -> bool:
        with outcome_unknown():
            found = await self._dav.look(path, kept=self._descriptions.marks)
        if found is None or found.is_folder:
            return False
        return is_the_moved(state_of(found, self._dialect.validator), state, self._dialect)

    async def _told(self, incoming: Incoming, state: State, path: str) -> Stored:
        with outcome_unknown():
            found = await self._dav.find(path, kept=self._descriptions.marks)
        if found is not None and found.is_folder:
            # A folder that came in the last moment: some servers put the file into it.
            await self._remove(f"{path}/{incoming.path.rpartition('/')[2]}")
            raise NameRefused(f"a folder is in the way of {path!r}")
        if found is None or not is_the_moved(
            state_of(found, self._dialect.validator), state, self._dialect
        ):
            raise Unavailable(
                f"{self._dav.where}: {path!r} holds other bytes than were moved there"
            )
        return stored_as(path, found, self._dialect.validator)

    async def _forget(self, path: str, replaced: Resource | None, by: State) -> None:
        if replaced is None:
            return
        before = state_of(replaced, self._dialect.validator)
        if before != by:
            with suppress(StorageError):  # it describes nothing any more
                await self._descriptions.forget(path, before)

    async def _remove(self, path: str) -> None:
        with suppress(StorageError):  # what stays is removed for its age
            await self._dav.ask("DELETE", path)

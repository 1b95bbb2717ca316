"""A storage behind a network that fails at one call, in one of many ways."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from enum import Enum
from typing import TypeVar

from backends.errors import Denied, Full, StorageError, Throttled, Unavailable
from backends.interface import Can, Content, Fingerprint, Limits, Stored
from backends.remote_memory import RemoteMemoryStorage

T = TypeVar("T")


class Fault(Enum):
    """What becomes of the call."""

    NONE = "none"
    UNAVAILABLE = "unavailable"
    THROTTLED = "throttled"
    FULL = "full"
    DENIED = "denied"
    DONE = "done, but unavailable is told"
    LATE = "unavailable, and done later"
    HANGS = "hangs, and is not done"
    HANGS_DONE = "is done, and hangs"


ERRORS: dict[Fault, StorageError] = {
    Fault.UNAVAILABLE: Unavailable("it does not answer"),
    Fault.THROTTLED: Throttled("slow down"),
    Fault.FULL: Full("no room"),
    Fault.DENIED: Denied("forbidden"),
}


class FailingStorage(RemoteMemoryStorage):
    """Fails at call number ``at`` from ``arm`` on, of one verb if that is given; ``made`` tells them."""

    def __init__(self, can: Can, limits: Limits) -> None:
        super().__init__(can, limits)
        self.made: list[str] = []
        self.hit = threading.Event()
        """The call has been made and hangs."""
        self.failed: str | None = None
        self._fault = Fault.NONE
        self._at = 0
        self._verb: str | None = None
        self._late: list[Callable[[], Awaitable[object]]] = []
        self._released = asyncio.Event()

    async def arm(self, fault: Fault, at: int, *, verb: str | None = None) -> None:
        self.made.clear()
        self.hit.clear()
        self._released = asyncio.Event()
        self._fault, self._at, self._verb, self.failed = fault, at, verb, None

    async def disarm(self) -> None:
        """Nothing fails any more; what hangs fails now."""
        self._fault = Fault.NONE
        self._released.set()
        self.hit.clear()

    async def arrive_late(self) -> None:
        """What was asked for and is still on its way arrives."""
        late, self._late = self._late, []
        for do in late:
            try:
                await do()
            except StorageError:
                continue

    async def _call(self, verb: str, do: Callable[[], Awaitable[T]]) -> T:
        self.made.append(verb)
        number = len(self.made) if self._verb is None else self.made.count(verb)
        meant = number == self._at and self._verb in {None, verb}
        fault = self._fault if meant else Fault.NONE
        if fault is Fault.NONE:
            return await do()
        self.failed = verb
        if fault in ERRORS:
            raise ERRORS[fault]
        if fault is Fault.LATE:
            self._late.append(do)
            raise Unavailable("it does not answer in time")
        if fault in {Fault.DONE, Fault.HANGS_DONE}:
            await do()
        if fault is not Fault.DONE:
            self.hit.set()
            await self._released.wait()
        raise Unavailable("the answer was lost")

    async def stat(self, path: str) -> Stored:
        real = super().stat
        return await self._call("stat", lambda: real(path))

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        real = super().read
        return await self._call("read", lambda: real(path, first=first, last=last, only_if=only_if))

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
        real, pieces = super().write, await self._body(body)
        return await self._call(
            "write",
            lambda: real(
                path, pieces(), size=size, description=description, headers=headers, create=create
            ),
        )

    async def delete(self, path: str) -> None:
        real = super().delete
        await self._call("delete", lambda: real(path))

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
        real = super().copy
        return await self._call(
            "copy",
            lambda: real(
                source,
                path,
                only_if=only_if,
                description=description,
                headers=headers,
                create=create,
            ),
        )

    async def move(self, source: str, path: str, *, only_if: Fingerprint) -> Stored:
        real = super().move
        return await self._call("move", lambda: real(source, path, only_if=only_if))

    async def begin_parts(
        self,
        path: str,
        *,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        real = super().begin_parts
        return await self._call(
            "begin_parts", lambda: real(path, description=description, headers=headers)
        )

    async def write_part(
        self, path: str, upload: str, number: int, body: AsyncIterator[bytes], *, size: int
    ) -> str:
        real, pieces = super().write_part, await self._body(body)
        return await self._call(
            "write_part", lambda: real(path, upload, number, pieces(), size=size)
        )

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
        real = super().copy_part
        return await self._call(
            "copy_part",
            lambda: real(path, upload, number, source, first=first, last=last, only_if=only_if),
        )

    async def complete_parts(
        self, path: str, upload: str, parts: Sequence[tuple[int, str]], *, create: bool = False
    ) -> Stored:
        real = super().complete_parts
        return await self._call("complete_parts", lambda: real(path, upload, parts, create=create))

    async def abort_parts(self, path: str, upload: str) -> None:
        real = super().abort_parts
        await self._call("abort_parts", lambda: real(path, upload))

    async def _body(self, body: AsyncIterator[bytes]) -> Callable[[], AsyncIterator[bytes]]:
        """The body to be read now and at any time."""
        pieces = [piece async for piece in body]

        async def again() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

        return again

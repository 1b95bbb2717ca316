"""The bounded pool for what may take long, and descriptors that outlive a cancelled wait."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from backends.errors import Unavailable

_THREADS = 32
_Given = ParamSpec("_Given")
_Got = TypeVar("_Got")


class Pool:
    """At most ``_THREADS`` threads, whatever the number of requests. Loop thread only."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="s3front-local")
        self._closed = False

    def check_open(self) -> None:
        """Unavailable once it is closed: directory descriptors may then be those of other files."""
        if self._closed:
            raise Unavailable("the storage is closed")

    def start(
        self, work: Callable[_Given, _Got], *args: _Given.args, **kwargs: _Given.kwargs
    ) -> asyncio.Future[_Got]:
        """Begin ``work`` in a thread. Unavailable if the storage is closed."""

        def call() -> _Got:
            return work(*args, **kwargs)

        self.check_open()
        return asyncio.get_running_loop().run_in_executor(self._executor, call)

    async def run(
        self, work: Callable[_Given, _Got], *args: _Given.args, **kwargs: _Given.kwargs
    ) -> _Got:
        """``work`` in a thread. Cancelling gives up the wait, not the work."""
        future = self.start(work, *args, **kwargs)
        future.add_done_callback(_seen)
        return await asyncio.shield(future)

    async def aclose(self) -> None:
        """Wait for what was begun, end the threads."""
        self._closed = True
        await asyncio.to_thread(self._executor.shutdown)


class Descriptor:
    """An open file that is closed only when no thread uses it any more. Loop thread only.

    A cancelled request leaves its piece to finish in the pool; were the number closed under it, the
    piece would go to whatever file is opened next.
    """

    __slots__ = ("_closing", "_pool", "_users", "number")

    def __init__(self, pool: Pool, number: int) -> None:
        self.number = number
        self._pool = pool
        self._closing = False
        self._users: set[asyncio.Future[Any]] = set()

    async def run(
        self, work: Callable[_Given, _Got], *args: _Given.args, **kwargs: _Given.kwargs
    ) -> _Got:
        """``work``, which uses this descriptor, in a thread. Cancelling gives up the wait only."""
        future = self._pool.start(work, *args, **kwargs)
        self.used_by(future)
        return await asyncio.shield(future)

    def used_by(self, future: asyncio.Future[_Got]) -> None:
        """Stay open until ``future``, some work in a thread, is done."""
        self._users.add(future)
        future.add_done_callback(self._done)

    async def aclose(self) -> None:
        """Close as soon as nothing uses it, and wait for that. May be called more than once."""
        if not self._closing:
            self._closing = True
            if not self._users:
                os.close(self.number)
        while self._users:
            await asyncio.wait(self._users)

    def _done(self, future: asyncio.Future[_Got]) -> None:
        _seen(future)
        self._users.discard(future)
        if self._closing and not self._users:
            os.close(self.number)


def _seen(future: asyncio.Future[_Got]) -> None:
    if not future.cancelled():
        future.exception()  # asked for, so that a wait given up logs nothing

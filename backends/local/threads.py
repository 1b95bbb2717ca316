"""The bounded pool for what may take long, and descriptors that outlive a cancelled wait."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

from backends.errors import Unavailable

_THREADS = 32
_Given = ParamSpec("_Given")
_Got = TypeVar("_Got")
_Job = tuple[asyncio.Future[Any], Callable[[], Any]]


class Pool:
    """At most ``_THREADS`` threads, whatever the number of requests. Loop thread only.

    A hop to one and back costs a third of what it does with ``concurrent.futures`` (measured).
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._unfinished = 0
        self._closed = False

    def check_open(self) -> None:
        """Unavailable once it is closed: directory descriptors may then be those of other files."""
        if self._closed:
            raise Unavailable("the storage is closed")

    def start(
        self, work: Callable[_Given, _Got], *args: _Given.args, **kwargs: _Given.kwargs
    ) -> asyncio.Future[_Got]:
        """Begin ``work`` in a thread; it is done even if the future is cancelled. Unavailable if the
        storage is closed."""
        self.check_open()
        future: asyncio.Future[_Got] = self._loop.create_future()
        self._unfinished += 1
        if len(self._threads) < min(self._unfinished, _THREADS):
            name = f"s3front-local-{len(self._threads)}"
            self._threads.append(threading.Thread(target=self._main, name=name, daemon=True))
            self._threads[-1].start()
        self._jobs.put((future, partial(work, *args, **kwargs)))
        return future

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
        for _ in self._threads:
            self._jobs.put(None)
        await asyncio.to_thread(self._join)

    def _join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _succeeded(self, future: asyncio.Future[Any], result: Any) -> None:
        self._unfinished -= 1
        if not future.cancelled():
            future.set_result(result)

    def _failed(self, future: asyncio.Future[Any], error: BaseException) -> None:
        self._unfinished -= 1
        if not future.cancelled():
            future.set_exception(error)

    # The threads

    def _main(self) -> None:
        while self._do(self._jobs.get()):
            pass

    def _do(self, job: _Job | None) -> bool:
        """One job; what it used is let go of before another comes. False for none."""
        if job is None:
            return False
        future, work = job
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            self._tell(self._failed, future, error)
        else:
            self._tell(self._succeeded, future, result)
        return True

    def _tell(self, told: Callable[..., None], *what: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, nobody waits
            self._loop.call_soon_threadsafe(told, *what)


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

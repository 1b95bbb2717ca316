"""The one thread of a process that writes: jobs in batches, a transaction a batch, then its promises.

A job that fails takes nothing of its batch-mates with it; a commit that fails takes them all, and
then nothing is placed or removed.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import apsw
import structlog

from gateway.catalog.errors import CatalogDamaged, CatalogError, CatalogUnavailable
from gateway.catalog.sqlite import writing_back
from gateway.catalog.sqlite.connection import CHECKPOINT_PAGES
from gateway.catalog.sqlite.failures import failure
from gateway.catalog.sqlite.ledger import Ledger, Transaction, Work
from gateway.catalog.sqlite.lock import FairLock

T = TypeVar("T")

_MOST_WAITING = 1_024
_MOST_IN_BATCH = 128
_LONGEST_BATCH_S = 0.02
"""After which no further job is begun in a batch."""
_IDLE_S = 0.05
"""After which the rows of what is gone are deleted without waiting for a job."""
_MOST_GONE = 128
"""Removals that are forced to the medium at once; fewer wait for an idle moment."""
_BUSY_S = 5.0
"""How long a writer that is none of ours (the sqlite3 shell) is waited for."""
_BUSY_PAUSE_S = 0.002

_log = structlog.get_logger("s3front.catalog")


@dataclass(slots=True, eq=False)
class _Job:
    work: Work
    future: "asyncio.Future[Any] | None"
    """None: nobody waits, it is work that follows from other work."""
    result: Any = None
    error: BaseException | None = None
    transaction: Transaction | None = None


class Committer:
    """Runs jobs. Its methods are called on the loop's thread; everything else is the thread's."""

    def __init__(self, open_ledger: Callable[[], tuple[FairLock, Ledger]]) -> None:
        self._open_ledger = open_ledger
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._room = asyncio.Semaphore(_MOST_WAITING)
        self._accepting = False
        self._may_close = threading.Event()
        self._thread: threading.Thread | None = None
        # The thread's own
        self._jobs: deque[_Job] = deque()
        self._stopping = False
        self._wal_pages = 0
        self._checkpoint_at = CHECKPOINT_PAGES

    async def start(self) -> None:
        """Open the catalog and begin. Raises what opening raises."""
        self._loop = asyncio.get_running_loop()
        opened = self._loop.create_future()
        self._ended = self._loop.create_future()
        self._emptied = self._loop.create_future()
        self._thread = threading.Thread(
            target=self._main, args=(opened,), name="s3front-committer", daemon=True
        )
        self._thread.start()
        await opened
        self._accepting = True

    async def run(self, work: Callable[[Transaction], T]) -> T:
        """Do ``work`` in a transaction; returns when that is committed and settled.

        Raises what ``work`` raises, CatalogFull or CatalogUnavailable. Waits while too many others wait.
        """
        await self._room.acquire()
        if not self._accepting:
            self._room.release()
            raise CatalogUnavailable("the catalog is not open")
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put(_Job(work, future))
        return await future

    async def finish(self) -> None:
        """Accept no more, and return when all that was accepted is done."""
        if self._thread is None:
            return
        self._accepting = False
        self._queue.put(None)
        await asyncio.shield(self._emptied)

    async def aclose(self) -> None:
        """Finish, then close the file (in the thread: that writes the WAL back)."""
        if self._thread is None:
            return
        await self.finish()
        self._may_close.set()
        await asyncio.shield(self._ended)  # the last that the thread does
        await asyncio.to_thread(self._thread.join)
        self._thread = None

    # The thread

    def _main(self, opened: "asyncio.Future[None]") -> None:
        try:
            lock, ledger = self._open_ledger()
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits for start
            self._tell(opened, error)
            self._tell(self._emptied)
            self._tell(self._ended)
            return
        ledger.connection.set_wal_hook(self._committed)
        self._tell(opened)
        while self._turn(lock, ledger):
            pass
        self._tell(self._emptied)
        self._may_close.wait()
        try:
            with lock:
                writing_back.close(ledger)
            lock.close()
        except Exception:  # noqa: BLE001 - the thread ends in any case
            _log.exception("closing the catalog failed")
        self._tell(self._ended)

    def _turn(self, lock: FairLock, ledger: Ledger) -> bool:
        try:
            self._collect(ledger)
            if ledger.gone and (not self._jobs or len(ledger.gone) >= _MOST_GONE):
                ledger.force_gone()
            if not self._jobs and not ledger.has_forgettable:
                return not self._stopping
            with lock:
                self._batch(ledger)
                self._checkpoint(ledger)
        except BaseException:  # noqa: BLE001 - nothing may end this thread while others wait for it
            _log.exception("a batch of the catalog failed")
            self._give_up(self._jobs, CatalogUnavailable("the catalog failed"))
        return True

    def _collect(self, ledger: Ledger) -> None:
        if not self._jobs and not self._stopping:
            with contextlib.suppress(queue.Empty):
                self._take(self._queue.get(timeout=_IDLE_S if ledger.gone else None))
        with contextlib.suppress(queue.Empty):
            while len(self._jobs) < _MOST_IN_BATCH:
                self._take(self._queue.get_nowait())

    def _take(self, job: _Job | None) -> None:
        if job is None:
            self._stopping = True
        else:
            self._jobs.append(job)

    def _batch(self, ledger: Ledger) -> None:
        taken: deque[_Job] = deque()
        try:
            ledger.refuse_damage()
            _begin(ledger)
            until = time.monotonic() + _LONGEST_BATCH_S
            while self._jobs and (not taken or time.monotonic() < until):
                job = self._jobs.popleft()
                taken.append(job)
                if job.future is None or not job.future.cancelled():
                    _attempt(job, ledger)
            ledger.commit()
        except BaseException as error:  # noqa: BLE001 - handed to all who wait for this transaction
            if not isinstance(error, CatalogDamaged):
                _log.exception("a transaction of the catalog failed")
            ledger.roll_back()
            if not taken:
                taken, self._jobs = self._jobs, taken
            self._give_up(taken, _lost("the transaction", error))
            return
        for job in taken:
            self._settle(job)
        self._resolve(taken)

    def _settle(self, job: _Job) -> None:
        transaction = job.transaction
        if transaction is None:
            return
        for settle in transaction.settling:
            try:
                settle()
            except BaseException as error:  # noqa: BLE001 - the rows say what is still to be done
                _log.warning("left for recovery", error=type(error).__name__, cause=str(error))
        if not self._stopping:  # else recovery does it
            for work in transaction.following:
                self._queue.put(_Job(work, None))

    def _give_up(self, jobs: deque[_Job], error: CatalogError) -> None:
        failed = list(jobs)
        jobs.clear()
        for job in failed:
            job.error = error
        self._resolve(failed)

    def _resolve(self, jobs: "list[_Job] | deque[_Job]") -> None:
        waited_for = [job for job in jobs if job.future is not None]
        if waited_for:
            with contextlib.suppress(RuntimeError):  # the loop is closed, nobody waits
                self._loop.call_soon_threadsafe(self._hand_over, waited_for)

    def _hand_over(self, jobs: list[_Job]) -> None:
        for job in jobs:
            self._room.release()
            future = job.future
            if future is None or future.done():
                continue
            if job.error is None:
                future.set_result(job.result)
            else:
                future.set_exception(job.error)

    def _tell(self, future: "asyncio.Future[None]", error: BaseException | None = None) -> None:
        def tell() -> None:
            if future.done():
                return
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(tell)

    def _committed(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint(self, ledger: Ledger) -> None:
        if self._wal_pages < CHECKPOINT_PAGES:
            self._checkpoint_at = CHECKPOINT_PAGES
        if self._wal_pages < self._checkpoint_at:
            return
        # Passive waits for nobody. The next commit then begins the WAL anew, unless a reader is in
        # it at that moment; if that goes on, a stronger checkpoint moves the readers out.
        grown = self._wal_pages >= 4 * CHECKPOINT_PAGES
        mode = apsw.SQLITE_CHECKPOINT_RESTART if grown else apsw.SQLITE_CHECKPOINT_PASSIVE
        try:
            writing_back.write_back(ledger, mode=mode)
        except apsw.BusyError:
            pass
        except (apsw.Error, CatalogDamaged, OSError) as error:
            _log.warning("checkpoint failed", cause=str(error))
        self._checkpoint_at = self._wal_pages + CHECKPOINT_PAGES // 4
        self._wal_pages = 0


def _begin(ledger: Ledger) -> None:
    until = time.monotonic() + _BUSY_S
    while True:
        try:
            ledger.begin()
        except apsw.BusyError:
            if time.monotonic() > until:
                raise
            time.sleep(_BUSY_PAUSE_S)
        else:
            return


def _attempt(job: _Job, ledger: Ledger) -> None:
    """Do one job in its own savepoint. Raises if the whole transaction is lost."""
    execute = ledger.connection.execute
    transaction = Transaction(ledger)
    execute("SAVEPOINT job")
    try:
        job.result = job.work(transaction)
    except BaseException as error:
        if not ledger.connection.in_transaction:
            raise
        execute("ROLLBACK TO job")
        job.error = _translated(error)
    else:
        job.transaction = transaction
    execute("RELEASE job")


def _translated(error: BaseException) -> BaseException:
    if isinstance(error, CatalogError):
        return error
    if isinstance(error, apsw.Error):
        return _lost("a statement", error)
    if isinstance(error, Exception):
        return error
    return CatalogUnavailable(f"a job was ended by {type(error).__name__}")


def _lost(what: str, error: BaseException) -> CatalogError:
    lost: CatalogError
    if isinstance(error, CatalogDamaged):
        return error
    if isinstance(error, (apsw.Error, OSError)):
        lost = failure(what, error)
    else:
        lost = CatalogUnavailable(f"{what} failed: {error}")
    lost.__cause__ = error
    return lost

"""Whoever writes in a process, one at a time: jobs in batches, a transaction a batch, then its promises.

A job that fails takes nothing of its batch-mates with it; a commit that fails takes them all, and
then nothing is placed or removed.

There is a thread for it. Where a commit waits for no disk, brief jobs are done on the loop instead,
if nobody else writes at that moment: two hops and the contention for the interpreter cost more than
they do. What is not brief after all raises NotBrief there, and is done in the thread.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import islice, takewhile
from typing import TypeVar

import apsw
import structlog

from gateway.catalog.errors import CatalogDamaged, CatalogUnavailable
from gateway.catalog.sqlite import writing_back
from gateway.catalog.sqlite.attempting import Job, attempt, begin, failed, lost
from gateway.catalog.sqlite.connection import CHECKPOINT_PAGES
from gateway.catalog.sqlite.ledger import Ledger, NotBrief, Transaction
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
_MOST_AT_ONCE = 16
"""Brief jobs done on the loop before it goes on with something else; some 50 µs each."""

_log = structlog.get_logger("s3front.catalog")


class Committer:
    """Runs jobs. Its methods are called on the loop's thread; everything else is the thread's, or of
    whoever has ``_turns``."""

    def __init__(
        self, open_ledger: Callable[[], tuple[FairLock, Ledger]], *, waits_for_disk: bool
    ) -> None:
        self._open_ledger = open_ledger
        self._waits_for_disk = waits_for_disk
        self._lock: FairLock | None = None
        self._ledger: Ledger | None = None
        self._turns = threading.Lock()
        """Held by whoever uses lock and ledger."""
        self._queue: queue.SimpleQueue[list[Job] | None] = queue.SimpleQueue()
        # The loop's own
        self._asked: deque[Job] = deque()
        self._is_told = False
        self._with_thread = 0
        """Jobs that the thread was given and has not done."""
        self._room = asyncio.Semaphore(_MOST_WAITING)
        self._accepting = False
        self._may_close = threading.Event()
        self._thread: threading.Thread | None = None
        # The thread's own
        self._jobs: deque[Job] = deque()
        self._stopping = False
        # Of whoever has the turn
        self._wal_is_new = True
        """The next commit begins the WAL, which is forced to the disk then."""
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

    async def run(self, work: Callable[[Transaction], T], *, brief: bool = False) -> T:
        """Do ``work`` in a transaction; returns when that is committed and settled.

        ``brief``: it takes some 50 µs and waits for nothing, or raises NotBrief before it has done
        anything if ``Transaction.on_loop`` is set.
        Raises what ``work`` raises, CatalogFull or CatalogUnavailable. Waits while too many others wait.
        """
        await self._room.acquire()
        if not self._accepting:
            self._room.release()
            raise CatalogUnavailable("the catalog is not open")
        future: asyncio.Future[T] = self._loop.create_future()
        self._asked.append(Job(work, future, brief))
        self._ask_again()  # whatever else this turn of the loop brings shares the transaction
        return await future

    async def finish(self) -> None:
        """Accept no more, and return when all that was accepted is done."""
        if self._thread is None:
            return
        self._accepting = False
        self._queue.put(self._all_asked())
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

    def _all_asked(self) -> list[Job]:
        asked = list(self._asked)
        self._asked.clear()
        return asked

    def _ask_again(self) -> None:
        if not self._is_told:
            self._is_told = True
            self._loop.call_soon(self._hand_on)

    def _hand_on(self) -> None:
        """Do what was asked for, or have it done: in the order in which it was asked for."""
        self._is_told = False
        if not self._asked:
            return
        if not self._waits_for_disk and not self._with_thread and self._asked[0].brief:
            left = self._do_here()
            if self._asked:
                self._ask_again()
        else:
            left = self._all_asked()
        if left:
            self._with_thread += len(left)
            self._queue.put(left)

    def _do_here(self) -> list[Job]:
        """Do brief jobs up to the first that is not, if nobody else writes now. What is left to the
        thread."""
        lock, ledger = self._lock, self._ledger
        if lock is None or ledger is None or not self._turns.acquire(blocking=False):
            return self._all_asked()
        try:
            # To begin the log, to write it back and to force removals waits for the disk.
            due = self._wal_pages >= self._checkpoint_at or len(ledger.gone) >= _MOST_GONE
            if self._wal_is_new or due or ledger.is_damaged or not lock.take_now():
                return self._all_asked()
            knew_of_gone = bool(ledger.gone)
            jobs = deque(takewhile(lambda job: job.brief, islice(self._asked, _MOST_AT_ONCE)))
            try:
                done = self._batch(ledger, jobs, on_loop=True)
            finally:
                lock.let_go()
            if not done:
                return self._all_asked()
            if ledger.gone and not knew_of_gone:
                self._queue.put([])  # it forces that when it is idle
        finally:
            self._turns.release()
        for _ in done:
            self._asked.popleft()
        left = [job for job in done if isinstance(job.error, NotBrief)]
        for job in left:
            job.error = None
        self._hand_over([job for job in done if job not in left])
        return left

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
        self._lock, self._ledger = lock, ledger
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
            idle = self._collect(ledger)
            with self._turns:
                if ledger.gone and (idle or len(ledger.gone) >= _MOST_GONE):
                    ledger.force_gone()
                if not self._jobs and not ledger.has_forgettable:
                    return not self._stopping
                with lock:
                    done = self._batch(ledger, self._jobs)
            # Whoever waits finds nobody writing.
            self._resolve(done)
            if self._wal_pages >= CHECKPOINT_PAGES:
                with self._turns, lock:
                    self._checkpoint(ledger)
            else:
                self._checkpoint_at = CHECKPOINT_PAGES
        except BaseException:  # noqa: BLE001 - nothing may end this thread while others wait for it
            _log.exception("a batch of the catalog failed")
            self._resolve(failed(self._jobs, CatalogUnavailable("the catalog failed")))
        return True

    def _collect(self, ledger: Ledger) -> bool:
        """Wait for jobs. Whether there are none and none has come for a while."""
        idle = False
        if not self._jobs and not self._stopping:
            try:
                self._take(self._queue.get(timeout=_IDLE_S if ledger.gone else None))
            except queue.Empty:
                idle = True
        with contextlib.suppress(queue.Empty):
            while len(self._jobs) < _MOST_IN_BATCH:
                self._take(self._queue.get_nowait())
        return not self._jobs and (idle or self._stopping)

    def _take(self, jobs: list[Job] | None) -> None:
        if jobs is None:
            self._stopping = True
        else:
            self._jobs.extend(jobs)

    def _batch(self, ledger: Ledger, jobs: deque[Job], *, on_loop: bool = False) -> "deque[Job]":
        """Do jobs, from the left, in one transaction. Those that are done, with result or error.

        ``on_loop``: waits for nothing. None is done then if another program is writing.
        """
        taken: deque[Job] = deque()
        try:
            ledger.refuse_damage()
            begin(ledger, on_loop=on_loop)
            until = time.monotonic() + _LONGEST_BATCH_S
            while jobs and len(taken) < _MOST_IN_BATCH and (not taken or time.monotonic() < until):
                job = jobs.popleft()
                taken.append(job)
                if job.future is None or not job.future.cancelled():
                    attempt(job, ledger)
            ledger.commit()
        except BaseException as error:  # noqa: BLE001 - handed to all who wait for this transaction
            ledger.roll_back()
            if on_loop and not taken and isinstance(error, apsw.BusyError):
                return taken
            if on_loop:  # where a traceback would read files
                _log.error("a transaction of the catalog failed", cause=str(error))
            elif not isinstance(error, CatalogDamaged):
                _log.exception("a transaction of the catalog failed")
            if not taken:
                taken.extend(jobs)
                jobs.clear()
            return failed(taken, lost("the transaction", error))
        for job in taken:
            self._settle(job)
        return taken

    def _settle(self, job: Job) -> None:
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
                self._queue.put([Job(work, None)])

    def _resolve(self, jobs: "deque[Job]") -> None:
        waited_for = [job for job in jobs if job.future is not None]
        if waited_for:
            with contextlib.suppress(RuntimeError):  # the loop is closed, nobody waits
                self._loop.call_soon_threadsafe(self._hand_over, waited_for, len(waited_for))

    def _hand_over(self, jobs: list[Job], from_thread: int = 0) -> None:
        self._with_thread -= from_thread
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
        self._wal_is_new = False
        return apsw.SQLITE_OK

    def _checkpoint(self, ledger: Ledger) -> None:
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
        self._wal_is_new = True

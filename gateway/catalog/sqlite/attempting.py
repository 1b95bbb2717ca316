"""Jobs, and what becomes of each within a transaction."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import apsw

from gateway.catalog.errors import CatalogDamaged, CatalogError, CatalogUnavailable
from gateway.catalog.sqlite.failures import failure
from gateway.catalog.sqlite.ledger import Ledger, Transaction, Work

BUSY_S = 5.0
"""How long a writer that is none of ours (the sqlite3 shell) is waited for."""
_BUSY_PAUSE_S = 0.002


@dataclass(slots=True, eq=False)
class Job:
    """Some work, and what became of it."""

    work: Work
    future: "asyncio.Future[Any] | None"
    """None: nobody waits, it is work that follows from other work."""
    brief: bool = False
    """It may be done on the loop."""
    result: Any = None
    error: BaseException | None = None
    transaction: Transaction | None = None


def failed(jobs: "deque[Job]", error: CatalogError) -> "deque[Job]":
    """The jobs, taken away, all with that error."""
    taken = jobs.copy()
    jobs.clear()
    for job in taken:
        job.error = error
    return taken


def begin(ledger: Ledger, *, on_loop: bool) -> None:
    """Begin a transaction. apsw.BusyError if another program is writing: for long, unless on the loop."""
    ledger.on_loop = on_loop
    if on_loop:
        ledger.begin()
        return
    until = time.monotonic() + BUSY_S
    while True:
        try:
            ledger.begin()
        except apsw.BusyError:
            if time.monotonic() > until:
                raise
            time.sleep(_BUSY_PAUSE_S)
        else:
            return


def attempt(job: Job, ledger: Ledger) -> None:
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
        return lost("a statement", error)
    if isinstance(error, Exception):
        return error
    return CatalogUnavailable(f"a job was ended by {type(error).__name__}")


def lost(what: str, error: BaseException) -> CatalogError:
    """What whoever waits for it is told."""
    lost: CatalogError
    if isinstance(error, CatalogDamaged):
        return error
    if isinstance(error, (apsw.Error, OSError)):
        lost = failure(what, error)
    else:
        lost = CatalogUnavailable(f"{what} failed: {error}")
    lost.__cause__ = error
    return lost

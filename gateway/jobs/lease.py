"""Which of the workers runs the jobs that one process must run."""

import asyncio
import fcntl
import os
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path

import structlog

from gateway.catalog.errors import CatalogError

Jobs = Callable[[], Iterable[Coroutine[None, None, None]]]

_log = structlog.get_logger("s3front.lease")
_POLL_S = 1.0
_PAUSE_S = 30.0


class Lease:
    """The lock on a file: whoever holds it is elected, until it lets go or its process is gone.

    The kernel gives a lock (flock) of a dead process away, however it died, so no clock decides and
    two are never elected at once. ``poll_s``: how often one that was not elected asks again.
    """

    def __init__(self, file: Path, *, poll_s: float = _POLL_S) -> None:
        self._file = file
        self._poll_s = poll_s

    async def hold(self) -> int:
        """Wait to be elected. Returns what ``let_go`` takes. OSError if the file cannot be opened."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._file, flags, 0o600)
        try:
            # Not a lock that blocks: nothing could take a thread back that waits for one.
            while not _locked(descriptor):  # noqa: ASYNC110 - the kernel tells no event
                await asyncio.sleep(self._poll_s)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    @staticmethod
    def let_go(held: int) -> None:
        """End the term: another may be elected."""
        os.close(held)


async def run_elected(lease: Lease, jobs: Jobs, *, pause_s: float = _PAUSE_S) -> None:
    """Run the jobs whenever this process is elected, until cancelled.

    ``jobs`` is called at the start of each term. A job that fails ends the term: it is logged, the
    others are cancelled, and after ``pause_s`` the election is open to this process again. So each
    job is started again, by this process or another, and a broken one does not spin.
    """
    while True:
        try:
            await _term(lease, jobs)
        except* (OSError, CatalogError) as group:
            _log.error("jobs ended and will be started again", cause=str(group.exceptions[0]))
        except* Exception:  # noqa: BLE001 - logged whole; requests are served all the same
            _log.exception("jobs failed and will be started again")
        await asyncio.sleep(pause_s)


async def _term(lease: Lease, jobs: Jobs) -> None:
    held = await lease.hold()
    try:
        _log.info("runs the jobs", pid=os.getpid())
        async with asyncio.TaskGroup() as group:
            for job in jobs():
                group.create_task(job)
            # All may have ended well; the term lasts as long as the process.
            group.create_task(asyncio.Event().wait())
    finally:
        lease.let_go(held)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""Turns between the processes that write one catalog."""

import fcntl
import os
from pathlib import Path
from types import TracebackType


class FairLock:
    """A lock between processes that a busy one cannot keep for itself.

    Whoever wants it first takes the gate and waits there for the lock: so the one that has just
    let go of the lock finds the gate taken, and two that write flat out alternate. (SQLite's own
    locks are polled: of two such writers one starves.) Freed by the kernel when a process dies.
    Used by one thread at a time; blocks, but for ``take_now``.
    """

    def __init__(self, path: Path) -> None:
        """``path`` of the catalog; two files are made beside it. Raises OSError."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._gate = os.open(f"{path}-gate", flags, 0o600)
        try:
            self._lock = os.open(f"{path}-lock", flags, 0o600)
        except BaseException:
            os.close(self._gate)
            raise

    def __enter__(self) -> None:
        fcntl.flock(self._gate, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)

    def take_now(self) -> bool:
        """Take it without waiting; False if anybody has it or waits for it. ``let_go`` frees it."""
        try:
            fcntl.flock(self._gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)
        return True

    def let_go(self) -> None:
        """Free it."""
        fcntl.flock(self._lock, fcntl.LOCK_UN)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.let_go()

    def close(self) -> None:
        """Release the descriptors, and with them the lock."""
        os.close(self._gate)
        os.close(self._lock)

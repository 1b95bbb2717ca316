"""Modification times that no two sealings share, in any process: they are the fingerprints."""

import errno
import fcntl
import os
import time

from backends.errors import Unavailable

_SLOTS = 256
_NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


class Stamps:
    """Strictly increasing Unix nanoseconds whose low 8 bits are this process's slot.

    The slot is a lock on ``writers/<slot>``, held as long as the storage is open and freed by the
    kernel if the process dies. On a file system with coarse times the bits are lost, and two
    rewrites of one size within its tick (exFAT 10 ms, ext3 1 s) cannot be told apart.
    """

    def __init__(self, writers: int) -> None:
        """``writers``: descriptor of the directory of slots. Unavailable if all are taken."""
        self._last = 0
        self._lock, self._slot = _take_slot(writers)

    def next(self) -> int:
        """A new stamp: now, or just after the last one."""
        now = time.time_ns() & ~(_SLOTS - 1)
        self._last = max(now, self._last + _SLOTS)
        return self._last | self._slot

    def close(self) -> None:
        """Free the slot."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _take_slot(writers: int) -> tuple[int, int]:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    for slot in range(_SLOTS):
        lock = os.open(str(slot), flags, 0o600, dir_fd=writers)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            if error.errno in _NO_LOCKS:  # one of 256 by chance is the best that is left
                return -1, os.getpid() % _SLOTS
            if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
                raise
        else:
            return lock, slot
    raise Unavailable(f"{_SLOTS} processes have this storage open; stop some of them")

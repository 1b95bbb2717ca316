"""What the processes of one catalog tell each other: counters against which they hold their caches,
and that its write-ahead log is damaged."""

import contextlib
import fcntl
import mmap
import os
from pathlib import Path

from gateway.catalog.errors import CatalogUnavailable

_SIZE = 24
_BUCKETS, _DAMAGED_LOG, _ANYTHING = 0, 1, 2


class Generation:
    """Three numbers that all processes map. Two are counters, of changes of buckets and of all commits:
    even, nothing is being changed; odd, something is.

    A writer makes it odd before its transaction commits and even after, both under the catalog's
    lock. What was read while it had one even value is true as long as it has that value; while it is
    odd nothing is kept. A writer that dies in between leaves it odd: caches are off until the
    next change or start, never wrong.

    The third number names the log that is not what was written, by its salts; 0: none is known. It outlives
    the processes, and is void of a log with other salts.
    """

    def __init__(self, path: Path, *, alone: bool) -> None:
        """``path`` of the catalog. Held as long as it is open: by all, or ``alone`` by one only.

        CatalogUnavailable if another process holds it and either of the two is to be alone.
        """
        self._file = os.open(f"{path}-generation", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
            try:
                fcntl.flock(self._file, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CatalogUnavailable("another process uses the catalog") from None
            if os.fstat(self._file).st_size < _SIZE:
                os.ftruncate(self._file, _SIZE)
            self._map = mmap.mmap(self._file, _SIZE)
            self._value = memoryview(self._map).cast("Q")
        except BaseException:
            os.close(self._file)
            raise

    def of_buckets(self) -> int | None:
        """The counter of changes of buckets, None while one is being changed."""
        value = self._value[_BUCKETS]
        return None if value & 1 else value

    def of_anything(self) -> int | None:
        """The counter of commits, None while something is being committed."""
        value = self._value[_ANYTHING]
        return None if value & 1 else value

    def begin(self, *, buckets: bool) -> None:
        """Something, ``buckets`` too, is about to be committed. The caller has the catalog's lock."""
        self._value[_ANYTHING] |= 1
        if buckets:
            self._value[_BUCKETS] |= 1

    def end(self, *, buckets: bool) -> None:
        """It has been committed, or not. The caller has the catalog's lock."""
        if buckets:
            self._step(_BUCKETS)
        self._step(_ANYTHING)

    def _step(self, which: int) -> None:
        self._value[which] = ((self._value[which] | 1) + 1) & (1 << 64) - 1

    @property
    def damaged_log(self) -> int:
        """Of which log nothing may be written back, and to which nothing may be added."""
        return self._value[_DAMAGED_LOG]

    @damaged_log.setter
    def damaged_log(self, salts: int) -> None:
        self._value[_DAMAGED_LOG] = salts

    def close(self) -> None:
        """Unmap and let go."""
        self._value.release()
        with contextlib.suppress(BufferError):
            self._map.close()
        os.close(self._file)

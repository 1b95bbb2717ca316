"""Small files, read whole without ever waiting for the disk."""

import errno
import os
import stat

from backends.errors import Damaged, NotFound
from backends.interface import Fingerprint
from backends.local.attributes import is_of
from backends.local.opening import Beneath
from backends.local.reading import INLINE

_NOWAIT = getattr(os, "RWF_NOWAIT", 0)


class AtOnce:
    """Reads beneath a directory. Loop thread only."""

    def __init__(self, beneath: Beneath) -> None:
        self._beneath = beneath
        self._possible = bool(_NOWAIT)
        """The kernel can tell, on this file system, that a read would wait."""

    def read(self, path: str, *, first: int, last: int, only_if: Fingerprint) -> bytes | None:
        """Bytes ``first`` to ``last`` of a file of that fingerprint. None if they are many or not in
        memory. NotFound, Damaged, Denied, Unavailable."""
        length = last + 1 - first
        if length > INLINE or not self._possible:
            return None
        buffer = bytearray(length)
        file = self._beneath.open_unseen(path)
        try:
            count, error = _filled(buffer, file, first)
            # Asked after the bytes are read: they are those of this fingerprint, and were all along.
            found = os.fstat(file)
        finally:
            os.close(file)
        if not stat.S_ISREG(found.st_mode):
            raise NotFound(f"{path!r} is not a regular file")
        if error == errno.EOPNOTSUPP:
            self._possible = False
        if not is_of(found, only_if):
            raise Damaged(f"{path!r} holds other bytes than those that were stored")
        return bytes(buffer) if count == length else None


def _filled(buffer: bytearray, file: int, first: int) -> tuple[int, int]:
    """How many bytes were read, and the number of the error."""
    try:
        return os.preadv(file, (buffer,), first, _NOWAIT), 0
    except OSError as error:
        return 0, error.errno or errno.EIO

"""Self-descriptions: with the file as an extended attribute, beside it where that does not fit.

One record: magic, size, modification time, length of the description, description. It is void
unless size and time are those of the file, so an outside rewrite voids it. The sidecar's name is the
fingerprint itself: it follows the bytes through every rename, and a rewrite leaves it behind.
"""

import errno
import os
import struct

from backends.errors import Unsupported
from backends.interface import MAX_DESCRIPTION, Fingerprint
from backends.local.durability import sync_directory
from backends.local.opening import READABLE_DIRECTORY, make_directory

ATTRIBUTE = "user.s3front"

_HEAD = struct.Struct(">4sQqI")
_MAGIC = b"S3f1"
# ext4 says ENOSPC, XFS and the kernel's own limit E2BIG, btrfs ENOSPC or ERANGE
_NO_FIT = frozenset({errno.ENOSPC, errno.E2BIG, errno.ERANGE, errno.EOPNOTSUPP, errno.EDQUOT})


def fingerprint(found: os.stat_result) -> Fingerprint:
    """Size and modification time."""
    return Fingerprint(size=found.st_size, stamp=str(found.st_mtime_ns))


def wrap(of: Fingerprint, description: bytes) -> bytes:
    """The record to keep with bytes of that fingerprint. Unsupported beyond MAX_DESCRIPTION."""
    if len(description) > MAX_DESCRIPTION:
        raise Unsupported(f"a description of {len(description)} bytes")
    return _HEAD.pack(_MAGIC, of.size, int(of.stamp), len(description)) + description


def unwrap(record: bytes, of: Fingerprint) -> bytes | None:
    """The description in a record, None if it is void for bytes of that fingerprint."""
    if len(record) < _HEAD.size:
        return None
    magic, size, time_ns, length = _HEAD.unpack_from(record)
    if (magic, size, str(time_ns)) != (_MAGIC, of.size, of.stamp):
        return None
    description = record[_HEAD.size :]
    return description if len(description) == length else None


class Attributes:
    """Reads and keeps descriptions. All methods block briefly and may be called in any thread."""

    def __init__(self, reserved: int, *, extended: bool) -> None:
        """``reserved``: descriptor of RESERVED; ``extended``: whether attributes work there."""
        self._reserved = reserved
        self._extended = extended

    def attach(self, file: int, record: bytes) -> bool:
        """Keep the record with the file; False if it must go beside it. Raises OSError."""
        if not self._extended:
            return False
        try:
            os.setxattr(file, ATTRIBUTE, record)
        except OSError as error:
            if error.errno not in _NO_FIT:
                raise
            return False
        return True

    def put_beside(self, of: Fingerprint, record: bytes, *, durable: bool) -> None:
        """Keep the record in a sidecar. Raises OSError. Never on the loop: it may fsync."""
        folder, name = _sidecar(of)
        about = self._folder("about", self._reserved)
        try:
            make_directory(about, folder, 0o700)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.open(f"{folder}/{name}", flags, 0o600, dir_fd=about)
            try:
                if os.pwrite(file, record, 0) != len(record):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                if durable:
                    os.fsync(file)
            finally:
                os.close(file)
            if durable:
                sync_directory(about, folder)
                sync_directory(self._reserved, "about")
        finally:
            os.close(about)

    def read(self, file: int, of: Fingerprint) -> bytes | None:
        """The description of an open file, None if it has none or it is void. Raises OSError."""
        if self._extended:
            try:
                found = unwrap(os.getxattr(file, ATTRIBUTE), of)
            except OSError as error:
                if error.errno not in {errno.ENODATA, errno.EOPNOTSUPP}:
                    raise
                found = None
            if found is not None:
                return found
        return self._beside(of)

    def forget(self, of: Fingerprint) -> None:
        """Remove the sidecar of bytes that are gone, if there is one. Never fails."""
        folder, name = _sidecar(of)
        try:
            os.unlink(f"about/{folder}/{name}", dir_fd=self._reserved)
        except OSError:  # mostly: there is none. Else it stays behind, void for all other bytes
            return

    def _beside(self, of: Fingerprint) -> bytes | None:
        folder, name = _sidecar(of)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            file = os.open(f"about/{folder}/{name}", flags, dir_fd=self._reserved)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
                return None
            raise
        try:
            length = min(os.fstat(file).st_size, _HEAD.size + MAX_DESCRIPTION)
            return unwrap(os.pread(file, length, 0), of)
        finally:
            os.close(file)

    def _folder(self, name: str, parent: int) -> int:
        make_directory(parent, name, 0o700)
        return os.open(name, READABLE_DIRECTORY, dir_fd=parent)


def _sidecar(of: Fingerprint) -> tuple[str, str]:
    # The low 8 bits of a stamp are the process's slot; those above it spread well.
    return f"{int(of.stamp) >> 8 & 0xFF:02x}", f"{of.stamp}-{of.size}"

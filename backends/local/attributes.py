"""Self-descriptions: with the file as an extended attribute, beside it where that does not fit.

One record: magic, CRC-32 of all that follows, size, modification time, length of the description,
description. A record whose CRC is right but whose size and time are not those of the file is *void*:
somebody else has written the file. One whose CRC is wrong is *damaged*: nothing is known of
who wrote the file, and nothing follows for its bytes. Records of the first format have no CRC and are
never found damaged. The sidecar's name is the fingerprint itself: it follows the bytes through every
rename, and a rewrite leaves it behind.
"""

import errno
import os
import struct
import zlib
from typing import Final, NamedTuple

from backends.errors import Unsupported
from backends.interface import MAX_DESCRIPTION, Fingerprint
from backends.local.durability import sync_directory
from backends.local.opening import READABLE_DIRECTORY, make_directory

ATTRIBUTE = "user.s3front"

_MAGIC: Final = b"S3f2"
_HEAD: Final = struct.Struct(">4sI")
_OF: Final = struct.Struct(">QqI")
_LONGEST: Final = _HEAD.size + _OF.size + MAX_DESCRIPTION
_FIRST_MAGIC: Final = b"S3f1"
# ext4 says ENOSPC, XFS and the kernel's own limit E2BIG, btrfs ENOSPC or ERANGE
_NO_FIT = frozenset({errno.ENOSPC, errno.E2BIG, errno.ERANGE, errno.EOPNOTSUPP, errno.EDQUOT})


def fingerprint(found: os.stat_result) -> Fingerprint:
    """Size and modification time."""
    return Fingerprint(size=found.st_size, stamp=str(found.st_mtime_ns))


def is_of(found: os.stat_result, of: Fingerprint) -> bool:
    """Whether ``fingerprint(found)`` would be ``of``."""
    return found.st_size == of.size and str(found.st_mtime_ns) == of.stamp


class Record(NamedTuple):
    """``description`` is None if there is none or it is void; then ``damaged`` tells whether there is
    a record that is not what was written."""

    description: bytes | None
    damaged: bool = False


NO_RECORD: Final = Record(None)
_DAMAGED: Final = Record(None, damaged=True)


def wrap(of: Fingerprint, description: bytes) -> bytes:
    """The record to keep with bytes of that fingerprint. Unsupported beyond MAX_DESCRIPTION."""
    if len(description) > MAX_DESCRIPTION:
        raise Unsupported(f"a description of {len(description)} bytes")
    rest = _OF.pack(of.size, int(of.stamp), len(description)) + description
    return _HEAD.pack(_MAGIC, zlib.crc32(rest, zlib.crc32(_MAGIC))) + rest


def unwrap(record: bytes, of: Fingerprint) -> Record:
    """What a record tells of bytes of that fingerprint. Any one flipped bit is damage."""
    if record.startswith(_FIRST_MAGIC):
        return Record(_description(record[len(_FIRST_MAGIC) :], of))
    if len(record) < _HEAD.size + _OF.size:
        return _DAMAGED
    magic, crc = _HEAD.unpack_from(record)
    rest = record[_HEAD.size :]
    if magic != _MAGIC or crc != zlib.crc32(rest, zlib.crc32(_MAGIC)):
        return _DAMAGED
    return Record(_description(rest, of))


def _description(rest: bytes, of: Fingerprint) -> bytes | None:
    if len(rest) < _OF.size:
        return None
    size, time_ns, length = _OF.unpack_from(rest)
    description = rest[_OF.size :]
    if (size, str(time_ns), length) != (of.size, of.stamp, len(description)):
        return None
    return description


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

    def detach(self, file: int) -> None:
        """Remove the attribute; having none is no error. Raises OSError."""
        try:
            os.removexattr(file, ATTRIBUTE)
        except OSError as error:
            if error.errno not in {errno.ENODATA, errno.EOPNOTSUPP}:
                raise

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

    def read(self, file: int, of: Fingerprint) -> Record:
        """What is kept about an open file. Raises OSError."""
        found = NO_RECORD
        if self._extended:
            try:
                found = unwrap(os.getxattr(file, ATTRIBUTE), of)
            except OSError as error:
                if error.errno not in {errno.ENODATA, errno.EOPNOTSUPP}:
                    raise
        if found.description is not None:
            return found
        beside = self._beside(of)
        return found if beside == NO_RECORD else beside

    def forget(self, of: Fingerprint) -> None:
        """Remove the sidecar of bytes that are gone, if there is one. Never fails."""
        folder, name = _sidecar(of)
        try:
            os.unlink(f"about/{folder}/{name}", dir_fd=self._reserved)
        except OSError:  # mostly: there is none. Else it stays behind, void for all other bytes
            return

    def _beside(self, of: Fingerprint) -> Record:
        folder, name = _sidecar(of)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            file = os.open(f"about/{folder}/{name}", flags, dir_fd=self._reserved)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
                return NO_RECORD
            raise
        try:
            length = min(os.fstat(file).st_size, _LONGEST + 1)
            return unwrap(os.pread(file, length, 0), of)
        finally:
            os.close(file)

    def _folder(self, name: str, parent: int) -> int:
        make_directory(parent, name, 0o700)
        return os.open(name, READABLE_DIRECTORY, dir_fd=parent)


def _sidecar(of: Fingerprint) -> tuple[str, str]:
    # The low 8 bits of a stamp are the process's slot; those above it spread well.
    return f"{int(of.stamp) >> 8 & 0xFF:02x}", f"{of.stamp}-{of.size}"

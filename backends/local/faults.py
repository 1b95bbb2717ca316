"""``errno`` as the closed set of storage errors: the only place that knows both."""

import errno

from backends.errors import Denied, Full, NameRefused, NotFound, StorageError, Unavailable

ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE})
"""Nothing is there that could be an object: a parent is missing, a file or a symbolic link."""

# EILSEQ: how utf8only ZFS refuses a name. (FAT and NTFS say EINVAL, which may mean much else.)
_UNNAMEABLE = frozenset({errno.ENAMETOOLONG, errno.EILSEQ})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def translated(error: OSError, what: str) -> StorageError:
    """The storage error for ``error``; ``what`` was being done, for the message."""
    reason = f"{what}: {error.strerror or error}"
    number = error.errno
    if number in ABSENT:
        return NotFound(reason)
    if number in _FULL:
        return Full(reason)
    if number in _DENIED:
        return Denied(reason)
    if number in _UNNAMEABLE:
        return NameRefused(reason)
    return Unavailable(reason)

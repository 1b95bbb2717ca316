"""What is under a path, asked because others may have changed it. Everything blocks briefly."""

import errno
import fcntl
import os
import signal
import stat
import time

from backends.errors import Denied, NameRefused, NotFound
from backends.interface import Glance, Nature, Sight, Stored
from backends.local.attributes import NO_RECORD, Attributes, fingerprint
from backends.local.faults import ABSENT, translated
from backends.local.opening import Beneath

_SETTLED_NS = 2_000_000_000
_NO_NAME = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL})


def glanced(beneath: Beneath, path: str) -> Glance:
    """As ``Storage.glance``. Unavailable."""
    try:
        with beneath.parent(path) as (parent, last):
            found = os.stat(last, dir_fd=parent, follow_symlinks=False)
    except OSError as error:
        if error.errno in ABSENT | _NO_NAME:
            return Glance(nature=Nature.NOTHING)
        if error.errno in {errno.EACCES, errno.EPERM}:
            return Glance(nature=Nature.CLOSED)
        raise translated(error, f"look at {path!r}") from error
    if stat.S_ISREG(found.st_mode):
        return Glance(nature=Nature.BYTES, fingerprint=fingerprint(found))
    return Glance(nature=Nature.FOLDER if stat.S_ISDIR(found.st_mode) else Nature.OTHER)


def examined(beneath: Beneath, attributes: Attributes, path: str, *, closed: bool) -> Sight:
    """As ``Storage.examine``. Unavailable."""
    try:
        file, _ = beneath.open_file(path)
    except NotFound:
        # A socket cannot be opened, a pipe was and is none: neither is bytes.
        nature = glanced(beneath, path).nature
        return Sight(nature=Nature.NOTHING if nature is Nature.BYTES else nature)
    except (Denied, NameRefused):
        return Sight(nature=Nature.CLOSED)
    try:
        busy = _being_written(file, closed=closed)
        found = os.fstat(file)
        of = fingerprint(found)
        record = NO_RECORD if busy else attributes.read(file, of)
    except OSError as error:
        raise translated(error, f"look at {path!r}") from error
    finally:
        os.close(file)
    if busy:
        return Sight(nature=Nature.BUSY)
    stored = Stored(
        path=path,
        fingerprint=of,
        modified_ns=found.st_mtime_ns,
        description=record.description,
        description_damaged=record.damaged,
    )
    return Sight(nature=Nature.BYTES, stored=stored, touched_ns=found.st_ctime_ns)


def _being_written(file: int, *, closed: bool) -> bool:
    """Whether any process has the file open for writing.

    The kernel gives a read lease only if none has (fcntl(2), F_SETLEASE). It is given back at once: a
    writer that comes in between waits that long, and the signal which tells us so is one that is
    ignored unless somebody asks for it. Without the right to a lease (files of another user) only
    age tells: whoever writes a file changes it now and then.
    """
    try:
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except (OSError, AttributeError) as error:
        if isinstance(error, OSError) and error.errno == errno.EAGAIN:
            return True
        found = os.fstat(file)
        changed = max(found.st_mtime_ns, found.st_ctime_ns)
        return not closed and abs(time.time_ns() - changed) < _SETTLED_NS
    fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False

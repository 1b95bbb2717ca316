"""Opening the file. Neither connection has a busy handler: none may ever sleep on the loop."""

import os
from pathlib import Path

import apsw
import structlog
from apsw import Connection

from gateway.catalog.errors import CatalogDamaged, CatalogUnavailable
from gateway.catalog.sqlite import pages, wal
from gateway.catalog.sqlite.guard import Guard

FIXED = (3, 51, 3)
"""First SQLite without the WAL-reset bug, in which writers and checkpoints of several connections
can corrupt the file (https://sqlite.org/wal.html#walresetbug)."""

CHECKPOINT_PAGES = 4_000
"""Pages of 4 KiB in the WAL at which it is written back."""

_CACHE_KIB = 16_384
_STATEMENTS = 100
_WAL_KEPT = 64 * 1024 * 1024

_log = structlog.get_logger("s3front.catalog")


def library() -> tuple[int, ...]:
    """Version of the SQLite in use."""
    return tuple(int(part) for part in apsw.sqlite_lib_version().split("."))


def open_writer(path: Path, *, durable: bool, guard: Guard | None = None) -> Connection:
    """The connection of the committer thread; makes the file. Blocks.

    Raises apsw.Error, OSError; CatalogUnavailable if its pages cannot be compared with their
    checksums, CatalogDamaged if its head cannot be right, or if commits would be left out because its
    write-ahead log is damaged.

    Not durable is synchronous=NORMAL: a commit waits for no disk; after a power cut the last ones may
    be gone, but the file is whole. OFF would also save the syncs of a checkpoint, once for
    thousands of commits, at the price of the whole file.
    """
    # SQLite gives the WAL the permissions of the file.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    reserved = pages.reserved(path)
    if reserved is not None:
        _refuse_odd(reserved, path)
    _look_at_log(path, durable=durable)
    connection = _opened(path, guard, new=reserved is None)
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT}")
    return connection


def open_reader(path: Path, guard: Guard | None = None) -> Connection:
    """The connection for reads on the loop's thread; it cannot write. Raises apsw.Error, and as
    ``open_writer`` what is said of the pages."""
    # What a crash has left is the next writer's: it looks at it before SQLite does.
    left = len(wal.head_bytes(wal.log_of(path))) > 0
    connection = _opened(path, guard)
    if left:
        keep_log(connection)
    connection.execute("PRAGMA query_only = ON")
    return connection


def keep_log(connection: Connection) -> None:
    """Do not write the log back when this connection is closed, and let it lie."""
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)


def _look_at_log(path: Path, *, durable: bool) -> None:
    left_out = wal.left_out(wal.log_of(path))
    if left_out is None:
        return
    if durable:
        raise CatalogDamaged(
            f"the write-ahead log of {str(path)!r} is not what was written ({left_out}): what was "
            "committed after that would be lost. Look at the disk, then make a new catalog of what "
            "the stored bytes say of themselves: s3front rebuild"
        )
    _log.error(
        "the catalog's write-ahead log ends early: commits may be lost",
        at=left_out,
        cause="a power cut (with durability relaxed), or a damaged disk",
        fix="look with: s3front check",
    )


def _refuse_odd(reserved: int, path: Path) -> None:
    if reserved not in {0, pages.RESERVED_BYTES}:
        raise CatalogDamaged(f"the head of {str(path)!r} is not what was written")


def _require_checks(connection: Connection, path: Path) -> None:
    # Not by opening the file: its closing would free the locks of all connections of this process.
    reserved = pages.reserved_by(connection)
    _refuse_odd(reserved, path)
    if reserved and not pages.are_checked(connection):
        raise CatalogUnavailable(
            f"the pages of {str(path)!r} have checksums, which this apsw cannot compare: "
            "install the apsw that PyPI has (pip install --force-reinstall apsw)"
        )


def _opened(path: Path, guard: Guard | None, *, new: bool = False) -> Connection:
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_EXRESCODE
    connection = Connection(str(path), flags=flags, statementcachesize=_STATEMENTS)
    try:
        connection.set_busy_timeout(0)
        if new and connection.open_vfs == pages.CHECKING:
            pages.reserve(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        (guard or Guard(path)).watch(connection)
        # Only the committer writes pages back, with the lock between processes in its hands.
        connection.wal_autocheckpoint(0)
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        # Measured: with a mapping each commit of another connection costs the next read 30 µs more.
        connection.execute("PRAGMA mmap_size = 0")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA trusted_schema = OFF")
        _require_checks(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection

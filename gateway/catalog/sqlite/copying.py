"""A whole copy of the file while others write it, and whether such a copy can be trusted."""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import apsw
from apsw import Connection

from gateway.catalog.errors import CatalogUnavailable
from gateway.catalog.sqlite import wal
from gateway.catalog.sqlite.connection import keep_log, open_reader
from gateway.catalog.sqlite.schema import VERSION

_STEP_PAGES = 256
_BUSY_S = 5.0
_BUSY_PAUSE_S = 0.002

Progress = Callable[[int, int], None]
"""Called with pages copied and pages in all."""


class Stopped(Exception):
    """The copy was no longer wanted; nothing is left of it."""


def copy_online(
    source: Path,
    target: Path,
    *,
    stopped: Callable[[], bool] = lambda: False,
    progress: Progress = lambda _done, _all: None,
    paced: bool = True,
) -> None:
    """Copy the catalog at ``source``, as it is at one moment, to the new file ``target``, durably.

    Blocks, for as long as it takes; writers and readers of ``source`` go on meanwhile. ``paced``: it
    rests as long as it works. The copy is one file of its own, mode 0600. Raises Stopped, OSError, or
    CatalogUnavailable with the cause; then ``target`` is not there.
    """
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        _copy(source, target, stopped, progress, paced=paced)
        _sync(target)
    except apsw.Error as error:
        _discard(target)
        raise CatalogUnavailable(f"{str(source)!r} cannot be copied: {error}") from error
    except BaseException:
        _discard(target)
        raise


def trouble(path: Path) -> str | None:
    """What is wrong with the catalog at ``path``, None if it is whole. Reads all of it; blocks."""
    try:
        if not path.is_file():
            return "it is not there"
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_EXRESCODE
        with contextlib.closing(Connection(str(path), flags=flags)) as connection:
            if wal.head_bytes(wal.log_of(path)):
                keep_log(connection)
            connection.set_busy_timeout(int(_BUSY_S * 1000))
            found = connection.execute("PRAGMA integrity_check(1)").get
            if found != "ok":
                return str(found)
            schema = connection.execute("SELECT value FROM meta WHERE name = 'schema'").get
            if schema is None or schema > VERSION:
                return f"its schema is {schema}, this program knows up to {VERSION}"
    except (apsw.Error, OSError) as error:
        return str(error)
    return None


def _copy(
    source: Path,
    target: Path,
    stopped: Callable[[], bool],
    progress: Progress,
    *,
    paced: bool,
) -> None:
    if not source.is_file():  # SQLite would make it
        raise CatalogUnavailable(f"there is no catalog at {str(source)!r}")
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_EXRESCODE
    with (
        contextlib.closing(open_reader(source)) as reader,
        contextlib.closing(Connection(str(target), flags=flags)) as writer,
    ):
        writer.execute("PRAGMA synchronous = OFF")  # it is synchronised once, at the end
        # A backup begins anew when others have written, unless a transaction of its own connection
        # holds what it reads (https://sqlite.org/backup.html, "Concurrent usage").
        _hold(reader)
        with writer.backup("main", reader, "main") as backup:
            while not backup.done:
                if stopped():
                    raise Stopped
                began = time.monotonic()
                backup.step(_STEP_PAGES)
                progress(backup.page_count - backup.remaining, backup.page_count)
                if paced and not backup.done:
                    time.sleep(time.monotonic() - began)
        reader.execute("COMMIT")
        # The pages say that there is a WAL; a copy is one file.
        writer.execute("PRAGMA journal_mode = DELETE")


def _hold(reader: Connection) -> None:
    until = time.monotonic() + _BUSY_S
    while True:
        try:
            reader.execute("BEGIN; SELECT count(*) FROM sqlite_schema").fetchall()
        except apsw.BusyError:  # another process repairs the WAL after a crash
            if reader.in_transaction:
                reader.execute("ROLLBACK")
            if time.monotonic() > until:
                raise
            time.sleep(_BUSY_PAUSE_S)
        else:
            return


def _sync(file: Path) -> None:
    for path, flags in ((file, os.O_RDWR), (file.parent, os.O_RDONLY | os.O_DIRECTORY)):
        descriptor = os.open(path, flags | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _discard(target: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        Path(f"{target}{suffix}").unlink(missing_ok=True)

"""Giving checksums to the pages of a catalog that was made without."""

import contextlib
import os
from pathlib import Path

import apsw
from apsw import Connection

from gateway.catalog.errors import CatalogUnavailable
from gateway.catalog.sqlite import connection, pages, schema
from gateway.catalog.sqlite.failures import failure
from gateway.catalog.sqlite.generation import Generation
from gateway.catalog.sqlite.lock import FairLock

_SUFFIX = ".renewing"
_SEQUENCES = "sqlite_sequence"


def without_checksums(path: Path) -> bool:
    """Whether the pages of the catalog at ``path`` have no checksums. Raises OSError."""
    return pages.reserved(path) == 0


def renew(path: Path) -> None:
    """Copy all rows into a file whose pages have checksums, and put it in place of the old one.

    Blocks, some seconds for a million objects; it may be interrupted at any time. CatalogUnavailable
    if another process uses the catalog, or it cannot be read, or this apsw has no checksums.
    """
    if not pages.load():
        raise CatalogUnavailable("this apsw has no checksums: pip install --force-reinstall apsw")
    new = Path(f"{path}{_SUFFIX}")
    with contextlib.ExitStack() as held:
        try:
            held.callback(Generation(path, alone=True).close)
            lock = FairLock(path)
            held.callback(lock.close)
            held.enter_context(lock)
            new.unlink(missing_ok=True)
            _copy(path, new)
            new.replace(path)
            _sync(path.parent)
        except (OSError, apsw.Error) as error:
            raise failure("adding checksums", error) from error
        finally:
            new.unlink(missing_ok=True)


def _copy(path: Path, new: Path) -> None:
    with contextlib.closing(connection.open_writer(path, durable=True)) as old:
        schema.migrate(old)
        old.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with contextlib.closing(Connection(str(new), flags=apsw.SQLITE_OPEN_READWRITE)) as writer:
        pages.reserve(writer)
        writer.execute("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")
        schema.migrate(writer)
        writer.execute("ATTACH ? AS old", (str(path),))
        writer.execute("BEGIN")
        for (table,) in writer.execute(
            "SELECT name FROM old.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall():
            writer.execute(f'DELETE FROM main."{table}"')  # noqa: S608 - a name of the schema
            writer.execute(f'INSERT INTO main."{table}" SELECT * FROM old."{table}"')  # noqa: S608
        writer.execute(f"DELETE FROM main.{_SEQUENCES}")  # noqa: S608 - a constant
        writer.execute(f"INSERT INTO main.{_SEQUENCES} SELECT * FROM old.{_SEQUENCES}")  # noqa: S608
        writer.execute("COMMIT")
        writer.execute("DETACH old")
    _sync(new)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Opening a catalog: its lock, its connections, and what is refused."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import apsw
import structlog
from apsw import Connection

from gateway.catalog.errors import CatalogDamaged, CatalogError, CatalogUnavailable
from gateway.catalog.placing import Placing
from gateway.catalog.sqlite import connection, pages, schema, wal
from gateway.catalog.sqlite.failures import failure, is_damage
from gateway.catalog.sqlite.filesystem import refuse_network
from gateway.catalog.sqlite.generation import Generation
from gateway.catalog.sqlite.guard import Guard
from gateway.catalog.sqlite.ledger import Ledger
from gateway.catalog.sqlite.lock import FairLock

_log = structlog.get_logger("s3front.catalog")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a process has of an open catalog. Whoever opened it closes the lock, the ledger (which
    closes the generation) and the reader."""

    lock: FairLock
    ledger: Ledger
    reader: Connection


def open_files(
    path: Path,
    placings: Mapping[str, Placing],
    *,
    durable: bool,
    process: str,
    tell_doomed: Callable[[], None],
) -> Opened:
    """Make or migrate the file, and open it for writing and reading. Blocks.

    CatalogUnavailable, with cause and fix, if it cannot be used; then nothing is left open.
    """
    with contextlib.ExitStack() as undo:
        try:
            refuse_network(path)
            lock = FairLock(path)
            undo.callback(lock.close)
            generation = _shared(path)
            undo.callback(generation.close)
            with lock:
                guard = Guard(path)
                _refuse_known_damage(generation, guard)
                writer = connection.open_writer(path, durable=durable, guard=guard)
                undo.callback(writer.close)
                schema.migrate(writer)
                reader = connection.open_reader(path, guard)
                undo.callback(reader.close)
                _mark_checked(writer)
                generation.begin(buckets=True)
                generation.end(buckets=True)
        except (OSError, apsw.Error) as error:
            if is_damage(error):
                raise failure("opening it", error) from error
            raise CatalogUnavailable(f"{str(path)!r} cannot be opened: {error}") from error
        undo.pop_all()
    ledger = Ledger(writer, placings, generation, guard, process=process, tell_doomed=tell_doomed)
    return Opened(lock=lock, ledger=ledger, reader=reader)


def _shared(path: Path) -> Generation:
    library = connection.library()
    alone = library < connection.FIXED
    try:
        return Generation(path, alone=alone)
    except CatalogError as error:
        found, fixed = (".".join(map(str, v)) for v in (library, connection.FIXED))
        raise CatalogUnavailable(
            f"{error}, and SQLite {found} can corrupt a file that several processes write"
            f" (the WAL-reset bug, mended in {fixed}): run one worker, or upgrade apsw to"
            f" {fixed} or later"
            if alone
            else f"{error} alone, with a SQLite older than {fixed}: stop it, or upgrade its apsw"
        ) from None


def _refuse_known_damage(generation: Generation, guard: Guard) -> None:
    """What was found in this very log before a restart."""
    if generation.damaged_log:
        if generation.damaged_log == wal.salts_of(guard.log):
            raise CatalogDamaged(
                f"the write-ahead log {str(guard.log)!r} was found not to be what was written. Look at "
                "the disk, then make a new catalog of what the stored bytes say of themselves: "
                "s3front rebuild"
            )
        generation.damaged_log = 0


def _mark_checked(writer: Connection) -> None:
    """Remember that the pages have checksums: their head could be damaged so as to deny it."""
    marked = writer.execute("SELECT value FROM meta WHERE name = 'pages'").get == "checked"
    checked = pages.are_checked(writer)
    if checked and not marked:
        writer.execute("INSERT INTO meta VALUES('pages', 'checked')")
    elif marked and not checked:
        raise CatalogDamaged("the head of the catalog's file is not what was written")
    elif not checked and writer.open_vfs == pages.CHECKING:
        _log.warning(
            "the catalog's pages have no checksums: an earlier version made it",
            fix="stop the server and run: s3front check --repair",
        )

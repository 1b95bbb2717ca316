"""What was seen on storages behind a network, noted in a file beside the catalog that is made.

To list is cheap there, to ask each path what it says of itself is not. So both are noted, and a rebuild
that was interrupted, or killed, asks only where it had not. What was noted holds for a path as long as a
new listing tells the same size, state and time of it. Blocks, briefly.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from backends.interface import Fingerprint, Stored
from gateway.catalog.errors import CatalogUnavailable

_BATCH = 200
"""Notes in one transaction: as many are asked again after a kill."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS lying(
    storage TEXT NOT NULL,
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    stamp TEXT NOT NULL,
    modified_ns INTEGER NOT NULL,
    asked INTEGER NOT NULL DEFAULT 0,
    record BLOB,
    headers TEXT,
    run INTEGER NOT NULL,
    known INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY(storage, path)
) STRICT, WITHOUT ROWID;
"""
_SEE = """
INSERT INTO lying(storage, path, size, stamp, modified_ns, run) VALUES(?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT(storage, path) DO UPDATE SET run = ?6,
    asked = asked AND (size, stamp, modified_ns) = (?3, ?4, ?5),
    record = CASE WHEN (size, stamp, modified_ns) = (?3, ?4, ?5) THEN record END,
    size = ?3, stamp = ?4, modified_ns = ?5
"""
_TELL = (
    "UPDATE lying SET size = ?3, stamp = ?4, modified_ns = ?5, asked = 1, record = ?6, "
    "headers = ?7 "
    "WHERE storage = ?1 AND path = ?2"
)
_COLUMNS = "path, size, stamp, modified_ns, record, headers, asked"
_OF_PATH = f"SELECT {_COLUMNS} FROM lying WHERE storage = ? AND path = ? AND run = ?"  # noqa: S608
_WANTED = "FROM lying WHERE storage = ? AND run = ? AND (known != ? OR modified_ns >= ?)"
_PAGE = f"SELECT {_COLUMNS} {_WANTED} AND path > ? ORDER BY path LIMIT ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What lies under a path, and what it says of itself once it was ``asked``."""

    path: str
    fingerprint: Fingerprint
    modified_ns: int
    record: bytes | None = None
    headers: Mapping[str, str] | None = None
    asked: bool = False

    def stored(self) -> Stored:
        """The same as a storage tells it."""
        return Stored(
            path=self.path,
            fingerprint=self.fingerprint,
            modified_ns=self.modified_ns,
            description=self.record,
            headers=self.headers,
        )


class Sightings:
    """One run; what runs before it have noted is taken over where it still holds."""

    def __init__(self, file: Path) -> None:
        """Raises CatalogUnavailable."""
        self._file = file
        self._changes = 0
        try:
            self._connection, self._run = _opened(file)
        except apsw.Error:
            # Notes that cannot be read are worth nothing.
            _remove(file)
            with self._translated():
                self._connection, self._run = _opened(file)

    def see(self, storage: str, stored: Stored) -> None:
        """A listing tells of it."""
        of = stored.fingerprint
        at = (storage, stored.path, of.size, of.stamp, stored.modified_ns)
        self._note(_SEE, (*at, self._run))

    def tell(self, storage: str, stored: Stored) -> None:
        """It was asked what it says of itself."""
        of = stored.fingerprint
        at = (storage, stored.path, of.size, of.stamp, stored.modified_ns)
        headers = None if stored.headers is None else json.dumps(dict(stored.headers))
        self._note(_TELL, (*at, stored.description, headers))

    def lose(self, storage: str, path: str) -> None:
        """It is not there any more."""
        self._note("DELETE FROM lying WHERE storage = ? AND path = ?", (storage, path))

    def know(self, storage: str, path: str) -> None:
        """A row knows of it."""
        self._note(
            "UPDATE lying SET known = ? WHERE storage = ? AND path = ?", (self._run, storage, path)
        )

    def at(self, storage: str, path: str) -> Sighting | None:
        """What this run saw there."""
        with self._translated():
            row = self._connection.execute(_OF_PATH, (storage, path, self._run)).fetchone()
        return None if row is None else _sighting(row)

    def unknown(self, storage: str, since_ns: int) -> int:
        """How many there are of which no row knows, or that were changed since then."""
        with self._translated():
            found = self._connection.execute(
                f"SELECT count(*) {_WANTED}", self._of(storage, since_ns)
            )
            return int(found.get)

    def page(self, storage: str, since_ns: int, *, after: str, limit: int) -> Sequence[Sighting]:
        """Some of these, in the order of their paths."""
        with self._translated():
            rows = self._connection.execute(_PAGE, (*self._of(storage, since_ns), after, limit))
            return [_sighting(row) for row in rows]

    def close(self, *, finished: bool) -> None:
        """Keep what was noted for the next run, unless this one is ``finished``."""
        with self._translated():
            self._connection.execute("COMMIT")
            self._connection.close()
        if finished:
            _remove(self._file)

    def _of(self, storage: str, since_ns: int) -> tuple[str, int, int, int]:
        return storage, self._run, self._run, since_ns

    def _note(self, statement: str, bindings: tuple[object, ...]) -> None:
        with self._translated():
            self._connection.execute(statement, bindings)
            self._changes += 1
            if self._changes % _BATCH == 0:
                self._connection.execute("COMMIT; BEGIN")

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            raise CatalogUnavailable(f"{str(self._file)!r} cannot be written: {error}") from error


def _opened(file: Path) -> tuple[apsw.Connection, int]:
    """The notes, and the number of the run that begins now."""
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_EXRESCODE
    connection = apsw.Connection(str(file), flags=flags)
    # A kill leaves it whole; a power cut costs no more than asking again.
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF")
    connection.execute(_SCHEMA)
    run = int(connection.execute("PRAGMA user_version").get) + 1
    connection.execute(f"PRAGMA user_version = {run}; BEGIN")
    return connection, run


def _remove(file: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{file}{suffix}").unlink(missing_ok=True)


def _sighting(row: tuple[Any, ...]) -> Sighting:
    path, size, stamp, modified_ns, record, headers, asked = row
    return Sighting(
        path=path,
        fingerprint=Fingerprint(size=size, stamp=stamp),
        modified_ns=modified_ns,
        record=record,
        headers=None if headers is None else json.loads(headers),
        asked=bool(asked),
    )

"""Who has which room of a cache: rows in SQLite that several processes share. Everything here blocks.

A row is there before its file is, and until its file is gone. All changes are transactions of
``BEGIN IMMEDIATE``: one process after the other.
"""

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw

from backends.cache.naming import Block

_BUSY_MS = 2_000
_LOOK_S = 0.0005
_CHECKPOINT_PAGES = 200
_WAL_BYTES = 1024 * 1024
_SLOTS = 4096
_VICTIMS = 512
_NEVER = 2**63 - 1

_SCHEMA = """
CREATE TABLE blocks (
    name BLOB PRIMARY KEY, path BLOB NOT NULL, bytes INTEGER NOT NULL, seen INTEGER NOT NULL,
    often INTEGER NOT NULL, whole INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX blocks_by_path ON blocks (path);
CREATE INDEX blocks_by_age ON blocks (seen) WHERE whole;
CREATE TABLE total (bytes INTEGER NOT NULL) STRICT;
INSERT INTO total VALUES (0);
CREATE TRIGGER more AFTER INSERT ON blocks BEGIN UPDATE total SET bytes = bytes + new.bytes; END;
CREATE TRIGGER less AFTER DELETE ON blocks BEGIN UPDATE total SET bytes = bytes - old.bytes; END;
CREATE TABLE dropped (slot INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;
CREATE TABLE boot (id TEXT NOT NULL) STRICT;
PRAGMA user_version = 1;
"""


class Displaced(OSError):
    """The file of an index is not in its place any more: somebody removed it, or made another."""


class Index:
    """One connection; whoever uses it from several threads lets in one at a time."""

    def __init__(self, file: Path, *, make: bool = True) -> None:
        """Open it; made if it is not there, or Displaced. Raises apsw.Error, OSError."""
        if make:
            _make(file)
        self._file = file
        self._identity = _identity(file)
        self._turn = _opened(file.with_name("turn"))
        self._connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            with self._having_the_turn():
                self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        self._connection.set_busy_timeout(_BUSY_MS)
        for pragma in (
            "journal_mode = WAL",
            "synchronous = NORMAL",
            f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
            f"journal_size_limit = {_WAL_BYTES}",
        ):
            self._rows(f"PRAGMA {pragma}")
        if self._number("PRAGMA user_version") == 0:
            self._connection.execute(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT")
        self._connection.execute(
            "CREATE INDEX IF NOT EXISTS blocks_unfinished ON blocks (seen) WHERE NOT whole"
        )
        self.total()

    def close(self) -> None:
        self._connection.close()
        os.close(self._turn)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Nobody else changes anything meanwhile. Raises apsw.Error, Displaced, TimeoutError."""
        with self._having_the_turn():
            if _identity(self._file) != self._identity:
                raise Displaced(f"another index than the one in use is at {str(self._file)!r}")
            with self._begun():
                yield

    @contextmanager
    def _having_the_turn(self) -> Iterator[None]:
        """Nobody else even looks. SQLite would let many look while one changes: then its log is seldom
        written back to the end, and grows."""
        until = time.monotonic() + _BUSY_MS / 1000
        while True:
            try:
                fcntl.flock(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise TimeoutError("another process does not let go of the index") from None
                time.sleep(_LOOK_S)
        try:
            yield
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    @contextmanager
    def _begun(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            # What ended it, such as a full disk, may have rolled it back already.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    # Within a transaction

    def total(self) -> int:
        """What all rows have together."""
        return self._number("SELECT bytes FROM total")

    def state(self, name: bytes) -> bool | None:
        """Whether its file was finished; None if it has no row."""
        row = self._connection.execute(
            "SELECT whole FROM blocks WHERE name = ?", (name,)
        ).fetchone()
        return None if row is None else bool(row[0])

    def reserve(self, block: Block, size: int, seen: int, often: int) -> None:
        """A row for a file that is about to be made, in place of one whose file is gone."""
        self._connection.execute(
            "INSERT INTO blocks VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT (name) DO UPDATE SET whole = 0",
            (block.name, block.path, size, seen, often),
        )

    def finish(self, name: bytes) -> None:
        """Its file is there."""
        self._connection.execute("UPDATE blocks SET whole = 1 WHERE name = ?", (name,))

    def free(self, name: bytes) -> None:
        """Its file is gone."""
        self._connection.execute("DELETE FROM blocks WHERE name = ?", (name,))

    def touch(self, touched: Mapping[bytes, int], seen: int) -> None:
        """These were read, so often of late."""
        self._connection.executemany(
            "UPDATE blocks SET seen = ?, often = ? WHERE name = ?",
            [(seen, often, name) for name, often in touched.items()],
        )

    def oldest(self, needed: int) -> Sequence[bytes]:
        """Blocks that nobody read for longest, whose room is enough; or as many of them as go at a time."""
        chosen: list[bytes] = []
        for name, size, _ in self._oldest():
            if needed <= 0:
                break
            chosen.append(name)
            needed -= size
        return chosen

    def victims(self, needed: int, may_go: Callable[[bytes, int], bool]) -> Sequence[bytes] | None:
        """Blocks whose room is enough, those first that nobody read for longest. None if it would take one
        that may not go, by its name and how often it was read, or too many."""
        chosen: list[bytes] = []
        found = 0
        for name, size, often in self._oldest():
            if found >= needed:
                break
            if not may_go(name, often):
                self._connection.execute(
                    "UPDATE blocks SET often = often / 2 WHERE name = ?", (name,)
                )
                return None
            chosen.append(name)
            found += size
        return chosen if found >= needed else None

    def _oldest(self) -> list[tuple[Any, ...]]:
        return self._rows(
            "SELECT name, bytes, often FROM blocks WHERE whole ORDER BY seen LIMIT ?", _VICTIMS
        )

    def of_path(self, path: bytes) -> Sequence[tuple[bytes, bool]]:
        """All blocks of a path, and whether their files were finished."""
        rows = self._rows("SELECT name, whole FROM blocks WHERE path = ?", path)
        return [(name, bool(whole)) for name, whole in rows]

    def unfinished(self, before: int | None = None) -> Sequence[bytes]:
        """Blocks whose files somebody makes, or died over; those that were begun before a moment, if one
        is given."""
        query = "SELECT name FROM blocks WHERE NOT whole AND seen < ?"
        return [name for (name,) in self._rows(query, _NEVER if before is None else before)]

    def drop(self, path: bytes, at: int) -> None:
        """Note that what was read of a path before the moment ``at`` is not to be kept."""
        self._connection.execute("REPLACE INTO dropped VALUES (?, ?)", (_slot(path), at))

    def dropped(self, path: bytes) -> int:
        """When the path, or one of the few that share its slot, was dropped last."""
        rows = self._rows("SELECT at FROM dropped WHERE slot = ?", _slot(path))
        return int(rows[0][0]) if rows else 0

    def boot(self) -> str:
        """Of the system, when ``set_boot`` was called; "" if it never was."""
        rows = self._rows("SELECT id FROM boot")
        return str(rows[0][0]) if rows else ""

    def set_boot(self, id: str) -> None:
        """Moments of another boot mean nothing any more."""
        self._connection.execute("DELETE FROM boot; DELETE FROM dropped")
        self._connection.execute("INSERT INTO boot VALUES (?)", (id,))

    def _number(self, query: str) -> int:
        return int(self._rows(query)[0][0])

    def _rows(self, query: str, *given: bytes | int) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, given).fetchall()


def _make(file: Path) -> None:
    """With the permissions that SQLite then gives its log. One that is there is not opened: closing it
    would let go of all locks that connections of this process have on it."""
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _identity(file: Path) -> tuple[int, int]:
    """Tells a file from all others that are there. Displaced if there is none, or a link."""
    try:
        found = file.lstat()
    except FileNotFoundError:
        raise Displaced(f"no index is at {str(file)!r}") from None
    if not stat.S_ISREG(found.st_mode):
        raise Displaced(f"no index is at {str(file)!r}, but something else")
    return found.st_dev, found.st_ino


def _opened(file: Path) -> int:
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _slot(path: bytes) -> int:
    return int.from_bytes(path[:4], "little") % _SLOTS

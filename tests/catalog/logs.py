"""Write-ahead logs to damage: a file that connections of the catalog write, and what they know of it."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from apsw import Connection

from gateway.catalog.sqlite import connection, wal
from gateway.catalog.sqlite.guard import Guard

FRAME_BYTES = wal.FRAME_HEAD_BYTES + 4096


@dataclass(slots=True, kw_only=True)
class Table:
    """A file with rows of 300 letters, all of them in its log."""

    path: Path
    writer: Connection
    guard: Guard

    @property
    def log(self) -> Path:
        return wal.log_of(self.path)

    def put(self, *numbers: int) -> None:
        """One transaction that writes new letters into these rows."""
        with self.writer:
            for number in numbers:
                self.writer.execute(
                    "INSERT OR REPLACE INTO rows VALUES(?, ?)", (number, os.urandom(150).hex())
                )

    def frames(self) -> int:
        return wal.committed(self.writer)

    def left(self, folder: Path) -> Path:
        """A copy as the end of all processes leaves it."""
        folder.mkdir(exist_ok=True)
        copy = folder / self.path.name
        copy.with_name(f"{copy.name}-shm").unlink(missing_ok=True)
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{self.path}{suffix}", f"{copy}{suffix}")
        return copy


@contextlib.contextmanager
def table(path: Path) -> Iterator[Table]:
    guard = Guard(path)
    with contextlib.closing(connection.open_writer(path, durable=True, guard=guard)) as writer:
        writer.execute("CREATE TABLE rows(number INTEGER PRIMARY KEY, letters)")
        yield Table(path=path, writer=writer, guard=guard)


def rows(reader: Connection) -> list[tuple[int, str]]:
    """All of them. Raises apsw.Error."""
    found = reader.execute("SELECT number, letters FROM rows")
    return [(int(number), str(letters)) for number, letters in found]


def frame_at(number: int, byte: int) -> int:
    """Where in the log a byte of a frame is; its page begins at byte 24."""
    return wal.HEAD_BYTES + (number - 1) * FRAME_BYTES + byte


def pages_of(log: Path) -> list[int]:
    """The page that each frame holds."""
    data = log.read_bytes()
    starts = range(wal.HEAD_BYTES, len(data), FRAME_BYTES)
    return [int.from_bytes(data[at : at + 4]) for at in starts]

"""Reading all of the file, to see whether it is what was written to it."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import apsw
from apsw import Connection

from gateway.catalog.sqlite import connection, wal
from gateway.catalog.sqlite.failures import failure

_MOST = 100
_SOUND = "ok"


def problems(path: Path) -> Sequence[str]:
    """What is wrong with the file, a sentence each, at most a hundred.

    All pages but free ones are read and compared with their checksums, all indexes with their
    tables, all frames of the write-ahead log with theirs. Blocks for as long as that takes (a second or two for a million objects) over a
    connection of its own; nobody waits for it, but the WAL grows meanwhile. CatalogUnavailable if
    it cannot be looked at.
    """
    frames: list[str] = []
    try:
        with contextlib.closing(connection.open_reader(path)) as reader:
            frames = _wrong_frames(path, reader)
            found = [str(row[0]) for row in reader.execute(f"PRAGMA integrity_check({_MOST})")]
    except apsw.BusyError as error:
        raise failure("the check", error) from error
    except apsw.Error as error:
        return [*frames, f"a page is not what was written: {error}"][:_MOST]
    return [*frames, *([] if found == [_SOUND] else found)][:_MOST]


def _wrong_frames(path: Path, reader: Connection) -> list[str]:
    log = wal.log_of(path)
    while True:
        head = wal.head_bytes(log)
        wrong = wal.wrong_frames(log, wal.committed(reader))
        if wal.head_bytes(log) == head:
            break
        # It was begun anew meanwhile, over the frames that were compared.
    return [
        f"frame {number} of the write-ahead log is not what was written"
        if number
        else "the head of the write-ahead log is not what was written"
        for number in wrong
    ]

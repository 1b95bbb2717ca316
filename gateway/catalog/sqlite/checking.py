"""Reading all of the file, to see whether it is what was written to it."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import apsw

from gateway.catalog.sqlite import connection
from gateway.catalog.sqlite.failures import failure

_MOST = 100
_SOUND = "ok"


def problems(path: Path) -> Sequence[str]:
    """What is wrong with the file, a sentence each, at most a hundred.

    All pages but free ones are read and compared with their checksums, all indexes with their
    tables. Blocks for as long as that takes (a second or two for a million objects) over a
    connection of its own; nobody waits for it, but the WAL grows meanwhile. CatalogUnavailable if
    it cannot be looked at.
    """
    try:
        with contextlib.closing(connection.open_reader(path)) as reader:
            found = [str(row[0]) for row in reader.execute(f"PRAGMA integrity_check({_MOST})")]
    except apsw.BusyError as error:
        raise failure("the check", error) from error
    except apsw.Error as error:
        return [f"a page is not what was written: {error}"]
    return [] if found == [_SOUND] else found

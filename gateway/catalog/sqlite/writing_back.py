"""Copying the write-ahead log into the file: only what is what was written."""

import apsw
import structlog

from gateway.catalog.errors import CatalogDamaged
from gateway.catalog.sqlite import wal
from gateway.catalog.sqlite.connection import keep_log
from gateway.catalog.sqlite.ledger import Ledger

_log = structlog.get_logger("s3front.catalog")


def write_back(ledger: Ledger, *, mode: int) -> None:
    """Copy what is committed into the file, if all that is to be copied is what was written.

    The caller has the catalog's lock and no transaction. CatalogDamaged: nothing was copied, and the
    log is noted as damaged. Blocks. Raises apsw.Error, OSError.
    """
    _compare(ledger)
    with ledger.guard.lifted(ledger.connection):
        ledger.connection.wal_checkpoint(mode=mode)


def close(ledger: Ledger) -> None:
    """Close the connection. As the last of all it writes the log back and removes it, unless that is
    not what was written: then it stays, as evidence and for a copy of the catalog. Blocks.

    The caller has the catalog's lock.
    """
    try:
        ledger.refuse_damage()
        _compare(ledger)
    except CatalogDamaged as error:
        _log.error("the write-ahead log is not written back", cause=str(error))
        keep_log(ledger.connection)
    except (apsw.Error, OSError) as error:  # then it is compared page by page
        _log.warning("the write-ahead log could not be looked at", cause=str(error))
    ledger.close()


def _compare(ledger: Ledger) -> None:
    frames = wal.committed(ledger.connection)
    wrong = wal.wrong_frames(ledger.guard.log, frames, superseded=False)
    if wrong:
        ledger.guard.found(wrong[0])
        ledger.refuse_damage()

"""What was seen on storages that no transaction can look at, held against what is known by now.

A path that we have written or cleared since may have held bytes of ours when it was looked at. While
that goes on it has a row in ``remote_paths``. When such a row goes because nothing of ours is there any
more, the path is noted here under a number that grows; whoever looked before that looks again. The last
of these notes are kept: who looked before the first of them, too, looks again. Time decides nothing.
"""

from apsw import Connection

from backends.interface import RESERVED
from gateway.catalog.outside import Adoption, Standing
from gateway.catalog.records import Version
from gateway.catalog.sqlite.ledger import Transaction

_MOST_KEPT = 10_000
_OURS = f"{RESERVED}/"

_FREED = "SELECT coalesce(max(number), 0) FROM freed_paths"
_OWNED = (
    "SELECT 1 FROM remote_paths WHERE storage = ?1 AND claim = ?2 "
    "UNION ALL SELECT 1 FROM locations WHERE storage = ?1 AND claim = ?2 LIMIT 1"
)
_FREED_SINCE = (
    "SELECT 1 FROM freed_paths WHERE storage = ?1 AND claim = ?2 AND number > ?3 "
    "UNION ALL SELECT 1 WHERE ?3 < (SELECT min(number) - 1 FROM freed_paths) LIMIT 1"
)


def freed(reader: Connection) -> int:
    """As ``Catalog.freed``. Raises apsw.Error."""
    return int(reader.execute(_FREED).get)


def is_owned(reader: Connection, storage: str, claim: str | None, since: int | None) -> bool:
    """Whether a path is being written or cleared, or has been freed ``since``. Raises apsw.Error."""
    at = (storage, claim)
    if reader.execute(_OWNED, at).fetchone() is not None:
        return True
    return since is not None and reader.execute(_FREED_SINCE, (*at, since)).fetchone() is not None


def note_freed(transaction: Transaction, storage: str, claim: str, path: str) -> None:
    """Nothing of ours is at the path any more, and nobody owns it."""
    if path.startswith(_OURS):
        return  # nobody looks there
    transaction.execute("INSERT INTO freed_paths(storage, claim) VALUES(?, ?)", (storage, claim))
    number = transaction.ledger.connection.last_insert_rowid()
    transaction.execute("DELETE FROM freed_paths WHERE number <= ?", (number - _MOST_KEPT,))


def is_as_it_was(now: Version | None, before: Standing) -> bool:
    """Whether the row is still the one of that standing."""
    known = before.version
    if now is None or known is None:
        return now is known
    return (now.sequence, now.location) == (known.sequence, known.location)


def refusal(
    transaction: Transaction, storage: str, claim: str, before: Standing
) -> Adoption | None:
    """Why what was seen under a path without a row is not to be believed; None if it is."""
    if transaction.row(_OWNED, (storage, claim)) is not None:
        return Adoption.OURS
    if transaction.row(_FREED_SINCE, (storage, claim, before.freed)) is not None:
        return Adoption.GONE
    return None

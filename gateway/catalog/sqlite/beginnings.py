"""What may have been begun in parts on storages without Can.STAGE, and whose id nobody knows.

The storage tells of such an upload only its path and when it was begun. It is noted here when the intent
that owned the path ends without the storage's answer; those of others have no such note. The last of the
notes are kept: what is forgotten stays on the storage.
"""

from apsw import Connection

from gateway.catalog.sqlite.ledger import Transaction

_MOST_KEPT = 100_000

LOOK_UP = (
    "SELECT 1 FROM beginnings WHERE storage = ? AND path = ? AND begun_ns BETWEEN ? AND ? LIMIT 1"
)


def note(transaction: Transaction, which: str, bindings: tuple[object, ...]) -> None:
    """Those rows of ``remote_paths`` may be of something begun in parts. ``which``: a condition."""
    noted = transaction.changed(
        "INSERT INTO beginnings(storage, path, begun_ns) SELECT storage, path, begins_ns "  # noqa: S608
        f"FROM remote_paths WHERE begins_ns IS NOT NULL AND {which}",
        bindings,
    )
    if noted:
        number = transaction.ledger.connection.last_insert_rowid()
        transaction.execute("DELETE FROM beginnings WHERE number <= ?", (number - _MOST_KEPT,))


def may_be_ours(reader: Connection, storage: str, path: str, from_ns: int, to_ns: int) -> bool:
    """As ``Catalog.may_have_begun``. Raises apsw.Error."""
    return reader.execute(LOOK_UP, (storage, path, from_ns, to_ns)).fetchone() is not None


def forget(transaction: Transaction, before_ns: int, limit: int) -> int:
    """Drop up to ``limit`` of the notes of before that time; returns how many."""
    return transaction.changed(
        "DELETE FROM beginnings WHERE number IN "
        "(SELECT number FROM beginnings WHERE begun_ns < ? LIMIT ?)",
        (before_ns, limit),
    )

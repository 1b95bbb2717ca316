"""Objects whose bytes are gone: out of sight, with all that was known of them kept."""

import math
from collections.abc import Mapping
from typing import Any

from apsw import Connection

from backends.interface import Nature
from gateway.catalog.errors import TooManyMissing
from gateway.catalog.outside import Absence, MissingLimit, Standing
from gateway.catalog.placing import Placing
from gateway.catalog.records import Bucket, Location, Version
from gateway.catalog.sqlite.comparing import is_as_it_was
from gateway.catalog.sqlite.encoding import VERSION_COLUMNS, location_of, version_of
from gateway.catalog.sqlite.ledger import Transaction

_OF_KEY = "WHERE bucket_id = ? AND key = ?"
_LOOK_UP = f"SELECT {VERSION_COLUMNS} FROM missing {_OF_KEY}"  # noqa: S608 - constants
_LOOK_UP_CURRENT = f"SELECT {VERSION_COLUMNS} FROM objects {_OF_KEY}"  # noqa: S608
MOVE = (
    f"INSERT OR REPLACE INTO missing(bucket_id, key, {VERSION_COLUMNS}, missing_ns) "  # noqa: S608
    f"SELECT bucket_id, key, {VERSION_COLUMNS}, ? FROM objects {_OF_KEY}"
)
"""Takes the time, the bucket's id and the key; the current row is then to be deleted."""
_PIECE = 1_000
_MOST_COUNTED = 10_000_000


def get(reader: Connection, bucket: Bucket, key: str) -> Version | None:
    """As ``Catalog.missing``. Raises apsw.Error."""
    row = reader.execute(_LOOK_UP, (bucket.id, key.encode())).fetchone()
    return None if row is None else version_of(bucket.name, key, row)


def row_of_missing(transaction: Transaction, bucket_id: int, key: bytes) -> tuple[Any, ...] | None:
    """A row of VERSION_COLUMNS."""
    return transaction.row(_LOOK_UP, (bucket_id, key))


def drop(transaction: Transaction, bucket_id: int, key: bytes) -> None:
    """Whoever writes or deletes the key has decided what becomes of it."""
    transaction.execute("DELETE FROM missing WHERE bucket_id = ? AND key = ?", (bucket_id, key))


def drop_bucket(transaction: Transaction, bucket_id: int) -> None:
    """Forget those of a deleted bucket, in pieces."""
    some = transaction.changed(
        "DELETE FROM missing WHERE bucket_id = ?1 AND key IN "
        "(SELECT key FROM missing WHERE bucket_id = ?1 LIMIT ?2)",
        (bucket_id, _PIECE),
    )
    if some == _PIECE:
        transaction.later(lambda next: drop_bucket(next, bucket_id))


def mark(
    transaction: Transaction,
    bucket: Bucket,
    keys: tuple[str, ...],
    *,
    limit: MissingLimit,
    now_ns: int,
    expected: int,
    standings: Mapping[str, Standing] | None,
) -> list[Absence]:
    """As ``Catalog.mark_missing``."""
    transaction.require(bucket)
    outcomes = [
        _mark(transaction, bucket, key, now_ns, None if standings is None else standings[key])
        for key in keys
    ]
    if Absence.MISSING in outcomes:
        _refuse_too_many(transaction, bucket, limit, now_ns, expected)
    return outcomes


def _mark(
    transaction: Transaction, bucket: Bucket, key: str, now_ns: int, before: Standing | None
) -> Absence:
    at = (bucket.id, key.encode())
    row = transaction.row(_LOOK_UP_CURRENT, at)
    if row is None:
        return Absence.NO_OBJECT
    location = location_of(bucket.name, key, row)
    placing = transaction.ledger.placing(location.storage)
    if placing is None:
        return Absence.THERE
    if location.storage in transaction.ledger.remote:
        if before is None or not is_as_it_was(version_of(bucket.name, key, row), before):
            return Absence.THERE
    elif _is_there(transaction, placing, location) or not placing.certain():
        return Absence.THERE
    transaction.execute(MOVE, (now_ns, *at))
    transaction.execute(f"DELETE FROM objects {_OF_KEY}", at)  # noqa: S608 - a constant
    return Absence.MISSING


def _is_there(transaction: Transaction, placing: Placing, location: Location) -> bool:
    glance = placing.glance(location.path)
    if glance.nature in {Nature.BYTES, Nature.CLOSED}:
        return True
    staged = location.staged
    if staged is None or placing.glance_staged(staged).fingerprint != location.fingerprint:
        return False
    if glance.nature is Nature.NOTHING:
        # Left unplaced: a crash, or something was in the way.
        path = location.path
        transaction.after_commit(lambda: _place(placing, staged, path))
    return True


def _place(placing: Placing, staged: str, path: str) -> None:
    if placing.prepare(path):
        placing.place(staged, path)


def _refuse_too_many(
    transaction: Transaction, bucket: Bucket, limit: MissingLimit, now_ns: int, expected: int
) -> None:
    recent = _count(
        transaction,
        "SELECT 1 FROM missing WHERE bucket_id = ? AND missing_ns > ? LIMIT ?",
        (bucket.id, now_ns - limit.window_ns, _MOST_COUNTED),
    )
    gone = max(recent, expected)
    if gone <= limit.count:
        return
    # Of all there were, gone is no more than its share if at least so many are left.
    enough = math.ceil(gone / limit.share) - recent if limit.share > 0 else _MOST_COUNTED
    left = _count(
        transaction, "SELECT 1 FROM objects WHERE bucket_id = ? LIMIT ?", (bucket.id, enough)
    )
    if left < enough:
        raise TooManyMissing(bucket.name, gone)


def _count(transaction: Transaction, rows: str, bindings: tuple[Any, ...]) -> int:
    found = transaction.row(f"SELECT count(*) FROM ({rows})", bindings)  # noqa: S608 - constants
    return 0 if found is None else int(found[0])


def forget(transaction: Transaction, before_ns: int, most: int) -> int:
    """As ``Catalog.forget_missing``, a bounded number of them."""
    return transaction.changed(
        "DELETE FROM missing WHERE (bucket_id, key) IN (SELECT bucket_id, key FROM missing "
        "WHERE missing_ns < ? AND staged IS NULL AND facts IS NULL LIMIT ?)",
        (before_ns, most),
    )

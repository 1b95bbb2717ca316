"""Buckets: rows, and the cache of them that the generation guards."""

from collections.abc import Sequence
from typing import Any

from apsw import Connection

from backends.errors import Unsupported
from backends.interface import Nature
from gateway.catalog.errors import BucketExists, BucketNotEmpty, NoSuchBucket
from gateway.catalog.records import Bucket
from gateway.catalog.sqlite import locations, missing, uploads
from gateway.catalog.sqlite.generation import Generation
from gateway.catalog.sqlite.ledger import Transaction

COLUMNS = "b.id, b.name, b.created_ns, b.region, b.storage, b.generation, b.indexes, b.indexed"
_MOST_CACHED = 4_096
_LOOK_UP = f"SELECT {COLUMNS} FROM buckets b WHERE b.name = ?"  # noqa: S608 - constants
_PAGE = (
    f"SELECT {COLUMNS} FROM buckets b "  # noqa: S608 - constants
    "WHERE b.name > ? AND b.name >= ? AND b.name < ? ORDER BY b.name LIMIT ?"
)


def bucket_of(row: tuple[Any, ...]) -> Bucket:
    """The bucket that a row of COLUMNS tells."""
    id, name, created_ns, region, storage, generation, indexes, indexed = row
    return Bucket(
        id=id,
        name=name,
        created_ns=created_ns,
        region=region,
        storage=storage,
        generation=generation,
        indexes=bool(indexes),
        indexed=bool(indexed),
    )


class BucketCache:
    """Buckets by name, as true as a look-up: the generation is compared at each question."""

    def __init__(self, generation: Generation) -> None:
        self._generation = generation
        self._as_of: int | None = None
        self._buckets: dict[str, Bucket] = {}

    def get(self, reader: Connection, name: str) -> Bucket:
        """Raises NoSuchBucket, apsw.Error."""
        now = self._generation.of_buckets()
        if now is None or now != self._as_of:
            self._buckets.clear()
            self._as_of = now
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = look_up(reader, name)
            if now is not None and len(self._buckets) < _MOST_CACHED:
                self._buckets[name] = bucket
        return bucket


def look_up(reader: Connection, name: str) -> Bucket:
    """Raises NoSuchBucket, apsw.Error."""
    row = reader.execute(_LOOK_UP, (name,)).fetchone()
    if row is None:
        raise NoSuchBucket(name)
    return bucket_of(row)


def page(reader: Connection, prefix: str, after: str, limit: int) -> Sequence[Bucket]:
    """As ``Catalog.buckets``."""
    rows = reader.execute(_PAGE, (after, prefix, f"{prefix}\U0010ffff", limit))
    return [bucket_of(row) for row in rows]


def create(
    transaction: Transaction,
    name: str,
    region: str,
    storage: str,
    now_ns: int,
    *,
    indexed: bool = False,
) -> Bucket:
    """As ``Catalog.create_bucket``; its folder is made after the commit. storage.Unavailable if the
    storage is not itself now."""
    if transaction.row("SELECT 1 FROM buckets WHERE name = ?", (name,)) is not None:
        raise BucketExists(name)
    placing = transaction.ledger.placing(storage)
    if placing is not None:
        placing.check()
    transaction.ledger.changes_buckets = True
    transaction.execute(
        "INSERT INTO buckets(name, created_ns, region, storage, indexed) VALUES(?, ?, ?, ?, ?)",
        (name, now_ns, region, storage, indexed),
    )
    locations.spare_folder(transaction, storage, name)
    if placing is not None:

        def make() -> None:
            # A storage without folders has none to make.
            try:
                placing.make_folder(name)
            except Unsupported:
                return

        transaction.after_commit(make)
    return Bucket(
        id=transaction.ledger.connection.last_insert_rowid(),
        name=name,
        created_ns=now_ns,
        region=region,
        storage=storage,
        indexed=indexed,
    )


def set_indexing(transaction: Transaction, name: str, *, indexes: bool) -> None:
    """As ``Catalog.set_indexing``."""
    changed = transaction.changed(
        "UPDATE buckets SET indexes = ?1, indexed = indexed AND ?1, generation = generation + 1 "
        "WHERE name = ?2 AND indexes != ?1",
        (indexes, name),
    )
    if changed:
        transaction.ledger.changes_buckets = True


def set_indexed(transaction: Transaction, bucket: Bucket) -> None:
    """As ``Catalog.set_indexed``."""
    transaction.require(bucket)
    transaction.ledger.changes_buckets = True
    transaction.execute(
        "UPDATE buckets SET indexed = 1, generation = generation + 1 WHERE id = ? AND indexes",
        (bucket.id,),
    )


def adopt(transaction: Transaction, name: str, region: str, storage: str, now_ns: int) -> bool:
    """As ``Catalog.adopt_bucket``: under the lock under which a deleted bucket's folder goes."""
    placing = transaction.ledger.placing(storage)
    if placing is None or placing.glance(name).nature is not Nature.FOLDER:
        return False
    if locations.folder_is_doomed(transaction, storage, name):
        return False
    try:
        create(transaction, name, region, storage, now_ns)
    except BucketExists:
        return False
    return True


def delete(transaction: Transaction, name: str) -> None:
    """As ``Catalog.delete_bucket``; its folder is dropped after the commit."""
    row = transaction.row("SELECT id, storage FROM buckets WHERE name = ?", (name,))
    if row is None:
        raise NoSuchBucket(name)
    id, storage = row
    if transaction.row(
        "SELECT 1 WHERE EXISTS(SELECT 1 FROM objects WHERE bucket_id = ?1) "
        "OR EXISTS(SELECT 1 FROM versions WHERE bucket_id = ?1)",
        (id,),
    ):
        raise BucketNotEmpty(name)
    ledger = transaction.ledger
    ledger.changes_buckets = True
    transaction.execute("DELETE FROM buckets WHERE id = ?", (id,))
    ledger.buckets.pop(id, None)
    uploads.abandon(transaction, id)
    missing.drop_bucket(transaction, id)
    locations.doom_folder(transaction, storage, name)

"""A catalog with millions of rows, made in bulk."""

from pathlib import Path

from apsw import Connection

from gateway.catalog.sqlite.connection import open_writer

_BATCH = 250_000
_CATALOG = Path(".s3front/catalog.db")
# What no two objects share; everything else is as in the row that the server has written itself.
_OWN = {
    "key": "CAST(printf('obj-%08d', n) AS BLOB)",
    "etag": "lower(hex(randomblob(16)))",
    "modified_ns": "modified_ns + 1000 * n",
    "sequence": "sequence + n",
    "stamp": "CAST(CAST(stamp AS INTEGER) + 1000 * n AS TEXT)",
    "staged": "'put-' || lower(hex(randomblob(4))) || '-' || lower(hex(randomblob(16)))",
}


def catalog_of(data: Path) -> Path:
    """The catalog of the server whose directory is ``data``."""
    return data / _CATALOG


def multiply(data: Path, bucket: str, count: int) -> None:
    """Make ``obj-00000000``, the one object of the bucket, into ``count`` that are numbered on.

    Keys come in order, as from a nightly job; the catalog's pages are then as full as they get. The
    server must not run. What is there already stays: a second call with a higher count goes on.
    """
    connection = open_writer(catalog_of(data), durable=False)
    try:
        statement = _statement(connection)
        number = connection.execute("SELECT id FROM buckets WHERE name = ?", (bucket,)).get
        counted = "SELECT count(*) FROM objects WHERE bucket_id = ?"
        there = connection.execute(counted, (number,)).get
        for first in range(there, count, _BATCH):
            last = min(first + _BATCH, count) - 1
            connection.execute(statement, {"bucket": number, "first": first, "last": last})
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()


def _statement(connection: Connection) -> str:
    names = [row[1] for row in connection.execute("PRAGMA table_info(objects)")]
    values = ", ".join(_OWN.get(name, name) for name in names)
    return (
        "WITH RECURSIVE numbers(n) AS "
        "(SELECT :first UNION ALL SELECT n + 1 FROM numbers WHERE n < :last) "
        f"INSERT INTO objects({', '.join(names)}) SELECT {values} FROM numbers, "
        "(SELECT * FROM objects WHERE bucket_id = :bucket ORDER BY key LIMIT 1)"
    )

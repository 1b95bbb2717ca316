"""ETags that are still to be computed, since others wrote the bytes."""

from apsw import Connection

from gateway.catalog.outside import UNDIGESTED, Digested, Undigested
from gateway.catalog.records import Version
from gateway.catalog.sqlite import buckets
from gateway.catalog.sqlite.encoding import (
    FINGERPRINT_SIZE,
    STAMP,
    VERSION_COLUMNS,
    checksum_of,
    version_of,
)
from gateway.catalog.sqlite.ledger import Transaction

_OF_KEY = "WHERE bucket_id = ? AND key = ?"
_COLUMNS = ", ".join(f"o.{name}" for name in VERSION_COLUMNS.split(", "))
_PAGE = (
    f"SELECT u.bucket_id, u.key, u.etag, {buckets.COLUMNS}, {_COLUMNS} FROM undigested u "  # noqa: S608
    "LEFT JOIN objects o ON o.bucket_id = u.bucket_id AND o.key = u.key "
    "LEFT JOIN buckets b ON b.id = u.bucket_id "
    "WHERE (u.bucket_id, u.key) > (?, ?) ORDER BY u.bucket_id, u.key LIMIT ?"
)
_OF_BUCKET = len(buckets.COLUMNS.split(", "))


def page(reader: Connection, after: tuple[int, str], limit: int) -> list[Undigested]:
    """As ``Catalog.undigested``. Raises apsw.Error."""
    found = []
    for id, raw, was, *rest in reader.execute(_PAGE, (after[0], after[1].encode(), limit)):
        key = raw.decode()
        of_bucket, row = tuple(rest[:_OF_BUCKET]), tuple(rest[_OF_BUCKET:])
        bucket = None if of_bucket[0] is None else buckets.bucket_of(of_bucket)
        version = None
        if bucket is not None and row[0] is not None and row[1].endswith(UNDIGESTED):
            version = version_of(bucket.name, key, row)
        found.append(Undigested(bucket_id=id, key=key, bucket=bucket, version=version, was=was))
    return found


def enqueue(transaction: Transaction, bucket_id: int, key: bytes, old: Version | None) -> None:
    """Have the ETag of an object's bytes computed; ``old`` is what it was before.

    Touched again before that, it is still compared with what it was at first.
    """
    checksum = None if old is None else old.checksum
    known = old is not None and not old.etag.endswith(UNDIGESTED)
    transaction.execute(
        "INSERT INTO undigested VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(bucket_id, key) DO "
        + (
            "UPDATE SET etag = excluded.etag, checksum_algorithm = excluded.checksum_algorithm, "
            "checksum_type = excluded.checksum_type, checksum_value = excluded.checksum_value"
            if known
            else "NOTHING"
        ),
        (
            bucket_id,
            key,
            old.etag if old is not None and known else None,
            None if checksum is None else checksum.algorithm,
            None if checksum is None else checksum.type,
            None if checksum is None else checksum.value,
        ),
    )


def settle(transaction: Transaction, digested: tuple[Digested, ...]) -> None:
    """As ``Catalog.settle_digests``."""
    for one in digested:
        at = (one.bucket_id, one.key.encode())
        row = transaction.row(f"SELECT {VERSION_COLUMNS} FROM objects {_OF_KEY}", at)  # noqa: S608
        if row is not None and row[1].endswith(UNDIGESTED):
            size = row[0] if row[FINGERPRINT_SIZE] is None else row[FINGERPRINT_SIZE]
            fingerprint = one.fingerprint
            if (
                one.etag is None
                or fingerprint is None
                or (size, row[STAMP]) != (fingerprint.size, fingerprint.stamp)
            ):
                continue
            _settle(transaction, at, one.etag)
        transaction.execute(f"DELETE FROM undigested {_OF_KEY}", at)  # noqa: S608 - a constant


def _settle(transaction: Transaction, at: tuple[int, bytes], etag: str) -> None:
    transaction.execute(f"UPDATE objects SET etag = ? {_OF_KEY}", (etag, *at))  # noqa: S608
    before = transaction.row(
        "SELECT etag, checksum_algorithm, checksum_type, checksum_value "  # noqa: S608
        f"FROM undigested {_OF_KEY}",
        at,
    )
    if before is None or before[0] != etag:
        return
    checksum = checksum_of(*before[1:])
    if checksum is not None:
        transaction.execute(
            "UPDATE objects SET checksum_algorithm = ?, checksum_type = ?, "  # noqa: S608
            f"checksum_value = ? {_OF_KEY}",
            (checksum.algorithm, checksum.type, checksum.value, *at),
        )

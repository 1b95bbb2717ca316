"""What verification has found, and notes of jobs."""

from collections.abc import Sequence
from typing import Any

from apsw import Connection

from gateway.catalog.records import Finding
from gateway.catalog.sqlite.ledger import Transaction

_VALID = (
    "(f.sequence IS NULL OR EXISTS(SELECT 1 FROM buckets b JOIN objects o ON o.bucket_id = b.id "
    "WHERE b.name = f.bucket AND o.key = f.key AND o.sequence = f.sequence))"
)
_PAGE = (
    "SELECT f.bucket, f.key, f.kind, f.detail, f.sequence, f.first_ns, f.last_ns FROM findings f "  # noqa: S608 - constants
    f"WHERE (f.bucket, f.key, f.kind) > (?, ?, ?) AND {_VALID} "
    "ORDER BY f.bucket, f.key, f.kind LIMIT ?"
)
_ADD = (
    "INSERT INTO findings VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT(bucket, key, kind) DO UPDATE SET "
    "detail = excluded.detail, sequence = excluded.sequence, last_ns = excluded.last_ns, "
    "first_ns = iif(sequence IS excluded.sequence, first_ns, excluded.first_ns)"
)


def page(reader: Connection, after: tuple[str, str, str], limit: int) -> Sequence[Finding]:
    """As ``Catalog.findings``. Raises apsw.Error."""
    bucket, key, kind = after
    rows = reader.execute(_PAGE, (bucket, key.encode(), kind, limit))
    return [_finding(row) for row in rows]


def add(transaction: Transaction, findings: Sequence[Finding]) -> None:
    """As ``Catalog.add_findings``."""
    for one in findings:
        transaction.execute(
            _ADD,
            (
                one.bucket,
                one.key.encode(),
                one.kind,
                one.detail,
                one.sequence,
                one.first_ns,
                one.last_ns,
            ),
        )


def clear(transaction: Transaction, bucket: str, key: str) -> None:
    """As ``Catalog.clear_findings``."""
    transaction.execute("DELETE FROM findings WHERE bucket = ? AND key = ?", (bucket, key.encode()))


def forget_void(transaction: Transaction) -> None:
    """As ``Catalog.forget_void_findings``."""
    transaction.execute(f"DELETE FROM findings AS f WHERE NOT {_VALID}")  # noqa: S608 - constants


def note(reader: Connection, name: str) -> str | None:
    """As ``Catalog.note``. Raises apsw.Error."""
    row = reader.execute("SELECT text FROM notes WHERE name = ?", (name,)).fetchone()
    return None if row is None else row[0]


def set_note(transaction: Transaction, name: str, text: str) -> None:
    """As ``Catalog.set_note``."""
    transaction.execute("INSERT OR REPLACE INTO notes VALUES(?, ?)", (name, text))


def _finding(row: tuple[Any, ...]) -> Finding:
    bucket, key, kind, detail, sequence, first_ns, last_ns = row
    return Finding(
        bucket=bucket,
        key=key.decode(),
        kind=kind,
        detail=detail,
        sequence=sequence,
        first_ns=first_ns,
        last_ns=last_ns,
    )

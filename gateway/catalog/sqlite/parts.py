"""Parts of an upload: where an attempt may write, and what came of it."""

from collections.abc import Sequence
from typing import Any

from apsw import Connection

from gateway.catalog.errors import NoSuchUpload
from gateway.catalog.placing import part_file
from gateway.catalog.records import Claim, Part
from gateway.catalog.sqlite import intents, uploads
from gateway.catalog.sqlite.ledger import Transaction

_PAGE = (
    "SELECT number, attempt, size, etag, modified_ns, checksum, offset, tag FROM parts "
    "WHERE upload_id = ? AND number > ? ORDER BY number LIMIT ?"
)
_OWN_FILE = Claim(offset=None)
_LARGEST_OBJECT = 5 * 1024**4


def page(reader: Connection, upload_id: str, after: int, limit: int | None) -> Sequence[Part]:
    """As ``Catalog.parts``. Raises apsw.Error."""
    rows = reader.execute(_PAGE, (upload_id, after, -1 if limit is None else limit))
    return [
        Part(
            number=number,
            attempt=attempt,
            size=size,
            etag=etag,
            modified_ns=modified_ns,
            checksum=checksum,
            offset=offset,
            tag=tag,
        )
        for number, attempt, size, etag, modified_ns, checksum, offset, tag in rows
    ]


def claim(transaction: Transaction, upload_id: str, number: int, attempt: str, size: int) -> Claim:
    """As ``Catalog.claim_part``."""
    _, part_size = _open_upload(transaction, upload_id)
    known = transaction.row(
        "SELECT 1 FROM part_claims WHERE upload_id = ?1 AND number = ?2 "
        "UNION ALL SELECT 1 FROM parts WHERE upload_id = ?1 AND number = ?2",
        (upload_id, number),
    )
    if known is not None:
        return _OWN_FILE
    if part_size is None and size > 0:
        part_size = size
        transaction.execute("UPDATE uploads SET part_size = ? WHERE id = ?", (size, upload_id))
    offset = None
    if part_size is not None and size <= part_size:
        offset = (number - 1) * part_size
        # No object ends there, and file systems refuse to write there.
        if offset + size > _LARGEST_OBJECT:
            offset = None
    transaction.execute(
        "INSERT INTO part_claims(upload_id, number, attempt, offset) VALUES(?, ?, ?, ?)",
        (upload_id, number, attempt, offset),
    )
    return _OWN_FILE if offset is None else Claim(offset=offset)


def put(transaction: Transaction, upload_id: str, part: Part, intent: str | None) -> None:
    """As ``Catalog.put_part``."""
    storage, _ = _open_upload(transaction, upload_id)
    at = (upload_id, part.number)
    if intent is not None:
        intents.keep_part(transaction, intent, part)
    replaced = transaction.row(
        "SELECT attempt, offset FROM parts WHERE upload_id = ? AND number = ?", at
    )
    transaction.execute(
        "INSERT OR REPLACE INTO parts VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *at,
            part.attempt,
            part.size,
            part.etag,
            part.modified_ns,
            part.checksum,
            part.offset,
            part.tag,
        ),
    )
    transaction.execute(
        "UPDATE part_claims SET finished = 1 WHERE upload_id = ? AND number = ? AND attempt = ?",
        (*at, part.attempt),
    )
    if replaced is not None and replaced[1] is None and replaced[0] != part.attempt:
        file = part_file(upload_id, part.number, replaced[0])
        if storage in transaction.ledger.remote:
            intents.doom_part(transaction, file)
        else:
            transaction.drop_staged(storage, [file])


def _open_upload(transaction: Transaction, upload_id: str) -> tuple[str, Any]:
    row = transaction.row(
        "SELECT bucket_id, storage, part_size, completing FROM uploads WHERE id = ?",
        (upload_id,),
    )
    if (
        row is None
        or transaction.bucket_name(row[0]) is None
        or not uploads.open_to_writers(row[3])
    ):
        raise NoSuchUpload(upload_id)
    return row[1], row[2]

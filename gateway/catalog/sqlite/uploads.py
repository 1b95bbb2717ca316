"""Multipart uploads: open, list, close, end, abort, remember."""

import json
import os
from collections.abc import Sequence
from typing import Any

from apsw import Connection

from gateway.catalog.errors import NoSuchBucket, NoSuchUpload
from gateway.catalog.placing import part_file, upload_file
from gateway.catalog.records import Bucket, Completed, Upload, Version
from gateway.catalog.sqlite import intents
from gateway.catalog.sqlite.encoding import checksum_of, packed, unpacked
from gateway.catalog.sqlite.ledger import Transaction
from gateway.catalog.sqlite.listing import Walk, span

_PIECE = 16
"""Uploads of a deleted bucket aborted in one job: each may have 10,000 parts."""

COLUMNS = (
    "u.key, u.initiated_ns, u.id, u.bucket_id, u.storage, u.storage_class, u.content_type, "
    "u.facts, u.checksum_algorithm, u.checksum_type, u.part_size, u.completing, u.path, u.parts"
)
# Joined with their buckets: the uploads of a deleted one are gone at once.
_FROM = "FROM uploads u JOIN buckets b ON b.id = u.bucket_id"
_LOOK_UP = f"SELECT {COLUMNS} {_FROM} WHERE u.id = ? AND u.bucket_id = ? AND u.key = ?"
_IN_ORDER = (
    f"SELECT {COLUMNS} {_FROM} WHERE u.bucket_id = ? "
    "AND (u.key, u.initiated_ns, u.id) > (?, ?, ?) AND u.key < ? "
    "ORDER BY u.key, u.initiated_ns, u.id LIMIT ?"
)
_BY_AGE = (
    f"SELECT {COLUMNS}, b.id, b.name, b.created_ns, b.region, b.storage, b.generation, "
    f"b.indexes, b.indexed {_FROM} "
    "WHERE u.initiated_ns < ? ORDER BY u.initiated_ns, u.id LIMIT ?"
)


def upload_of(row: tuple[Any, ...]) -> Upload:
    """The upload that a row of COLUMNS tells."""
    (
        key, initiated_ns, id, bucket_id, storage, storage_class, content_type, facts,
        algorithm, checksum_type, part_size, completing, path, parts,
    ) = row  # fmt: skip
    headers, metadata, tags = unpacked(content_type, facts)
    return Upload(
        id=id,
        bucket_id=bucket_id,
        key=key.decode(),
        initiated_ns=initiated_ns,
        storage=storage,
        storage_class=storage_class,
        headers=headers,
        metadata=metadata,
        tags=tags,
        checksum_algorithm=algorithm,
        checksum_type=checksum_type,
        part_size=part_size,
        completing=not open_to_writers(completing),
        path=path,
        parts=parts,
    )


def get(reader: Connection, bucket: Bucket, key: str, id: str) -> Upload:
    """As ``Catalog.upload``. Raises apsw.Error."""
    row = reader.execute(_LOOK_UP, (id, bucket.id, key.encode())).fetchone()
    if row is None:
        raise NoSuchUpload(id)
    return upload_of(row)


def page(
    reader: Connection,
    bucket: Bucket,
    *,
    prefix: str,
    delimiter: str,
    after: tuple[str, str],
    limit: int,
) -> tuple[Sequence[Upload | str], bool]:
    """As ``Catalog.uploads``; ``after`` is a key and an upload's id. Raises apsw.Error.

    If the upload of that id is gone, all of its key are given (again): whoever lists in order to
    abort would else miss those that came behind it.
    """
    if limit <= 0:
        return (), False
    after_key, after_id = after[0].encode(), after[1]
    start, end = span(prefix.encode(), after_key)
    rolled_up = delimiter.encode()

    def fetch(position: tuple[bytes, int, str], count: int) -> list[tuple[Any, ...]]:
        return reader.execute(_IN_ORDER, (bucket.id, *position, end, count)).fetchall()

    position = (start, -1, "")
    if after_id and after_key.startswith(prefix.encode()):
        row = reader.execute(
            "SELECT initiated_ns FROM uploads WHERE id = ? AND bucket_id = ? AND key = ?",
            (after_id, bucket.id, after_key),
        ).fetchone()
        position = (after_key, -1, "") if row is None else (after_key, row[0], after_id)
    reader.execute("BEGIN")
    try:
        if rolled_up:
            walk = Walk(fetch, seek=lambda key: (key, -1, ""), follow=lambda row: row[:3])
            found, more = walk.items(prefix.encode(), rolled_up, after_key, position, limit)
        else:
            rows = fetch(position, limit + 1)
            found, more = list(rows[:limit]), len(rows) > limit
    finally:
        reader.execute("COMMIT")
    return [item if isinstance(item, str) else upload_of(item) for item in found], more


def stale(reader: Connection, before_ns: int, limit: int) -> list[tuple[Any, ...]]:
    """Rows of COLUMNS and of those of their buckets, initiated before that time, oldest first.

    Raises apsw.Error.
    """
    return reader.execute(_BY_AGE, (before_ns, limit)).fetchall()


def completed(reader: Connection, bucket: Bucket, key: str, id: str) -> Completed | None:
    """As ``Catalog.completed``. Raises apsw.Error."""
    row = reader.execute(
        "SELECT version_id, etag, checksum_algorithm, checksum_type, checksum_value, parts "
        "FROM completed WHERE upload_id = ? AND bucket_id = ? AND key = ?",
        (id, bucket.id, key.encode()),
    ).fetchone()
    if row is None:
        return None
    version_id, etag, algorithm, type, value, parts = row
    return Completed(
        upload_id=id,
        bucket_id=bucket.id,
        key=key,
        version_id=version_id,
        etag=etag,
        checksum=checksum_of(algorithm, type, value),
        parts=tuple((number, of) for number, of in json.loads(parts)),
    )


def start(transaction: Transaction, upload: Upload, intent: str | None) -> None:
    """As ``Catalog.start_upload``."""
    if transaction.bucket_name(upload.bucket_id) is None:
        raise NoSuchBucket
    if intent is not None:
        intents.become_upload(transaction, intent, upload)
    content_type, facts = packed(upload.headers, upload.metadata, upload.tags)
    transaction.execute(
        "INSERT INTO uploads VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            upload.id,
            upload.bucket_id,
            upload.key.encode(),
            upload.initiated_ns,
            upload.storage,
            upload.storage_class,
            content_type,
            facts,
            upload.checksum_algorithm,
            upload.checksum_type,
            upload.part_size,
            int(upload.completing),
            upload.path,
            upload.parts,
        ),
    )


def open_to_writers(completing: int) -> bool:
    """Whether no process completes an upload, as its column ``completing`` tells: 0, or the id of the
    process that does, which may have died at it.

    A process of ours that lives is never taken for dead. Another one that has got its id meanwhile
    keeps the upload closed until the next start, which opens all.
    """
    if not completing:
        return True
    try:
        os.kill(completing, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def begin_complete(transaction: Transaction, id: str) -> bool:
    """As ``Catalog.begin_complete``."""
    row = transaction.row("SELECT bucket_id, completing FROM uploads WHERE id = ?", (id,))
    if row is None or transaction.bucket_name(row[0]) is None or not open_to_writers(row[1]):
        raise NoSuchUpload(id)
    transaction.execute("UPDATE uploads SET completing = ? WHERE id = ?", (os.getpid(), id))
    unfinished = transaction.row(
        "SELECT 1 FROM part_claims WHERE upload_id = ? AND offset IS NOT NULL AND NOT finished "
        "LIMIT 1",
        (id,),
    )
    return unfinished is not None


def reopen(transaction: Transaction, id: str, by: int | None) -> None:
    """As ``Catalog.reopen_upload``."""
    transaction.execute(
        "UPDATE uploads SET completing = 0 WHERE id = ?1 AND (?2 IS NULL OR completing = ?2)",
        (id, by),
    )


def reopen_all(transaction: Transaction) -> None:
    """Reopen what was being completed when the program ended."""
    transaction.execute("UPDATE uploads SET completing = 0 WHERE completing")


def end(
    transaction: Transaction,
    bucket: Bucket,
    version: Version,
    id: str,
    *,
    completed: Completed | None,
    intent: str | None,
) -> None:
    """The upload becomes ``version``: its rows go, ``completed`` stays. NoSuchUpload."""
    row = transaction.row(
        "SELECT storage FROM uploads WHERE id = ? AND bucket_id = ? AND key = ? AND completing",
        (id, bucket.id, version.key.encode()),
    )
    if row is None:
        raise NoSuchUpload(id)
    _erase(transaction, id, row[0], published=intent or version.location.staged)
    if completed is None:
        return
    checksum = completed.checksum
    transaction.execute(
        "INSERT OR REPLACE INTO completed VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            id,
            bucket.id,
            version.key.encode(),
            completed.version_id,
            completed.etag,
            None if checksum is None else checksum.algorithm,
            None if checksum is None else checksum.type,
            None if checksum is None else checksum.value,
            json.dumps([list(part) for part in completed.parts], separators=(",", ":")),
            version.modified_ns,
        ),
    )


def abort(transaction: Transaction, bucket: Bucket, key: str, id: str) -> None:
    """As ``Catalog.abort_upload``."""
    row = transaction.row(
        "SELECT storage FROM uploads WHERE id = ? AND bucket_id = ? AND key = ?",
        (id, bucket.id, key.encode()),
    )
    if row is None or transaction.bucket_name(bucket.id) is None:
        raise NoSuchUpload(id)
    _erase(transaction, id, row[0])


def abandon(transaction: Transaction, bucket_id: int) -> None:
    """Abort the uploads of a bucket that is gone: some now, others in later jobs.

    None of them can be seen any more: all look-ups ask for the bucket too.
    """
    rows = transaction.rows(
        "SELECT id, storage FROM uploads WHERE bucket_id = ? LIMIT ?", (bucket_id, _PIECE)
    )
    for id, storage in rows:
        _erase(transaction, id, storage)
    if len(rows) == _PIECE:
        transaction.later(lambda next: abandon(next, bucket_id))


def abandon_all(transaction: Transaction) -> None:
    """Abort what a crash left of the uploads of deleted buckets."""
    for (bucket_id,) in transaction.rows(
        "SELECT DISTINCT bucket_id FROM uploads WHERE bucket_id NOT IN (SELECT id FROM buckets)"
    ):
        abandon(transaction, bucket_id)


def forget(transaction: Transaction, before_ns: int, limit: int) -> int:
    """Drop up to ``limit`` of what is remembered of older uploads; returns how many."""
    return transaction.changed(
        "DELETE FROM completed WHERE upload_id IN "
        "(SELECT upload_id FROM completed WHERE completed_ns < ? LIMIT ?)",
        (before_ns, limit),
    )


def _erase(
    transaction: Transaction, id: str, storage: str, *, published: str | None = None
) -> None:
    remote = storage in transaction.ledger.remote
    if remote:
        intents.doom_upload(transaction, id, spared=published)
    names = [
        part_file(id, number, attempt)
        for number, attempt in transaction.execute(
            "SELECT number, attempt FROM parts WHERE upload_id = ? AND offset IS NULL", (id,)
        )
    ]
    names.append(upload_file(id))
    transaction.execute("DELETE FROM parts WHERE upload_id = ?", (id,))
    transaction.execute("DELETE FROM part_claims WHERE upload_id = ?", (id,))
    transaction.execute("DELETE FROM uploads WHERE id = ?", (id,))
    if not remote:
        transaction.drop_staged(storage, [name for name in names if name != published])

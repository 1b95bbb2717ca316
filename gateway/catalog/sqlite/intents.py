"""Paths on storages without Can.STAGE: who writes there, what is to be removed there."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from apsw import Connection

from backends.interface import Can, Fingerprint
from gateway.catalog.errors import CatalogUnavailable
from gateway.catalog.intents import Intent, Removal, Removed, Written
from gateway.catalog.placing import Placing, shadow_path
from gateway.catalog.records import Bucket, Location, Part, Upload
from gateway.catalog.sqlite import beginnings, comparing
from gateway.catalog.sqlite.ledger import Transaction

_OWN = (
    "INSERT INTO remote_paths"
    "(storage, claim, path, state, process, name, upload_id, size, begins_ns) "
    "VALUES(?, ?, ?, 'publishing', ?, ?, ?, ?, ?)"
)
_DOOM = (
    "INSERT INTO remote_paths(storage, claim, path, state, process, name, size, stamp) "
    "VALUES(?, ?, ?, 'doomed', ?, '', ?, ?)"
)
_PAGE = (
    "SELECT storage, claim, path, process, size, stamp, parts FROM remote_paths "
    "WHERE process = ? AND state = 'doomed' AND (storage, claim) > (?, ?) "
    "ORDER BY storage, claim LIMIT ?"
)
_OF_REMOVAL = "WHERE storage = ? AND claim = ? AND path = ? AND process = ? AND state = 'doomed'"


def intend(transaction: Transaction, bucket: Bucket, key: str, wanted: Intent) -> Intent:
    """As ``Catalog.intend``."""
    transaction.require(bucket)
    placing = _placing(transaction, wanted.storage)
    placing.check()
    if wanted.natural and not _is_free(transaction, placing, bucket, key, wanted):
        wanted = replace(wanted, path=shadow_path(wanted.name), natural=False, aside=None)
    for path in (wanted.path, wanted.aside):
        if path is not None:
            transaction.execute(
                _OWN,
                (
                    *(wanted.storage, placing.claim(path), path, wanted.process, wanted.name),
                    *(wanted.upload, wanted.size, wanted.begins_ns),
                ),
            )
    return wanted


def _placing(transaction: Transaction, storage: str) -> Placing:
    placing = transaction.ledger.placing(storage)
    if placing is None:
        raise CatalogUnavailable(f"the storage {storage!r} is not configured")
    return placing


def _is_free(
    transaction: Transaction, placing: Placing, bucket: Bucket, key: str, wanted: Intent
) -> bool:
    """Whether nobody owns the natural path. What a storage tells apart only its key can own, or a
    row of paths."""
    storage, claim = wanted.storage, placing.claim(wanted.path)
    owned = transaction.row(
        "SELECT 1 FROM remote_paths WHERE storage = ?1 AND claim = ?2 "
        "UNION ALL SELECT 1 FROM locations WHERE storage = ?1 AND claim = ?2 "
        "UNION ALL SELECT 1 FROM objects WHERE storage = ?1 AND claim = ?2 "
        "UNION ALL SELECT 1 FROM objects WHERE bucket_id = ?3 AND key = ?4 AND storage = ?1 "
        "AND path IS NULL LIMIT 1",
        (storage, claim, bucket.id, key.encode()),
    )
    if owned is not None:
        return False
    return Can.TREE not in placing.can or not _in_the_way(
        transaction, placing, bucket, key, storage
    )


def _in_the_way(
    transaction: Transaction, placing: Placing, bucket: Bucket, key: str, storage: str
) -> bool:
    """Whether a path of ours lies above or below: a file would have to be a folder.

    Only those that are easily found: what is missed, or is somebody else's, the storage refuses.
    """
    parts = key.split("/")
    for above in ("/".join(parts[:n]) for n in range(1, len(parts))):
        claim = placing.claim(f"{bucket.name}/{above}")
        if transaction.row(
            "SELECT 1 FROM remote_paths WHERE storage = ?1 AND claim = ?2 "
            "UNION ALL SELECT 1 FROM objects WHERE bucket_id = ?3 AND key = ?4 AND storage = ?1 "
            "AND path IS NULL LIMIT 1",
            (storage, claim, bucket.id, above.encode()),
        ):
            return True
    below = f"{key}/".encode(), f"{key}0".encode()
    claims = placing.claim(f"{bucket.name}/{key}/"), placing.claim(f"{bucket.name}/{key}0")
    return (
        transaction.row(
            "SELECT 1 FROM remote_paths WHERE storage = ?1 AND claim > ?2 AND claim < ?3 "
            "UNION ALL SELECT 1 FROM (SELECT storage, path FROM objects WHERE bucket_id = ?4 "
            "AND key > ?5 AND key < ?6 LIMIT 100) WHERE storage = ?1 AND path IS NULL LIMIT 1",
            (storage, *claims, bucket.id, *below),
        )
        is not None
    )


def become(transaction: Transaction, location: Location, name: str) -> str | None:
    """The intent becomes the location of a version; its other path is free. Returns what goes into
    the version's column ``claim``."""
    placing = _placing(transaction, location.storage)
    placing.check()
    claim = placing.claim(location.path)
    taken = transaction.changed(
        "DELETE FROM remote_paths WHERE storage = ? AND claim = ? AND path = ? AND name = ? "
        "AND state IN ('publishing', 'uploading')",
        (location.storage, claim, location.path, name),
    )
    if not taken:
        raise CatalogUnavailable(f"{location.path!r} was given up while it was written")
    transaction.execute("DELETE FROM remote_paths WHERE name = ? AND state = 'publishing'", (name,))
    folds = transaction.ledger.folds(location.storage, placing)
    return claim if folds and location.natural else None


def become_upload(transaction: Transaction, name: str, upload: Upload) -> None:
    """The intent's path is the upload's."""
    _settle_in(
        transaction,
        "UPDATE remote_paths SET state = 'uploading', process = '', parts = ? "
        "WHERE name = ? AND state = 'publishing'",
        (upload.parts, name),
    )


def keep_part(transaction: Transaction, name: str, part: Part) -> None:
    """The intent's path is that of a part."""
    _settle_in(
        transaction,
        "UPDATE remote_paths SET state = 'uploading', process = '', size = ?, stamp = ? "
        "WHERE name = ? AND state = 'publishing'",
        (part.size, part.tag, name),
    )


def _settle_in(transaction: Transaction, statement: str, bindings: tuple[Any, ...]) -> None:
    if not transaction.changed(statement, bindings):
        raise CatalogUnavailable("a path was given up while it was written")


def doom(transaction: Transaction, location: Location) -> None:
    """Nobody owns these bytes any more."""
    placing = _placing(transaction, location.storage)
    of = location.fingerprint
    transaction.execute(
        _DOOM,
        (
            *(location.storage, placing.claim(location.path), location.path),
            *(transaction.ledger.process, of.size, of.stamp),
        ),
    )
    _tell_doomed(transaction)


def doom_part(transaction: Transaction, name: str) -> None:
    """Another attempt has replaced that part."""
    _doom_those(
        transaction,
        "UPDATE remote_paths SET state = 'doomed', process = ? "
        "WHERE name = ? AND state = 'uploading'",
        (transaction.ledger.process, name),
    )


def doom_upload(transaction: Transaction, upload_id: str, *, spared: str | None) -> None:
    """The upload has ended: its parts go, and what it might have become unless that is ``spared``.

    Where the storage puts parts together, some may still be on their way to it: that is left to the
    janitor, who looks twice.
    """
    _doom_those(
        transaction,
        "UPDATE remote_paths SET state = 'doomed', process = CASE WHEN parts IS NULL THEN ? ELSE '' END "
        "WHERE upload_id = ? AND state = 'uploading' AND name IS NOT ?",
        (transaction.ledger.process, upload_id, spared),
    )


def _doom_those(transaction: Transaction, statement: str, bindings: tuple[Any, ...]) -> None:
    if transaction.changed(statement, bindings):
        _tell_doomed(transaction)


def _tell_doomed(transaction: Transaction) -> None:
    transaction.after_commit(transaction.ledger.tell_doomed)


def give_up_begun(transaction: Transaction, name: str) -> None:
    """As ``Catalog.give_up`` of what may have begun something in parts, whose id nobody knows."""
    beginnings.note(transaction, "name = ? AND state = 'publishing'", (name,))
    give_up(transaction, name, None, (), None)


def give_up(
    transaction: Transaction,
    name: str,
    written: Written | None,
    unknown: Sequence[str],
    parts: str | None,
) -> None:
    """As ``Catalog.give_up``."""
    if unknown and parts is None:
        beginnings.note(transaction, "name = ? AND state = 'publishing'", (name,))
    rows = transaction.rows(
        "SELECT storage, claim, path FROM remote_paths WHERE name = ? AND state = 'publishing'",
        (name,),
    )
    for storage, claim, path in rows:
        at = (storage, claim)
        if written is not None and path == written.path:
            _doom_those(
                transaction,
                "UPDATE remote_paths SET state = 'doomed', size = ?, stamp = ? "
                "WHERE storage = ? AND claim = ?",
                (written.fingerprint.size, written.fingerprint.stamp, *at),
            )
        elif path in unknown:
            transaction.execute(
                "UPDATE remote_paths SET state = 'doomed', process = '', parts = ? "
                "WHERE storage = ? AND claim = ?",
                (parts, *at),
            )
        else:
            transaction.execute("DELETE FROM remote_paths WHERE storage = ? AND claim = ?", at)


def note_written(transaction: Transaction, upload: str, of: Fingerprint) -> None:
    """As ``Catalog.note_written``."""
    transaction.execute(
        "UPDATE remote_paths SET size = ?, stamp = ? WHERE upload_id = ? AND parts IS NOT NULL",
        (of.size, of.stamp, upload),
    )


def removals(
    reader: Connection, process: str, after: tuple[str, str], limit: int
) -> Sequence[Removal]:
    """As ``Catalog.removals``. Raises apsw.Error."""
    return [
        Removal(
            storage=storage,
            claim=claim,
            path=path,
            process=of,
            size=size,
            stamp=stamp,
            parts=parts,
        )
        for storage, claim, path, of, size, stamp, parts in reader.execute(
            _PAGE, (process, *after, limit)
        )
    ]


def settle(transaction: Transaction, outcomes: Sequence[Removed]) -> None:
    """As ``Catalog.settle_removals``."""
    for outcome in outcomes:
        removal = outcome.removal
        at = (removal.storage, removal.claim, removal.path, removal.process)
        if not outcome.gone:
            transaction.execute(
                f"UPDATE remote_paths SET process = '', absences = 0 {_OF_REMOVAL}",  # noqa: S608
                at,
            )
        elif transaction.changed(
            f"DELETE FROM remote_paths {_OF_REMOVAL} AND (process != '' OR absences)",  # noqa: S608
            at,
        ):
            comparing.note_freed(transaction, removal.storage, removal.claim, removal.path)
        else:
            transaction.execute(
                f"UPDATE remote_paths SET absences = 1 {_OF_REMOVAL}",  # noqa: S608
                at,
            )


def writers(reader: Connection) -> Sequence[str]:
    """As ``Catalog.writers``. Raises apsw.Error."""
    rows = reader.execute("SELECT DISTINCT process FROM remote_paths WHERE process != ''")
    return [process for (process,) in rows]


def abandon(transaction: Transaction, process: str) -> None:
    """As ``Catalog.abandon``."""
    beginnings.note(transaction, "process = ? AND state = 'publishing'", (process,))
    transaction.execute(
        "UPDATE remote_paths SET state = 'doomed', process = '', absences = 0 WHERE process = ?",
        (process,),
    )


def abandon_all(transaction: Transaction) -> None:
    """The same of all processes: none lives."""
    beginnings.note(transaction, "process != '' AND state = 'publishing'", ())
    transaction.execute(
        "UPDATE remote_paths SET state = 'doomed', process = '', absences = 0 WHERE process != ''"
    )

"""Who owns which path, and what becomes of bytes that nobody owns any more.

On a storage that tells all names apart the path ``bucket/key`` can be owned by that key's current
version, which is looked up anyway, or by a row of ``locations``. On one that confuses names the
claims of current versions are kept in a column with a unique index.
"""

from apsw import Connection

from backends.errors import StorageError, Unsupported
from backends.interface import Fingerprint, Nature
from gateway.catalog.errors import CatalogUnavailable
from gateway.catalog.placing import Placing, shadow_path
from gateway.catalog.records import Location
from gateway.catalog.sqlite import intents
from gateway.catalog.sqlite.ledger import Gone, Ledger, Transaction

_PIECE = 256

_OF_A_FOLDER = Fingerprint(size=0, stamp="folder")
"""Of rows that doom a bucket's folder; its claim and path are the bucket's name, without a slash."""


def decide(
    transaction: Transaction, bucket_id: int, key: bytes, wanted: Location, old: Location | None
) -> tuple[Location, str | None]:
    """The location that a new version of ``key`` gets, and what goes into its column ``claim``.

    The wanted one if it is not natural; else the wanted one if nobody else owns its path and the
    storage is prepared to take it; else the shadow path of its staged name. CatalogUnavailable if
    there is no such storage, storage.Unavailable if it is not itself now.
    """
    placing = transaction.ledger.placing(wanted.storage)
    if placing is None:
        raise CatalogUnavailable(f"the storage {wanted.storage!r} is not configured")
    placing.check()
    if not wanted.natural:
        return wanted, None
    claim = placing.claim(wanted.path)
    folds = transaction.ledger.folds(wanted.storage, placing)
    replaces = old is not None and (old.storage, old.path) == (wanted.storage, wanted.path)
    free = replaces or (
        _unowned(transaction, wanted.storage, claim)
        and not (folds and owned_by_another(transaction, wanted.storage, claim, bucket_id, key))
        and _prepared(placing, wanted.path)
    )
    if free:
        return wanted, claim if folds else None
    staged = wanted.staged
    if staged is None:
        raise ValueError("a version is published from staged bytes")
    shadow = Location(
        storage=wanted.storage,
        path=shadow_path(staged),
        staged=staged,
        fingerprint=wanted.fingerprint,
        natural=False,
    )
    return shadow, None


def _unowned(transaction: Transaction, storage: str, claim: str) -> bool:
    row = transaction.row(
        "SELECT state, path, staged, fingerprint_size, stamp FROM locations "
        "WHERE storage = ? AND claim = ?",
        (storage, claim),
    )
    if row is None:
        return True
    state, path, staged, size, stamp = row
    if state != "doomed" or (storage, claim) in transaction.ledger.doomed:
        return False
    transaction.require_thread_if(long=True)
    # Doomed by an earlier transaction: its bytes are mostly gone, the row only waits for the next
    # batch of the process that removed them.
    location = Location(
        storage=storage, path=path, staged=staged, fingerprint=Fingerprint(size=size, stamp=stamp)
    )
    placing = transaction.ledger.placing(storage)
    if placing is None or not _removed(placing, location):
        return False
    transaction.execute("DELETE FROM locations WHERE storage = ? AND claim = ?", (storage, claim))
    return True


def owned_by_another(
    transaction: Transaction, storage: str, claim: str, bucket_id: int, key: bytes
) -> bool:
    """Whether the current version of another key has that claim."""
    row = transaction.row(
        "SELECT bucket_id, key FROM objects WHERE storage = ? AND claim = ?", (storage, claim)
    )
    return row is not None and row != (bucket_id, key)


def freed(transaction: Transaction, placing: Placing, storage: str, claim: str) -> bool:
    """Whether no row of ``locations`` owns the claim, now that other bytes lie under its path.

    Bytes doomed there have been seen gone: others replaced them. Nobody else may take the path
    while they are still to be removed.
    """
    row = transaction.row(
        "SELECT state, path, staged, fingerprint_size, stamp FROM locations "
        "WHERE storage = ? AND claim = ?",
        (storage, claim),
    )
    if row is None:
        return True
    state, path, staged, size, stamp = row
    glance = placing.glance(path)
    if state != "doomed" or glance.fingerprint in {None, Fingerprint(size=size, stamp=stamp)}:
        return False
    if staged is not None:
        transaction.drop_staged(storage, [staged])
    transaction.execute("DELETE FROM locations WHERE storage = ? AND claim = ?", (storage, claim))
    return True


def _prepared(placing: Placing, path: str) -> bool:
    try:
        return placing.prepare(path)
    except StorageError:
        return False


def settle(transaction: Transaction, new: Location, old: Location | None) -> None:
    """After the commit: place the bytes of ``new``, remove those of ``old``. Dooms ``old`` now if it
    has a path of its own."""
    place(transaction, new)
    if old is None:
        return
    if (old.storage, old.path) != (new.storage, new.path):
        doom(transaction, old)
    elif old.staged is not None and old.staged != new.staged:
        # The rename replaces the old bytes, if they ever were placed.
        transaction.drop_staged(old.storage, [old.staged])


def place(transaction: Transaction, location: Location) -> None:
    """After the commit: move the bytes of a current version to their path, if they are staged."""
    placing, staged = transaction.ledger.placing(location.storage), location.staged
    if placing is not None and staged is not None:
        transaction.after_commit(lambda: _place(placing, staged, location.path))


def _place(placing: Placing, staged: str, path: str) -> None:
    # Another job of the batch may just have removed the last file beside it, and the folder.
    if not placing.place(staged, path) and placing.prepare(path):
        placing.place(staged, path)


def doom(transaction: Transaction, location: Location) -> None:
    """Nobody owns these bytes any more: their path is blocked, and removed after the commit."""
    ledger = transaction.ledger
    if location.storage in ledger.remote:
        intents.doom(transaction, location)
        return
    placing = ledger.placing(location.storage)
    claim = location.path if placing is None else placing.claim(location.path)
    fingerprint = location.fingerprint
    transaction.execute(
        "INSERT INTO locations(storage, claim, path, staged, fingerprint_size, stamp, state) "
        "VALUES(?, ?, ?, ?, ?, ?, 'doomed')",
        (
            location.storage,
            claim,
            location.path,
            location.staged,
            fingerprint.size,
            fingerprint.stamp,
        ),
    )
    ledger.doomed.add((location.storage, claim))
    if placing is not None:
        transaction.after_commit(lambda: _remove(ledger, placing, location, claim))


def doom_folder(transaction: Transaction, storage: str, bucket: str) -> None:
    """A bucket's folder is to go after the commit. Until it has gone for good a row says so: a start
    would take the folder for a bucket that somebody made.
    """
    ledger = transaction.ledger
    placing = ledger.placing(storage)
    if placing is None:
        return
    location = Location(
        storage=storage, path=bucket, staged=None, fingerprint=_OF_A_FOLDER, natural=False
    )
    transaction.execute(
        "INSERT OR REPLACE INTO locations(storage, claim, path, fingerprint_size, stamp, state) "
        "VALUES(?, ?, ?, ?, ?, 'doomed')",
        (storage, bucket, bucket, _OF_A_FOLDER.size, _OF_A_FOLDER.stamp),
    )
    ledger.doomed.add((storage, bucket))
    transaction.after_commit(lambda: _remove(ledger, placing, location, bucket))


def folder_is_doomed(transaction: Transaction, storage: str, bucket: str) -> bool:
    """Whether the folder of that name is what is left of a deleted bucket."""
    row = transaction.row(
        "SELECT 1 FROM locations WHERE storage = ? AND claim = ? AND stamp = ?",
        (storage, bucket, _OF_A_FOLDER.stamp),
    )
    return row is not None


def spare_folder(transaction: Transaction, storage: str, bucket: str) -> None:
    """There is a bucket of that name (again): its folder may stay."""
    transaction.execute(
        "DELETE FROM locations WHERE storage = ? AND claim = ? AND stamp = ?",
        (storage, bucket, _OF_A_FOLDER.stamp),
    )


def _remove(ledger: Ledger, placing: Placing, location: Location, claim: str) -> None:
    if _removed(placing, location):
        fingerprint = location.fingerprint
        ledger.gone.append(
            Gone(
                storage=location.storage,
                claim=claim,
                path=location.path,
                size=fingerprint.size,
                stamp=fingerprint.stamp,
            )
        )


def _removed(placing: Placing, location: Location) -> bool:
    try:
        if location.fingerprint == _OF_A_FOLDER:
            # One that is not empty stays: what is in it is somebody else's.
            placing.drop_folder(location.path)
            return True
        if not _vacated(placing, location) and not _is_folder(placing, location.path):
            return False
        if location.staged is not None:
            placing.drop_staged(location.staged)
    except Unsupported:
        return True  # a storage without folders
    except StorageError:
        return False
    return True


def _is_folder(placing: Placing, path: str) -> bool:
    """Whether a folder is where bytes were: those of keys below it came when they had gone."""
    try:
        return placing.glance(path).nature is Nature.FOLDER
    except StorageError:
        return False


def _vacated(placing: Placing, location: Location) -> bool:
    """Nothing that was ever this key's is at the path any more."""
    if placing.remove(location.path, only_if=location.fingerprint):
        return True
    # Its process died before it moved these bytes to their path: the version that they were to
    # replace is still there. Now they do, and go.
    return (
        location.staged is not None
        and placing.place(location.staged, location.path)
        and placing.remove(location.path, only_if=location.fingerprint)
    )


def doomed(reader: Connection) -> list[Location]:
    """As ``Catalog.doomed``. Raises apsw.Error."""
    rows = reader.execute(
        "SELECT storage, path, staged, fingerprint_size, stamp FROM locations "
        "WHERE state = 'doomed' UNION ALL "
        "SELECT storage, path, NULL, coalesce(size, -1), coalesce(stamp, '') FROM remote_paths "
        "WHERE state = 'doomed'"
    )
    return [
        Location(
            storage=storage,
            path=path,
            staged=staged,
            fingerprint=Fingerprint(size=size, stamp=stamp),
        )
        for storage, path, staged, size, stamp in rows
    ]


def finish_removals(
    transaction: Transaction, start: tuple[str, str]
) -> tuple[tuple[str, str] | None, int]:
    """Try to remove what earlier transactions doomed, a bounded number of it.

    Returns where to go on (None: that was all) and how many of them are still there.
    """
    gone: dict[str, list[tuple[str, str]]] = {}
    rows = transaction.rows(
        "SELECT storage, claim, path, staged, fingerprint_size, stamp FROM locations "
        "WHERE state = 'doomed' AND (storage, claim) > (?, ?) ORDER BY storage, claim LIMIT ?",
        (*start, _PIECE),
    )
    for storage, claim, path, staged, size, stamp in rows:
        location = Location(
            storage=storage,
            path=path,
            staged=staged,
            fingerprint=Fingerprint(size=size, stamp=stamp),
        )
        if storage in transaction.ledger.remote and location.fingerprint != _OF_A_FOLDER:
            # Doomed while the storage was not configured.
            intents.doom(transaction, location)
            gone.setdefault(storage, []).append((claim, path))
            continue
        placing = transaction.ledger.placing(storage)
        own = (storage, claim) in transaction.ledger.doomed
        if not own and placing is not None and _removed(placing, location):
            gone.setdefault(storage, []).append((claim, path))
    forgotten = sum(_forget(transaction, storage, some) for storage, some in gone.items())
    after = (rows[-1][0], rows[-1][1]) if len(rows) == _PIECE else None
    return after, len(rows) - forgotten


def _forget(transaction: Transaction, storage: str, gone: list[tuple[str, str]]) -> int:
    """Delete the rows of these claims and paths once it is durable that they are gone."""
    placing = transaction.ledger.placing(storage)
    try:
        if placing is not None:
            placing.force_removed([path for _, path in gone])
    except StorageError:
        return 0
    for claim, _ in gone:
        transaction.execute(
            "DELETE FROM locations WHERE storage = ? AND claim = ?", (storage, claim)
        )
    return len(gone)

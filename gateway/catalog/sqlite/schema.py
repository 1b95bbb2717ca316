"""The tables, and how an older file becomes a newer one.

Keys are UTF-8 in blobs: blobs compare byte by byte, which is S3's order. Current objects lie in a
table of their own, clustered by bucket and key, so that a listing never wades through old versions.
What a listing needs comes first in a row: what does not fit into a page is not read for it.
"""

from collections.abc import Callable, Sequence

from apsw import Connection

from gateway.catalog.errors import CatalogUnavailable

VERSION = 6

# A version's row. NULL stands for the usual: version_id "null", storage_class "STANDARD", path
# "bucket/key", fingerprint_size = size. claim is kept where a storage confuses names. headers holds
# the content type alone where there is nothing else (see encoding.py).
_VERSION_COLUMNS = """
    bucket_id INTEGER NOT NULL,
    key BLOB NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    modified_ns INTEGER NOT NULL,
    storage_class TEXT,
    checksum_algorithm TEXT,
    checksum_type TEXT,
    checksum_value TEXT,
    version_id TEXT,
    sequence INTEGER NOT NULL,
    storage TEXT NOT NULL,
    path TEXT,
    natural INTEGER NOT NULL,
    staged TEXT,
    fingerprint_size INTEGER,
    stamp TEXT NOT NULL,
    claim TEXT,
    content_type TEXT,
    facts TEXT,
    parts BLOB
"""

_FIRST = f"""
CREATE TABLE meta(name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;

CREATE TABLE buckets(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    created_ns INTEGER NOT NULL,
    region TEXT NOT NULL,
    storage TEXT NOT NULL,
    generation INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE objects({_VERSION_COLUMNS}, PRIMARY KEY(bucket_id, key)) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX objects_by_claim ON objects(storage, claim) WHERE claim IS NOT NULL;

CREATE TABLE versions({_VERSION_COLUMNS},
    deleted INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY(bucket_id, key, sequence DESC)
) STRICT, WITHOUT ROWID;

CREATE TABLE locations(
    storage TEXT NOT NULL,
    claim TEXT NOT NULL,
    path TEXT NOT NULL,
    staged TEXT,
    fingerprint_size INTEGER NOT NULL,
    stamp TEXT NOT NULL,
    state TEXT NOT NULL CHECK(state IN ('doomed', 'kept', 'mirror')),
    bucket_id INTEGER,
    key BLOB,
    sequence INTEGER,
    PRIMARY KEY(storage, claim)
) STRICT, WITHOUT ROWID;
CREATE INDEX locations_doomed ON locations(storage, claim) WHERE state = 'doomed';
CREATE INDEX locations_by_version ON locations(bucket_id, key, sequence)
    WHERE bucket_id IS NOT NULL;

CREATE TABLE uploads(
    id TEXT PRIMARY KEY,
    bucket_id INTEGER NOT NULL,
    key BLOB NOT NULL,
    initiated_ns INTEGER NOT NULL,
    storage TEXT NOT NULL,
    storage_class TEXT NOT NULL,
    content_type TEXT,
    facts TEXT,
    checksum_algorithm TEXT,
    checksum_type TEXT,
    part_size INTEGER,
    completing INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX uploads_in_order ON uploads(bucket_id, key, initiated_ns, id);
CREATE INDEX uploads_by_age ON uploads(initiated_ns);
CREATE INDEX uploads_completing ON uploads(id) WHERE completing;

CREATE TABLE parts(
    upload_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    attempt TEXT NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    modified_ns INTEGER NOT NULL,
    checksum TEXT,
    offset INTEGER,
    PRIMARY KEY(upload_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE part_claims(
    upload_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    attempt TEXT NOT NULL,
    offset INTEGER,
    finished INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY(upload_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE completed(
    upload_id TEXT PRIMARY KEY,
    bucket_id INTEGER NOT NULL,
    key BLOB NOT NULL,
    version_id TEXT NOT NULL,
    etag TEXT NOT NULL,
    checksum_algorithm TEXT,
    checksum_type TEXT,
    checksum_value TEXT,
    parts TEXT NOT NULL,
    completed_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX completed_by_age ON completed(completed_ns);
"""

_FINDINGS = """
CREATE TABLE findings(
    bucket TEXT NOT NULL,
    key BLOB NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL,
    sequence INTEGER,
    first_ns INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,
    PRIMARY KEY(bucket, key, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE notes(name TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""


def _create(connection: Connection) -> None:
    connection.execute(_FIRST)


# missing: rows of objects whose bytes were seen gone; everything of them is kept. undigested: objects
# whose bytes others wrote and whose MD5 is to be computed, with what they had been before: if the
# MD5 turns out to be that ETag, the bytes are the same and the checksum holds.
_OUTSIDE = f"""
CREATE TABLE missing({_VERSION_COLUMNS},
    missing_ns INTEGER NOT NULL,
    PRIMARY KEY(bucket_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX missing_by_time ON missing(bucket_id, missing_ns);

CREATE TABLE undigested(
    bucket_id INTEGER NOT NULL,
    key BLOB NOT NULL,
    etag TEXT,
    checksum_algorithm TEXT,
    checksum_type TEXT,
    checksum_value TEXT,
    PRIMARY KEY(bucket_id, key)
) STRICT, WITHOUT ROWID;
"""


def _add_outside(connection: Connection) -> None:
    connection.execute(_OUTSIDE)


def _add_findings(connection: Connection) -> None:
    connection.execute(_FINDINGS)


# remote_paths: paths on storages without Can.STAGE that no current version owns (see
# gateway/catalog/intents.py). process: who alone may do something there; empty: the janitor, or, while
# 'uploading', nobody. size and stamp: of the bytes there, as far as they are known.
_REMOTE = """
CREATE TABLE remote_paths(
    storage TEXT NOT NULL,
    claim TEXT NOT NULL,
    path TEXT NOT NULL,
    state TEXT NOT NULL CHECK(state IN ('publishing', 'uploading', 'doomed')),
    process TEXT NOT NULL,
    name TEXT NOT NULL,
    upload_id TEXT,
    parts TEXT,
    size INTEGER,
    stamp TEXT,
    absences INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY(storage, claim)
) STRICT, WITHOUT ROWID;
CREATE INDEX remote_paths_by_name ON remote_paths(name);
CREATE INDEX remote_paths_by_process ON remote_paths(process, state, storage, claim);
CREATE INDEX remote_paths_by_upload ON remote_paths(upload_id) WHERE upload_id IS NOT NULL;

ALTER TABLE uploads ADD COLUMN path TEXT;
ALTER TABLE uploads ADD COLUMN parts TEXT;
ALTER TABLE parts ADD COLUMN tag TEXT;
"""


def _add_remote(connection: Connection) -> None:
    connection.execute(_REMOTE)


# indexes: whether what others put there is to be indexed; indexed: whether all of it has been. freed_paths:
# which natural paths were seen empty of our bytes, in that order, the last of them (see
# gateway/catalog/sqlite/comparing.py).
_INDEXING = """
ALTER TABLE buckets ADD COLUMN indexes INTEGER NOT NULL DEFAULT 1;
ALTER TABLE buckets ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0;

CREATE TABLE freed_paths(
    number INTEGER PRIMARY KEY,
    storage TEXT NOT NULL,
    claim TEXT NOT NULL
) STRICT;
CREATE INDEX freed_paths_by_claim ON freed_paths(storage, claim, number);
"""


def _add_indexing(connection: Connection) -> None:
    connection.execute(_INDEXING)


# begins_ns: when the path came to be owned, if the storage may begin something in parts there. beginnings: of
# which nobody knows the id (see gateway/catalog/sqlite/beginnings.py).
_BEGINNINGS = """
ALTER TABLE remote_paths ADD COLUMN begins_ns INTEGER;

CREATE TABLE beginnings(
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    storage TEXT NOT NULL,
    path TEXT NOT NULL,
    begun_ns INTEGER NOT NULL
) STRICT;
CREATE INDEX beginnings_by_path ON beginnings(storage, path, begun_ns);
CREATE INDEX beginnings_by_age ON beginnings(begun_ns);
"""


def _add_beginnings(connection: Connection) -> None:
    connection.execute(_BEGINNINGS)


STEPS: Sequence[Callable[[Connection], None]] = (
    _create,
    _add_outside,
    _add_findings,
    _add_remote,
    _add_indexing,
    _add_beginnings,
)
"""Step n makes version n+1 of version n, in O(1): rewrites of rows are jobs of their own."""


def migrate(connection: Connection) -> None:
    """Bring the file to VERSION in one transaction. Blocks; the caller has the lock.

    CatalogUnavailable if a later program has written the file.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = _found(connection)
        if found < VERSION:
            for step in STEPS[found:]:
                step(connection)
            connection.execute(
                "INSERT INTO meta VALUES('schema', ?) "
                "ON CONFLICT(name) DO UPDATE SET value = excluded.value",
                (VERSION,),
            )
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _found(connection: Connection) -> int:
    if not connection.table_exists("main", "meta"):
        return 0
    found = int(connection.execute("SELECT value FROM meta WHERE name = 'schema'").get)
    if found > VERSION:
        raise CatalogUnavailable(
            f"the catalog has schema {found}, this program knows up to {VERSION}: "
            "a later S3front has written it; run that one"
        )
    return found

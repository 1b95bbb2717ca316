"""A catalog in the making: one file that nobody serves yet, changed by one thread without ceremony.

For a rebuild and a backup. What is written is on the medium when ``finish`` returns, not before: a
draft that is interrupted is thrown away.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw
from apsw import Connection

from backends.interface import Fingerprint
from gateway.catalog.errors import CatalogUnavailable
from gateway.catalog.outside import UNDIGESTED
from gateway.catalog.records import Bucket, Part, Upload, Version
from gateway.catalog.sqlite import buckets, missing, objects, pages, parts, schema, uploads
from gateway.catalog.sqlite.encoding import VERSION_COLUMNS, row_of, version_of

_BATCH = 5_000
"""Changes in one transaction."""
_PAGE = 500

_OF_KEY = "WHERE bucket_id = ? AND key = ?"
_ROWS = (
    f"SELECT key, {VERSION_COLUMNS} FROM objects "  # noqa: S608 - constants
    "WHERE bucket_id = ? AND key > ? ORDER BY key LIMIT ?"
)


class Draft:
    """Open from construction to ``finish`` or ``discard``. Blocks; raises CatalogUnavailable."""

    def __init__(self, file: Path) -> None:
        """``file``: a copy of a catalog, or not there: then it begins empty."""
        self.file = file
        self._changes = 0
        self._finished = False
        try:
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
            flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_EXRESCODE
            self._connection = Connection(str(file), flags=flags)
            with self._translated():
                if pages.reserved(file) is None:
                    pages.reserve(self._connection)
                # Nobody rolls a draft back that was interrupted: a journal would only be left over.
                self._connection.execute(
                    "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;"
                    "PRAGMA cache_size = -65536; PRAGMA trusted_schema = OFF"
                )
                schema.migrate(self._connection)
                self._connection.execute("BEGIN")
        except OSError as error:
            raise CatalogUnavailable(f"{str(file)!r} cannot be made: {error}") from error

    # Buckets

    def buckets(self) -> list[Bucket]:
        """All of them, by name."""
        with self._translated():
            rows = self._connection.execute(
                f"SELECT {buckets.COLUMNS} FROM buckets b ORDER BY b.name"  # noqa: S608
            )
            return [buckets.bucket_of(row) for row in rows]

    def create_bucket(self, name: str, *, region: str, storage: str, now_ns: int) -> Bucket:
        """A bucket of that name, which must be new."""
        self._change(
            "INSERT INTO buckets(name, created_ns, region, storage) VALUES(?, ?, ?, ?)",
            (name, now_ns, region, storage),
        )
        return Bucket(
            id=self._connection.last_insert_rowid(),
            name=name,
            created_ns=now_ns,
            region=region,
            storage=storage,
        )

    def drop_bucket(self, bucket: Bucket) -> None:
        """Forget it; it has no objects but missing ones."""
        self._change("DELETE FROM missing WHERE bucket_id = ?", (bucket.id,))
        self._change("DELETE FROM buckets WHERE id = ?", (bucket.id,))

    # Objects

    def count(self) -> int:
        """Current objects of all buckets."""
        with self._translated():
            return int(self._connection.execute("SELECT count(*) FROM objects").get)

    def versions(self, bucket: Bucket) -> Iterator[Version]:
        """All current versions in order, paged; they may be changed and dropped meanwhile."""
        after = b""
        while True:
            with self._translated():
                rows: list[tuple[Any, ...]] = self._connection.execute(
                    _ROWS, (bucket.id, after, _PAGE)
                ).fetchall()
            for key, *row in rows:
                yield version_of(bucket.name, key.decode(), tuple(row))
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    def get(self, bucket: Bucket, key: str) -> Version | None:
        """The current version, or None."""
        with self._translated():
            return objects.get(self._connection, bucket, key)

    def missing(self, bucket: Bucket, key: str) -> Version | None:
        """What is kept of an object that is missing."""
        with self._translated():
            return missing.get(self._connection, bucket, key)

    def newest_ns(self) -> int:
        """When the last of the versions was written; 0 if there is none."""
        with self._translated():
            newest = self._connection.execute("SELECT max(sequence) FROM objects").get
        return 0 if newest is None else int(newest) * 1_000

    def put(self, bucket: Bucket, version: Version, *, claim: str | None) -> None:
        """Make it the current version, replacing another. ``claim``: that of a natural path on a
        storage that confuses names, else None."""
        at = (bucket.id, version.key.encode())
        self._change(objects.STORE, (*at, claim, *row_of(bucket.name, version)))
        self._change(f"DELETE FROM missing {_OF_KEY}", at)  # noqa: S608 - a constant
        if version.etag.endswith(UNDIGESTED):
            self._change("INSERT OR IGNORE INTO undigested(bucket_id, key) VALUES(?, ?)", at)
        else:
            self._change(f"DELETE FROM undigested {_OF_KEY}", at)  # noqa: S608 - a constant

    def drop(self, bucket: Bucket, key: str) -> None:
        """Forget the current version."""
        self._change(f"DELETE FROM objects {_OF_KEY}", (bucket.id, key.encode()))  # noqa: S608

    def miss(self, bucket: Bucket, key: str, *, now_ns: int) -> None:
        """Take the current version out of sight, as one whose bytes are gone; all else is kept."""
        self._change(missing.MOVE, (now_ns, bucket.id, key.encode()))
        self.drop(bucket, key)

    def is_empty(self, bucket: Bucket) -> bool:
        """Whether it has no objects."""
        with self._translated():
            found = self._connection.execute(
                "SELECT EXISTS(SELECT 1 FROM objects WHERE bucket_id = ?1) "
                "OR EXISTS(SELECT 1 FROM versions WHERE bucket_id = ?1)",
                (bucket.id,),
            ).get
        return not found

    # Paths

    def is_doomed(self, storage: str, claim: str, fingerprint: Fingerprint) -> bool:
        """Whether these bytes were deleted, and only their removal was still to come."""
        with self._translated():
            found = self._connection.execute(
                "SELECT 1 FROM locations WHERE storage = ? AND claim = ? AND stamp = ? "
                "AND fingerprint_size = ? AND state = 'doomed'",
                (storage, claim, fingerprint.stamp, fingerprint.size),
            ).fetchone()
        return found is not None

    def doom(self, storage: str, claim: str, path: str, fingerprint: Fingerprint) -> None:
        """Have these bytes, which nobody owns, removed when the catalog is first used."""
        self._change(
            "INSERT OR REPLACE INTO locations"
            "(storage, claim, path, fingerprint_size, stamp, state) VALUES(?, ?, ?, ?, ?, 'doomed')",
            (storage, claim, path, fingerprint.size, fingerprint.stamp),
        )

    def move(self, storage: str) -> None:
        """All buckets are on ``storage`` now; of uploads, of bytes that were to be removed and of
        what was found by looking at bytes nothing is known. Versions are to be stored again, one by
        one."""
        for table in (
            *("uploads", "parts", "part_claims", "locations", "remote_paths", "beginnings"),
            *("findings", "notes"),
        ):
            self._change(f"DELETE FROM {table}", ())  # noqa: S608 - constants
        for table in ("buckets", "missing"):
            self._change(f"UPDATE {table} SET storage = ?", (storage,))  # noqa: S608 - constants

    def forget_remote(self, stays: Callable[[str, str, Fingerprint | None], bool]) -> None:
        """Of paths that were being written or removed on storages behind a network nothing is known any
        more: since then they may have become an object's. But for bytes that were to be removed, by
        storage, path and fingerprint, of which that ``stays`` true. What was begun in parts there has
        nobody any more who knows it."""
        with self._translated():
            rows: list[tuple[Any, ...]] = self._connection.execute(
                "SELECT storage, claim, path, state, size, stamp FROM remote_paths"
            ).fetchall()
        for storage, claim, path, state, size, stamp in rows:
            of = None if size is None or stamp is None else Fingerprint(size=size, stamp=stamp)
            if state != "doomed" or not stays(storage, path, of):
                self._change(
                    "INSERT INTO beginnings(storage, path, begun_ns) SELECT storage, path, begins_ns "
                    "FROM remote_paths WHERE storage = ? AND claim = ? AND begins_ns IS NOT NULL",
                    (storage, claim),
                )
                self._change(
                    "DELETE FROM remote_paths WHERE storage = ? AND claim = ?", (storage, claim)
                )

    def is_being_removed(self, storage: str, claim: str) -> bool:
        """Whether what is under that path, on a storage behind a network, is still to be removed."""
        with self._translated():
            found = self._connection.execute(
                "SELECT 1 FROM remote_paths WHERE storage = ? AND claim = ?", (storage, claim)
            ).fetchone()
        return found is not None

    # Uploads

    def uploads(self) -> Sequence[Upload]:
        """All that are open."""
        with self._translated():
            rows = self._connection.execute(
                f"SELECT {uploads.COLUMNS} FROM uploads u"  # noqa: S608 - constants
            ).fetchall()
        return [uploads.upload_of(row) for row in rows]

    def parts(self, upload: Upload) -> Sequence[Part]:
        """Its finished parts by number."""
        with self._translated():
            return parts.page(self._connection, upload.id, 0, None)

    def drop_part(self, upload: Upload, part: Part) -> None:
        """Forget a part; its claim stays, so that the next attempt gets a file of its own."""
        self._change(
            "DELETE FROM parts WHERE upload_id = ? AND number = ?", (upload.id, part.number)
        )

    def drop_upload(self, id: str) -> None:
        """Forget an upload with its parts, if there is one."""
        for statement in (
            "DELETE FROM parts WHERE upload_id = ?",
            "DELETE FROM part_claims WHERE upload_id = ?",
            "DELETE FROM uploads WHERE id = ?",
        ):
            self._change(statement, (id,))

    # The end

    def finish(self) -> None:
        """Commit, close and force the file to the medium."""
        with self._translated():
            self._connection.execute("COMMIT")
            self._connection.close()
        self._finished = True
        try:
            _sync(self.file, os.O_RDWR)
            _sync(self.file.parent, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise CatalogUnavailable(f"{str(self.file)!r} cannot be kept: {error}") from error

    def discard(self) -> None:
        """Close and remove it; nothing happens after ``finish``."""
        if not self._finished:
            self._connection.close()
            self.file.unlink(missing_ok=True)

    def _change(self, statement: str, bindings: tuple[object, ...]) -> None:
        with self._translated():
            self._connection.execute(statement, bindings)
            self._changes += 1
            if self._changes % _BATCH == 0:
                self._connection.execute("COMMIT; BEGIN")

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            raise CatalogUnavailable(f"{str(self.file)!r} cannot be written: {error}") from error


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

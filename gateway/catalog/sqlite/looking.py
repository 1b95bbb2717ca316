"""Looking into a catalog that others write, from a process that is none of theirs."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import apsw
from apsw import Connection

from gateway.catalog.errors import CatalogUnavailable, NoSuchBucket
from gateway.catalog.records import Bucket, Version
from gateway.catalog.sqlite import buckets, objects
from gateway.catalog.sqlite.connection import open_reader

T = TypeVar("T")

_BUSY_S = 5.0
_BUSY_PAUSE_S = 0.002


class Look:
    """Sees every commit that was made before it asks. Blocks briefly; raises CatalogUnavailable."""

    def __init__(self, catalog: Path) -> None:
        if not catalog.is_file():
            raise CatalogUnavailable(f"there is no catalog at {str(catalog)!r}")
        try:
            self._reader = open_reader(catalog)
        except apsw.Error as error:
            raise CatalogUnavailable(f"{str(catalog)!r} cannot be read: {error}") from error

    def current(self, bucket: Bucket, key: str) -> Version | None:
        """The current version; None if there is none, or the bucket is no longer that one."""

        def query(reader: Connection) -> Version | None:
            try:
                now = buckets.look_up(reader, bucket.name)
            except NoSuchBucket:
                return None
            return objects.get(reader, bucket, key) if now.id == bucket.id else None

        return self._patiently(query)

    def close(self) -> None:
        """Let go of it."""
        self._reader.close()

    def _patiently(self, query: Callable[[Connection], T]) -> T:
        until = time.monotonic() + _BUSY_S
        while True:
            try:
                return query(self._reader)
            except apsw.BusyError as error:
                if time.monotonic() > until:
                    raise CatalogUnavailable("the catalog is busy for too long") from error
                time.sleep(_BUSY_PAUSE_S)
            except apsw.Error as error:
                raise CatalogUnavailable(f"a read failed: {error}") from error

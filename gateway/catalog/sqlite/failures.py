"""Failures of SQLite and of its file, as the catalog's."""

import apsw

from gateway.catalog.errors import CatalogDamaged, CatalogError, CatalogFull, CatalogUnavailable


def failure(what: str, error: apsw.Error | OSError) -> CatalogError:
    """CatalogDamaged if the file is not what was written to it, CatalogFull if there is no space, else
    CatalogUnavailable.

    ``what`` failed, in a word or two.
    """
    if is_damage(error):
        return CatalogDamaged(
            f"{what} met a part of the catalog's file that is not what was written there ({error}). "
            "Objects whose rows are elsewhere are served. Look with `s3front check`; a new catalog "
            "is made with `s3front rebuild`"
        )
    if isinstance(error, apsw.FullError):
        # SQLite says so when it cannot write, never when it cannot sync. A transaction counts by its
        # last page in the WAL, and is not there, not even after a crash, unless all was written.
        return CatalogFull(f"{what} found no space left where the catalog is ({error})")
    return CatalogUnavailable(f"{what} failed: {error}")


def is_damage(error: BaseException) -> bool:
    """Whether the error says that the file is not what was written to it."""
    return isinstance(error, (apsw.CorruptError, apsw.NotADBError)) or (
        getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_DATA
    )

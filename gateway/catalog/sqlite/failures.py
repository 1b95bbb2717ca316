"""Failures of SQLite and of its file, as the catalog's."""

import apsw

from gateway.catalog.errors import CatalogDamaged, CatalogUnavailable


def failure(what: str, error: apsw.Error | OSError) -> CatalogUnavailable:
    """CatalogDamaged if the file is not what was written to it, else CatalogUnavailable.

    ``what`` failed, in a word or two.
    """
    if is_damage(error):
        return CatalogDamaged(
            f"{what} met a part of the catalog's file that is not what was written there ({error}). "
            "Objects whose rows are elsewhere are served. Look with `s3front check`; a new catalog "
            "is made with `s3front rebuild`"
        )
    return CatalogUnavailable(f"{what} failed: {error}")


def is_damage(error: BaseException) -> bool:
    """Whether the error says that the file is not what was written to it."""
    return isinstance(error, (apsw.CorruptError, apsw.NotADBError)) or (
        getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_DATA
    )

"""A new catalog in the place of the old one, at once. Blocks; the data directory's lock is held."""

import contextlib
import os
import shutil
from datetime import datetime
from pathlib import Path

import apsw

from gateway.catalog.errors import CatalogError
from gateway.catalog.sqlite.connection import open_writer
from gateway.safekeeping.syncing import sync_folder

KEPT = ".before-rebuild-"


def swap(new: Path, catalog: Path, *, now: datetime | None) -> Path | None:
    """Rename ``new`` to ``catalog``; returns where the old one is kept, None if there was none.

    ``now`` is part of that name; without it the old one is not kept.

    Whenever this ends, ``catalog`` is the whole old one or the whole new one. Raises OSError.
    """
    kept = None
    if catalog.exists():
        _write_back(catalog)
        if now is not None:
            kept = catalog.with_name(f"{catalog.name}{KEPT}{now:%Y%m%dT%H%M%S}")
            _keep(catalog, kept)
    # A WAL of the old file would be taken for one of the new.
    for suffix in ("-wal", "-shm"):
        Path(f"{catalog}{suffix}").unlink(missing_ok=True)
    new.replace(catalog)
    sync_folder(catalog.parent)
    return kept


def _write_back(catalog: Path) -> None:
    """Without its WAL the old file is as whole as with it. One that cannot be opened, or whose WAL is
    damaged, stays as it is."""
    with (
        contextlib.suppress(apsw.Error, CatalogError),
        contextlib.closing(open_writer(catalog, durable=True)) as connection,
    ):
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


def _keep(catalog: Path, kept: Path) -> None:
    """The old file under a second name, with its WAL if that could not be written back."""
    for suffix in ("", "-wal"):
        old, name = Path(f"{catalog}{suffix}"), Path(f"{kept}{suffix}")
        if suffix and (not old.exists() or not old.stat().st_size):
            continue
        try:
            os.link(old, name)
        except FileExistsError:
            name.unlink()
            os.link(old, name)
        except OSError:  # a file system without links
            shutil.copy2(old, name)
    sync_folder(catalog.parent)

"""Copies of the catalog on the storage, so that losing the catalog loses little but time."""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from backends.errors import StorageError
from gateway.catalog.errors import CatalogError
from gateway.catalog.interface import Catalog
from gateway.jobs.depositing import Deposits

FOLDER = "snapshots"
"""Below the reserved directory of the default storage (or beside the catalog, if that is behind a network:
then the storage has them as well, see ``depositing``)."""

_PREFIX, _SUFFIX, _UNFINISHED = "catalog-", ".db", ".part"
_RETRY_S = 60.0
_log = structlog.get_logger("s3front.snapshots")


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRules:
    """Where snapshots are kept, how many of them, and how far apart in seconds (0: none is made)."""

    folder: Path
    interval_s: float
    keep: int = 2


def snapshots(folder: Path) -> list[Path]:
    """The finished snapshots in ``folder``, newest first. Blocks."""
    try:
        found = [path for path in folder.iterdir() if _finished(path.name)]
    except FileNotFoundError:
        return []
    return sorted(found, reverse=True)


async def take(catalog: Catalog, rules: SnapshotRules) -> Path:
    """Take one now and drop those beyond ``keep``. Raises CatalogError, OSError."""
    target = await asyncio.to_thread(_place_for_new, rules.folder)
    unfinished = target.with_name(target.name + _UNFINISHED)
    await catalog.snapshot(str(unfinished))
    await asyncio.to_thread(_finish, unfinished, target, rules)
    return target


async def run(catalog: Catalog, rules: SnapshotRules, deposits: Deposits | None = None) -> None:
    """One each interval in which something has changed, until cancelled; the newest is kept in
    ``deposits`` as well. A failure is logged, and tried again."""
    if not rules.interval_s:
        return
    known: int | None = None
    wait_s = await asyncio.to_thread(_still_young, rules)
    while True:
        await asyncio.sleep(wait_s)
        wait_s = rules.interval_s
        try:
            # Asked for before the copy: what is committed meanwhile counts as changed.
            now = await catalog.changes()
            if now != known:
                began = time.monotonic()
                path = await take(catalog, rules)
                known = now
                _log.info("snapshot of the catalog taken", file=path.name, seconds=_since(began))
        except (CatalogError, OSError) as error:
            _log.warning("no snapshot of the catalog could be taken", cause=str(error))
            wait_s = min(rules.interval_s, _RETRY_S)
        if deposits is not None and not await _deposited(catalog, rules, deposits):
            wait_s = min(rules.interval_s, _RETRY_S)


async def _deposited(catalog: Catalog, rules: SnapshotRules, deposits: Deposits) -> bool:
    """Keep the newest there, too. Whether that was done."""
    newest = next(iter(await asyncio.to_thread(snapshots, rules.folder)), None)
    if newest is None:
        return True
    began = time.monotonic()
    try:
        if await deposits.keep(catalog, newest):
            _log.info("snapshot of the catalog deposited", file=newest.name, seconds=_since(began))
    except (StorageError, CatalogError, OSError) as error:
        _log.warning("no snapshot of the catalog could be deposited", cause=str(error))
        return False
    return True


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)


def _finished(name: str) -> bool:
    return name.startswith(_PREFIX) and name.endswith(_SUFFIX)


def _still_young(rules: SnapshotRules) -> float:
    """Seconds until the newest one is as old as the interval."""
    newest = next(iter(snapshots(rules.folder)), None)
    if newest is None:
        return 0.0
    with contextlib.suppress(OSError):
        age = time.time() - newest.stat().st_mtime
        return min(max(rules.interval_s - age, 0.0), rules.interval_s)
    return 0.0


def _place_for_new(folder: Path) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    for path in folder.glob(f"{_PREFIX}*{_UNFINISHED}*"):  # of a process that was killed
        path.unlink(missing_ok=True)
    now = datetime.now(UTC)
    return folder / f"{_PREFIX}{now:%Y%m%dT%H%M%S}{now.microsecond:06d}Z{_SUFFIX}"


def _finish(unfinished: Path, target: Path, rules: SnapshotRules) -> None:
    # Its bytes are on the medium; so the name is never that of half a copy.
    unfinished.rename(target)
    for old in snapshots(rules.folder)[max(rules.keep, 1) :]:
        old.unlink(missing_ok=True)

"""Litestream: every change of a SQLite database goes to S3 at once."""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from conformance.background import running
from conformance.building import go_install
from conformance.outcome import Case, Place, Suite
from conformance.scripted import environment
from tests.clients.programs import run

_PACKAGE = "github.com/benbjohnson/litestream/cmd/litestream"
_VERSION = "v0.5.18"
_ROWS = 200
_REPLICATED_S = 60.0


class _Litestream:
    """The program, a database with a table, and settings for a replica in the case's bucket."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.database = place.folder / "app.db"
        with closing(sqlite3.connect(self.database)) as connection:
            connection.execute("PRAGMA journal_mode=wal")
            connection.execute("CREATE TABLE t (n INTEGER)")
            connection.commit()
        replica = {
            "type": "s3",
            "bucket": place.bucket,
            "path": "app",
            "endpoint": place.endpoint.url,
            "force-path-style": True,
            "sync-interval": "100ms",
        }
        settings = {"dbs": [{"path": str(self.database), "replica": replica}]}
        self.settings = place.folder / "litestream.yml"
        self.settings.write_text(json.dumps(settings))  # JSON is YAML too

    def write(self, rows: int) -> None:
        """Add rows, each in a transaction of its own."""
        with closing(sqlite3.connect(self.database, timeout=30)) as connection:
            for number in range(rows):
                connection.execute("INSERT INTO t VALUES (?)", (number,))
                connection.commit()

    def replicating(self) -> list[str | Path]:
        return [self.place.program, "replicate", "-config", self.settings]

    def restored(self, name: str) -> int:
        """How many rows come back into a new file; -1 if nothing can be restored yet."""
        target = self.place.folder / name
        done = run(
            [self.place.program, "restore", "-config", self.settings, "-o", target, self.database],
            environment=environment(self.place),
            folder=self.place.folder,
        )
        if done.status:
            return -1
        with closing(sqlite3.connect(target)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            count: int = connection.execute("SELECT count(*) FROM t").fetchone()[0]
            return count

    def restored_until(self, rows: int) -> None:
        """Restore until all rows come back; AssertionError with what came last."""
        deadline = time.monotonic() + _REPLICATED_S
        attempt, came = 0, -1
        while came != rows:
            assert time.monotonic() < deadline, f"{came} rows of {rows} came back"
            came = self.restored(f"restored-{attempt}.db")
            attempt += 1


def _replicates(litestream: _Litestream) -> None:
    with running(
        litestream.replicating(),
        environment=environment(litestream.place),
        folder=litestream.place.folder,
    ):
        litestream.write(_ROWS)
        litestream.restored_until(_ROWS)


def _resumes(litestream: _Litestream) -> None:
    for rows in (_ROWS, 2 * _ROWS):
        with running(
            litestream.replicating(),
            environment=environment(litestream.place),
            folder=litestream.place.folder,
        ):
            litestream.write(_ROWS)
            litestream.restored_until(rows)


_CASES: dict[str, Callable[[_Litestream], None]] = {
    "replicate while rows are written, restore": _replicates,
    "replicate again after a stop": _resumes,
}


def _case(name: str, do: Callable[[_Litestream], None]) -> Case:
    return Case(name=name, run=lambda place: do(_Litestream(place)))


SUITE = Suite(
    name="litestream",
    version=f"{_PACKAGE} {_VERSION}",
    build=lambda folder: go_install(_PACKAGE, _VERSION, folder),
    cases=[_case(name, do) for name, do in _CASES.items()],
)

"""What a job sees: its transaction, the storages, and what is to be done after the commit."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apsw
from apsw import Connection

from backends.errors import StorageError
from backends.interface import Can
from gateway.catalog.errors import CatalogDamaged, NoSuchBucket
from gateway.catalog.placing import Placing
from gateway.catalog.records import Bucket
from gateway.catalog.sqlite import wal
from gateway.catalog.sqlite.generation import Generation
from gateway.catalog.sqlite.guard import Guard

Row = tuple[Any, ...]
Work = Callable[["Transaction"], Any]

_AT_ONCE = 256
"""Staged names dropped after one commit; the rest follows after later ones."""

# Upper case, composed and decomposed letters, a compatibility letter: whatever a storage folds, it
# folds something of this.
SPELLINGS = "Ab/\u00c9E\u0301/\ufb01\u212b"


class NotBrief(Exception):
    """A job that was taken for a brief one is none: it is to be done in the thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A doomed location whose bytes have been seen gone: its row may go once that is durable."""

    storage: str
    claim: str
    path: str
    size: int
    stamp: str


class Ledger:
    """The writing connection of this process and what goes with it. One thread at a time."""

    def __init__(
        self,
        connection: Connection,
        placings: Mapping[str, Placing],
        generation: Generation,
        guard: Guard,
        *,
        process: str = "",
        tell_doomed: Callable[[], None],
    ) -> None:
        self.connection = connection
        self.process = process
        self.remote = frozenset(
            name for name, placing in placings.items() if Can.STAGE not in placing.can
        )
        """Storages that cannot rename inside a commit."""
        self.tell_doomed = tell_doomed
        """To be called once a path of such a storage is committed as this process's to remove."""
        self.generation = generation
        self.guard = guard
        self.gone: list[Gone] = []
        self._forgettable: list[Gone] = []
        self.doomed: set[tuple[str, str]] = set()
        """Storage and claim of what this transaction has doomed: not to be touched before commit."""
        self.buckets: dict[int, str] = {}
        """Names by id, as this transaction has read them."""
        self.changes_buckets = False
        self.on_loop = False
        """This transaction is done on the event loop: it must be brief."""
        self._placings = placings
        self._folds: dict[str, bool] = {}
        self._clearing = 0

    @property
    def has_forgettable(self) -> bool:
        """Whether there are rows for the next transaction to delete."""
        return bool(self._forgettable)

    def force_gone(self) -> None:
        """Make durable that what is gone is gone: the next transaction deletes the rows. Blocks.

        Were a row deleted before, a power cut could bring back the bytes and nobody would know
        that they were doomed. What cannot be forced is left to recovery and the janitor.
        """
        by_storage: dict[str, list[Gone]] = {}
        for gone in self.gone:
            by_storage.setdefault(gone.storage, []).append(gone)
        self.gone.clear()
        for storage, some in by_storage.items():
            placing = self.placing(storage)
            if placing is not None:
                with contextlib.suppress(StorageError):
                    placing.force_removed([gone.path for gone in some])
                    self._forgettable += some

    @property
    def is_damaged(self) -> bool:
        """Whether ``refuse_damage`` refuses."""
        return bool(self.guard.damage or self.generation.damaged_log)

    def refuse_damage(self) -> None:
        """CatalogDamaged if a process has found the write-ahead log damaged: what is added to it would be
        lost in a crash, and what is copied from it could be wrong. Tells the other processes."""
        if self.guard.damage and not self.generation.damaged_log:
            self.generation.damaged_log = wal.salts_of(self.guard.log)
        if self.guard.damage or self.generation.damaged_log:
            raise CatalogDamaged(
                f"{self.guard.damage or 'the write-ahead log is not what was written'}: nothing more "
                "is written to the catalog, since it would be lost in a crash. Look at the disk, stop "
                "the server and make a new catalog of what the stored bytes say of themselves: "
                "s3front rebuild"
            )

    def begin(self) -> None:
        """Begin a transaction, with the rows of what is gone for good deleted. apsw.BusyError."""
        self.connection.execute("BEGIN IMMEDIATE")
        self.doomed.clear()
        self.buckets.clear()
        self.changes_buckets = False
        self._clearing = len(self._forgettable)
        for gone in self._forgettable:
            self.connection.execute(
                "DELETE FROM locations WHERE storage = ? AND claim = ? AND stamp = ? "
                "AND fingerprint_size = ? AND state = 'doomed'",
                (gone.storage, gone.claim, gone.stamp, gone.size),
            )

    def commit(self) -> None:
        """Commit; raises apsw.Error, and the transaction is then to be rolled back."""
        buckets = self.changes_buckets
        self.generation.begin(buckets=buckets)
        try:
            self.connection.execute("COMMIT")
            del self._forgettable[: self._clearing]
        finally:
            self.generation.end(buckets=buckets)

    def roll_back(self) -> None:
        """Undo the transaction, if there still is one. Never fails: the next one would.

        Rows of what is gone are left to recovery, lest an idle process tries again and again.
        """
        self.gone.clear()
        self._forgettable.clear()
        if self.connection.in_transaction:
            with contextlib.suppress(apsw.Error):
                self.connection.execute("ROLLBACK")

    def placing(self, storage: str) -> Placing | None:
        """The storage of that name, None if it is no longer configured."""
        return self._placings.get(storage)

    def folds(self, storage: str, placing: Placing) -> bool:
        """Whether the storage confuses different names."""
        known = self._folds.get(storage)
        if known is None:
            known = self._folds[storage] = placing.claim(SPELLINGS) != SPELLINGS
        return known

    def close(self) -> None:
        """Close the connection, which writes the WAL back if it is the last. Blocks."""
        self.connection.close()
        self.generation.close()


class Transaction:
    """One job's part of a batch: its statements, all or none, and what follows the commit."""

    __slots__ = ("execute", "following", "ledger", "settling")

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.execute = ledger.connection.execute
        self.settling: list[Callable[[], None]] = []
        self.following: list[Work] = []

    def row(self, statement: str, bindings: Row = ()) -> Row | None:
        """The first row, None if there is none."""
        return self.execute(statement, bindings).fetchone()

    def rows(self, statement: str, bindings: Row = ()) -> list[Row]:
        """All rows."""
        return self.execute(statement, bindings).fetchall()

    def changed(self, statement: str, bindings: Row = ()) -> int:
        """Execute, and tell how many rows changed."""
        self.execute(statement, bindings)
        return self.ledger.connection.changes()

    def after_commit(self, settle: Callable[[], None]) -> None:
        """Have ``settle`` called once the batch is committed, in order, under the lock."""
        self.settling.append(settle)

    def later(self, work: Work) -> None:
        """Have ``work`` done as a job of its own once this one is committed. A crash forgets it."""
        self.following.append(work)

    def bucket_name(self, id: int) -> str | None:
        """Name of the bucket of that id, None if there is none (any more)."""
        names = self.ledger.buckets
        name = names.get(id)
        if name is None:
            row = self.row("SELECT name FROM buckets WHERE id = ?", (id,))
            if row is None:
                return None
            name = names[id] = row[0]
        return name

    def require(self, bucket: Bucket) -> None:
        """NoSuchBucket unless it is still the one that was looked up."""
        if self.bucket_name(bucket.id) != bucket.name:
            raise NoSuchBucket(bucket.name)

    def require_thread_if(self, long: bool) -> None:
        """NotBrief if what is to be done takes ``long`` and the loop would wait for it."""
        if long and self.ledger.on_loop:
            raise NotBrief

    def drop_staged(self, storage: str, names: Sequence[str]) -> None:
        """Drop staged bytes that nobody refers to any more, after the commit, in bounded pieces."""
        placing = self.ledger.placing(storage)
        if placing is None or not names:
            return
        now, rest = names[:_AT_ONCE], names[_AT_ONCE:]

        def drop(placing: Placing = placing) -> None:
            for name in now:
                placing.drop_staged(name)

        self.after_commit(drop)
        if rest:
            self.later(lambda next: next.drop_staged(storage, rest))

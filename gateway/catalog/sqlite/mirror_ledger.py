"""The ledger of a mirror in a file of its own beside the catalog, or in memory.

It is no part of the catalog: what it holds is of storages, and it changes while none of the catalog's
transactions is open. It has the same guards: turns between processes, no network file system, WAL.
"""

import asyncio
import os
import secrets
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import apsw
from apsw import Connection

from backends.errors import Exists, NameRefused, Unavailable
from backends.interface import RESERVED, Fingerprint
from backends.mirror.ledger import Backlog, Copy, Entry, Ledger, State
from gateway.catalog.errors import CatalogUnavailable
from gateway.catalog.sqlite.filesystem import refuse_network
from gateway.catalog.sqlite.lock import FairLock

_T = TypeVar("_T")
_Work = Callable[[Connection], _T]
_Row = tuple[Any, ...]

_FORMAT = 1
_NS = 1_000_000_000
_BUSY_MS = 10_000
"""For a checkpoint or a recovery of another process: writers have turns."""

_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS members (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS numbers (last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS paths (
    path TEXT PRIMARY KEY, generation INTEGER NOT NULL, size INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL, live INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS copies (
    path TEXT NOT NULL, member TEXT NOT NULL, state INTEGER NOT NULL,
    size INTEGER, stamp TEXT, token INTEGER, process TEXT,
    touched INTEGER NOT NULL, fresh INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0,
    since_ns INTEGER NOT NULL, due_ns INTEGER NOT NULL,
    PRIMARY KEY (path, member)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS waiting ON copies (member, due_ns) WHERE state != 0;
CREATE INDEX IF NOT EXISTS changing ON copies (process) WHERE token IS NOT NULL;
"""
# A copy that is ``fresh`` was not touched before the call that has its token.

_ENTRY = """
SELECT p.path, p.generation, p.size, p.modified_ns, p.live,
       c.member, c.state, c.size, c.stamp, c.token, c.touched, c.tries, c.due_ns
FROM paths p LEFT JOIN copies c ON c.path = p.path
"""
_LATER = (
    "UPDATE copies SET state = CASE state WHEN 3 THEN 3 ELSE 2 END, token = NULL, process = NULL, "
    "fresh = 0, due_ns = ?, since_ns = CASE state WHEN 0 THEN ? ELSE since_ns END "
)


class SqliteMirrorLedger(Ledger):
    """``path`` None: in this process's memory alone.

    ``process``: under which this one's calls are noted.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        process: str,
        durable: bool = True,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._path = path
        self._process = process
        self._durable = durable
        self._now_ns = now_ns
        self._turn: FairLock | None = None
        self._writer: Connection | None = None
        self._reader: Connection | None = None
        self._writing: ThreadPoolExecutor | None = None
        self._reading: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        if self._writer is not None:
            return
        if self._path is None:
            self._open()
            return
        if self._writing is None:
            self._writing = ThreadPoolExecutor(1, thread_name_prefix="s3front-ledger")
            self._reading = ThreadPoolExecutor(1, thread_name_prefix="s3front-ledger-reads")
        await asyncio.get_running_loop().run_in_executor(self._writing, self._open)

    def _open(self) -> None:
        try:
            if self._path is None:
                self._writer = self._reader = Connection(":memory:")
            else:
                refuse_network(self._path)
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
                self._turn = self._turn or FairLock(self._path)
                self._writer = _connected(self._path, durable=self._durable)
            with self._turn or nullcontext(), self._writer:
                self._made(self._writer)
            if self._path is not None:
                self._reader = _connected(self._path, durable=self._durable)
        except (apsw.Error, OSError, CatalogUnavailable) as error:
            self._writer = self._reader = None
            raise Unavailable(
                f"the ledger {str(self._path)!r} of a mirror cannot be opened: {error}"
            ) from error

    def _made(self, connection: Connection) -> None:
        format = connection.pragma("user_version")
        if format not in {0, _FORMAT}:
            raise Unavailable(
                f"the ledger {str(self._path)!r} has format {format}, which this version does not "
                "know; start the version that wrote it"
            )
        connection.execute(_TABLES)
        connection.execute(f"PRAGMA user_version = {_FORMAT}")
        connection.execute(
            "INSERT INTO facts VALUES ('name', ?) ON CONFLICT DO NOTHING", (secrets.token_hex(16),)
        )
        connection.execute("INSERT INTO numbers SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM numbers)")

    async def aclose(self) -> None:
        if self._writing is None or self._reading is None:
            return
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._reading, self._close_reader)
        await loop.run_in_executor(self._writing, self._close_writer)
        self._reading.shutdown(wait=False)
        self._writing.shutdown(wait=False)
        self._writing = self._reading = None

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._turn is not None:
            self._turn.close()
            self._turn = None

    async def name(self) -> str:
        return str(await self._read("SELECT value FROM facts WHERE name = 'name'"))

    async def rename(self, name: str) -> None:
        await self._change("UPDATE facts SET value = ? WHERE name = 'name'", (name,))

    async def members(self) -> Sequence[str]:
        return [row[0] for row in await self._rows("SELECT name FROM members ORDER BY name")]

    async def enlist(self, member: str, *, copies: bool) -> None:
        def work(connection: Connection) -> None:
            connection.execute("INSERT INTO members VALUES (?) ON CONFLICT DO NOTHING", (member,))
            if copies:
                now = self._now_ns()
                connection.execute(
                    "INSERT INTO copies (path, member, state, touched, since_ns, due_ns) "
                    "SELECT path, ?, 1, 0, ?, ? FROM paths WHERE live ON CONFLICT DO NOTHING",
                    (member, now, now),
                )

        await self._write(work)

    async def forget(self, member: str) -> None:
        now = self._now_ns()
        await self._change(
            "UPDATE copies SET state = 2, since_ns = ?, due_ns = ? WHERE member = ? AND state = 0",
            (now, now, member),
        )

    async def dismiss(self, member: str) -> int:
        def work(connection: Connection) -> int:
            alone = connection.execute(
                "SELECT count(*) FROM copies c JOIN paths p USING (path) WHERE c.member = ?1 "
                "AND p.live AND c.state != 3 AND NOT EXISTS (SELECT 1 FROM copies o "
                "WHERE o.path = c.path AND o.member != ?1 AND o.state = 0)",
                (member,),
            ).get
            if not alone:
                connection.execute("DELETE FROM copies WHERE member = ?", (member,))
                connection.execute(
                    "DELETE FROM paths WHERE NOT live AND path NOT IN (SELECT path FROM copies)"
                )
                connection.execute("DELETE FROM members WHERE name = ?", (member,))
            return int(alone)

        return await self._write(work)

    async def number(self) -> int:
        return await self._write(self._number)

    async def find(self, path: str) -> Entry | None:
        found = _entries(await self._rows(f"{_ENTRY} WHERE p.path = ?", (path,)), self._now_ns())
        return found[0] if found else None

    async def entries(self, prefix: str, *, after: str, limit: int) -> Sequence[Entry]:
        ours, end = f"{RESERVED}/", _end_of(prefix)
        bounds = "path > :after" if after >= prefix else "path >= :prefix"
        if end is not None:
            bounds += " AND path < :end"
        if not prefix.startswith(ours):
            bounds += " AND NOT (path >= :ours AND path < :past)"
        page = f"SELECT path FROM paths WHERE {bounds} AND live ORDER BY path LIMIT :limit"  # noqa: S608 - texts of ours
        values = {
            "prefix": prefix,
            "end": end,
            "after": after,
            "ours": ours,
            "past": f"{RESERVED}0",
            "limit": limit,
        }
        rows = await self._rows(f"{_ENTRY} WHERE p.path IN ({page}) ORDER BY p.path", values)
        return _entries(rows, self._now_ns())

    async def begin(
        self, path: str, member: str, *, create: bool = False, tree: bool = False
    ) -> tuple[int, Entry]:
        def work(connection: Connection) -> tuple[int, Entry]:
            entry = _found(connection, path, self._now_ns())
            if create and entry is not None and entry.live:
                raise Exists(f"something is stored as {path!r}")
            if tree and (entry is None or not entry.live):
                _refuse_beside(connection, path)
            copy = None if entry is None else entry.copies.get(member)
            if copy is not None and copy.token is not None:
                raise Unavailable(f"{path!r} is being written by another call")
            doubtful = {State.UNKNOWN, State.SURPLUS}
            if copy is not None and copy.state in doubtful and copy.waits:
                raise Unavailable(f"what became of {path!r} on {member!r} is not known yet")
            token, now = self._number(connection), self._now_ns()
            if entry is None:
                entry = Entry(path=path, generation=token, size=0, modified_ns=0, live=False)
                connection.execute("INSERT INTO paths VALUES (?, ?, 0, 0, 0)", (path, token))
            fresh = copy is None or not copy.touched
            connection.execute(
                "INSERT INTO copies "
                "(path, member, state, token, process, touched, fresh, since_ns, due_ns) "
                "VALUES (?, ?, 1, ?, ?, 1, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "token = excluded.token, process = excluded.process, touched = 1, fresh = excluded.fresh",
                (path, member, token, self._process, fresh, now, now),
            )
            return token, entry

        return await self._write(work)

    async def hold(
        self,
        path: str,
        member: str,
        token: int,
        *,
        generation: int,
        fingerprint: Fingerprint,
        modified_ns: int,
        others: Collection[str],
    ) -> bool:
        def work(connection: Connection) -> bool:
            if not _has(connection, path, member, token):
                return False
            now, size = self._now_ns(), fingerprint.size
            connection.execute(
                "UPDATE paths SET generation = ?, size = ?, modified_ns = ?, live = 1 WHERE path = ?",
                (generation, size, modified_ns, path),
            )
            connection.execute(
                "UPDATE copies SET state = 0, size = ?, stamp = ?, token = NULL, process = NULL, "
                "fresh = 0, tries = 0 WHERE path = ? AND member = ?",
                (size, fingerprint.stamp, path, member),
            )
            self._make_surplus(connection, path, {member, *others}, now)
            self._leave_behind(connection, path, others, now)
            return True

        return await self._write(work)

    async def repaired(
        self, path: str, member: str, token: int, *, generation: int, fingerprint: Fingerprint
    ) -> bool:
        def work(connection: Connection) -> bool:
            if not _has(connection, path, member, token):
                return False
            entry = _found(connection, path, self._now_ns())
            if entry is None or not entry.live or entry.generation != generation:
                self._later(connection, path, member, token, in_s=0)
                return False
            connection.execute(
                "UPDATE copies SET state = 0, size = ?, stamp = ?, token = NULL, process = NULL, "
                "fresh = 0, tries = 0 WHERE path = ? AND member = ?",
                (fingerprint.size, fingerprint.stamp, path, member),
            )
            return True

        return await self._write(work)

    async def abandon(
        self, path: str, member: str, token: int, *, unknown: bool, in_s: float = 0.0
    ) -> None:
        def work(connection: Connection) -> None:
            if not _has(connection, path, member, token):
                return
            if unknown:
                self._later(connection, path, member, token, in_s=in_s)
                return
            fresh = connection.execute(
                "SELECT fresh FROM copies WHERE path = ? AND member = ?", (path, member)
            ).get
            connection.execute(
                "UPDATE copies SET token = NULL, process = NULL, touched = NOT fresh, fresh = 0 "
                "WHERE path = ? AND member = ?",
                (path, member),
            )
            entry = _found(connection, path, self._now_ns())
            if fresh and entry is not None and not entry.live:
                _drop(connection, path, member)

        await self._write(work)

    async def delete(self, path: str, *, first: str) -> Mapping[str, int]:
        def work(connection: Connection) -> Mapping[str, int]:
            now, generation = self._now_ns(), self._number(connection)
            entry = _found(connection, path, now)
            if entry is None:
                connection.execute(
                    "INSERT INTO copies (path, member, state, touched, since_ns, due_ns) "
                    "VALUES (?, ?, 1, 0, ?, ?)",
                    (path, first, now, now),
                )
            connection.execute(
                "INSERT INTO paths VALUES (?, ?, 0, 0, 0) ON CONFLICT DO UPDATE SET "
                "generation = excluded.generation, size = 0, modified_ns = 0, live = 0",
                (path, generation),
            )
            # What may still be on its way is waited for.
            connection.execute(
                "UPDATE copies SET size = NULL, stamp = NULL, tries = 0, since_ns = ?1, "
                "due_ns = CASE WHEN state = 2 THEN max(due_ns, ?1) ELSE ?1 END, "
                "state = CASE state WHEN 2 THEN 2 ELSE 1 END WHERE path = ?2",
                (now, path),
            )
            begun = connection.execute(
                "UPDATE copies SET token = ?, process = ?, fresh = 0 "
                "WHERE path = ? AND token IS NULL AND due_ns <= ? RETURNING member",
                (generation, self._process, path, now),
            ).fetchall()
            return {str(row[0]): generation for row in begun}

        return await self._write(work)

    async def gone(self, path: str, member: str, token: int, *, surplus: bool = False) -> None:
        def work(connection: Connection) -> None:
            if not _has(connection, path, member, token):
                return
            entry = _found(connection, path, self._now_ns())
            stays = entry is not None and entry.live and not surplus
            if stays and entry is not None and entry.copies[member].state is not State.SURPLUS:
                connection.execute(
                    "UPDATE copies SET state = 1, token = NULL, process = NULL, touched = 0 "
                    "WHERE path = ? AND member = ?",
                    (path, member),
                )
            else:
                _drop(connection, path, member)

        await self._write(work)

    async def doubt(self, path: str, member: str, fingerprint: Fingerprint) -> None:
        now = self._now_ns()
        await self._change(
            "UPDATE copies SET state = 2, since_ns = ?, due_ns = ? WHERE path = ? AND member = ? "
            "AND state = 0 AND size = ? AND stamp = ?",
            (now, now, path, member, fingerprint.size, fingerprint.stamp),
        )

    async def looked(
        self, path: str, member: str, *, generation: int, fingerprint: Fingerprint
    ) -> None:
        await self._change(
            "UPDATE copies SET state = 0, size = ?, stamp = ?, tries = 0 WHERE path = ? AND member = ? "
            "AND state IN (1, 2) AND token IS NULL AND EXISTS (SELECT 1 FROM paths p "
            "WHERE p.path = copies.path AND p.live AND p.generation = ?)",
            (fingerprint.size, fingerprint.stamp, path, member, generation),
        )

    async def adopt(
        self,
        path: str,
        member: str,
        *,
        fingerprint: Fingerprint,
        modified_ns: int,
        others: Collection[str],
        instead_of: int | None = None,
        generation: int | None = None,
    ) -> Entry:
        def work(connection: Connection) -> Entry:
            entry = _found(connection, path, self._now_ns())
            if entry is not None:
                copy = entry.copies.get(member)
                is_meant = entry.live and entry.generation == instead_of
                if not is_meant or copy is None or copy.token is not None:
                    return entry
            now = self._now_ns()
            number = self._number(connection) if generation is None else generation
            connection.execute(
                "INSERT INTO paths VALUES (?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET "
                "generation = excluded.generation, size = excluded.size, "
                "modified_ns = excluded.modified_ns",
                (path, number, fingerprint.size, modified_ns),
            )
            connection.execute(
                "INSERT INTO copies "
                "(path, member, state, size, stamp, touched, since_ns, due_ns) "
                "VALUES (?, ?, 0, ?, ?, 0, ?, ?) ON CONFLICT DO UPDATE SET state = 0, "
                "size = excluded.size, stamp = excluded.stamp, tries = 0",
                (path, member, fingerprint.size, fingerprint.stamp, now, now),
            )
            self._leave_behind(connection, path, others, now)
            adopted = _found(connection, path, self._now_ns())
            if adopted is None:
                raise AssertionError("an entry that was just written is gone")
            return adopted

        return await self._write(work)

    async def lost(self, path: str, member: str, *, generation: int) -> None:
        await self._change(
            "UPDATE copies SET state = 1, size = NULL, stamp = NULL WHERE path = ? AND member = ? "
            "AND state = 2 AND token IS NULL AND EXISTS (SELECT 1 FROM paths p "
            "WHERE p.path = copies.path AND p.live AND p.generation = ?)",
            (path, member, generation),
        )

    async def restore(
        self,
        path: str,
        *,
        generation: int,
        modified_ns: int,
        held: Mapping[str, Fingerprint],
        behind: Collection[str],
    ) -> None:
        def work(connection: Connection) -> None:
            if _found(connection, path, self._now_ns()) is not None:
                return
            now, size = self._now_ns(), next(iter(held.values())).size
            connection.execute("UPDATE numbers SET last = max(last, ?)", (generation,))
            connection.execute(
                "INSERT INTO paths VALUES (?, ?, ?, ?, 1)", (path, generation, size, modified_ns)
            )
            for member, of in held.items():
                connection.execute(
                    "INSERT INTO copies (path, member, state, size, stamp, touched, since_ns, due_ns)"
                    " VALUES (?, ?, 0, ?, ?, 1, ?, ?)",
                    (path, member, of.size, of.stamp, now, now),
                )
            self._leave_behind(connection, path, behind, now)

        await self._write(work)

    async def due(self, members: Collection[str], *, limit: int) -> Sequence[str]:
        now, found = self._now_ns(), []
        for member in members:
            found += await self._rows(
                "SELECT due_ns, path FROM copies WHERE state != 0 AND member = ? AND due_ns <= ? "
                "AND token IS NULL ORDER BY due_ns LIMIT ?",
                (member, now, limit),
            )
        return list(dict.fromkeys(path for _, path in sorted(found)))[:limit]

    async def postpone(self, path: str, member: str, *, in_s: float) -> None:
        await self._change(
            "UPDATE copies SET tries = tries + 1, due_ns = ? "
            "WHERE path = ? AND member = ? AND state != 0",
            (self._now_ns() + int(in_s * _NS), path, member),
        )

    async def backlog(self) -> Backlog:
        rows = await self._rows("SELECT count(*), min(since_ns) FROM copies WHERE state != 0")
        waiting, oldest = rows[0]
        return Backlog(waiting=waiting, oldest_ns=oldest)

    async def processes(self) -> Sequence[str]:
        rows = await self._rows("SELECT DISTINCT process FROM copies WHERE token IS NOT NULL")
        return [row[0] for row in rows]

    async def give_up(self, process: str) -> None:
        now = self._now_ns()
        await self._change(f"{_LATER} WHERE token IS NOT NULL AND process = ?", (now, now, process))

    def _number(self, connection: Connection) -> int:
        return int(
            connection.execute(
                "UPDATE numbers SET last = max(last + 1, ?) RETURNING last", (self._now_ns(),)
            ).get
        )

    def _make_surplus(
        self, connection: Connection, path: str, besides: Collection[str], now: int
    ) -> None:
        marks = ", ".join("?" for _ in besides)
        connection.execute(
            "UPDATE copies SET size = NULL, stamp = NULL, tries = 0, since_ns = ?, "  # noqa: S608 - question marks
            "due_ns = CASE WHEN state = 2 THEN max(due_ns, ?) ELSE ? END, state = 3 "
            f"WHERE path = ? AND member NOT IN ({marks})",
            (now, now, now, path, *besides),
        )

    def _leave_behind(
        self, connection: Connection, path: str, members: Collection[str], now: int
    ) -> None:
        for member in members:
            connection.execute(
                "INSERT INTO copies (path, member, state, touched, since_ns, due_ns) "
                "VALUES (?, ?, 1, 0, ?, ?) ON CONFLICT DO UPDATE SET size = NULL, stamp = NULL, "
                "tries = 0, since_ns = excluded.since_ns, "
                "due_ns = CASE WHEN state = 2 THEN max(due_ns, excluded.due_ns) "
                "ELSE excluded.due_ns END, state = CASE state WHEN 2 THEN 2 ELSE 1 END",
                (path, member, now, now),
            )

    def _later(
        self, connection: Connection, path: str, member: str, token: int, *, in_s: float
    ) -> None:
        now = self._now_ns()
        connection.execute(
            f"{_LATER} WHERE path = ? AND member = ? AND token = ?",
            (now + int(in_s * _NS), now, path, member, token),
        )

    async def _write(self, work: _Work[_T]) -> _T:
        """In one transaction, in this process's turn."""

        def within() -> _T:
            if self._writer is None:
                raise Unavailable("the ledger is not open")
            turn: AbstractContextManager[object] = self._turn or nullcontext()
            with turn:
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    done = work(self._writer)
                except BaseException:
                    self._writer.execute("ROLLBACK")
                    raise
                self._writer.execute("COMMIT")
                return done

        return await self._run(self._writing, within)

    async def _change(self, statement: str, values: Sequence[object]) -> None:
        await self._write(lambda connection: connection.execute(statement, values).fetchall())

    async def _rows(
        self, query: str, values: Sequence[object] | Mapping[str, object] = ()
    ) -> list[_Row]:
        def within() -> list[_Row]:
            if self._reader is None:
                raise Unavailable("the ledger is not open")
            return self._reader.execute(query, values).fetchall()

        return await self._run(self._reading, within)

    async def _read(self, query: str) -> object:
        return (await self._rows(query))[0][0]

    async def _run(self, executor: Executor | None, within: Callable[[], _T]) -> _T:
        if executor is None and self._path is not None:
            raise Unavailable("the ledger is not open")
        try:
            if executor is None:
                await asyncio.sleep(0)
                return within()
            return await asyncio.get_running_loop().run_in_executor(executor, within)
        except (apsw.Error, OSError) as error:
            raise Unavailable(f"the ledger {str(self._path)!r} failed: {error}") from error


def _connected(path: Path, *, durable: bool) -> Connection:
    connection = Connection(str(path))
    connection.set_busy_timeout(_BUSY_MS)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    return connection


def _entries(rows: Sequence[_Row], now_ns: int) -> list[Entry]:
    found = []
    for path, of_path in groupby(rows, lambda row: row[0]):
        some = list(of_path)
        _, generation, size, modified_ns, live = some[0][:5]
        found.append(
            Entry(
                path=path,
                generation=generation,
                size=size,
                modified_ns=modified_ns,
                live=bool(live),
                copies={row[5]: _copy(row, now_ns) for row in some if row[5] is not None},
            )
        )
    return found


def _copy(row: _Row, now_ns: int) -> Copy:
    _, state, size, stamp, token, touched, tries, due_ns = row[5:]
    return Copy(
        state=State(state),
        fingerprint=None if stamp is None else Fingerprint(size=size, stamp=stamp),
        token=token,
        touched=bool(touched),
        tries=tries,
        waits=due_ns > now_ns,
    )


def _found(connection: Connection, path: str, now_ns: int) -> Entry | None:
    rows = connection.execute(f"{_ENTRY} WHERE p.path = ?", (path,)).fetchall()
    found = _entries(rows, now_ns)
    return found[0] if found else None


def _has(connection: Connection, path: str, member: str, token: int) -> bool:
    held = connection.execute(
        "SELECT token FROM copies WHERE path = ? AND member = ?", (path, member)
    ).get
    return bool(held == token)


def _drop(connection: Connection, path: str, member: str) -> None:
    """The copy, and an entry without copies that says nothing more."""
    connection.execute("DELETE FROM copies WHERE path = ? AND member = ?", (path, member))
    connection.execute(
        "DELETE FROM paths WHERE path = ?1 AND NOT live "
        "AND NOT EXISTS (SELECT 1 FROM copies WHERE path = ?1)",
        (path,),
    )


def _refuse_beside(connection: Connection, path: str) -> None:
    parts = path.split("/")
    above = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
    marks = ", ".join("?" for _ in above)
    in_the_way = connection.execute(
        f"SELECT EXISTS (SELECT 1 FROM paths WHERE live AND path IN ({marks})) "  # noqa: S608 - question marks
        "OR EXISTS (SELECT 1 FROM paths WHERE live AND path > ? AND path < ?)",
        (*above, f"{path}/", f"{path}0"),
    ).get
    if in_the_way:
        raise NameRefused(f"a folder or a file is in the way of {path!r}")


def _end_of(prefix: str) -> str | None:
    """The first text, in the order of their bytes, after all that begin with ``prefix``; None if there is
    none."""
    for length in range(len(prefix), 0, -1):
        last = ord(prefix[length - 1])
        if last < sys.maxunicode:
            after = 0xE000 if last == 0xD7FF else last + 1  # no text has a surrogate
            return prefix[: length - 1] + chr(after)
    return None

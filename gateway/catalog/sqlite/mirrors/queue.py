"""What waits for repair in a mirror's ledger."""

import sys
from collections.abc import Collection, Sequence

from backends.mirror.ledger import Backlog
from gateway.catalog.sqlite.mirrors.change import Change
from gateway.catalog.sqlite.mirrors.file import LedgerFile

NS = 1_000_000_000


async def due(
    file: LedgerFile,
    members: Collection[str],
    *,
    limit: int,
    least: int,
    below: int | None,
    now_ns: int,
) -> Sequence[str]:
    """As ``Ledger.due``."""
    most = sys.maxsize if below is None else below - 1
    found = []
    for member in members:
        found += await file.read(
            "SELECT due_ns, path FROM copies c JOIN paths p USING (path) WHERE state != 0 "
            "AND member = ? AND due_ns <= ? AND token IS NULL "
            "AND CASE WHEN state = 3 OR NOT p.live THEN 0 ELSE p.size END BETWEEN ? AND ? "
            "ORDER BY due_ns LIMIT ?",
            (member, now_ns, least, most, limit),
        )
    return list(dict.fromkeys(path for _, path in sorted(found)))[:limit]


async def backlog(file: LedgerFile) -> Backlog:
    """As ``Ledger.backlog``."""
    rows = await file.read("SELECT count(*), min(since_ns) FROM copies WHERE state != 0")
    waiting, oldest = rows[0]
    return Backlog(waiting=waiting, oldest_ns=oldest)


def postpone(change: Change, path: str, member: str, *, in_s: float) -> None:
    """As ``Ledger.postpone``: what may still be on its way is waited for. Raises apsw.Error."""
    change.connection.execute(
        "UPDATE copies SET tries = tries + 1, due_ns = max(due_ns, ?) "
        "WHERE path = ? AND member = ? AND state != 0",
        (change.now_ns + int(in_s * NS), path, member),
    )


def leave_behind(change: Change, path: str, members: Collection[str]) -> None:
    """These do not hold the path's bytes, or nobody knows what they do. Raises apsw.Error."""
    for member in members:
        change.connection.execute(
            "INSERT INTO copies (path, member, state, touched, since_ns, due_ns) "
            "VALUES (?, ?, 1, 0, ?, ?) ON CONFLICT DO UPDATE SET size = NULL, stamp = NULL, "
            "tries = 0, since_ns = excluded.since_ns, "
            "due_ns = CASE WHEN state = 2 THEN max(due_ns, excluded.due_ns) "
            "ELSE excluded.due_ns END, state = CASE state WHEN 2 THEN 2 ELSE 1 END",
            (path, member, change.now_ns, change.now_ns),
        )


def make_surplus(change: Change, path: str, *, besides: Collection[str]) -> None:
    """All other members are to have nothing there. Raises apsw.Error."""
    marks = ", ".join("?" for _ in besides)
    now = change.now_ns
    change.connection.execute(
        "UPDATE copies SET size = NULL, stamp = NULL, tries = 0, since_ns = ?, "  # noqa: S608 - question marks
        "due_ns = CASE WHEN state = 2 THEN max(due_ns, ?) ELSE ? END, state = 3 "
        f"WHERE path = ? AND member NOT IN ({marks})",
        (now, now, now, path, *besides),
    )

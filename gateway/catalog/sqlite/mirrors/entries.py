"""Rows of a mirror's ledger as entries."""

import sys
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from apsw import Connection

from backends.interface import RESERVED, Fingerprint
from backends.mirror.ledger import Copy, Entry, State
from gateway.catalog.sqlite.mirrors.change import Change

_COLUMNS = """
SELECT p.path, p.generation, p.size, p.modified_ns, p.live,
       c.member, c.state, c.size, c.stamp, c.token, c.touched, c.tries, c.due_ns
FROM paths p LEFT JOIN copies c ON c.path = p.path
"""
ONE = f"{_COLUMNS} WHERE p.path = ?"
"""The rows of a path."""


def found(change: Change, path: str) -> Entry | None:
    """What is known of that path. Raises apsw.Error."""
    rows = change.connection.execute(ONE, (path,)).fetchall()
    entries = entries_of(rows, change.now_ns)
    return entries[0] if entries else None


def page(prefix: str, *, after: str, limit: int) -> tuple[str, dict[str, object]]:
    """The query for rows of live entries in byte order, and its values: ``limit`` paths that begin with
    ``prefix`` and come after ``after``, without what is reserved unless ``prefix`` is."""
    ours, end = f"{RESERVED}/", _end_of(prefix)
    bounds = "path > :after" if after >= prefix else "path >= :prefix"
    if end is not None:
        bounds += " AND path < :end"
    if not prefix.startswith(ours):
        bounds += " AND NOT (path >= :ours AND path < :past)"
    paths = f"SELECT path FROM paths WHERE {bounds} AND live ORDER BY path LIMIT :limit"  # noqa: S608 - texts of ours
    values: dict[str, object] = {
        "prefix": prefix,
        "end": end,
        "after": after,
        "ours": ours,
        "past": f"{RESERVED}0",
        "limit": limit,
    }
    return f"{_COLUMNS} WHERE p.path IN ({paths}) ORDER BY p.path", values


def entries_of(rows: Sequence[tuple[Any, ...]], now_ns: int) -> list[Entry]:
    """The entries that rows of these queries tell at that moment (Unix nanoseconds)."""
    entries = []
    for path, of_path in groupby(rows, lambda row: row[0]):
        some = list(of_path)
        _, generation, size, modified_ns, live = some[0][:5]
        entries.append(
            Entry(
                path=path,
                generation=generation,
                size=size,
                modified_ns=modified_ns,
                live=bool(live),
                copies={row[5]: _copy(row, now_ns) for row in some if row[5] is not None},
            )
        )
    return entries


def drop(connection: Connection, path: str, member: str) -> None:
    """The copy, and an entry without copies that says nothing more. Raises apsw.Error."""
    connection.execute("DELETE FROM copies WHERE path = ? AND member = ?", (path, member))
    connection.execute(
        "DELETE FROM paths WHERE path = ?1 AND NOT live "
        "AND NOT EXISTS (SELECT 1 FROM copies WHERE path = ?1)",
        (path,),
    )


def _copy(row: tuple[Any, ...], now_ns: int) -> Copy:
    _, state, size, stamp, token, touched, tries, due_ns = row[5:]
    return Copy(
        state=State(state),
        fingerprint=None if stamp is None else Fingerprint(size=size, stamp=stamp),
        token=token,
        touched=bool(touched),
        tries=tries,
        waits=due_ns > now_ns,
    )


def _end_of(prefix: str) -> str | None:
    """The first text, in the order of their bytes, after all that begin with ``prefix``; None if there is
    none."""
    for length in range(len(prefix), 0, -1):
        last = ord(prefix[length - 1])
        if last < sys.maxunicode:
            after = 0xE000 if last == 0xD7FF else last + 1  # no text has a surrogate
            return prefix[: length - 1] + chr(after)
    return None

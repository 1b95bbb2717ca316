"""What was found on the members of a mirror when they were looked at.

Each function is part of one transaction, and raises apsw.Error.
"""

from collections.abc import Collection, Mapping

from backends.interface import Fingerprint
from backends.mirror.ledger import Entry
from gateway.catalog.sqlite.mirrors.change import Change
from gateway.catalog.sqlite.mirrors.entries import found
from gateway.catalog.sqlite.mirrors.queue import leave_behind


def doubt(change: Change, path: str, member: str, fingerprint: Fingerprint) -> None:
    """As ``Ledger.doubt``."""
    now = change.now_ns
    change.connection.execute(
        "UPDATE copies SET state = 2, since_ns = ?, due_ns = ? WHERE path = ? AND member = ? "
        "AND state = 0 AND size = ? AND stamp = ?",
        (now, now, path, member, fingerprint.size, fingerprint.stamp),
    )


def looked(
    change: Change, path: str, member: str, *, generation: int, fingerprint: Fingerprint
) -> None:
    """As ``Ledger.looked``."""
    change.connection.execute(
        "UPDATE copies SET state = 0, size = ?, stamp = ?, tries = 0 WHERE path = ? AND member = ? "
        "AND state IN (1, 2) AND token IS NULL AND EXISTS (SELECT 1 FROM paths p "
        "WHERE p.path = copies.path AND p.live AND p.generation = ?)",
        (fingerprint.size, fingerprint.stamp, path, member, generation),
    )


def lost(change: Change, path: str, member: str, *, generation: int) -> None:
    """As ``Ledger.lost``."""
    change.connection.execute(
        "UPDATE copies SET state = 1, size = NULL, stamp = NULL WHERE path = ? AND member = ? "
        "AND state = 2 AND token IS NULL AND EXISTS (SELECT 1 FROM paths p "
        "WHERE p.path = copies.path AND p.live AND p.generation = ?)",
        (path, member, generation),
    )


def adopt(
    change: Change,
    path: str,
    member: str,
    *,
    fingerprint: Fingerprint,
    modified_ns: int,
    others: Collection[str],
    instead_of: int | None,
    generation: int | None,
) -> Entry:
    """As ``Ledger.adopt``."""
    entry = found(change, path)
    if entry is not None:
        copy = entry.copies.get(member)
        is_meant = entry.live and entry.generation == instead_of
        if not is_meant or copy is None or copy.token is not None:
            return entry
    number = change.number() if generation is None else generation
    change.connection.execute(
        "INSERT INTO paths VALUES (?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET "
        "generation = excluded.generation, size = excluded.size, "
        "modified_ns = excluded.modified_ns",
        (path, number, fingerprint.size, modified_ns),
    )
    change.connection.execute(
        "INSERT INTO copies "
        "(path, member, state, size, stamp, touched, since_ns, due_ns) "
        "VALUES (?, ?, 0, ?, ?, 0, ?, ?) ON CONFLICT DO UPDATE SET state = 0, "
        "size = excluded.size, stamp = excluded.stamp, tries = 0",
        (path, member, fingerprint.size, fingerprint.stamp, change.now_ns, change.now_ns),
    )
    leave_behind(change, path, others)
    adopted = found(change, path)
    if adopted is None:
        raise AssertionError("an entry that was just written is gone")
    return adopted


def restore(
    change: Change,
    path: str,
    *,
    generation: int,
    modified_ns: int,
    held: Mapping[str, Fingerprint],
    behind: Collection[str],
) -> None:
    """As ``Ledger.restore``."""
    if found(change, path) is not None:
        return
    now, size = change.now_ns, next(iter(held.values())).size
    change.connection.execute("UPDATE numbers SET last = max(last, ?)", (generation,))
    change.connection.execute(
        "INSERT INTO paths VALUES (?, ?, ?, ?, 1)", (path, generation, size, modified_ns)
    )
    for member, of in held.items():
        change.connection.execute(
            "INSERT INTO copies (path, member, state, size, stamp, touched, since_ns, due_ns)"
            " VALUES (?, ?, 0, ?, ?, 1, ?, ?)",
            (path, member, of.size, of.stamp, now, now),
        )
    leave_behind(change, path, behind)

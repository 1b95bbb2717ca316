"""Calls that change a path of a member of a mirror: begun before the member is asked, ended afterwards.

Each function is part of one transaction, and raises apsw.Error.
"""

from collections.abc import Collection, Mapping

from apsw import Connection

from backends.errors import Exists, NameRefused, Unavailable
from backends.interface import Fingerprint
from backends.mirror.ledger import Copy, Entry, State
from gateway.catalog.sqlite.mirrors.change import Change
from gateway.catalog.sqlite.mirrors.entries import drop, found
from gateway.catalog.sqlite.mirrors.queue import NS, leave_behind, make_surplus

_LATER = (
    "UPDATE copies SET state = CASE state WHEN 3 THEN 3 ELSE 2 END, token = NULL, process = NULL, "
    "fresh = 0, due_ns = ?, since_ns = CASE state WHEN 0 THEN ? ELSE since_ns END "
)


def begin(change: Change, path: str, member: str, *, create: bool, tree: bool) -> tuple[int, Entry]:
    """As ``Ledger.begin``."""
    entry = found(change, path)
    if create and entry is not None and entry.live:
        raise Exists(f"something is stored as {path!r}")
    if tree and (entry is None or not entry.live):
        _refuse_beside(change.connection, path)
    copy = None if entry is None else entry.copies.get(member)
    _refuse_doubtful(copy, path, member)
    token = change.number()
    if entry is None:
        entry = Entry(path=path, generation=token, size=0, modified_ns=0, live=False)
        change.connection.execute("INSERT INTO paths VALUES (?, ?, 0, 0, 0)", (path, token))
    fresh = copy is None or not copy.touched
    change.connection.execute(
        "INSERT INTO copies "
        "(path, member, state, token, process, touched, fresh, since_ns, due_ns) "
        "VALUES (?, ?, 1, ?, ?, 1, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "token = excluded.token, process = excluded.process, touched = 1, fresh = excluded.fresh",
        (path, member, token, change.process, fresh, change.now_ns, change.now_ns),
    )
    return token, entry


def hold(
    change: Change,
    path: str,
    member: str,
    token: int,
    *,
    generation: int,
    fingerprint: Fingerprint,
    modified_ns: int,
    others: Collection[str],
) -> bool:
    """As ``Ledger.hold``."""
    if not _has(change.connection, path, member, token):
        return False
    _make_live(change, path, generation, fingerprint, modified_ns)
    _make_current(change.connection, path, member, fingerprint)
    make_surplus(change, path, besides={member, *others})
    leave_behind(change, path, others)
    return True


def conclude(
    change: Change,
    path: str,
    member: str,
    *,
    generation: int,
    fingerprint: Fingerprint,
    modified_ns: int,
    others: Collection[str],
) -> bool:
    """As ``Ledger.conclude``."""
    entry = found(change, path)
    copy = None if entry is None else entry.copies.get(member)
    if entry is None or entry.live or copy is None:
        return False
    if copy.state is not State.UNKNOWN or copy.token is not None:
        return False
    _make_live(change, path, generation, fingerprint, modified_ns)
    _make_current(change.connection, path, member, fingerprint)
    leave_behind(change, path, others)
    return True


def repaired(
    change: Change,
    path: str,
    member: str,
    token: int,
    *,
    generation: int,
    fingerprint: Fingerprint,
) -> bool:
    """As ``Ledger.repaired``."""
    if not _has(change.connection, path, member, token):
        return False
    entry = found(change, path)
    if entry is None or not entry.live or entry.generation != generation:
        _leave_unknown(change, path, member, token, in_s=0)
        return False
    _make_current(change.connection, path, member, fingerprint)
    return True


def abandon(
    change: Change, path: str, member: str, token: int, *, unknown: bool, in_s: float
) -> None:
    """As ``Ledger.abandon``."""
    if not _has(change.connection, path, member, token):
        return
    if unknown:
        _leave_unknown(change, path, member, token, in_s=in_s)
        return
    fresh = change.connection.execute(
        "SELECT fresh FROM copies WHERE path = ? AND member = ?", (path, member)
    ).get
    change.connection.execute(
        "UPDATE copies SET token = NULL, process = NULL, touched = NOT fresh, fresh = 0 "
        "WHERE path = ? AND member = ?",
        (path, member),
    )
    entry = found(change, path)
    if fresh and entry is not None and not entry.live:
        drop(change.connection, path, member)


def delete(change: Change, path: str, *, first: str) -> Mapping[str, int]:
    """As ``Ledger.delete``."""
    now, generation = change.now_ns, change.number()
    if found(change, path) is None:
        change.connection.execute(
            "INSERT INTO copies (path, member, state, touched, since_ns, due_ns) "
            "VALUES (?, ?, 1, 0, ?, ?)",
            (path, first, now, now),
        )
    change.connection.execute(
        "INSERT INTO paths VALUES (?, ?, 0, 0, 0) ON CONFLICT DO UPDATE SET "
        "generation = excluded.generation, size = 0, modified_ns = 0, live = 0",
        (path, generation),
    )
    # What may still be on its way is waited for.
    change.connection.execute(
        "UPDATE copies SET size = NULL, stamp = NULL, tries = 0, since_ns = ?1, "
        "due_ns = CASE WHEN state = 2 THEN max(due_ns, ?1) ELSE ?1 END, "
        "state = CASE state WHEN 2 THEN 2 ELSE 1 END WHERE path = ?2",
        (now, path),
    )
    begun = change.connection.execute(
        "UPDATE copies SET token = ?, process = ?, fresh = 0 "
        "WHERE path = ? AND token IS NULL AND due_ns <= ? RETURNING member",
        (generation, change.process, path, now),
    ).fetchall()
    return {str(row[0]): generation for row in begun}


def gone(change: Change, path: str, member: str, token: int, *, surplus: bool) -> None:
    """As ``Ledger.gone``."""
    if not _has(change.connection, path, member, token):
        return
    entry = found(change, path)
    stays = entry is not None and entry.live and not surplus
    if stays and entry is not None and entry.copies[member].state is not State.SURPLUS:
        change.connection.execute(
            "UPDATE copies SET state = 1, token = NULL, process = NULL, touched = 0 "
            "WHERE path = ? AND member = ?",
            (path, member),
        )
    else:
        drop(change.connection, path, member)


def give_up(change: Change, process: str) -> None:
    """As ``Ledger.give_up``."""
    change.connection.execute(
        f"{_LATER} WHERE token IS NOT NULL AND process = ?",
        (change.now_ns, change.now_ns, process),
    )


def _refuse_doubtful(copy: Copy | None, path: str, member: str) -> None:
    if copy is None:
        return
    if copy.token is not None:
        raise Unavailable(f"{path!r} is being written by another call")
    if copy.state in {State.UNKNOWN, State.SURPLUS} and copy.waits:
        raise Unavailable(f"what became of {path!r} on {member!r} is not known yet")


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


def _has(connection: Connection, path: str, member: str, token: int) -> bool:
    held = connection.execute(
        "SELECT token FROM copies WHERE path = ? AND member = ?", (path, member)
    ).get
    return bool(held == token)


def _make_live(
    change: Change, path: str, generation: int, of: Fingerprint, modified_ns: int
) -> None:
    change.connection.execute(
        "UPDATE paths SET generation = ?, size = ?, modified_ns = ?, live = 1 WHERE path = ?",
        (generation, of.size, modified_ns, path),
    )


def _make_current(connection: Connection, path: str, member: str, of: Fingerprint) -> None:
    connection.execute(
        "UPDATE copies SET state = 0, size = ?, stamp = ?, token = NULL, process = NULL, "
        "fresh = 0, tries = 0 WHERE path = ? AND member = ?",
        (of.size, of.stamp, path, member),
    )


def _leave_unknown(change: Change, path: str, member: str, token: int, *, in_s: float) -> None:
    change.connection.execute(
        f"{_LATER} WHERE path = ? AND member = ? AND token = ?",
        (change.now_ns + int(in_s * NS), change.now_ns, path, member, token),
    )

"""Who is a member of a mirror. Each raises apsw.Error."""

from gateway.catalog.sqlite.mirrors.change import Change


def enlist(change: Change, member: str, *, copies: bool) -> None:
    """As ``Ledger.enlist``."""
    change.connection.execute("INSERT INTO members VALUES (?) ON CONFLICT DO NOTHING", (member,))
    if copies:
        change.connection.execute(
            "INSERT INTO copies (path, member, state, touched, since_ns, due_ns) "
            "SELECT path, ?, 1, 0, ?, ? FROM paths WHERE live ON CONFLICT DO NOTHING",
            (member, change.now_ns, change.now_ns),
        )


def forget(change: Change, member: str) -> None:
    """As ``Ledger.forget``."""
    change.connection.execute(
        "UPDATE copies SET state = 2, since_ns = ?, due_ns = ? WHERE member = ? AND state = 0",
        (change.now_ns, change.now_ns, member),
    )


def dismiss(change: Change, member: str) -> int:
    """As ``Ledger.dismiss``."""
    alone = change.connection.execute(
        "SELECT count(*) FROM copies c JOIN paths p USING (path) WHERE c.member = ?1 "
        "AND p.live AND c.state != 3 AND NOT EXISTS (SELECT 1 FROM copies o "
        "WHERE o.path = c.path AND o.member != ?1 AND o.state = 0)",
        (member,),
    ).get
    if not alone:
        change.connection.execute("DELETE FROM copies WHERE member = ?", (member,))
        change.connection.execute(
            "DELETE FROM paths WHERE NOT live AND path NOT IN (SELECT path FROM copies)"
        )
        change.connection.execute("DELETE FROM members WHERE name = ?", (member,))
    return int(alone)

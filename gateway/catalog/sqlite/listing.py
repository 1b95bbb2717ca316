"""Pages of keys with common prefixes rolled up, at a cost of O(items of the page).

Everything is bytes: in UTF-8 a delimiter's bytes occur only where its characters do, and byte order
is S3's order. A common prefix is left behind by one seek to its successor, however many keys it
hides.
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from apsw import Connection

from gateway.catalog.records import Page
from gateway.catalog.sqlite.encoding import USUAL_CLASS

Position = TypeVar("Position")
Row = tuple[Any, ...]
Fetch = Callable[[Position, int], list[Row]]

END = b"\xff"
"""Greater than every key: no UTF-8 has this byte."""

_FIRST_PIECE = 16
_LEAST_PIECE = 4
_LEAP_COSTS = 6
"""What a leap takes, in rows that are fetched one after the other."""

_ENTRY = (
    "CAST(key AS TEXT), size, etag, modified_ns, "
    f"coalesce(storage_class, '{USUAL_CLASS}'), checksum_algorithm, checksum_type"
)
_FLAT = (
    f"SELECT {_ENTRY} FROM objects "  # noqa: S608 - constants
    "WHERE bucket_id = ? AND key >= ? AND key < ? "
    "ORDER BY key LIMIT ?"
)
_ROLLED_UP = (
    f"SELECT key, {_ENTRY} FROM objects "  # noqa: S608 - constants
    "WHERE bucket_id = ? AND key >= ? AND key < ? "
    "ORDER BY key LIMIT ?"
)

# From each key to the first one behind its common prefix, or behind itself if it has none.
_LEAPT = f"""
    WITH RECURSIVE found(key) AS (
        SELECT (
            SELECT key FROM objects
            WHERE bucket_id = :bucket AND key >= :start AND key < :end ORDER BY key LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT key FROM objects
            WHERE bucket_id = :bucket AND key < :end AND key >= CAST(
                CASE instr(substr(found.key, :behind), :delimiter)
                WHEN 0 THEN found.key || x'00'
                ELSE substr(
                    found.key, 1, :before + instr(substr(found.key, :behind), :delimiter)
                ) || :next
                END AS BLOB
            )
            ORDER BY key LIMIT 1
        )
        FROM found WHERE found.key IS NOT NULL
        LIMIT :count
    )
    SELECT objects.key, {_ENTRY.replace("key", "objects.key", 1)}
    FROM found CROSS JOIN objects
    WHERE objects.bucket_id = :bucket AND objects.key = found.key
"""  # noqa: S608 - constants


def page(
    reader: Connection, bucket_id: int, *, prefix: str, delimiter: str, after: str, limit: int
) -> Page:
    """As ``Catalog.list``: what was there at one moment. Raises apsw.Error."""
    if limit <= 0:
        return Page(more=False)
    start, end = span(prefix.encode(), after.encode())
    if not delimiter:
        rows: list[Any] = reader.execute(_FLAT, (bucket_id, start, end, limit + 1)).fetchall()
        more = len(rows) > limit
        return Page(entries=rows[:limit] if more else rows, more=more)
    walk = Walk(
        lambda position, count: reader.execute(
            _ROLLED_UP, (bucket_id, position, end, count)
        ).fetchall(),
        seek=lambda key: key,
        follow=lambda row: row[0] + b"\0",
        leap=_leap(reader, bucket_id, prefix.encode(), delimiter.encode(), end),
    )
    reader.execute("BEGIN")
    try:
        found, more = walk.items(prefix.encode(), delimiter.encode(), after.encode(), start, limit)
    finally:
        reader.execute("COMMIT")
    rows = [item for item in found if not isinstance(item, str)]
    return Page(
        entries=[row[1:] for row in rows],
        prefixes=[item for item in found if isinstance(item, str)],
        more=more,
    )


def _leap(
    reader: Connection, bucket_id: int, prefix: bytes, delimiter: bytes, end: bytes
) -> Callable[[bytes, int], list[Row]]:
    given = {
        "bucket": bucket_id,
        "end": end,
        "behind": len(prefix) + 1,
        "before": len(prefix) - 1,
        "delimiter": delimiter,
        # No UTF-8 ends in 0xFF: this is ``successor`` of every common prefix, put behind its stem.
        "next": successor(delimiter),
    }

    def leap(position: bytes, count: int) -> list[Row]:
        bindings = {**given, "start": position, "count": count}
        return reader.execute(_LEAPT, bindings).fetchall()

    return leap


def span(prefix: bytes, after: bytes) -> tuple[bytes, bytes]:
    """From (inclusive) and to (exclusive) of the keys with ``prefix`` greater than ``after``."""
    return max(prefix, after + b"\0" if after else b""), successor(prefix) or END


def successor(prefix: bytes) -> bytes | None:
    """The least string greater than all that begin with ``prefix``; None if there is none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None


class Walk(Generic[Position]):
    """Rolls rows up. A row's first column is its key; rows come in order."""

    def __init__(
        self,
        fetch: Fetch[Position],
        *,
        seek: Callable[[bytes], Position],
        follow: Callable[[Row], Position],
        leap: Fetch[Position] | None = None,
    ) -> None:
        """``fetch`` gives up to so many rows from a position, ``seek`` the position of a key's
        first row, ``follow`` that behind a row. ``leap`` gives of each common prefix the first row
        only: for where prefixes hide most rows."""
        self._fetch = fetch
        self._seek = seek
        self._follow = follow
        self._leap = leap

    def items(
        self, prefix: bytes, delimiter: bytes, after: bytes, start: Position, limit: int
    ) -> tuple[list[Row | str], bool]:
        """Up to ``limit`` rows and common prefixes from ``start``, and whether more are left."""
        found: list[Row | str] = []
        under = _common(prefix, delimiter, after) if after.startswith(prefix) else None
        position = start if under is None else self._seek(_beyond(under))
        fetch, piece = self._fetch, _FIRST_PIECE
        while True:
            piece = min(piece, limit + 1 - len(found))
            rows = fetch(position, piece)
            before = len(found)
            common = _roll_up(rows, prefix, delimiter, found)
            if len(found) > limit:
                del found[limit:]
                return found, True
            if len(rows) < piece:
                return found, False
            position = self._follow(rows[-1]) if common is None else self._seek(_beyond(common))
            fetch, piece = self._next(fetch, piece, rows, found[before:])

    def _next(
        self, fetch: Fetch[Position], piece: int, rows: list[Row], gained: list[Row | str]
    ) -> tuple[Fetch[Position], int]:
        """How to go on, and how many rows at once: many where most of them are items, few where
        prefixes hide most of them."""
        if self._leap is None:
            few = len(gained) * 2 < len(rows)
            return fetch, max(_LEAST_PIECE, len(gained) * 2) if few else piece * 4
        if fetch is self._fetch and len(gained) * _LEAP_COSTS < len(rows):
            return self._leap, _FIRST_PIECE
        if fetch is self._leap and sum(isinstance(item, str) for item in gained) * 2 < len(rows):
            return self._fetch, _FIRST_PIECE
        return fetch, piece * 4


def _roll_up(
    rows: list[Row], prefix: bytes, delimiter: bytes, found: list[Row | str]
) -> bytes | None:
    """Add the items of ``rows`` to ``found``; the common prefix of the last row, None without."""
    begin, width = len(prefix), len(delimiter)
    common: bytes | None = None
    index, end = 0, len(rows)
    while index < end:
        row = rows[index]
        index += 1
        key = row[0]
        at = key.find(delimiter, begin)
        if at < 0:
            common = None
            found.append(row)
            continue
        common = key[: at + width]
        found.append(common.decode())
        if index < end and rows[index][0].startswith(common):
            index = bisect_left(rows, _beyond(common), lo=index, key=_key)
    return common


def _beyond(common: bytes) -> bytes:
    return successor(common) or END


def _key(row: Row) -> Any:
    return row[0]


def _common(prefix: bytes, delimiter: bytes, key: bytes) -> bytes | None:
    at = key.find(delimiter, len(prefix))
    return None if at < 0 else key[: at + len(delimiter)]

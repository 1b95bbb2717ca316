"""Pages of keys with common prefixes rolled up, at a cost of O(items of the page).

Everything is bytes: in UTF-8 a delimiter's bytes occur only where its characters do, and byte order
is S3's order. A common prefix is left behind by one seek to its successor, however many keys it
hides.
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from apsw import Connection

from gateway.catalog.records import Entry, Page
from gateway.catalog.sqlite.encoding import USUAL_CLASS

Position = TypeVar("Position")
Row = tuple[Any, ...]
Item = TypeVar("Item")

END = b"\xff"
"""Greater than every key: no UTF-8 has this byte."""

_FIRST_PIECE = 16
_LEAST_PIECE = 4

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


def page(
    reader: Connection, bucket_id: int, *, prefix: str, delimiter: str, after: str, limit: int
) -> Page:
    """As ``Catalog.list``: what was there at one moment. Raises apsw.Error."""
    if limit <= 0:
        return Page(items=(), more=False)
    start, end = span(prefix.encode(), after.encode())
    if not delimiter:
        rows = reader.execute(_FLAT, (bucket_id, start, end, limit + 1)).fetchall()
        return Page(items=list(map(Entry._make, rows[:limit])), more=len(rows) > limit)

    def fetch(position: bytes, count: int) -> list[Row]:
        return reader.execute(_ROLLED_UP, (bucket_id, position, end, count)).fetchall()

    walk = Walk(fetch, seek=lambda key: key, follow=lambda row: row[0] + b"\0")
    reader.execute("BEGIN")
    try:
        found, more = walk.items(prefix.encode(), delimiter.encode(), after.encode(), start, limit)
    finally:
        reader.execute("COMMIT")
    items = [item if isinstance(item, str) else Entry._make(item[1:]) for item in found]
    return Page(items=items, more=more)


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
        fetch: Callable[[Position, int], list[Row]],
        *,
        seek: Callable[[bytes], Position],
        follow: Callable[[Row], Position],
    ) -> None:
        """``fetch`` gives up to so many rows from a position, ``seek`` the position of a key's
        first row, ``follow`` that behind a row."""
        self._fetch = fetch
        self._seek = seek
        self._follow = follow

    def items(
        self, prefix: bytes, delimiter: bytes, after: bytes, start: Position, limit: int
    ) -> tuple[list[Row | str], bool]:
        """Up to ``limit`` rows and common prefixes from ``start``, and whether more are left."""
        found: list[Row | str] = []
        under = _common(prefix, delimiter, after) if after.startswith(prefix) else None
        position = start if under is None else self._seek(_beyond(under))
        piece = _FIRST_PIECE
        while True:
            piece = min(piece, limit + 1 - len(found))
            rows = self._fetch(position, piece)
            before, index = len(found), 0
            while index < len(rows):
                if len(found) == limit:
                    return found, True
                row = rows[index]
                common = _common(prefix, delimiter, row[0])
                if common is None:
                    found.append(row)
                    index += 1
                    continue
                found.append(common.decode())
                beyond = _beyond(common)
                index = bisect_left(rows, beyond, lo=index, key=_key)
                position = self._seek(beyond)
            if len(rows) < piece:
                return found, False
            if not isinstance(found[-1], str):
                position = self._follow(rows[-1])
            # Many rows at once where most of them are items, few where prefixes hide most of them.
            gained = len(found) - before
            piece = piece * 4 if gained * 2 >= len(rows) else max(_LEAST_PIECE, gained * 2)


def _beyond(common: bytes) -> bytes:
    return successor(common) or END


def _key(row: Row) -> Any:
    return row[0]


def _common(prefix: bytes, delimiter: bytes, key: bytes) -> bytes | None:
    at = key.find(delimiter, len(prefix))
    return None if at < 0 else key[: at + len(delimiter)]

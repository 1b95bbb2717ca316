"""Pages of listings, as S3 promises them, by going through all keys."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MOST = 1_000


@dataclass(frozen=True, slots=True)
class Page:
    """Keys and common prefixes together in order, and whether anything is left."""

    items: Sequence[tuple[str, bool]]
    """Name, and whether it is a common prefix."""
    more: bool

    @property
    def keys(self) -> list[str]:
        return [name for name, is_prefix in self.items if not is_prefix]

    @property
    def prefixes(self) -> list[str]:
        return [name for name, is_prefix in self.items if is_prefix]

    @property
    def last(self) -> str | None:
        """Where the next page goes on."""
        return self.items[-1][0] if self.more else None


def page(
    keys: Iterable[str], *, prefix: str, delimiter: str, after: str, limit: int | None
) -> Page:
    """The first page behind ``after``.

    Keys stand in the order of their UTF-8 bytes. Those that hold the delimiter behind the prefix are
    rolled up into one common prefix, which counts as one item. Items are greater than ``after``,
    and what ``after`` itself rolls up is left out, if it is a common prefix.
    """
    found: list[tuple[str, bool]] = []
    most = MOST if limit is None else min(limit, MOST)
    for key in sorted(keys, key=str.encode):
        if not key.startswith(prefix):
            continue
        head, delimited, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
        item = (prefix + head + delimited, True) if delimited else (key, False)
        if item[0].encode() > after.encode() and item not in found:
            found.append(item)
    return Page(found[:most], more=0 < most < len(found))

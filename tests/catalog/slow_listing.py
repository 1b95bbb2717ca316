"""Listing as S3 describes it, by looking at everything."""

from collections.abc import Iterable


def slow_page(
    keys: Iterable[str], *, prefix: str, delimiter: str, after: str, limit: int
) -> tuple[list[tuple[str, bool]], bool]:
    """Items (a key or common prefix, and whether it is one) and whether more is left."""
    found: list[tuple[str, bool]] = []
    for key in sorted(keys, key=str.encode):
        if not key.startswith(prefix):
            continue
        item = key, False
        if delimiter and delimiter in key[len(prefix) :]:
            end = key.index(delimiter, len(prefix)) + len(delimiter)
            item = key[:end], True
        if item[0].encode() > after.encode() and item not in found:
            found.append(item)
    return found[:limit], len(found) > limit > 0

"""Rows beside files, in one pass."""

from collections.abc import AsyncIterator, Iterable

from hypothesis import given
from hypothesis import strategies as st

from backends.interface import Fingerprint, Stored
from gateway.catalog.outside import Lying
from gateway.jobs.walking import merged

KEYS = st.sets(st.text("ab/\u00e9\U0001f600", max_size=4))
SOME = Fingerprint(size=1, stamp="1")


async def rows(keys: Iterable[str]) -> AsyncIterator[tuple[Lying, bool]]:
    for key in sorted(keys, key=str.encode):
        yield Lying(key, SOME, f"bucket/{key}", natural=True), True


async def files(keys: Iterable[str]) -> AsyncIterator[Stored]:
    for key in sorted(keys, key=str.encode):
        yield Stored(path=f"bucket/{key}", fingerprint=SOME, modified_ns=1)


@given(KEYS, KEYS)
async def test_each_key_comes_once_in_order_with_all_that_has_it(
    known: set[str], there: set[str]
) -> None:
    met = []
    async for row, file in merged(rows(known), files(there), len("bucket/")):
        key = row[0].key if row is not None else ""
        if file is not None:
            assert row is None or file.path == f"bucket/{key}"
            key = file.path.removeprefix("bucket/")
        met.append(key)
        assert (row is not None, file is not None) == (key in known, key in there)
    assert met == sorted(known | there, key=str.encode)

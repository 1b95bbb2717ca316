"""Rolled up pages of the SQLite catalog: whatever way they take over hidden keys, the page is the same."""

from collections.abc import Iterator

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.catalog.records import Page
from gateway.catalog.sqlite import listing, schema
from tests.catalog.slow_listing import slow_page
from tests.catalog.test_listing_behaviour_of_catalogs import DELIMITERS, KEYS, WORDS, shape

_ROW = (
    "INSERT INTO objects(bucket_id, key, size, etag, modified_ns, sequence, storage, natural, stamp)"
    " VALUES(?, ?, 5, 'e', 7, 1, 'home', 1, '7')"
)


@pytest.fixture(scope="module")
def catalog() -> Iterator[apsw.Connection]:
    connection = apsw.Connection(":memory:")
    schema.migrate(connection)
    yield connection
    connection.close()


def _holding(catalog: apsw.Connection, keys: set[str]) -> None:
    catalog.execute("DELETE FROM objects")
    # Others' keys lie before and behind.
    others = [
        (bucket, key) for bucket in (1, 3) for key in (b"", b"/", b"a/b", b"\xf4\x8f\xbf\xbf")
    ]
    catalog.executemany(_ROW, [*others, *((2, key.encode()) for key in keys)])


def _page(catalog: apsw.Connection, **asked: object) -> Page:
    asked = {"prefix": "", "after": "", "delimiter": "/", "limit": 1000, **asked}
    return listing.page(catalog, 2, **asked)  # type: ignore[arg-type]  # of each its own type


@pytest.mark.parametrize(("piece", "leap_costs"), [(1, 1), (2, 1), (3, 2), (16, 6)])
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keys=st.sets(KEYS, max_size=40),
    prefix=WORDS,
    delimiter=DELIMITERS.filter(bool),
    after=WORDS | KEYS,
    limit=st.integers(1, 12),
)
def test_a_page_is_what_looking_at_everything_gives(
    catalog: apsw.Connection,
    monkeypatch: pytest.MonkeyPatch,
    piece: int,
    leap_costs: int,
    *,
    keys: set[str],
    prefix: str,
    delimiter: str,
    after: str,
    limit: int,
) -> None:
    monkeypatch.setattr(listing, "_FIRST_PIECE", piece)
    monkeypatch.setattr(listing, "_LEAP_COSTS", leap_costs)
    _holding(catalog, keys)
    asked = {"prefix": prefix, "delimiter": delimiter, "after": after, "limit": limit}
    page = _page(catalog, **asked)
    assert (shape(page.items), page.more) == slow_page(keys, **asked)  # type: ignore[arg-type]
    assert page.last == (shape(page.items)[-1][0] if len(page) else "")


def test_a_thousand_prefixes_take_few_questions(catalog: apsw.Connection) -> None:
    """However many keys they hide: 30 of each 1,000 here, and a few that stand between."""
    keys = {f"{folder:04}/{key:02}" for folder in range(1000) for key in range(30)}
    keys |= {f"{folder:04}{end}" for folder in range(0, 1000, 100) for end in ("", "\0")}
    _holding(catalog, keys)
    asked: list[str] = []
    catalog.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: asked.append(event["sql"]))
    try:
        page = _page(catalog)
    finally:
        catalog.trace_v2(0, None)
    assert (shape(page.items), True) == slow_page(
        keys, prefix="", delimiter="/", after="", limit=1000
    )
    assert len(asked) < 20

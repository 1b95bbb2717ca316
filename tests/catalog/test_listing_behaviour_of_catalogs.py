"""Listing objects and uploads, for every catalog, held against the obvious slow way."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.catalog.interface import Catalog
from gateway.catalog.records import Bucket, Entry, Upload
from tests.catalog.slow_listing import slow_page
from tests.catalog.versions import new_bucket, new_upload, new_version

# Few characters, so that keys share prefixes and hold delimiters; of each length in UTF-8.
LETTERS = st.sampled_from(
    ["a", "b", "/", "\x00", "\x1f", "\x7f", "ä", "€", "\uffff", "🦆", "\U0010ffff"]
)
WORDS = st.text(LETTERS, max_size=4)
KEYS = st.text(LETTERS, min_size=1, max_size=6) | st.sampled_from(["a", "a/", "a//b", "a/b/", "/"])
DELIMITERS = (
    st.sampled_from(["", "/", "/", "//", "a", "ä", "🦆", "\x00", "b/", "\U0010ffff"]) | WORDS
)
ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
FIXTURES = [HealthCheck.function_scoped_fixture]


def shape(items: Any) -> list[tuple[str, bool]]:
    return [(i, True) if isinstance(i, str) else (i.key, False) for i in items]


@settings(max_examples=150, deadline=None, suppress_health_check=FIXTURES)
@given(
    keys=st.sets(KEYS | ANYTHING, max_size=25),
    prefix=WORDS,
    delimiter=DELIMITERS,
    after=WORDS | KEYS,
    limit=st.integers(0, 12),
)
async def test_a_page_is_what_looking_at_everything_gives(
    catalog: Catalog, keys: set[str], *, prefix: str, delimiter: str, after: str, limit: int
) -> None:
    bucket = await new_bucket(catalog)
    await asyncio.gather(*(catalog.publish(bucket, new_version(bucket, key)) for key in keys))
    query = {"prefix": prefix, "delimiter": delimiter}
    page = await catalog.list(bucket, **query, after=after, limit=limit)
    expected, more = slow_page(keys, **query, after=after, limit=limit)
    assert shape(page.items) == expected
    assert page.more == more


@settings(max_examples=60, deadline=None, suppress_health_check=FIXTURES)
@given(
    keys=st.sets(KEYS, max_size=40),
    prefix=WORDS,
    delimiter=DELIMITERS,
    limit=st.integers(1, 7),
)
async def test_pages_together_are_everything_once(
    catalog: Catalog, keys: set[str], prefix: str, delimiter: str, limit: int
) -> None:
    bucket = await new_bucket(catalog)
    await asyncio.gather(*(catalog.publish(bucket, new_version(bucket, key)) for key in keys))
    found: list[tuple[str, bool]] = []
    for _ in range(len(keys) + 1):
        page = await catalog.list(
            bucket,
            prefix=prefix,
            delimiter=delimiter,
            after=found[-1][0] if found else "",
            limit=limit,
        )
        found += shape(page.items)
        if not page.more:
            break
    assert (found, False) == slow_page(
        keys, prefix=prefix, delimiter=delimiter, after="", limit=10_000
    )


@settings(max_examples=100, deadline=None, suppress_health_check=FIXTURES)
@given(
    keys=st.lists(KEYS, max_size=15),
    prefix=WORDS,
    delimiter=DELIMITERS,
    after=WORDS | KEYS,
    limit=st.integers(0, 12),
)
async def test_uploads_are_listed_as_keys_are(
    catalog: Catalog, keys: list[str], *, prefix: str, delimiter: str, after: str, limit: int
) -> None:
    bucket = await new_bucket(catalog)
    for key in keys:
        await catalog.start_upload(new_upload(bucket, key))
    items, more = await catalog.uploads(
        bucket, prefix=prefix, delimiter=delimiter, after_key=after, limit=limit
    )
    once, _ = slow_page(keys, prefix=prefix, delimiter=delimiter, after=after, limit=10_000)
    # A key is an item once for each of its uploads.
    expected = [item for item in once for _ in range(1 if item[1] else keys.count(item[0]))]
    assert shape(items) == expected[:limit]
    assert more == (len(expected) > limit > 0)


@settings(max_examples=60, deadline=None, suppress_health_check=FIXTURES)
@given(
    uploads=st.lists(st.tuples(KEYS, st.integers(0, 3)), max_size=20),
    delimiter=DELIMITERS,
    limit=st.integers(1, 5),
)
async def test_pages_of_uploads_together_are_all_of_them_in_order(
    catalog: Catalog, uploads: list[tuple[str, int]], delimiter: str, limit: int
) -> None:
    bucket = await new_bucket(catalog)
    for key, initiated_ns in uploads:
        await catalog.start_upload(new_upload(bucket, key, initiated_ns=initiated_ns))
    found: list[Upload | str] = []
    for _ in range(len(uploads) + 1):
        last = found[-1] if found else ""
        items, more = await catalog.uploads(
            bucket,
            delimiter=delimiter,
            after_key=last.key if isinstance(last, Upload) else last,
            after_id=last.id if isinstance(last, Upload) else "",
            limit=limit,
        )
        found += items
        if not more:
            break
    everything, _ = await catalog.uploads(bucket, delimiter=delimiter, limit=1000)
    assert found == list(everything)
    whole = [item for item in found if isinstance(item, Upload)]
    order = [(upload.key.encode(), upload.initiated_ns) for upload in whole]
    assert order == sorted(order)
    assert len({upload.id for upload in whole}) == len(whole)
    if not delimiter:
        assert len(whole) == len(uploads)


async def test_uploads_of_a_key_go_on_behind_one_that_is_gone(
    catalog: Catalog, bucket: Bucket
) -> None:
    uploads = [new_upload(bucket, "k") for _ in range(4)]
    for upload in uploads:
        await catalog.start_upload(upload)
    items, more = await catalog.uploads(bucket, limit=2)
    assert (list(items), more) == (uploads[:2], True)
    for upload in uploads[:2]:
        await catalog.abort_upload(bucket, "k", upload.id)
    rest, more = await catalog.uploads(bucket, after_key="k", after_id=uploads[1].id, limit=10)
    assert (list(rest), more) == (uploads[2:], False)


async def test_uploads_of_other_buckets_are_not_listed(catalog: Catalog, bucket: Bucket) -> None:
    other = await new_bucket(catalog)
    upload = new_upload(other, "k")
    await catalog.start_upload(upload)
    assert list((await catalog.uploads(bucket, limit=10))[0]) == []
    assert list((await catalog.uploads(other, limit=10))[0]) == [upload]


async def test_an_entry_tells_what_its_version_does(catalog: Catalog, bucket: Bucket) -> None:
    version = await catalog.publish(bucket, new_version(bucket, "k", size=77))
    for delimiter in ["", "/"]:
        page = await catalog.list(bucket, delimiter=delimiter, limit=1)
        assert list(page.items) == [
            Entry(
                key="k",
                size=77,
                etag=version.etag,
                modified_ns=version.modified_ns,
                storage_class="STANDARD",
                checksum_algorithm=None,
                checksum_type=None,
            )
        ]
        assert not page.more


@pytest.mark.parametrize("delimiter", ["", "/"])
async def test_a_page_of_nothing_says_there_is_no_more(
    catalog: Catalog, bucket: Bucket, delimiter: str
) -> None:
    await catalog.publish(bucket, new_version(bucket, "k"))
    page = await catalog.list(bucket, delimiter=delimiter, limit=0)
    assert (list(page.items), page.more) == ([], False)
    items, more = await catalog.uploads(bucket, delimiter=delimiter, limit=0)
    assert (list(items), more) == ([], False)

"""Listings of buckets that are not indexed: all that is there, once, in order, at a bounded cost."""

import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.errors import Unavailable
from backends.interface import Limits, Stored
from backends.remote_memory import AS_S3, RemoteMemoryStorage
from gateway.catalog.intents import Intent, Removed
from gateway.catalog.interface import Catalog
from gateway.catalog.outside import MissingLimit
from gateway.catalog.placing import shadow_path
from gateway.catalog.records import Bucket, Entry, Location, Page
from gateway.catalog.sqlite import SqliteCatalog
from gateway.service import merging
from gateway.service.looking import Looking
from gateway.service.merging import Merging
from tests.catalog.slow_listing import slow_page
from tests.catalog.versions import new_version
from tests.live.server import Live
from tests.remote.failing_storage import FailingStorage
from tests.remote.test_files_of_others import drop, unindexed

_numbers = itertools.count(1)
LETTERS = st.sampled_from(["a", "b", "/", "-", "0", "ä", "€", "\uffff", "🦆", "\U0010ffff"])
WORDS = st.text(LETTERS, max_size=4)
KEYS = st.text(LETTERS, min_size=1, max_size=5) | st.sampled_from(["a", "a/b", "a/b/c", "a-", "a0"])
DELIMITERS = st.sampled_from(["", "/", "/", "/", "a", "ä", "🦆", "b/", "\U0010ffff"])
THEIRS = ("theirs", "in the way", "found by us")
STATES = st.sampled_from(
    [*THEIRS, "ours", "shadowed", "ours, away", "being written", "being removed"]
)
SHOWN = {*THEIRS, "ours", "shadowed", "ours, away"}


class Counting(RemoteMemoryStorage):
    """Gives names by the page, and counts pages."""

    def __init__(self, *, page: int = 1_000) -> None:
        super().__init__(AS_S3, Limits())
        self.pages = 0
        self._page = page

    async def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        number = 0
        async for stored in super().list(prefix, after=after):
            self.pages += number % self._page == 0
            number += 1
            yield stored
        self.pages += number == 0


class Shelf:
    """A catalog and a storage, and a bucket of each state of keys."""

    def __init__(self, catalog: Catalog, storage: Counting) -> None:
        self.catalog = catalog
        self.storage = storage
        self.look = Looking(
            catalog=catalog,
            storage=storage,
            name="cloud",
            missing=MissingLimit(),
            now_ns=lambda: 1,
        )

    async def bucket(self, states: Mapping[str, str]) -> Bucket:
        bucket = await self.catalog.create_bucket(
            f"bucket-{next(_numbers)}", region="us-east-1", storage="cloud", now_ns=1
        )
        for key, state in states.items():
            await self.make(bucket, key, state)
        return bucket

    async def drop(self, bucket: Bucket, key: str) -> None:
        path = f"{bucket.name}/{key}"
        self.storage._put(path, b"theirs", "0" * 32, None, None)

    async def make(self, bucket: Bucket, key: str, state: str) -> None:
        if state in {*THEIRS, "being written", "shadowed"}:
            await self.drop(bucket, key)
        if state in {"ours", "shadowed", "ours, away", "being removed"}:
            await self.publish(bucket, key, natural=state != "shadowed")
        if state == "in the way":
            await self.publish(bucket, key, natural=False)
        if state == "ours":
            await self.drop(bucket, key)
        if state == "being removed":
            await self.drop(bucket, key)
            assert await self.catalog.remove(bucket, key)
        if state == "being written":
            assert (await self.catalog.intend(bucket, key, _wanted(bucket, key))).natural
        if state == "found by us":
            outcome = await self.look.settled(bucket, [key])
            is_a_name = self.storage.natural(bucket.name, key) is not None
            assert outcome.adopted == is_a_name

    async def publish(self, bucket: Bucket, key: str, *, natural: bool) -> None:
        intent = await self.catalog.intend(bucket, key, _wanted(bucket, key, natural=natural))
        version = new_version(bucket, key)
        location = Location(
            storage="cloud",
            path=intent.path,
            staged=None,
            fingerprint=version.location.fingerprint,
            natural=natural,
        )
        await self.catalog.publish(
            bucket, replace(version, location=location, etag="ours"), intent=intent.name
        )

    async def page(
        self, bucket: Bucket, *, prefix: str = "", delimiter: str = "", after: str = "", limit: int
    ) -> Page:
        return await Merging(self.look, bucket, prefix, delimiter, after).page(limit)


def _wanted(bucket: Bucket, key: str, *, natural: bool = True) -> Intent:
    name = f"put-test-{next(_numbers):032x}"
    path = f"{bucket.name}/{key}" if natural else shadow_path(name)
    return Intent(name=name, process="me", storage="cloud", path=path, natural=natural)


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    storage = Counting()
    await storage.open()
    catalog = SqliteCatalog(tmp_path / "catalog.db", placings={"cloud": storage}, durable=False)
    await catalog.open()
    yield Shelf(catalog, storage)
    await catalog.aclose()


def shape(items: list[Entry | str]) -> list[tuple[str, bool]]:
    return [(item, True) if isinstance(item, str) else (item.key, False) for item in items]


def visible(shelf: Shelf, bucket: Bucket, states: Mapping[str, str]) -> set[str]:
    """What is shown: rows in any case, others' bytes if a file can have that name."""
    of_others = {"theirs", "found by us"}
    return {
        key
        for key, state in states.items()
        if state in SHOWN
        and (state not in of_others or shelf.storage.natural(bucket.name, key) is not None)
    }


def possible(states: Mapping[str, str]) -> dict[str, str]:
    """A name that no file can have is nobody's to write to, and one that can is no such name."""
    storage = Counting()
    made = {}
    for key, state in states.items():
        is_a_name = storage.natural("bucket", key) is not None
        of_names = {"ours", "ours, away", "being written", "being removed"}
        made[key] = "shadowed" if not is_a_name and state in of_names else state
    return made


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    states=st.dictionaries(KEYS, STATES, max_size=14).map(possible),
    prefix=WORDS,
    delimiter=DELIMITERS,
    after=WORDS | KEYS,
    limit=st.integers(1, 8),
)
async def test_a_page_is_what_looking_at_everything_gives(
    shelf: Shelf, states: dict[str, str], *, prefix: str, delimiter: str, after: str, limit: int
) -> None:
    bucket = await shelf.bucket(states)
    shown = visible(shelf, bucket, states)
    query = {"prefix": prefix, "delimiter": delimiter}
    page = await shelf.page(bucket, **query, after=after, limit=limit)
    expected, more = slow_page(shown, **query, after=after, limit=limit)
    assert shape(page.items) == expected
    assert page.more == more
    for key, _, etag, *_ in page.entries:
        assert (etag == "ours") == (states[key] not in {"theirs", "found by us"})


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    states=st.dictionaries(KEYS, STATES, max_size=20).map(possible),
    delimiter=DELIMITERS,
    limit=st.integers(1, 5),
)
async def test_pages_together_are_everything_once(
    shelf: Shelf, states: dict[str, str], delimiter: str, limit: int
) -> None:
    bucket = await shelf.bucket(states)
    items: list[Entry | str] = []
    after, more = "", True
    while more:
        page = await shelf.page(bucket, delimiter=delimiter, after=after, limit=limit)
        items += page.items
        after, more = page.last, page.more
    shown = visible(shelf, bucket, states)
    expected, _ = slow_page(shown, prefix="", delimiter=delimiter, after="", limit=1_000)
    assert shape(items) == expected


async def test_a_page_costs_as_much_as_it_shows(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = await shelf.bucket({})
    for folder in "abcdefgh":
        for number in range(200):
            await shelf.drop(bucket, f"{folder}/{number:03}")
    shelf.storage._page = 10
    monkeypatch.setattr(merging, "_PASSED_OVER", 10)
    page = await shelf.page(bucket, delimiter="/", limit=4)
    assert page.prefixes == ["a/", "b/", "c/", "d/"]
    assert page.more
    assert shelf.storage.pages <= 2 * (4 + 1)
    shelf.storage.pages = 0
    page = await shelf.page(bucket, after="c/100", limit=20)
    assert [key for key, *_ in page.entries] == [f"c/{number}" for number in range(101, 121)]
    assert shelf.storage.pages <= 3


async def test_what_is_written_and_removed_while_a_page_is_made_does_not_appear(
    shelf: Shelf,
) -> None:
    """By us: it was never anybody's, though the storage listed it."""

    class Slow(Counting):
        async def list(
            self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
        ) -> AsyncGenerator[Stored, None]:
            seen = [stored async for stored in super().list(prefix, after=after)]
            await shelf.publish(bucket, "appears", natural=True)
            await clear(shelf, bucket, "removed")
            for stored in seen:
                yield stored

    bucket = await shelf.bucket({"removed": "being removed", "appears": "theirs", "z": "theirs"})
    slow = Slow()
    await slow.open()
    slow._paths = shelf.storage._paths
    merging = Merging(replace(shelf.look, storage=slow), bucket, "", "", "")
    page = await merging.page(10)
    assert [(key, etag) for key, _, etag, *_ in page.entries] == [
        ("appears", "ours"),
        ("z", "0" * 32),
    ]


async def clear(shelf: Shelf, bucket: Bucket, key: str) -> None:
    """What is doomed there goes, and is seen gone by the janitor twice."""
    await shelf.storage.delete(f"{bucket.name}/{key}")
    for _ in range(2):
        removals = await shelf.catalog.removals("", limit=10)
        await shelf.catalog.settle_removals([Removed(removal=one, gone=True) for one in removals])


def test_all_kinds_of_listings_show_what_others_put(live: Live, storage: FailingStorage) -> None:
    client = live.client
    for key in ("a", "dir/b", "dir/c", "z"):
        drop(live, storage, f"bucket/{key}")
    client.put("bucket", "dir/ours", b"ours")
    client.put("bucket", "x//y", b"under a path of our own")
    client.put("bucket", "gone", b"ours")
    client.delete("bucket", "gone")
    assert client.keys("bucket") == ["dir/ours", "x//y"]  # nothing was there when it was made
    unindexed(live)
    everything = ["a", "dir/b", "dir/c", "dir/ours", "x//y", "z"]
    for query in ("list-type=2", ""):
        assert client.keys("bucket", query) == everything
    versions = client.request("GET", "/bucket", "versions")
    assert versions.texts("Version/Key") == everything
    answer = client.request("GET", "/bucket", "list-type=2&delimiter=%2F&max-keys=2")
    assert answer.texts("Contents/Key") == ["a"]
    assert answer.texts("CommonPrefixes/Prefix") == ["dir/"]
    token = answer.text("NextContinuationToken") or ""
    answer = client.request(
        "GET", "/bucket", f"continuation-token={token}&delimiter=%2F&list-type=2"
    )
    assert answer.texts("Contents/Key") == ["z"]
    assert answer.texts("CommonPrefixes/Prefix") == ["x/"]
    assert client.keys("bucket", "list-type=2&start-after=dir%2Fc") == everything[3:]


def test_what_a_listing_tells_is_what_a_get_tells(live: Live, storage: FailingStorage) -> None:
    drop(live, storage, "bucket/key")
    unindexed(live)
    listed = live.client.request("GET", "/bucket", "list-type=2")
    answer = live.client.request("HEAD", "/bucket/key")
    assert listed.text("Contents/ETag") == answer.headers["etag"]
    assert listed.text("Contents/Size") == answer.headers["content-length"]


def test_a_bucket_made_where_something_is_is_not_taken_for_an_empty_one(
    live: Live, storage: FailingStorage
) -> None:
    drop(live, storage, "second/key")
    live.client.make_bucket("second")
    assert live.client.keys("second") == ["key"]
    drop(live, storage, "second/later")
    assert live.client.keys("second") == ["key", "later"]


def test_where_the_storage_cannot_be_listed_nothing_is_told(
    live: Live, storage: FailingStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_prefix: str, *, after: str, pass_over_closed: bool) -> AsyncGenerator[Stored, None]:
        raise Unavailable(f"{after}, {pass_over_closed}: it does not answer")

    unindexed(live)
    live.client.put("bucket", "key", b"ours")
    monkeypatch.setattr(storage, "list", fails)
    assert live.client.request("GET", "/bucket", "list-type=2").status == 503

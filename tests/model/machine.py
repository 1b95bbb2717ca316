"""One client that does anything, to the model and to the server alike; both must tell the same."""

import itertools
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.live.client import Client
from tests.model import nasty
from tests.model.live import Live
from tests.model.reference import Reference
from tests.model.told import Conditions, Sent, Told, Wish
from tests.model.values import etag_of

_worlds = itertools.count(1)

buckets = st.sampled_from([0, 0, 0, 0, 1, 1, 2])
"""Numbers of buckets; the last of them is seldom there."""
numbers = st.sampled_from([1, 1, 2, 2, 3, 5, 10_000])
chosen = st.sampled_from(
    ["all", "all", "all", "but one", "backwards", "wrong etag", "missing", "twice"]
)


class SideBySide(RuleBasedStateMachine):
    """``client`` is set by whoever runs it, to a server that others may use too."""

    client: Client

    def __init__(self) -> None:
        super().__init__()
        self.world = f"w{next(_worlds)}-"
        self.model = Reference(min_part=nasty.MIN_PART)
        self.live = Live(self.client)

    def both(self, operation: str, *args: Any, **more: Any) -> Told:
        """What both tell."""
        expected: Told = getattr(self.model, operation)(*args, **more)
        told: Told = getattr(self.live, operation)(*args, **more)
        assert told == expected, f"{operation}{args}{more}:\n server {told}\n  model {expected}"
        return told

    def named(self, bucket: int) -> str:
        """The name of a bucket in this world."""
        return f"{self.world}{bucket}"

    def etag(self, bucket: str, key: str) -> str | None:
        """Of the object that is there now."""
        thing = self.model.found(bucket, key)
        return None if thing is None else thing.etag

    # Buckets

    @initialize()
    def begin_with_a_bucket(self) -> None:
        self.both("create_bucket", self.named(0))

    @rule(bucket=buckets)
    def create_bucket(self, bucket: int) -> None:
        self.both("create_bucket", self.named(bucket))

    @rule(bucket=st.sampled_from([1, 2]))
    def delete_bucket(self, bucket: int) -> None:
        self.both("delete_bucket", self.named(bucket))

    @rule(bucket=buckets)
    def look_at_buckets(self, bucket: int) -> None:
        self.both("head_bucket", self.named(bucket))
        self.both("list_buckets", self.world)

    # Objects

    @rule(bucket=buckets, key=nasty.keys, body=nasty.bodies, sent=nasty.sent)
    def put(self, bucket: int, key: str, body: bytes, sent: Sent) -> None:
        self.both("put", self.named(bucket), key, body, sent)
        self.both("get", self.named(bucket), key, checksum=True)

    @rule(
        bucket=buckets,
        key=nasty.keys,
        body=nasty.bodies,
        match=nasty.matches,
        absent=st.booleans(),
    )
    def put_if(self, bucket: int, key: str, body: bytes, match: str | None, absent: bool) -> None:
        name = self.named(bucket)
        wanted = (None, "*") if absent else (match, None)
        conditions = nasty.conditions_of(self.etag(name, key), *wanted)
        self.both("put", name, key, body, Sent(), conditions)

    @rule(bucket=buckets, key=nasty.keys, wrong=st.sampled_from(["md5", "checksum"]))
    def put_damaged(self, bucket: int, key: str, wrong: str) -> None:
        self.both("put", self.named(bucket), key, b"damaged on its way", wrong=wrong)
        self.both("head", self.named(bucket), key)

    @rule(
        bucket=buckets,
        key=nasty.keys,
        span=nasty.spans,
        part=st.sampled_from([None, None, None, 1, 2, 3]),
        checksum=st.booleans(),
    )
    def read(
        self, bucket: int, key: str, span: str | None, part: int | None, checksum: bool
    ) -> None:
        for method in ("get", "head"):
            self.both(method, self.named(bucket), key, span=span, part=part, checksum=checksum)
        self.both("attributes", self.named(bucket), key)

    @rule(
        bucket=buckets,
        key=nasty.keys,
        matches=st.tuples(nasty.matches, nasty.matches),
        dates=st.tuples(nasty.dates, nasty.dates),
        method=st.sampled_from(["get", "head"]),
    )
    def read_if(
        self,
        bucket: int,
        key: str,
        matches: tuple[str | None, str | None],
        dates: tuple[str | None, str | None],
        method: str,
    ) -> None:
        name = self.named(bucket)
        conditions = replace(
            nasty.conditions_of(self.etag(name, key), *matches),
            modified_since=dates[0],
            unmodified_since=dates[1],
        )
        self.both(method, name, key, conditions)

    @rule(bucket=buckets, key=nasty.keys, match=nasty.matches)
    def delete(self, bucket: int, key: str, match: str | None) -> None:
        name = self.named(bucket)
        self.both("delete", name, key, nasty.conditions_of(self.etag(name, key), match, None))

    @rule(
        bucket=buckets,
        wanted=st.lists(
            st.tuples(nasty.keys.filter(nasty.fits_xml), nasty.matches),
            min_size=1,
            max_size=4,
            unique_by=lambda each: each[0],
        ),
        quiet=st.booleans(),
    )
    def delete_several(
        self, bucket: int, wanted: list[tuple[str, str | None]], quiet: bool
    ) -> None:
        name = self.named(bucket)
        each = [
            (key, nasty.conditions_of(self.etag(name, key), match, None).if_match)
            for key, match in wanted
        ]
        self.both("delete_several", name, each, quiet=quiet)

    @rule(
        source=st.tuples(buckets, nasty.keys),
        to=st.tuples(buckets, nasty.keys),
        onto_itself=st.booleans(),
        sent=st.one_of(st.none(), nasty.sent),
        replaces_tags=st.booleans(),
    )
    def copy(
        self,
        source: tuple[int, str],
        to: tuple[int, str],
        onto_itself: bool,
        sent: Sent | None,
        replaces_tags: bool,
    ) -> None:
        one = self.named(source[0]), source[1]
        other = one if onto_itself else (self.named(to[0]), to[1])
        self.both("copy", one, other, sent, replaces_tags=replaces_tags)
        self.both("get", *other, checksum=True)

    @rule(
        source=st.tuples(buckets, nasty.keys),
        to=st.tuples(buckets, nasty.keys),
        match=nasty.matches,
        none_match=nasty.matches,
        of_source=st.booleans(),
    )
    def copy_if(
        self,
        source: tuple[int, str],
        to: tuple[int, str],
        match: str | None,
        none_match: str | None,
        of_source: bool,
    ) -> None:
        one, other = (self.named(source[0]), source[1]), (self.named(to[0]), to[1])
        if one == other or self.model.found(*one) is None:
            return  # which of two refusals comes first is nobody's promise
        if of_source:
            conditions = nasty.conditions_of(self.etag(*one), match, none_match)
            self.both("copy", one, other, source_conditions=conditions)
        else:
            wanted = (None, "*") if none_match else (match, None)
            conditions = nasty.conditions_of(self.etag(*other), *wanted)
            self.both("copy", one, other, conditions=conditions)

    # Tags

    @rule(bucket=buckets, key=nasty.keys, tags=nasty.tags, removed=st.booleans())
    def tag(self, bucket: int, key: str, tags: tuple[tuple[str, str], ...], removed: bool) -> None:
        if removed:
            self.both("delete_tags", self.named(bucket), key)
        else:
            self.both("put_tags", self.named(bucket), key, tags)
        self.both("get_tags", self.named(bucket), key)
        self.both("head", self.named(bucket), key)

    # Listings

    @rule(bucket=buckets, form=st.sampled_from(["v1", "v2", "versions"]), wish=nasty.wishes)
    def list(self, bucket: int, form: str, wish: Wish) -> None:
        self.both("list", self.named(bucket), form, self.readable(bucket, wish))

    @rule(
        bucket=buckets,
        form=st.sampled_from(["v1", "v2", "versions"]),
        wish=nasty.wishes,
        limit=st.sampled_from([1, 2, 3]),
    )
    def walk(self, bucket: int, form: str, wish: Wish, limit: int) -> None:
        wish = replace(self.readable(bucket, wish), limit=limit)
        self.both("walk", self.named(bucket), form, wish)

    def readable(self, bucket: int, wish: Wish) -> Wish:
        """The wish, encoded if an answer without that could not be read."""
        there = self.model.buckets.get(self.named(bucket))
        names = [wish.prefix, wish.after, *(there.things if there else ())]
        names += [upload.key for upload in there.uploads.values()] if there else []
        plain = all(nasty.fits_xml(name) and "\r" not in name for name in names)
        return wish if plain else replace(wish, encoded=True)

    # Multipart uploads

    @rule(bucket=buckets, key=nasty.keys, sent=nasty.sent)
    def begin_upload(self, bucket: int, key: str, sent: Sent) -> None:
        self.both("begin", self.named(bucket), key, sent)

    def upload_at(self, number: int) -> tuple[str, str, int]:
        """Bucket, key and number of one that was begun, wherever it is now."""
        number = number % self.model.uploads_begun + 1
        for name, bucket in self.model.buckets.items():
            if number in bucket.uploads:
                return name, bucket.uploads[number].key, number
            if number in bucket.completed:
                return name, bucket.completed[number][0], number
        return self.named(0), "a", number

    @precondition(lambda self: self.model.uploads_begun)
    @rule(upload=st.integers(0, 99), number=numbers, body=nasty.bodies)
    def put_part(self, upload: int, number: int, body: bytes) -> None:
        self.both("put_part", *self.upload_at(upload), number, body)

    @precondition(lambda self: self.model.uploads_begun)
    @rule(
        upload=st.integers(0, 99),
        number=numbers,
        source=st.tuples(buckets, nasty.keys),
        span=st.one_of(st.none(), st.tuples(st.integers(0, 900), st.integers(0, 1100))),
    )
    def copy_part(
        self, upload: int, number: int, source: tuple[int, str], span: tuple[int, int] | None
    ) -> None:
        bucket, key, upload = self.upload_at(upload)
        one = self.named(source[0]), source[1]
        if upload in self.model.buckets[bucket].uploads:
            self.both("copy_part", one, (bucket, key), upload, number, span)

    @precondition(lambda self: self.model.uploads_begun)
    @rule(
        upload=st.integers(0, 99),
        after=st.sampled_from([0, 0, 1, 2, 10_000]),
        limit=st.sampled_from([None, 0, 1, 2]),
    )
    def list_parts(self, upload: int, after: int, limit: int | None) -> None:
        self.both("list_parts", *self.upload_at(upload), after=after, limit=limit)

    @rule(bucket=buckets, wish=nasty.wishes, after_upload=st.integers(0, 9))
    def list_uploads(self, bucket: int, wish: Wish, after_upload: int) -> None:
        name, after_id = self.named(bucket), 0
        there = self.model.buckets.get(name)
        if there is not None and after_upload in there.uploads:
            wish = replace(wish, after=there.uploads[after_upload].key)
            after_id = after_upload
        self.both("list_uploads", name, self.readable(bucket, wish), after_id=after_id)

    @precondition(lambda self: self.model.uploads_begun)
    @rule(upload=st.integers(0, 99), how=chosen, match=nasty.matches, absent=st.booleans())
    def complete(self, upload: int, how: str, match: str | None, absent: bool) -> None:
        bucket, key, upload = self.upload_at(upload)
        there = self.model.buckets[bucket]
        if upload in there.completed:
            self.both("complete", bucket, key, upload, there.completed[upload][1])
            return
        known = there.uploads[upload].parts if upload in there.uploads else {1: b""}
        parts = _parts(known, how)
        conditions = Conditions()
        if how == "all":
            wanted = (None, "*") if absent and match else (match, None)
            conditions = nasty.conditions_of(self.etag(bucket, key), *wanted)
        self.both("complete", bucket, key, upload, parts, conditions)
        self.both("get", bucket, key, checksum=True)

    @precondition(lambda self: self.model.uploads_begun)
    @rule(upload=st.integers(0, 99))
    def abort(self, upload: int) -> None:
        self.both("abort", *self.upload_at(upload))

    # The end

    def teardown(self) -> None:
        """All there is, looked at once more, and removed."""
        for name in list(self.model.buckets):
            self.both("list", name, "v2", Wish())
            self.both("list_uploads", name)
            for key in list(self.model.buckets[name].things):
                self.both("get", name, key)
                self.both("delete", name, key)
            self.both("delete_bucket", name)


def _parts(known: dict[int, bytes], how: str) -> list[tuple[int, str]]:
    """A list of parts to complete an upload with, good or bad."""
    parts = [(number, etag_of(known[number])) for number in sorted(known)]
    if how == "but one":
        return parts[1:]
    if how == "backwards":
        return parts[::-1]
    if how == "wrong etag":
        return [(number, "f" * 32) for number, _ in parts]
    if how == "missing":
        return [*parts, (9_999, "f" * 32)]
    if how == "twice":
        return [*parts[:1], *parts]
    return parts

"""Listings, page by page, as services give them and as none should."""

from collections.abc import Sequence
from urllib.parse import quote_plus

import pytest

from backends.errors import Unavailable
from tests.backends.http.answering import reply
from tests.backends.making import paths
from tests.backends.s3.scripted import Asked, service

ETAG = "&quot;9dd4e461268c8034f5c8564e155c67a6&quot;"


def page(keys: Sequence[str], *, token: str | None = None, encoded: bool = True) -> bytes:
    """An answer with these objects; ``token`` "" for one that only says that there is more."""
    contents = "".join(
        f"<Contents><Key>{quote_plus(key) if encoded else key}</Key><Size>3</Size><ETag>{ETAG}</ETag>"
        "<LastModified>2026-11-26T11:00:00.000Z</LastModified></Contents>"
        for key in keys
    )
    more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return reply(
        200,
        f"<?xml version='1.0'?><ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>"
        f"{'<EncodingType>url</EncodingType>' if encoded else ''}"
        f"<IsTruncated>{'false' if token is None else 'true'}</IsTruncated>{more}{contents}"
        f"</ListBucketResult>".encode(),
    )


async def test_pages_follow_each_other() -> None:
    answers = (page(["b/a b+"], token="1/+="), page([], token="2"), page(["b/c"]))
    async with service(*answers) as (storage, asked):
        assert await paths(storage, "b/") == ["b/a b+", "b/c"]
        queries = [one.query for one in asked.asked]
        assert [query.get("continuation-token") for query in queries] == [None, "1/+=", "2"]
        assert {query["prefix"] for query in queries} == {"b/"}
        assert {query["max-keys"] for query in queries} == {"1000"}


async def test_the_reserved_name_is_not_walked_through() -> None:
    answers = (page(["-a", ".s3front/o/aa/1", ".s3front/o/aa/2"], token="t"), page(["b/c"]))
    async with service(*answers, prefix="team") as (storage, asked):
        with pytest.raises(Unavailable):
            await paths(storage)  # keys of another prefix
    answers = (page(["team/-a", "team/.s3front/o/aa/1"], token="t"), page(["team/b/c"]))
    async with service(*answers, prefix="team") as (storage, asked):
        assert await paths(storage) == ["-a", "b/c"]
        assert asked.asked[1].query["start-after"] == "team/.s3front/\U0010ffff"
        assert "continuation-token" not in asked.asked[1].query


async def test_keys_that_are_no_paths_are_passed_over() -> None:
    keys = ["/a", "a/./b", "a//b", "b/", "b/k", "c/../d"]
    async with service(page(keys)) as (storage, _):
        assert await paths(storage) == ["b/k"]


async def test_the_older_listing_goes_on_from_its_last_key() -> None:
    answers = (page(["a", "b"], token=""), page(["c"]))
    async with service(*answers, knows={"list_version": 1}) as (storage, asked):
        assert await paths(storage) == ["a", "b", "c"]
        assert [one.query.get("marker") for one in asked.asked] == [None, "b"]
        assert "list-type" not in asked.asked[0].query


async def test_where_names_are_not_encoded_some_are_not_known() -> None:
    keys = ["b/a\ufffdb", "b/a+%41"]
    async with service(page(keys, encoded=False), profile="versitygw") as (storage, asked):
        assert await paths(storage) == ["b/a+%41"]
        assert "encoding-type" not in asked.asked[0].query


CONTENTS = b"<Contents><Key>k</Key><Size>%s</Size><ETag>%s</ETag><LastModified>%s</LastModified></Contents>"
GOOD = (b"3", b"x", b"2026-11-26T11:00:00Z")


def contents(*values: bytes) -> bytes:
    return reply(200, b"<ListBucketResult>" + CONTENTS % values + b"</ListBucketResult>")


WRONG = {
    "order": [page(["b", "a"])],
    "twice": [page(["a", "a"])],
    "twice on two pages": [page(["a"], token="1"), page(["a"])],
    "same token": [page(["a"], token="1"), page(["b"], token="1")],
    "no end": [page([], token="")],
    "another document": [reply(200, b"<ListAllMyBucketsResult/>")],
    "no document": [reply(200, b"")],
    "cut": [reply(200, b"<ListBucketResult><Contents><Key>k</Key>")],
    "entities": [reply(200, b"<!DOCTYPE x [<!ENTITY a 'b'>]><ListBucketResult/>")],
    "too long": [reply(200, b"<ListBucketResult>" + b" " * 9_000_000 + b"</ListBucketResult>")],
    "no size": [contents(b"", *GOOD[1:])],
    "negative size": [contents(b"-1", *GOOD[1:])],
    "no ETag": [contents(GOOD[0], b"", GOOD[2])],
    "no time": [contents(*GOOD[:2], b"yesterday")],
    "no such time": [contents(*GOOD[:2], b"9999-12-31T23:59:59Z")],
}


async def test_the_right_form_of_these_is_taken() -> None:
    async with service(contents(*GOOD)) as (storage, _):
        [stored] = [stored async for stored in storage.list()]
        assert (stored.path, stored.fingerprint.size, stored.fingerprint.stamp) == ("k", 3, "x")


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_page_that_is_wrong_is_refused(wrong: str) -> None:
    async with service(*WRONG[wrong]) as (storage, asked):
        with pytest.raises(Unavailable):
            await paths(storage)
        assert len(asked.asked) <= 2


async def test_a_listing_that_never_ends_is_given_up() -> None:
    def endless(asked: Asked) -> bytes:
        return page([], token=f"{int(asked.query.get('continuation-token', 0)) + 1}")

    async with service(endless) as (storage, _):
        with pytest.raises(Unavailable, match="circles"):
            await paths(storage)


def pending(keys: Sequence[str], *, after: tuple[str, str] | None = None) -> bytes:
    """An answer with an open upload of each key; ``after`` leads on."""
    uploads = "".join(
        f"<Upload><Key>{quote_plus(key)}</Key><UploadId>id of {quote_plus(key)}</UploadId>"
        "<Initiated>2026-11-26T11:00:00.000Z</Initiated></Upload>"
        for key in keys
    )
    more = ""
    if after is not None:
        more = (
            f"<NextKeyMarker>{quote_plus(after[0])}</NextKeyMarker>"
            f"<NextUploadIdMarker>{after[1]}</NextUploadIdMarker>"
        )
    return reply(
        200,
        f"<ListMultipartUploadsResult><EncodingType>url</EncodingType>"
        f"<IsTruncated>{'false' if after is None else 'true'}</IsTruncated>{more}{uploads}"
        f"</ListMultipartUploadsResult>".encode(),
    )


async def test_open_uploads_are_told_page_by_page() -> None:
    answers = (
        pending(["team/b/a b+", "team//x"], after=("team/b/a b+", "9/=")),
        pending(["team/b/c"]),
    )
    async with service(*answers, prefix="team") as (storage, asked):
        found = [one async for one in storage.open_parts()]
        assert [(one.path, one.upload) for one in found] == [
            ("b/a b+", "id of team%2Fb%2Fa+b%2B"), ("b/c", "id of team%2Fb%2Fc"),
        ]  # fmt: skip
        assert {one.begun_ns for one in found} == {1795690800 * 10**9}
        first, second = (one.query for one in asked.asked)
        assert first == {"uploads": "", "prefix": "team/", "encoding-type": "url"}
        assert (second["key-marker"], second["upload-id-marker"]) == ("team/b/a b+", "9/=")


@pytest.mark.parametrize(
    "answers",
    [
        [pending(["other/k"])],
        [pending(["team/k"], after=("team/k", "1"))] * 2,
        [pending(["team/k"], after=("", ""))],
        [page(["team/k"])],
        [pending([]).replace(b"ListMultipartUploadsResult", b"Result")],
    ],
    ids=["of others", "circle", "no way on", "objects", "nothing of the kind"],
)
async def test_what_is_no_listing_of_open_uploads_is_not_believed(answers: Sequence[bytes]) -> None:
    async with service(*answers, prefix="team") as (storage, _):
        with pytest.raises(Unavailable):
            [one async for one in storage.open_parts()]

"""Listings over HTTP: order, delimiters, pages, and all pages together against a slow model."""

import itertools
from collections.abc import Sequence
from urllib.parse import quote, unquote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.live.client import Answer, Client
from tests.live.server import Live

KEYS = ["a", "a/", "a/1", "a/2/x", "a/2/y", "a0", "b", "b/c//d", "ü", "z z", "\U0001f642"]
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def filled(live: Live) -> str:
    bucket = live.client.make_bucket("filled")
    for key in KEYS:
        live.client.put(bucket, key, key.encode())
    return bucket


def listed(client: Client, bucket: str, **query: str | int) -> Answer:
    pairs = {name.replace("_", "-"): value for name, value in query.items()}
    text = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in pairs.items())
    answer = client.request("GET", f"/{bucket}", text)
    assert answer.status == 200, answer.body
    return answer


def in_order(keys: Sequence[str]) -> list[str]:
    return sorted(keys, key=str.encode)


def test_keys_come_in_the_order_of_their_bytes(client: Client, filled: str) -> None:
    assert listed(client, filled, list_type=2).texts("Contents/Key") == in_order(KEYS)
    assert listed(client, filled).texts("Contents/Key") == in_order(KEYS)


def test_a_listing_tells_of_each_object(client: Client, bucket: str) -> None:
    put = client.put(bucket, "key", b"12345")
    answer = listed(client, bucket, list_type=2)
    assert answer.text("Name") == bucket
    assert answer.text("KeyCount") == "1"
    assert answer.text("MaxKeys") == "1000"
    assert answer.text("IsTruncated") == "false"
    assert answer.text("Contents/ETag") == put.headers["etag"]
    assert answer.text("Contents/Size") == "5"
    assert answer.text("Contents/StorageClass") == "STANDARD"
    assert answer.text("Contents/ChecksumAlgorithm") == "CRC64NVME"
    assert answer.text("Contents/Owner/ID") is None


def test_the_owner_is_told_by_version_1_and_if_asked_for_by_version_2(
    client: Client, filled: str
) -> None:
    assert listed(client, filled).text("Contents/Owner/ID")
    assert listed(client, filled, list_type=2, fetch_owner="true").text("Contents/Owner/ID")


def test_a_delimiter_rolls_up(client: Client, filled: str) -> None:
    answer = listed(client, filled, list_type=2, delimiter="/")
    assert answer.texts("CommonPrefixes/Prefix") == ["a/", "b/"]
    assert answer.texts("Contents/Key") == in_order(["a", "a0", "b", "ü", "z z", "\U0001f642"])
    assert answer.text("KeyCount") == "8"


def test_a_prefix_and_a_delimiter(client: Client, filled: str) -> None:
    answer = listed(client, filled, list_type=2, prefix="a/", delimiter="/")
    assert answer.texts("CommonPrefixes/Prefix") == ["a/2/"]
    assert answer.texts("Contents/Key") == ["a/", "a/1"]
    assert (answer.text("Prefix"), answer.text("Delimiter")) == ("a/", "/")


@pytest.mark.parametrize(
    ("delimiter", "prefixes"),
    [("//", ["b/c//"]), ("/2/", ["a/2/"]), ("\U0001f642", ["\U0001f642"])],
)
def test_a_delimiter_may_be_long(
    client: Client, filled: str, delimiter: str, prefixes: list[str]
) -> None:
    answer = listed(client, filled, list_type=2, delimiter=delimiter)
    assert answer.texts("CommonPrefixes/Prefix") == prefixes


def test_names_are_escaped_if_asked_for(client: Client, filled: str) -> None:
    answer = listed(client, filled, list_type=2, encoding_type="url", delimiter="/", prefix="z ")
    assert answer.text("EncodingType") == "url"
    assert [unquote_plus(text) for text in answer.texts("Contents/Key")] == ["z z"]
    assert answer.texts("Contents/Key") != ["z z"]
    assert unquote_plus(answer.text("Prefix") or "") == "z "


def test_an_encoding_s3_does_not_know_is_refused(client: Client, filled: str) -> None:
    answer = client.request("GET", f"/{filled}", "list-type=2&encoding-type=base64")
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_start_after_is_not_listed_itself(client: Client, filled: str) -> None:
    answer = listed(client, filled, list_type=2, start_after="a/2/x")
    assert answer.texts("Contents/Key") == [key for key in in_order(KEYS) if key > "a/2/x"]
    assert answer.text("StartAfter") == "a/2/x"


def test_a_marker_is_not_listed_itself(client: Client, filled: str) -> None:
    answer = listed(client, filled, marker="b")
    assert answer.texts("Contents/Key") == in_order([key for key in KEYS if key > "b"])
    assert answer.text("Marker") == "b"


@pytest.mark.parametrize("query", ["start-after=a", "continuation-token=a", "list-type=2&marker=a"])
def test_where_the_other_version_goes_on_is_refused(
    client: Client, filled: str, query: str
) -> None:
    answer = client.request("GET", f"/{filled}", query)
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_no_keys_at_all_are_asked_for(client: Client, filled: str) -> None:
    answer = listed(client, filled, list_type=2, max_keys=0)
    assert answer.texts("Contents/Key") == []
    assert (answer.text("IsTruncated"), answer.text("KeyCount")) == ("false", "0")


@pytest.mark.parametrize("number", ["-1", "x", "1.5", "99999999999"])
def test_a_number_of_keys_that_is_none_is_refused(client: Client, filled: str, number: str) -> None:
    answer = client.request("GET", f"/{filled}", f"list-type=2&max-keys={number}")
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_more_than_a_thousand_is_a_thousand(client: Client, filled: str) -> None:
    assert listed(client, filled, list_type=2, max_keys=5000).text("MaxKeys") == "1000"


@pytest.mark.parametrize("token", ["x", "AQ", "", "YWJj"])
def test_a_token_we_did_not_make_is_refused(client: Client, filled: str, token: str) -> None:
    answer = client.request("GET", f"/{filled}", f"list-type=2&continuation-token={token}")
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_a_page_that_is_exactly_full_is_the_last(client: Client, filled: str) -> None:
    answer = listed(client, filled, list_type=2, max_keys=len(KEYS))
    assert answer.text("IsTruncated") == "false"
    assert answer.text("NextContinuationToken") is None


def test_version_1_tells_the_next_marker_only_with_a_delimiter(client: Client, filled: str) -> None:
    plain = listed(client, filled, max_keys=2)
    assert (plain.text("IsTruncated"), plain.text("NextMarker")) == ("true", None)
    rolled = listed(client, filled, max_keys=2, delimiter="/")
    assert rolled.text("NextMarker") == "a/"


def test_a_missing_bucket_is_not_listed(client: Client) -> None:
    answer = client.request("GET", "/nobody-made-this", "list-type=2")
    assert (answer.status, answer.code) == (404, "NoSuchBucket")


def test_buckets_are_listed_in_pages(client: Client) -> None:
    names = [client.make_bucket(f"paged-{number}") for number in range(5)]
    seen: list[str] = []
    query = "prefix=paged-&max-buckets=2"
    for _ in range(5):
        page = client.request("GET", "/", query)
        seen += page.texts("Buckets/Bucket/Name")
        token = page.text("ContinuationToken")
        if token is None:
            break
        query = f"prefix=paged-&max-buckets=2&continuation-token={token}"
    assert seen == names


def modelled(
    keys: Sequence[str], prefix: str, delimiter: str, after: str
) -> tuple[list[str], list[str]]:
    """Contents and common prefixes, the slow way."""
    contents: list[str] = []
    prefixes: dict[str, None] = {}
    for key in in_order(keys):
        if not key.startswith(prefix):
            continue
        rest = key[len(prefix) :]
        if delimiter and delimiter in rest:
            rolled = prefix + rest[: rest.index(delimiter) + len(delimiter)]
            if rolled.encode() > after.encode():
                prefixes[rolled] = None
        elif key.encode() > after.encode():
            contents.append(key)
    return contents, list(prefixes)


TEXTS = st.text(alphabet="ab/é\U0001f642", max_size=4)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    keys=st.lists(st.text(alphabet="ab/é\U0001f642 ", min_size=1, max_size=6), max_size=12),
    prefix=TEXTS,
    delimiter=st.sampled_from(["", "/", "a", "//", "é"]),
    after=TEXTS,
    size=st.integers(min_value=1, max_value=5),
    version=st.sampled_from([1, 2]),
)
def test_the_pages_together_are_what_a_slow_model_lists(
    *,
    client: Client,
    keys: list[str],
    prefix: str,
    delimiter: str,
    after: str,
    size: int,
    version: int,
) -> None:
    bucket = client.make_bucket(f"modelled-{next(_numbers)}")
    for key in dict.fromkeys(keys):
        assert client.put(bucket, key, b"").status == 200
    contents: list[str] = []
    prefixes: list[str] = []
    more: dict[str, str | int] = {"start_after" if version == 2 else "marker": after}
    if version == 2:
        more["list_type"] = 2
    for _ in range(len(keys) + 2):
        page = listed(client, bucket, prefix=prefix, delimiter=delimiter, max_keys=size, **more)
        got = page.texts("Contents/Key"), page.texts("CommonPrefixes/Prefix")
        assert len(got[0]) + len(got[1]) <= size
        contents += got[0]
        prefixes += got[1]
        if page.text("IsTruncated") == "false":
            break
        if version == 2:
            more = {"list_type": 2, "continuation_token": page.text("NextContinuationToken") or ""}
        else:
            last = max(got[0] + got[1], key=str.encode)
            more = {"marker": page.text("NextMarker") or last}
    assert (contents, prefixes) == modelled(list(dict.fromkeys(keys)), prefix, delimiter, after)

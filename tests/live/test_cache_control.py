"""A bucket's Cache-Control, for objects that were stored without one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.client import Client
from tests.live.server import running

DEFAULT = "public, max-age=86400"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    buckets = [{"name": "site", "cache_control": DEFAULT}, "other"]
    with running(tmp_path, durability="relaxed", buckets=buckets) as live:
        yield live.client


def test_it_is_told_where_the_object_says_nothing(client: Client) -> None:
    client.put("site", "a.jpg", b"x")
    assert client.get("site", "a.jpg").headers["cache-control"] == DEFAULT
    head = client.request("HEAD", "/site/a.jpg")
    assert head.headers["cache-control"] == DEFAULT


def test_what_the_object_says_goes_before_it(client: Client) -> None:
    client.put("site", "a.jpg", b"x", cache_control="no-cache")
    assert client.get("site", "a.jpg").headers["cache-control"] == "no-cache"


def test_what_the_request_says_goes_before_both(client: Client) -> None:
    client.put("site", "a.jpg", b"x")
    told = client.get("site", "a.jpg", "response-cache-control=max-age%3D1")
    assert told.headers["cache-control"] == "max-age=1"


def test_other_buckets_and_errors_have_none_of_it(client: Client) -> None:
    client.put("other", "a.jpg", b"x")
    assert "cache-control" not in client.get("other", "a.jpg").headers
    assert client.get("site", "none").headers["cache-control"] == "no-store"


def test_a_copy_takes_nothing_of_it_along(client: Client) -> None:
    client.put("site", "a.jpg", b"x")
    source = {"x-amz-copy-source": "/site/a.jpg"}
    assert client.request("PUT", "/other/b.jpg", headers=source).status == 200
    assert "cache-control" not in client.get("other", "b.jpg").headers

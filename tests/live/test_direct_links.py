"""Clients that are sent to the storage itself (``link_mode = "direct"``), and those that are not."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from backends.errors import Unsupported
from backends.interface import Can, Stored
from tests.live.client import Answer, Client
from tests.live.server import Live

BODY = b"the bytes"


class Linking:
    """Gives links, and remembers what was asked of them."""

    def __init__(self) -> None:
        self.seconds = 0
        self.answer_with: Mapping[str, str] = {}
        self.cannot_say = ""

    def link(self, stored: Stored, *, seconds: int, answer_with: Mapping[str, str]) -> str:
        if self.cannot_say in answer_with:
            raise Unsupported(self.cannot_say)
        self.seconds, self.answer_with = seconds, answer_with
        return f"https://storage.example/{stored.path}?signed"


@pytest.fixture
def linking(live: Live, monkeypatch: pytest.MonkeyPatch) -> Iterator[Linking]:
    name = live.services.default_storage
    storage = live.services.storages[name]
    links = Linking()
    monkeypatch.setattr(storage, "can", storage.can | Can.LINK)
    monkeypatch.setattr(storage, "link", links.link)
    live.services.links.direct = {live.services.default_storage}
    yield links
    live.services.links.direct = frozenset()


@pytest.fixture
def key(client: Client, bucket: str) -> str:
    client.put(bucket, "a.jpg", BODY, content_type="image/jpeg", cache_control="max-age=9")
    return f"/{bucket}/a.jpg"


def presigned(
    client: Client, path: str, query: str = "", *, expires: int = 3600, **headers: str
) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    target = client.presigned("GET", path, query, expires=expires)
    return client.send("GET", target, {"host": client.host, **named}, b"")


def test_a_presigned_get_is_sent_to_the_storage(client: Client, linking: Linking, key: str) -> None:
    answer = presigned(client, key)
    assert (answer.status, answer.code) == (307, "TemporaryRedirect")
    assert answer.headers["location"] == f"https://storage.example{key}?signed"
    assert answer.headers["cache-control"] == "no-store"
    assert linking.seconds == 300
    assert linking.answer_with == {"content-type": "image/jpeg", "cache-control": "max-age=9"}


@pytest.mark.usefixtures("linking")
def test_a_range_is_sent_there_too(client: Client, key: str) -> None:
    assert presigned(client, key, range="bytes=0-1").status == 307


def test_what_the_url_says_of_the_answer_is_passed_on(
    client: Client, linking: Linking, key: str
) -> None:
    assert presigned(client, key, "response-content-type=text%2Fplain").status == 307
    assert linking.answer_with["content-type"] == "text/plain"


def test_a_link_holds_no_longer_than_the_url_that_asked(
    client: Client, linking: Linking, key: str
) -> None:
    assert presigned(client, key, expires=60).status == 307
    assert 50 < linking.seconds <= 60
    signed_at = datetime.now(UTC) - timedelta(seconds=57)
    target = client.presigned("GET", key, expires=60, now=signed_at)
    answer = client.send("GET", target, {"host": client.host}, b"")
    assert (answer.status, answer.body) == (200, BODY), "too short to be followed"


@pytest.mark.parametrize(
    "agent",
    [
        "Boto3/1.40.0 md/Botocore#1.40.0 ua/2.1 os/linux#6.8.0",
        "aws-cli/2.17.0 md/awscrt#0.20.11",
        "aws-sdk-js/3.600.0",
        "APN/1.0 AWS-SDK-GO-v2",
        "MinIO (linux; amd64) minio-go/v7.0.80 mc/RELEASE",
        "rclone/v1.68.2",
        "s3cmd/2.4.0",
    ],
)
@pytest.mark.usefixtures("linking")
def test_an_sdk_gets_the_bytes(client: Client, key: str, agent: str) -> None:
    answer = presigned(client, key, user_agent=agent)
    assert (answer.status, answer.body) == (200, BODY)


@pytest.mark.usefixtures("linking")
def test_a_signature_in_the_header_gets_the_bytes(client: Client, key: str) -> None:
    answer = client.request("GET", key)
    assert (answer.status, answer.body) == (200, BODY)


@pytest.mark.usefixtures("linking")
def test_what_only_we_know_is_answered_here(client: Client, key: str) -> None:
    target = client.presigned("HEAD", key)
    assert client.send("HEAD", target, {"host": client.host}, b"").status == 200
    assert presigned(client, key, "partNumber=1").body == BODY
    mode = {"x-amz-checksum-mode": "ENABLED"}
    target = client.presigned("GET", key, headers=mode)
    assert client.send("GET", target, {"host": client.host, **mode}, b"").body == BODY
    etag = presigned(client, key, "partNumber=1").headers["etag"]
    assert presigned(client, key, if_none_match=etag).status == 304
    assert presigned(client, key, if_match='"other"').status == 412
    assert presigned(client, f"{key}.none").status == 404


def test_a_header_that_the_storage_cannot_be_told_keeps_the_bytes_here(
    client: Client, linking: Linking, key: str
) -> None:
    linking.cannot_say = "cache-control"
    assert presigned(client, key).body == BODY


@pytest.mark.usefixtures("linking")
def test_the_mode_counts_at_once(live: Live, client: Client, key: str) -> None:
    live.services.links.direct = frozenset()
    assert presigned(client, key).body == BODY
    live.services.links.direct = {live.services.default_storage}
    assert presigned(client, key).status == 307


def test_a_storage_without_links_gives_none(live: Live, client: Client, key: str) -> None:
    live.services.links.direct = {live.services.default_storage}
    try:
        assert presigned(client, key).body == BODY
    finally:
        live.services.links.direct = frozenset()

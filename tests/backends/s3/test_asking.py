"""How requests are signed, and what is learnt from a refusal."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from backends.errors import Denied, Unavailable, Unsupported
from backends.http.client import Client
from backends.interface import PIECE
from backends.s3.bucket import Bucket
from backends.s3.settings import read_settings
from tests.backends.http.answering import reply
from tests.backends.making import as_stored, body
from tests.backends.s3.scripted import NOW, Asked, service

STORED = {"etag": '"e"', "last_modified": "Thu, 26 Nov 2026 11:00:00 GMT"}
SKEWED = b"<Error><Code>RequestTimeTooSkewed</Code></Error>"


def said(date: timedelta) -> dict[str, str]:
    return {"date": format_datetime(NOW + date, usegmt=True)}


class Recorded:
    """A client whose every answer is an empty 200, and that keeps the headers."""

    def __init__(self, endpoint: str, **settings: object) -> None:
        given = {"bucket": "photos", "access_key": "k", "secret_key": "s", **settings}
        read = read_settings({"endpoint": endpoint, **given})
        self.origin = read.origin
        self.timeouts = SimpleNamespace(answer_s=1.0)
        self.sent: list[tuple[str, Mapping[str, str]]] = []
        self.bucket = Bucket(read, client=cast(Client, self), now=lambda: NOW)

    async def send(self, _method: str, target: str, headers: Mapping[str, str], **_: object) -> Any:
        self.sent.append((target, headers))
        return SimpleNamespace(status=200, headers={})


async def streamed() -> AsyncIterator[bytes]:
    yield b"x"


@pytest.mark.parametrize(
    ("endpoint", "sent", "payload"),
    [
        ("https://s3", None, hashlib.sha256(b"").hexdigest()),
        ("https://s3", b"data", "UNSIGNED-PAYLOAD"),
        ("https://s3", streamed(), "UNSIGNED-PAYLOAD"),
        ("http://s3", b"data", hashlib.sha256(b"data").hexdigest()),
        ("http://s3", streamed(), "UNSIGNED-PAYLOAD"),
    ],
)
async def test_what_is_signed_of_a_body(
    endpoint: str, sent: bytes | AsyncIterator[bytes] | None, payload: str
) -> None:
    client = Recorded(endpoint)
    await client.bucket.send("PUT", "k", body=sent, size=1)
    assert client.sent[0][1]["x-amz-content-sha256"] == payload


@pytest.mark.parametrize(
    ("settings", "target", "host"),
    [
        ({}, "/photos/a%20b", "s3.example"),
        ({"address_style": "virtual"}, "/a%20b", "photos.s3.example"),
    ],
)
async def test_where_the_bucket_is_named(
    settings: dict[str, object], target: str, host: str
) -> None:
    client = Recorded("https://s3.example", **settings)
    await client.bucket.send("GET", "a b")
    assert client.sent[0][0] == target
    assert client.origin.authority == host


async def test_a_session_token_is_sent_and_signed() -> None:
    client = Recorded("https://s3.example", session_token="t0ken")
    await client.bucket.send("GET", "k")
    headers = client.sent[0][1]
    assert headers["x-amz-security-token"] == "t0ken"
    assert "x-amz-security-token" in headers["authorization"]


@pytest.mark.parametrize(
    "refused",
    [
        reply(403, SKEWED, **said(timedelta(hours=3))),
        reply(403, **said(timedelta(hours=3))),  # as of a HEAD
    ],
    ids=["named", "unnamed"],
)
async def test_a_wrong_clock_is_set_right_once(refused: bytes) -> None:
    def in_time(asked: Asked) -> bytes:
        assert asked.headers["x-amz-date"] == "20261126T150000Z"
        return reply(200, b"x", **STORED)

    async with service(refused, in_time) as (storage, asked):
        content = await storage.read("b/k")
        await content.aclose()
        await (await storage.read("b/k")).aclose()
        assert len(asked.asked) == 3
        assert "X-Amz-Date=20261126T150000Z" in storage.link(
            as_stored("b/k"), seconds=9, answer_with={}
        )


@pytest.mark.parametrize(
    "date", ["Fri, 31 Dec 9999 23:59:59 GMT", f"Thu, 26 Nov {10**20} 1:1:1 GMT"]
)
async def test_a_clock_is_not_set_to_a_time_that_cannot_be(date: str) -> None:
    """Else nothing could be signed any more."""
    refused = reply(403, SKEWED, date=date)

    def in_time(asked: Asked) -> bytes:
        assert asked.headers["x-amz-date"] == "20261126T120000Z"
        return reply(200, b"x", etag='"e"', last_modified=date)

    async with service(refused, in_time) as (storage, _):
        with pytest.raises(Denied, match="clock"):
            await storage.read("b/k")
        content = await storage.read("b/k")
        assert content.stored.modified_ns == 0
        await content.aclose()


@pytest.mark.parametrize("region", ["\u00e9u-west", "x" * 65, "eu_west", "EU west"])
async def test_a_region_that_is_none_is_not_signed_for(region: str) -> None:
    refused = reply(400, **{"x-amz-bucket-region": region})
    async with service(refused, refused) as (storage, asked):
        with pytest.raises(Unavailable):
            await storage.read("b/k")
        assert len(asked.asked) == 1


async def test_a_clock_that_is_right_is_not_set() -> None:
    async with service(reply(403, SKEWED, **said(timedelta(minutes=1)))) as (storage, asked):
        with pytest.raises(Denied, match="clock"):
            await storage.read("b/k")
        assert len(asked.asked) == 1
    async with service(reply(403, SKEWED, **said(timedelta(hours=1)))) as (storage, asked):
        with pytest.raises(Denied, match="clock"):
            await storage.read("b/k")
        assert len(asked.asked) == 2


async def test_a_stream_is_not_sent_again_but_the_next_is_right() -> None:
    refused = reply(403, SKEWED, **said(timedelta(hours=3)))
    async with service(refused, reply(200, **STORED)) as (storage, asked):
        large = bytes(PIECE + 1)
        with pytest.raises(Unavailable, match="next request"):
            await storage.write("b/k", body(large), size=len(large))
        assert len(asked.asked) == 1
        await storage.write("b/k", body(large), size=len(large))
        assert asked.asked[1].headers["x-amz-date"] == "20261126T150000Z"


async def test_a_small_body_is_sent_again() -> None:
    refused = reply(403, SKEWED, **said(timedelta(hours=3)))
    async with service(refused, reply(200, **STORED)) as (storage, asked):
        await storage.write("b/k", body(b"da", b"ta"), size=4)
        assert [one.body for one in asked.asked] == [b"data", b"data"]


MALFORMED = b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region></Error>"


async def test_a_region_is_found_out_if_it_may_be() -> None:
    def signed_for(asked: Asked) -> bytes:
        assert "/eu-west-3/s3/" in asked.headers["authorization"]
        return reply(200, b"x", **STORED)

    async with service(reply(400, MALFORMED), signed_for, region="auto") as (storage, asked):
        await (await storage.read("b/k")).aclose()
        await (await storage.read("b/k")).aclose()
        assert len(asked.asked) == 3
    async with service(reply(400, MALFORMED), region="us-east-1") as (storage, asked):
        with pytest.raises(Denied, match="correct region"):
            await storage.read("b/k")
        assert len(asked.asked) == 1


async def test_no_error_tells_a_secret() -> None:
    leaking = b"<Error><Code>SignatureDoesNotMatch</Code><Message>hidden-secret</Message></Error>"
    async with service(reply(403, leaking), session_token="t0ken") as (storage, _):
        with pytest.raises(Denied) as refused:
            await storage.read("b/k")
        for text in (str(refused.value), repr(refused.value), repr(vars(storage))):
            assert "hidden-secret" not in text
            assert "t0ken" not in text
        assert "correct secret_key" in str(refused.value)


async def test_a_description_that_is_no_longer_one_is_damaged() -> None:
    headers = {**STORED, "content_length": "4", "x_amz_meta_s3front": "n\u00f6"}
    answer = reply(200, **headers)
    async with service(answer) as (storage, _):
        stored = await storage.stat("b/k")
        assert (stored.description, stored.description_damaged) == (None, True)
        assert stored.fingerprint.size == 4


async def test_what_is_not_known_to_hold_is_not_relied_on() -> None:
    async with service(reply(200, **STORED)) as (storage, asked):
        with pytest.raises(Unsupported):
            await storage.write("b/k", body(b"x"), size=1, create=True)
        assert asked.asked == []


def test_links_are_those_of_the_settings_or_signed() -> None:
    from backends.registry import construct  # noqa: PLC0415

    given = {
        "endpoint": "s3.eu-central-1.amazonaws.com",
        "bucket": "photos",
        "access_key": "k",
        "secret_key": "hidden",
        "prefix": "team",
    }
    signed = construct("s3", given).link(
        as_stored("a b"), seconds=60, answer_with={"content-type": "x/y"}
    )
    assert signed.startswith("https://photos.s3.eu-central-1.amazonaws.com/team/a%20b?")
    assert "response-content-type=x%2Fy" in signed
    assert "%2Feu-central-1%2F" in signed
    assert "hidden" not in signed
    cdn = construct("s3", {**given, "url": "https://img.example/x/"})
    assert (
        cdn.link(as_stored("a b"), seconds=60, answer_with={}) == "https://img.example/x/team/a%20b"
    )
    assert "amazonaws" in cdn.link(as_stored("a b"), seconds=60, answer_with={"expires": "x"})

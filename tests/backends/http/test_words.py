"""Origins, addresses, pauses and ranges: what is read from settings and headers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import pytest

from backends.errors import Unavailable
from backends.http.addresses import is_public
from backends.http.client import Answer
from backends.http.failures import LONGEST_PAUSE_S, pause_s
from backends.http.origin import origin_of
from backends.http.ranges import range_header, span_of

IMPOSSIBLE = (
    "Thu, 26 Nov 99999999999999999999 10:00:00 GMT",
    "Thu, 99999999999999999999 Nov 2026 10:00:00 GMT",
    "Thu, 26 Nov 2026 10:00:99999999999999999999 GMT",
    "Thu, 26 Nov 2026 10:00:00 +99999999999999",
    "Fri, 31 Dec 9999 23:59:59 GMT",
)
"""Dates that a server may tell, and no calendar holds; the last one no count of nanoseconds does."""


@pytest.mark.parametrize(
    ("endpoint", "origin", "authority"),
    [
        ("s3.example.com", "https://s3.example.com", "s3.example.com"),
        ("S3.Example.com:443/", "https://s3.example.com", "s3.example.com"),
        (" http://nas:9000/dav/me/ ", "http://nas:9000/dav/me", "nas:9000"),
        ("http://nas:80", "http://nas", "nas"),
        ("https://nas:80", "https://nas:80", "nas:80"),
        ("[::1]:9000", "https://[::1]:9000", "[::1]:9000"),
        (
            "https://cloud/remote.php/dav/files/a%40b",
            "https://cloud/remote.php/dav/files/a%40b",
            "cloud",
        ),
    ],
)
def test_an_endpoint_is_a_url_or_a_host(endpoint: str, origin: str, authority: str) -> None:
    assert str(origin_of(endpoint)) == origin
    assert origin_of(endpoint).authority == authority


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "https://",
        "ftp://host",
        "https://host:0",
        "https://host:99999",
        "https://host:port",
        "https://host/?x",
        "https://host/#x",
        "https://ho st",
        "https://host\r\nX: y",
        "https://host/a/../b",
        "https://host/a/%2e%2E",
        "https://host/a b",
        "https://-host",
        7,
        None,
    ],
)
def test_anything_else_is_refused(endpoint: object) -> None:
    with pytest.raises(ValueError, match="endpoint is"):
        origin_of(endpoint)


@pytest.mark.parametrize(
    "endpoint", ["https://me:hidden@host", "https://me:hidden@host:x", "me:hidden@host"]
)
def test_a_password_in_an_endpoint_is_refused_and_not_told(endpoint: str) -> None:
    with pytest.raises(ValueError, match="endpoint") as refused:
        origin_of(endpoint)
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        *("10.0.0.1", "172.16.9.9", "192.168.1.1", "127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3"),
        *("169.254.169.254", "100.64.0.1", "100.100.2.136", "224.0.0.1", "255.255.255.255"),
        *("::1", "::", "fe80::1%eth0", "fe80::1", "fc00::1", "fd12::9", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::"),
        *("2002:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:80ff:fffe"),
        *("64:ff9b:1::7f00:1", "::127.0.0.1", "::ffff:0:127.0.0.1", "fec0::1", "5f00::1"),
    ],
)
def test_private_addresses_in_any_form(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "52.95.110.1", "2600:1f18::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("Thu, 26 Nov 2026 10:00:30 GMT", 30.0),
        ("Thu, 26 Nov 2026 09:00:00 GMT", 0.0),
        ("Thu, 26 Nov 2099 09:00:00 GMT", LONGEST_PAUSE_S),
        ("999999", LONGEST_PAUSE_S),
        ("9" * 5000, 1.0),
        ("soon", 1.0),
        ("-7", 1.0),
        ("\u0667", 1.0),
        ("", 1.0),
        *((date, 1.0) for date in IMPOSSIBLE),
    ],
)
def test_how_long_to_pause(asked: str, seconds: float) -> None:
    now = datetime(2026, 11, 26, 10, 0, 0, tzinfo=UTC)
    assert pause_s({"Retry-After": asked}, now=now) == seconds


def answer(status: int, length: int | None, headers: Mapping[str, str]) -> Answer:
    return cast(Answer, SimpleNamespace(status=status, length=length, headers=headers))


def ranged(said: str, length: int | None) -> Answer:
    return answer(206, length, {"Content-Range": said})


@pytest.mark.parametrize(
    ("first", "last", "given", "span"),
    [
        (0, None, answer(200, 10, {}), (0, 10, 10)),
        (0, 20, answer(200, 10, {}), (0, 10, 10)),
        (0, 9, answer(200, 10, {}), (0, 10, 10)),
        (2, 5, ranged("bytes 2-5/10", 4), (2, 4, 10)),
        (2, 5, ranged("bytes 2-5/10", None), (2, 4, 10)),
        (2, None, ranged("bytes 2-9/10", 8), (2, 8, 10)),
        (2, 99, ranged("bytes 2-9/10", 8), (2, 8, 10)),
    ],
)
def test_a_right_answer_to_a_range(
    first: int, last: int | None, given: Answer, span: tuple[int, int, int]
) -> None:
    found = span_of(given, first, last)
    assert (found.first, found.length, found.size) == span


@pytest.mark.parametrize(
    ("first", "last", "given"),
    [
        (2, None, answer(200, 10, {})),
        (0, 4, answer(200, 10, {})),
        (0, None, answer(200, None, {})),
        (0, None, answer(204, 0, {})),
        (2, 5, answer(206, 4, {})),
        (2, 5, ranged("bytes 3-6/10", 4)),
        (2, 5, ranged("bytes 2-4/10", 3)),
        (2, 5, ranged("bytes 2-5/10", 3)),
        (2, None, ranged("bytes 2-5/10", 4)),
        (2, 5, ranged("bytes 2-5/*", 4)),
        (2, 5, ranged("bytes 2-5/4", 4)),
        (2, 5, ranged("bytes */10", 4)),
        (2, 5, ranged("bytes 2-5/10, bytes 2-5/10", 4)),
        (20, 25, ranged("bytes 20-9/10", None)),
    ],
)
def test_a_wrong_answer_to_a_range(first: int, last: int | None, given: Answer) -> None:
    with pytest.raises(Unavailable):
        span_of(given, first, last)


def test_how_a_range_is_asked_for() -> None:
    assert range_header(0, None) == {}
    assert range_header(0, 0) == {"Range": "bytes=0-0"}
    assert range_header(5, None) == {"Range": "bytes=5-"}

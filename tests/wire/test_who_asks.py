"""What is believed of X-Forwarded headers: only what a trusted proxy says."""

import ipaddress

import pytest

from gateway.wire.receiving import _client

TRUSTED = [ipaddress.ip_network("10.0.0.0/8")]


HEADERS = {
    "host": "gateway:9000",
    "x-forwarded-for": "203.0.113.9, 10.0.0.7",
    "x-forwarded-host": "evil.example, s3.example.com",
    "x-forwarded-proto": "https",
}


def test_a_trusted_proxy_tells_who_asked_for_what() -> None:
    client = _client("10.0.0.1", HEADERS, TRUSTED, secure=False)
    assert (client.peer, client.host, client.secure) == ("203.0.113.9", "s3.example.com", True)


@pytest.mark.parametrize("trusted", [[], TRUSTED])
def test_nobody_else_is_believed(trusted: list[ipaddress.IPv4Network]) -> None:
    client = _client("192.0.2.1", HEADERS, trusted, secure=False)
    assert (client.peer, client.host, client.secure) == ("192.0.2.1", "gateway:9000", False)


def test_a_trusted_proxy_that_says_nothing_changes_nothing() -> None:
    client = _client("10.0.0.1", {"host": "gateway:9000"}, TRUSTED, secure=False)
    assert (client.peer, client.host, client.secure) == ("10.0.0.1", "gateway:9000", False)

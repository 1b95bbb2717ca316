"""The doctor's hypotheses: each cause is found, none is accepted."""

import datetime as dt
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigv4 import diagnosis
from sigv4.canonical import Signable
from sigv4.diagnosis import MAX_ATTEMPTS, Cause, Hypotheses, diagnose
from sigv4.mechanism import claim_of
from sigv4.payload import EMPTY_SHA256
from sigv4.sign import Credentials, presign, sign
from tests.sigv4.signing import (
    CREDENTIALS,
    HOST,
    NOW,
    REGION,
    SECRET,
    presigned,
    proved,
    refusal,
    request,
    signed,
    signed_over,
    with_headers,
    without_header,
)

FACTS = Hypotheses(
    hosts=("s3.example.com", "[::1]:9000"),
    forwarded_hosts=("files.example.com",),
    ports=(9000,),
    prefixes=("/s3", "/storage/"),
)


def cause(
    signable: Signable, *, facts: Hypotheses = FACTS, now: dt.datetime = NOW, secret: str = SECRET
) -> Cause | None:
    claim = claim_of(signable)
    assert claim is not None
    if facts.region is None:
        refusal(lambda: proved(signable, now=now, secret=secret))
    return diagnose(signable, claim, secret, now=now, facts=facts)


def found(signable: Signable, name: str, *words: str) -> None:
    result = cause(signable)
    assert result is not None
    assert (result.name, result.proved) == (name, True)
    for word in words:
        assert word in result.sentence
    assert result.sentence.endswith(".")


def signed_for(host: str, path: str = "/bucket/key") -> Signable:
    return signed(replace(request(path=path), headers={"host": host}))


@pytest.mark.parametrize("host", ["s3.example.com", "files.example.com", "s3.example.com:9000"])
def test_a_host_changed_by_a_proxy_is_named_with_both(host: str) -> None:
    sent = with_headers(signed_for(host), {"host": "gw:9000"})
    found(sent, "host", f"'{host}'", "'gw:9000'", "proxy_set_header Host", "public_url")


@pytest.mark.parametrize(
    ("client", "arrived"),
    [
        ("s3.example.com:9000", "s3.example.com"),
        ("s3.example.com", "s3.example.com:8080"),
        ("s3.example.com:443", "s3.example.com"),
        ("[::1]:9000", "[::1]"),
    ],
)
def test_a_port_changed_by_a_proxy_is_named(client: str, arrived: str) -> None:
    found(with_headers(signed_for(client), {"host": arrived}), "port", client)


def test_a_host_changed_behind_a_presigned_url_is_named() -> None:
    good = presigned(replace(request(), headers={"host": "s3.example.com"}))
    found(with_headers(good, {"host": "gw"}), "host", "s3.example.com")


@pytest.mark.parametrize(
    ("client", "arrived", "word"),
    [
        ("/s3/bucket/key", "/bucket/key", "strips"),
        ("/bucket/key", "/s3/bucket/key", "adds"),
        ("/storage/bucket/key", "/bucket/key", "strips"),
        ("/", "/s3", "adds"),
    ],
)
def test_a_path_prefix_changed_by_a_proxy_is_named(client: str, arrived: str, word: str) -> None:
    found(replace(signed_for(HOST, client), path=arrived), "prefix", word)


def test_a_prefix_and_a_host_changed_together_are_named() -> None:
    sent = replace(signed_for("s3.example.com", "/s3/bucket/key"), path="/bucket/key")
    found(with_headers(sent, {"host": "gw"}), "host", "s3.example.com", "/s3/bucket/key")


@pytest.mark.parametrize(
    ("client", "arrived"),
    [
        ("/bucket/a%20b", "/bucket/a+b"),
        ("/bucket/a%2Bb", "/bucket/a%20b"),
        ("/bucket/a%2520b", "/bucket/a%20b"),
        ("/bucket/a/b", "/bucket//a/./b"),
        ("/bucket/a/", "/bucket/a"),
        ("/bucket/a", "/bucket/a/"),
    ],
)
def test_an_encoding_of_the_path_that_differs_is_named(client: str, arrived: str) -> None:
    found(replace(signed_for(HOST, client), path=arrived), "encoding")


@pytest.mark.parametrize(
    ("client", "arrived"),
    [
        ("prefix=a%2Bb", "prefix=a+b"),
        ("prefix=a%2520b", "prefix=a%20b"),
    ],
)
def test_an_encoding_of_the_query_that_differs_is_named(client: str, arrived: str) -> None:
    found(replace(signed(request(query=client)), query=arrived), "encoding")


def test_a_query_that_was_not_signed_is_named() -> None:
    found(replace(signed(request()), query="prefix=a"), "query")
    good = presigned(request())
    found(replace(good, query=f"{good.query}&download=1"), "query")


@pytest.mark.parametrize(
    ("name", "client", "arrived"),
    [
        ("x-amz-meta-list", "a,b", "a, b"),
        ("content-type", "text/plain", "text/plain; charset=utf-8"),
        ("content-type", "", "application/octet-stream"),
    ],
)
def test_a_header_rewritten_by_a_proxy_is_named(name: str, client: str, arrived: str) -> None:
    sent = with_headers(signed(request("PUT", headers={name: client})), {name: arrived})
    found(sent, "header", name)


@pytest.mark.parametrize(
    ("name", "client", "arrived"),
    [
        ("accept-encoding", "identity", "gzip"),
        ("accept-encoding", "gzip, deflate", None),
        ("expect", "100-continue", None),
        ("content-length", "0", None),
        ("transfer-encoding", "chunked", None),
        ("connection", "keep-alive", "close"),
    ],
)
def test_a_hop_by_hop_header_that_was_signed_is_named(
    name: str, client: str, arrived: str | None
) -> None:
    plain = request(headers={name: client})
    sent = signed_over(signed(plain), "20130524T000000Z")
    proved(sent)
    changed = without_header(sent, name) if arrived is None else with_headers(sent, {name: arrived})
    found(changed, "header", name)


def test_a_signed_header_that_is_missing_is_suspected() -> None:
    good = signed(request(headers={"x-amz-meta-a": "anything"}))
    result = cause(without_header(good, "x-amz-meta-a"))
    assert result is not None
    assert (result.name, result.proved) == ("header", False)
    assert "x-amz-meta-a" in result.sentence


def test_a_method_changed_by_a_cache_is_named() -> None:
    found(replace(signed(request("HEAD")), method="GET"), "method", "proxy_cache_convert_head")


def test_another_payload_hash_than_the_one_signed_is_named() -> None:
    sent = with_headers(signed(request()), {"x-amz-content-sha256": EMPTY_SHA256})
    found(sent, "payload", "UNSIGNED-PAYLOAD")


@pytest.mark.parametrize(
    ("client", "here"),
    [
        (SECRET + "\n", SECRET),
        (SECRET + "\r\n", SECRET),
        (SECRET + " ", SECRET),
        (f'"{SECRET}"', SECRET),
        (SECRET, SECRET + "\n"),
    ],
)
def test_a_secret_with_a_line_break_is_named_and_not_shown(client: str, here: str) -> None:
    keys = Credentials(access_key="A", secret=client)
    sent = with_headers(request(), sign(request(), keys, region=REGION, now=NOW))
    result = cause(sent, secret=here)
    assert result is not None
    assert result.name == "secret"
    assert SECRET not in result.sentence


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_that_is_off_is_named_with_both_times(hours: int) -> None:
    result = cause(signed(request()), now=NOW + dt.timedelta(hours=hours))
    assert result is not None
    assert result.name == "clock"
    assert "2013-05-24T00:00:00Z" in result.sentence


def test_an_expired_url_is_named() -> None:
    result = cause(presigned(request(), expires=60), now=NOW + dt.timedelta(hours=1))
    assert result is not None
    assert "expired" in result.sentence


def test_another_region_is_named() -> None:
    result = cause(signed(request()), facts=replace(FACTS, region="eu-west-1"))
    assert result is not None
    assert (result.name, "'eu-west-1'" in result.sentence) == ("region", True)


def test_what_has_no_known_cause_has_none() -> None:
    keys = Credentials(access_key="A", secret="another secret")
    sent = with_headers(request(), sign(request(), keys, region=REGION, now=NOW))
    assert cause(sent) is None
    query = presign(request(), keys, region=REGION, now=NOW, expires=60)
    assert cause(request(query=query)) is None


def test_a_valid_request_has_no_cause() -> None:
    claim = claim_of(signed(request()))
    assert claim is not None
    assert diagnose(signed(request()), claim, SECRET, now=NOW, facts=FACTS) is None


def test_a_cause_is_nothing_that_could_be_taken_for_a_proof() -> None:
    assert {each.name for each in fields(Cause)} == {"name", "sentence", "proved"}
    assert CREDENTIALS.secret not in repr(cause(with_headers(signed_for("a"), {"host": "b"})))


def test_the_attempts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = 0

    def count(*_: object) -> None:
        nonlocal attempts
        attempts += 1

    monkeypatch.setattr(diagnosis, "matching_timestamp", count)
    claim = claim_of(signed(request()))
    assert claim is not None
    facts = Hypotheses(hosts=tuple(f"h{number}" for number in range(1000)), prefixes=("/a", "/b"))
    assert diagnose(signed(request()), claim, SECRET, now=NOW, facts=facts) is None
    assert attempts == 1 + MAX_ATTEMPTS


@given(
    host=st.text(st.characters(codec="utf-8"), max_size=20),
    path=st.text(st.characters(codec="utf-8"), max_size=20),
    query=st.text(st.characters(codec="utf-8"), max_size=20),
)
@settings(deadline=None, max_examples=25)
def test_a_diagnosis_never_fails(host: str, path: str, query: str) -> None:
    sent = replace(signed(request()), path=path, query=query)
    claim = claim_of(signed(request()))
    assert claim is not None
    facts = replace(FACTS, hosts=(host, *[f"h{n}" for n in range(100)]), prefixes=(path, "/a"))
    result = diagnose(with_headers(sent, {"host": host}), claim, "x", now=NOW, facts=facts)
    assert result is None

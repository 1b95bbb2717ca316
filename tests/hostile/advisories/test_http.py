"""What HTTP servers and parsers got wrong."""

import inspect
import resource

import httptools
import pytest

from tests.hostile.advisories.marking import covers
from tests.hostile.corpus import CORPUS
from tests.hostile.exchanges import exchanged, seen, stored
from tests.hostile.writing import CHUNKED, DELETE, SMUGGLED, in_chunks
from tests.live.client import Client
from tests.live.server import Live
from tests.wire.raw import connected, head, signed

BY_NAME = {case.name: case for case in CORPUS}


def _as_the_corpus_says(live: Live, client: Client, bucket: str, *names: str) -> None:
    for name in names:
        case = BY_NAME[name]
        exchange = exchanged(live.port, case.written(client, bucket), len(case.answers))
        assert (exchange.statuses, exchange.closed) == (case.answers, case.closes), name
    assert SMUGGLED not in [event.path for event in seen(live)]
    assert stored(client, bucket) is None


@covers("CVE-2025-43859", "CVE-2025-22871")
def test_a_chunk_ends_with_a_carriage_return_and_a_line_feed(
    live: Live, client: Client, bucket: str
) -> None:
    _as_the_corpus_says(
        live, client, bucket,
        "a chunk that ends with a line feed",
        "a chunk that ends with nothing",
        "a chunk that is longer than its size",
        "a chunk size that ends with a line feed",
        "a chunk size that ends with a carriage return",
    )  # fmt: skip


@covers("CVE-2025-55315")
def test_a_chunk_extension_holds_no_line_end(live: Live, client: Client, bucket: str) -> None:
    _as_the_corpus_says(
        live, client, bucket,
        "a line feed in a chunk extension",
        "a carriage return in a chunk extension",
        "a chunk extension that hides a request",
    )  # fmt: skip


@covers("CVE-2023-37276", "CVE-2025-53643")
def test_the_parser_is_the_compiled_one() -> None:
    """There is one, in C: no other reads requests in its place."""
    assert httptools.HttpRequestParser.__module__ == "httptools.parser.parser"
    assert not inspect.isfunction(httptools.HttpRequestParser.feed_data)


@covers("aiohttp duplicate Host", "Host confusion")
def test_there_is_one_host_and_it_can_be_one(live: Live, client: Client, bucket: str) -> None:
    _as_the_corpus_says(
        live, client, bucket,
        "two hosts", "two hosts that agree", "hosts in one header", "no host", "an empty host",
        "a host with a path", "a host with a user", "a host with a blank",
        "an absolute target of another host", "an absolute target with a user",
    )  # fmt: skip


@covers("CVE-2026-34520")
def test_no_header_holds_a_control_character(live: Live, client: Client, bucket: str) -> None:
    _as_the_corpus_says(
        live, client, bucket,
        "a NUL in a value", "a NUL in a name", "a control character in a value",
        "a delete character in a value", "a carriage return in a value", "a folded line",
    )  # fmt: skip


@covers("CVE-2026-22815")
def test_ten_thousand_trailers_are_refused_and_not_kept(
    live: Live, client: Client, bucket: str
) -> None:
    _as_the_corpus_says(live, client, bucket, "ten thousand trailers")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(20):
        _as_the_corpus_says(live, client, bucket, "ten thousand trailers")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 20 * 1024, "KiB"


@covers("aiohttp trailer in the next request")
def test_a_trailer_is_no_header_of_the_next_request(
    live: Live, client: Client, bucket: str
) -> None:
    """Behind a proxy the next request on the connection may be someone else's."""
    client.put(bucket, "key", b"0123456789")
    seen(live)
    ends = b"0\r\nif-none-match: *\r\nrange: bytes=0-1\r\n\r\n"
    sent = signed(client, "POST", f"/{bucket}", CHUNKED, query="delete")
    with connected(live.port) as raw:
        raw.send(sent + in_chunks(DELETE, end=ends) + signed(client, "GET", f"/{bucket}/key"))
        assert raw.reply().status == 200
        reply = raw.reply()
        assert (reply.status, reply.body) == (200, b"0123456789")
    assert [event.path for event in seen(live)] == [f"/{bucket}", f"/{bucket}/key"]


@covers("CVE-2025-69229")
def test_many_tiny_chunks_are_taken_or_refused_in_a_time_that_grows_with_them(
    live: Live, client: Client, bucket: str
) -> None:
    body = b"1\r\n \r\n" * 300_000 + in_chunks(DELETE)
    with connected(live.port) as raw:
        raw.send(signed(client, "POST", f"/{bucket}", CHUNKED, query="delete"))
        raw.send_or_be_closed(body)
        assert raw.reply().status in {200, 400}
    assert client.request("GET", f"/{bucket}").status == 200


@covers("CVE-2025-62727", "CVE-2026-71190")
@pytest.mark.parametrize(
    "name", ["range", "accept", "accept-encoding", "cache-control", "if-match"]
)
def test_a_long_header_costs_what_it_is_long(client: Client, bucket: str, name: str) -> None:
    client.put(bucket, "key", b"content")
    for value in ("bytes=" + "0-0," * 3000, "a/b;q=0.1," * 1500, ",;" * 7000, " " * 15_000 + "x"):
        answer = client.request("GET", f"/{bucket}/key", headers={name: value})
        assert answer.status in {200, 400, 412, 416}


@covers("CVE-2022-3854", "CVE-2019-10222", "CVE-2019-19337")
def test_odd_requests_crash_nothing(live: Live, client: Client, bucket: str) -> None:
    host = {"Host": client.host}
    for sent in (
        head("GET", "//", host),
        head("PUT", "/?acl", host),
        head("GET", "/?uploads", host, "Authorization: AWS4-HMAC-SHA256"),
        head("PUT", f"/{bucket}/", host, "Content-Length: 18446744073709551615"),
        head("POST", f"/{bucket}/key", host, "Content-Length: -1"),
        signed(client, "PUT", f"/{bucket}/key", "Content-Length: 1000000"),
    ):
        for whole in (sent, sent[:-2], sent[: len(sent) // 2]):
            with connected(live.port) as raw:
                raw.send(whole)
            with connected(live.port) as raw:
                raw.send(whole)
                raw.socket.settimeout(0.05)
                try:
                    assert raw.socket.recv(12) not in {b"HTTP/1.1 500", b"HTTP/1.1 200"}
                except (TimeoutError, ConnectionResetError):
                    continue
    assert client.request("GET", f"/{bucket}").status == 200
    assert stored(client, bucket) is None


@covers("cache poisoning")
def test_a_refusal_is_kept_by_no_cache(client: Client, bucket: str) -> None:
    client.put(bucket, "key", b"content")
    for answer in (
        client.request("GET", f"/{bucket}/key", signed=False),
        client.request("GET", f"/{bucket}/none"),
        client.request("GET", "/-/live", signed=False),
    ):
        assert answer.headers.get("cache-control") == "no-store"


@covers("duplicate parameters")
@pytest.mark.parametrize(
    ("method", "query"),
    [
        ("PUT", "partNumber=1&partNumber=2&uploadId=x"),
        ("PUT", "partNumber=1&uploadId=x&uploadId=y"),
        ("DELETE", "versionId=null&versionId=other"),
        ("DELETE", "uploadId=x&uploadId=y"),
        ("PUT", "tagging=&tagging="),
        ("PUT", "x-amz-acl=private&X-Amz-Acl=public-read"),
    ],
)
def test_a_parameter_that_decides_is_given_once(
    client: Client, bucket: str, method: str, query: str
) -> None:
    client.put(bucket, "key", b"old")
    answer = client.request(
        method, f"/{bucket}/key", query, body=b"new" if method == "PUT" else b""
    )
    assert answer.status == 400
    assert stored(client, bucket) == b"old"
    target = client.presigned(method, f"/{bucket}/key")
    for name in ("X-Amz-Signature", "X-Amz-Expires", "X-Amz-Credential", "X-Amz-%53ignature"):
        twice = client.send(method, f"{target}&{name}=1", {"host": client.host}, b"")
        assert twice.status == 400
    assert stored(client, bucket) == b"old"

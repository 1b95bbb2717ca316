"""What a client sees that sends too much or too slowly."""

import select
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.wire.limits import Limits
from tests.live.client import Client
from tests.live.server import Live, running
from tests.wire.raw import Raw, head, signed

SOON_S = 0.4
MIB = 1024**2
LIMITS = Limits(
    headers=40, header_bytes=4096, header_s=SOON_S, idle_s=SOON_S, linger_s=SOON_S,
    body_stall_s=SOON_S, min_rate=100_000,
)  # fmt: skip


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    root = tmp_path_factory.mktemp("limits")
    bounds: dict[str, Any] = {
        "max_put_bytes": str(5 * MIB + 10),
        "max_object_bytes": str(5 * MIB + 1000),
        "max_parts": "3",
        "max_document_bytes": "65536",
    }
    with running(root, limits=LIMITS, durability="relaxed", **bounds) as server:
        yield server


def refused(raw: Raw) -> tuple[int, str]:
    """Status and code of an answer after which the server closes."""
    reply = raw.reply()
    assert reply.header("connection") == "close"
    assert reply.header("content-type") == "application/xml"
    assert reply.header("x-amz-request-id")
    assert raw.is_closed()
    return reply.status, reply.code


def dribble(raw: Raw, data: bytes) -> None:
    """Send byte after byte until the server says something."""
    for at in range(len(data)):
        raw.send(data[at : at + 1])
        if select.select([raw.socket], [], [], 0.02)[0]:
            return
    raise AssertionError("the server took it all")


def test_too_many_headers(client: Client, raw: Raw) -> None:
    raw.send(head("GET", "/", {"Host": client.host}, *(f"x-{n}: 1" for n in range(50))))
    assert refused(raw) == (400, "RequestHeaderSectionTooLarge")


def test_headers_that_are_too_large_together(live: Live, client: Client, raw: Raw) -> None:
    lines = [f"x-{n}: {'x' * 900}" for n in range(5)]
    raw.send(head("GET", "/", {"Host": client.host}, *lines))
    reply = raw.reply()
    assert (reply.status, reply.code) == (400, "RequestHeaderSectionTooLarge")
    assert b"<MaxSizeAllowed>4096</MaxSizeAllowed>" in reply.body
    assert live.event(reply.header("x-amz-request-id")).error_code == reply.code
    assert raw.is_closed()


def test_a_query_counts_as_well(client: Client, bucket: str, raw: Raw) -> None:
    lines = [f"x-{n}: {'x' * 900}" for n in range(2)]
    raw.send(head("GET", f"/{bucket}?x={'x' * 2500}", {"Host": client.host}, *lines))
    assert refused(raw) == (400, "RequestHeaderSectionTooLarge")


def test_a_head_that_never_ends_is_held_no_longer_than_its_bound(client: Client, raw: Raw) -> None:
    """Not even while it is short of its end: nothing of it may pile up."""
    raw.send(f"GET / HTTP/1.1\r\nHost: {client.host}\r\n".encode())
    for number in range(100):
        raw.send(f"x-{number % 30}: {'x' * 200}\r\n".encode())
        if select.select([raw.socket], [], [], 0.01)[0]:
            break
    assert number < 40
    assert refused(raw) == (400, "RequestHeaderSectionTooLarge")


def test_a_head_that_arrives_byte_by_byte_runs_out_of_time(client: Client, raw: Raw) -> None:
    dribble(raw, head("GET", "/", {"Host": client.host}, f"x-long: {'x' * 2000}"))
    assert refused(raw) == (400, "RequestTimeout")


def test_a_head_that_stops_half_way_is_answered_and_closed(client: Client, raw: Raw) -> None:
    raw.send(f"GET / HTTP/1.1\r\nHost: {client.host}\r\n".encode())
    assert refused(raw) == (400, "RequestTimeout")


def test_a_later_head_has_its_time_too_even_if_the_connection_was_about_to_be_closed(
    client: Client, bucket: str, raw: Raw
) -> None:
    raw.send(signed(client, "GET", f"/{bucket}/none"))
    assert raw.reply().code == "NoSuchKey"
    raw.send(b"GET / HT")
    assert refused(raw) == (400, "RequestTimeout")


@pytest.mark.usefixtures("live")
def test_a_connection_that_never_asks_is_closed_without_a_word(raw: Raw) -> None:
    assert raw.everything() == b""


def test_a_connection_that_asks_no_more_is_closed_without_a_word(
    client: Client, bucket: str, raw: Raw
) -> None:
    raw.send(signed(client, "GET", f"/{bucket}/none"))
    assert raw.reply().code == "NoSuchKey"
    assert raw.is_closed()


def test_a_body_that_is_too_slow_is_given_up_though_it_never_stalls(
    live: Live, client: Client, bucket: str, raw: Raw
) -> None:
    raw.send(signed(client, "PUT", f"/{bucket}/key", "Content-Length: 100000"))
    dribble(raw, b"x" * 1000)
    assert refused(raw) == (400, "RequestTimeout")
    assert live.files(bucket) == []
    assert live.staged() == []


def test_an_object_that_is_too_large_is_refused_by_its_length_alone(
    client: Client, bucket: str, raw: Raw
) -> None:
    raw.send(signed(client, "PUT", f"/{bucket}/key", f"Content-Length: {5 * MIB + 11}"))
    reply = raw.reply()
    assert (reply.status, reply.code) == (400, "EntityTooLarge")
    assert f"<MaxSizeAllowed>{5 * MIB + 10}</MaxSizeAllowed>".encode() in reply.body


def test_a_part_that_is_too_large_is_refused_by_its_length_alone(
    client: Client, bucket: str, raw: Raw
) -> None:
    upload = client.start_upload(bucket, "key")
    query = f"partNumber=1&uploadId={upload}"
    length = f"Content-Length: {5 * MIB + 11}"
    raw.send(signed(client, "PUT", f"/{bucket}/key", length, query=query))
    assert raw.reply().code == "EntityTooLarge"


def test_an_object_of_parts_is_bounded_and_so_is_a_copy(client: Client, bucket: str) -> None:
    upload = client.start_upload(bucket, "key")
    etags = [
        (number, client.put_part(bucket, "key", upload, number, body).headers["etag"])
        for number, body in [(1, b"x" * 5 * MIB), (2, b"x" * 500), (3, b"x" * 1001)]
    ]
    answer = client.complete(bucket, "key", upload, [etags[0], etags[2]])
    assert (answer.status, answer.code) == (400, "EntityTooLarge")
    assert client.complete(bucket, "key", upload, etags[:2]).status == 200
    copy = {"x-amz-copy-source": f"/{bucket}/key", "x-amz-storage-class": "STANDARD"}
    answer = client.request("PUT", f"/{bucket}/copy", headers=copy)
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert str(5 * MIB + 10) in (answer.text("Message") or "")


def test_a_part_has_a_highest_number(client: Client, bucket: str) -> None:
    upload = client.start_upload(bucket, "key")
    assert client.put_part(bucket, "key", upload, 3, b"x").status == 200
    answer = client.put_part(bucket, "key", upload, 4, b"x")
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert answer.text("ArgumentValue") == "4"


def test_a_document_with_a_length_is_refused_by_it(client: Client, bucket: str, raw: Raw) -> None:
    raw.send(signed(client, "POST", f"/{bucket}", "Content-Length: 65537", query="delete"))
    reply = raw.reply()
    assert (reply.status, reply.code) == (400, "MaxMessageLengthExceeded")


def test_a_document_without_a_length_is_refused_when_it_is_too_long(
    client: Client, bucket: str, raw: Raw
) -> None:
    raw.send(signed(client, "POST", f"/{bucket}", "Transfer-Encoding: chunked", query="delete"))
    raw.send(b"10001\r\n" + b"x" * 65537 + b"\r\n")
    reply = raw.reply()
    assert (reply.status, reply.code) == (400, "MaxMessageLengthExceeded")

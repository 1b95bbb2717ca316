"""aws-chunked bodies, cut at each byte and with each signature changed: none becomes an object."""

from dataclasses import replace

import pytest

from gateway.s3.checksums import checksum_of
from tests.hostile.inside import Asked, Inside, Told
from tests.live.framed import SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER, Framed, framed
from tests.live.server import Live

BODY = b"hello"
TRAILER = {"x-amz-checksum-crc32c": checksum_of("CRC32C", BODY)}
KINDS = {SIGNED: None, SIGNED_TRAILER: TRAILER, UNSIGNED_TRAILER: TRAILER}
LARGE = [bytes([number]) * 8192 for number in range(1, 4)]


@pytest.fixture(scope="module")
def inside(live: Live) -> Inside:
    live.client.make_bucket("framed")
    return Inside(live)


def _sent(inside: Inside, put: Framed, *pieces: bytes) -> Told:
    return inside.ask(
        Asked(
            method="PUT",
            path=put.target,
            headers={**put.headers, "content-length": str(sum(map(len, pieces)))},
            pieces=pieces,
        )
    )


def _refused(inside: Inside, put: Framed, *pieces: bytes) -> None:
    told = _sent(inside, put, *pieces)
    assert told.status in {400, 403}, (pieces, told)
    assert list(inside.keys("framed")) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_cut_at_any_byte_is_no_object(live: Live, inside: Inside, kind: str) -> None:
    put = framed(live.client, "framed", "key", [BODY], kind=kind, trailer=KINDS[kind])
    for cut in range(len(put.body)):
        _refused(inside, put, put.body[:cut])
    assert live.staged() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_body_in_two_pieces_is_one_wherever_it_is_cut(
    live: Live, inside: Inside, kind: str
) -> None:
    put = framed(live.client, "framed", "whole", [BODY], kind=kind, trailer=KINDS[kind])
    for cut in range(len(put.body)):
        assert _sent(inside, put, put.body[:cut], put.body[cut:]).status == 200
    assert live.client.get("framed", "whole").body == BODY
    live.client.delete("framed", "whole")


@pytest.mark.parametrize("kind", [SIGNED, SIGNED_TRAILER])
def test_a_change_in_any_digit_of_any_signature_is_refused(
    live: Live, inside: Inside, kind: str
) -> None:
    trailer = {"x-amz-checksum-crc32c": checksum_of("CRC32C", b"".join(LARGE))}
    put = framed(
        live.client, "framed", "key", LARGE, kind=kind,
        trailer=trailer if kind == SIGNED_TRAILER else None,
    )  # fmt: skip
    starts = _after(put.body, b"chunk-signature=") + _after(put.body, b"trailer-signature:")
    assert len(starts) == (5 if kind == SIGNED_TRAILER else 4)
    for start in starts:
        for place in range(start, start + 64, 7):
            body = bytearray(put.body)
            body[place] = ord("0") if body[place] != ord("0") else ord("1")
            _refused(inside, put, bytes(body))


def _after(body: bytes, mark: bytes) -> list[int]:
    found, at = [], body.find(mark)
    while at >= 0:
        found.append(at + len(mark))
        at = body.find(mark, at + 1)
    return found


def test_each_byte_of_a_small_signed_body_counts(live: Live, inside: Inside) -> None:
    put = framed(live.client, "framed", "key", [BODY], kind=SIGNED_TRAILER, trailer=TRAILER)
    for place in range(len(put.body)):
        body = bytearray(put.body)
        body[place] ^= 1
        _refused(inside, put, bytes(body))


def test_chunks_of_another_request_or_in_another_order_are_refused(
    live: Live, inside: Inside
) -> None:
    one = framed(live.client, "framed", "key", LARGE, kind=SIGNED)
    other = framed(live.client, "framed", "other", LARGE, kind=SIGNED)
    _refused(inside, one, other.body)
    size = len(one.body.partition(b"\r\n")[0]) + 2 + 8192 + 2
    chunks = [one.body[start : start + size] for start in range(0, 3 * size, size)]
    last = one.body[3 * size :]
    _refused(inside, one, chunks[1] + chunks[0] + chunks[2] + last)
    _refused(inside, one, chunks[0] + chunks[2] + last)
    _refused(inside, one, chunks[0] + chunks[0] + chunks[1] + last)
    _refused(inside, one, last)
    assert _sent(inside, one, b"".join(chunks), last).status == 200
    live.client.delete("framed", "key")


def test_a_kind_that_is_not_the_one_signed_is_refused(live: Live, inside: Inside) -> None:
    put = framed(live.client, "framed", "key", [BODY], kind=SIGNED)
    for kind in (SIGNED_TRAILER, UNSIGNED_TRAILER, "UNSIGNED-PAYLOAD"):
        swapped = replace(put, headers={**put.headers, "x-amz-content-sha256": kind})
        _refused(inside, swapped, put.body)

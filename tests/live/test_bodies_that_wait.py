"""Bodies that wait for more of them have a buffer each, up to a number of them together."""

import contextlib

import pytest

from tests.live.client import Client
from tests.live.framed import framed, pieces_of
from tests.live.server import Live
from tests.server.running import until
from tests.wire.raw import connected, signed

PART = 100_000


def test_bodies_that_have_no_buffer_are_written_as_they_come(
    live: Live, client: Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffers = live.listener.buffers
    monkeypatch.setattr(buffers, "most", 5)
    with contextlib.ExitStack() as still_open:
        slow = [still_open.enter_context(connected(live.port)) for _ in range(8)]
        for number, raw in enumerate(slow):
            length = f"Content-Length: {2 * PART}"
            raw.send(signed(client, "PUT", f"/{bucket}/key-{number}", length) + b"x" * PART)
        until(lambda: len(live.staged()) == 3)
        assert buffers.lent == 5
        for raw in slow:
            raw.send(b"y" * PART)
        assert [raw.reply().status for raw in slow] == [200] * 8
    assert buffers.lent == 0
    for number in range(8):
        assert client.get(bucket, f"key-{number}").body == b"x" * PART + b"y" * PART


@pytest.mark.parametrize("sent", [PART, 2_000_000])
def test_a_client_that_leaves_gives_its_place_back(
    live: Live, client: Client, bucket: str, sent: int
) -> None:
    buffers = live.listener.buffers
    with connected(live.port) as raw:
        raw.send(signed(client, "PUT", f"/{bucket}/key", "Content-Length: 3000000") + b"x" * sent)
        until(lambda: buffers.lent == 1)
    until(lambda: buffers.lent == 0)


def test_a_refused_body_gives_its_place_back(live: Live, client: Client, bucket: str) -> None:
    for wrong in (
        {"content-md5": "AAAAAAAAAAAAAAAAAAAAAA=="},
        {"x-amz-checksum-crc32": "AAAAAA=="},
    ):
        answer = client.request("PUT", f"/{bucket}/key", headers=wrong, body=b"x" * 3_000_000)
        assert (answer.status, answer.code) == (400, "BadDigest")
        assert live.listener.buffers.lent == 0


def test_a_body_that_is_given_up_half_way_gives_its_place_back(
    live: Live, client: Client, bucket: str
) -> None:
    sent = framed(client, bucket, "key", pieces_of(b"x" * 3_000_000))
    answer = sent.send(client, body=sent.body.replace(b"x", b"y", 1))
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    until(lambda: live.listener.buffers.lent == 0)

"""What slow clients have sent waits in memory up to a bound of all of them together."""

import contextlib

import pytest

from gateway import payload
from tests.live.client import Client
from tests.live.server import Live
from tests.server.running import until
from tests.wire.raw import connected, signed

PART = 100_000


def test_beyond_the_bound_each_piece_is_written_as_it_comes(
    live: Live, client: Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payload, "GATHERED", 5 * PART)
    with contextlib.ExitStack() as still_open:
        slow = [still_open.enter_context(connected(live.port)) for _ in range(8)]
        for number, raw in enumerate(slow):
            length = f"Content-Length: {2 * PART}"
            raw.send(signed(client, "PUT", f"/{bucket}/key-{number}", length) + b"x" * PART)
        until(lambda: 3 * PART < payload._Batch.in_all <= 5 * PART)
        until(lambda: len(live.staged()) >= 3)
        for raw in slow:
            raw.send(b"y" * PART)
        assert [raw.reply().status for raw in slow] == [200] * 8
    assert payload._Batch.in_all == 0
    assert client.get(bucket, "key-7").body == b"x" * PART + b"y" * PART


def test_a_client_that_leaves_gives_its_place_back(live: Live, client: Client, bucket: str) -> None:
    with connected(live.port) as raw:
        raw.send(signed(client, "PUT", f"/{bucket}/key", "Content-Length: 300000") + b"x" * PART)
        until(lambda: payload._Batch.in_all == PART)
    until(lambda: payload._Batch.in_all == 0)

"""One connection from its first byte to its last."""

from dataclasses import dataclass
from pathlib import Path

from gateway.observe.event import RequestEvent
from tests.live.client import Client
from tests.live.server import Live
from tests.wire.raw import Reply, connected

PROBE = b"GET /-/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
"""What a connection that goes on answers with 200 and then closes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What came back; ``closed``: before more was asked."""

    replies: tuple[Reply, ...]
    closed: bool

    @property
    def statuses(self) -> tuple[int, ...]:
        return tuple(reply.status for reply in self.replies)


def exchanged(where: int | Path, sent: bytes, expected: int) -> Exchange:
    """Send, read ``expected`` final answers, then ask whether the connection still serves.

    Fails if there are fewer, or if anything but the probe's answer comes behind them.
    """
    with connected(where) as raw:
        raw.send_or_be_closed(sent)
        replies: list[Reply] = []
        while len(replies) < expected:
            reply = raw.reply()
            if reply.status >= 200:
                replies.append(reply)
        if replies and replies[-1].closes:
            assert raw.is_closed()
            return Exchange(replies=tuple(replies), closed=True)
        raw.send(PROBE)
        probed = raw.reply()
        assert (probed.status, probed.body) == (200, b"live\n"), probed
        assert raw.is_closed()
    return Exchange(replies=tuple(replies), closed=False)


def seen(live: Live) -> list[RequestEvent]:
    """What the server has been asked since the last time, in the order in which it ended."""
    marker = live.client.request("GET", "/-/live", signed=False).headers["x-amz-request-id"]
    events = []
    while (event := live.events.get(timeout=10)).id != marker:
        events.append(event)
    return events


def stored(client: Client, bucket: str) -> bytes | None:
    """The bytes of ``key``; None if the bucket is empty. Fails if there is anything else in it."""
    keys = client.keys(bucket)
    if not keys:
        return None
    assert keys == ["key"]
    return client.get(bucket, "key").body

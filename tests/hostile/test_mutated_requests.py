"""Good requests with bytes changed, sent to the server itself.

``S3FRONT_TEST_SEED`` replays a run, ``S3FRONT_FUZZ_REQUESTS`` and ``S3FRONT_FUZZ_SECONDS`` bound the long
form (``make soak``).
"""

import logging
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from tests.hostile.judging import judge
from tests.hostile.mutating import BODY, BUCKET, KEYS, PRIVATE, PROTECTED, good_requests, mutated
from tests.live.server import Live
from tests.seeds import seed
from tests.wire.raw import Reply, connected

_SHORT = 2500
_LONG = int(os.environ.get("S3FRONT_FUZZ_REQUESTS", "100000"))
_LONG_S = float(os.environ.get("S3FRONT_FUZZ_SECONDS", "900"))
_ROUND = 250
_NOTHING_S = 0.001
_WAIT_S = 0.03
"""How long an answer may take before the request counts as one that waits for more of it."""


@dataclass(slots=True, kw_only=True)
class _Tally:
    sent: int = 0
    answered: int = 0
    statuses: dict[int, int] = field(default_factory=dict)


@pytest.fixture(scope="module")
def prepared(live: Live) -> Live:
    live.client.make_bucket(BUCKET)
    live.client.put(BUCKET, "private", PRIVATE)
    return live


def test_some_thousand_mutated_requests(prepared: Live, caplog: pytest.LogCaptureFixture) -> None:
    _fuzz(prepared, caplog, requests=_SHORT, seconds=300)


@pytest.mark.soak
@pytest.mark.timeout(_LONG_S + 300)
def test_mutated_requests_without_end(prepared: Live, caplog: pytest.LogCaptureFixture) -> None:
    _fuzz(prepared, caplog, requests=_LONG, seconds=_LONG_S)


def _fuzz(live: Live, caplog: pytest.LogCaptureFixture, *, requests: int, seconds: float) -> None:
    drawn = seed("mutated requests")
    chance, tally = random.Random(drawn), _Tally()
    end = time.monotonic() + seconds
    with caplog.at_level(logging.ERROR), capture_logs() as logged:
        while tally.sent < requests and time.monotonic() < end:
            good = good_requests(live.client)
            for request in good:
                assert [reply.status < 300 for reply in _replies(live, request, 20.0)] == [True]
            for _ in range(_ROUND):
                _one(live, mutated(chance, good), tally)
            _nothing_else_was_done(live)
            assert not [line for line in logged if line["log_level"] in {"error", "critical"}]
            assert not caplog.records
            while not live.events.empty():
                live.events.get()
    print(f"{tally.sent} requests, {tally.answered} answers: {sorted(tally.statuses.items())}")
    assert tally.answered > tally.sent // 2
    assert {200, 400, 403} <= tally.statuses.keys()


def _one(live: Live, request: bytes, tally: _Tally) -> None:
    tally.sent += 1
    try:
        for reply in _replies(live, request, _WAIT_S):
            tally.answered += 1
            tally.statuses[reply.status] = tally.statuses.get(reply.status, 0) + 1
            headers = {name: values[0] for name, values in reply.headers.items()}
            judge(reply.status, headers, reply.body)
    except Exception as error:
        raise AssertionError(f"request {tally.sent}: {request!r}") from error


def _replies(live: Live, request: bytes, wait_s: float) -> Iterator[Reply]:
    """The answer, and what else is there by then."""
    with connected(live.port) as raw:
        raw.send_or_be_closed(request)
        raw.socket.settimeout(wait_s)
        method = request.split(b" ", 1)[0].decode("latin-1")
        # Which answer to a HEAD among several has a body cannot be told.
        for _ in range(1 if b"HEAD" in request else 3):
            try:
                reply = raw.reply(method=method)
            except (TimeoutError, ConnectionError):
                return
            if reply.status >= 200:
                yield reply
                raw.socket.settimeout(_NOTHING_S)


def _nothing_else_was_done(live: Live) -> None:
    client = live.client
    assert set(client.keys(BUCKET)) <= KEYS
    assert client.get(BUCKET, "private").body == PRIVATE
    for key in PROTECTED:
        assert client.get(BUCKET, key).body == BODY
    assert client.get(BUCKET, "copy").body == PRIVATE
    assert client.request("GET", "/").texts("Buckets/Bucket/Name") == [BUCKET]

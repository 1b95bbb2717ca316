"""Bodies around the sizes at which they are received otherwise, cut anywhere: what was sent is stored."""

import asyncio
import contextlib
import http.client
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvloop

from gateway.wire.buffers import BATCH, Buffers
from tests.live.client import ACCESS_KEY, SECRET_KEY, Client
from tests.live.framed import SIGNED, UNSIGNED_TRAILER, framed, pieces_of
from tests.live.server import Live, running
from tests.seeds import seed
from tests.server.running import running as running_processes
from tests.server.test_tls import client_context, write_pair
from tests.wire.raw import Raw, connected, head, signed

SIZES = [
    *(around + more for around in (16 * 1024, len(Buffers().common), BATCH, Buffers().size) for more in (-1, 0, 1)),
    2 * BATCH,
    3 * BATCH + 100_001,
]  # fmt: skip


@pytest.fixture(scope="module", params=[asyncio.new_event_loop, uvloop.new_event_loop])
def live(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    new_loop: Callable[[], asyncio.AbstractEventLoop] = request.param
    root = tmp_path_factory.mktemp("large") / "root"
    with running(root, durability="relaxed", new_loop=new_loop) as live:
        live.client.make_bucket("bucket")
        yield live
        assert live.listener.buffers.lent == 0


@pytest.fixture
def chance() -> random.Random:
    return random.Random(seed("large bodies"))


def send_cut(raw: Raw, chance: random.Random, data: bytes) -> None:
    at = 0
    while at < len(data):
        size = chance.choice((100, 20_000, 70_000, 300_000, 5_000_000))
        raw.send(data[at : at + size])
        at += size


def stored(raw: Raw, client: Client, chance: random.Random, put: bytes, *, key: str) -> bytes:
    """What is read of an object by a request that comes right behind the one that puts it."""
    send_cut(raw, chance, put + signed(client, "GET", f"/bucket/{key}"))
    assert raw.reply().status == 200
    read = raw.reply()
    assert read.status == 200
    return read.body


def test_a_request_behind_a_body_is_not_taken_for_it(live: Live, chance: random.Random) -> None:
    with connected(live.port) as raw:
        for size in SIZES:
            body = chance.randbytes(size)
            put = signed(live.client, "PUT", "/bucket/sized", f"Content-Length: {size}")
            assert stored(raw, live.client, chance, put + body, key="sized") == body


def test_bodies_in_chunks_of_http(live: Live, chance: random.Random) -> None:
    with connected(live.port) as raw:
        for size in SIZES:
            body = chance.randbytes(size)
            sent = framed(live.client, "bucket", "chunks", pieces_of(body), kind=UNSIGNED_TRAILER)
            put = head("PUT", sent.target, sent.headers, "Transfer-Encoding: chunked")
            for piece in pieces_of(sent.body, chance.choice((1000, 50_000, 2_000_000))):
                put += b"%x\r\n" % len(piece) + piece + b"\r\n"
            assert stored(raw, live.client, chance, put + b"0\r\n\r\n", key="chunks") == body


@pytest.mark.parametrize("kind", [SIGNED, UNSIGNED_TRAILER])
@pytest.mark.parametrize("chunk", [8192, 64 * 1024, BATCH])
def test_framed_bodies(live: Live, chance: random.Random, kind: str, chunk: int) -> None:
    with connected(live.port) as raw:
        for size in SIZES:
            body = chance.randbytes(size)
            sent = framed(live.client, "bucket", "framed", pieces_of(body, chunk), kind=kind)
            put = head("PUT", sent.target, sent.headers, f"Content-Length: {len(sent.body)}")
            assert stored(raw, live.client, chance, put + sent.body, key="framed") == body


def test_over_tls(tmp_path: Path, chance: random.Random) -> None:
    cert, key = write_pair(tmp_path, "localhost")
    with (
        running_processes(
            tmp_path / "data",
            variables={
                "S3FRONT_ROOT_ACCESS_KEY": ACCESS_KEY,
                "S3FRONT_ROOT_SECRET_KEY": SECRET_KEY,
            },
            factory="gateway.server.build:build",
            tls_cert=cert,
            tls_key=key,
        ) as server,
        contextlib.ExitStack() as still_open,
    ):
        client = Client(port=server.port)
        connection = still_open.enter_context(
            contextlib.closing(
                http.client.HTTPSConnection(
                    "127.0.0.1", server.port, timeout=30, context=client_context()
                )
            )
        )

        def asked(method: str, path: str, body: bytes = b"") -> bytes:
            headers = client.headers(method, path, payload_hash="UNSIGNED-PAYLOAD")
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            assert answer.status == 200
            return answer.read()

        asked("PUT", "/bucket")
        for size in SIZES:
            body = chance.randbytes(size)
            asked("PUT", "/bucket/key", body)
            assert asked("GET", "/bucket/key") == body

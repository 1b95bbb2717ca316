"""Many readers and writers of one key: every reader gets one whole version."""

import http.client
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from hashlib import md5

from sigv4.payload import EMPTY_SHA256
from tests.live.client import Client
from tests.live.server import Live

SIZES = (10, 5_000, 70_000, 400_000)


def _version(writer: int, turn: int) -> bytes:
    return f"{writer}:{turn};".encode() * (SIZES[(writer + turn) % len(SIZES)] // 5)


def test_every_get_returns_a_whole_version_with_its_own_etag(
    live: Live, client: Client, bucket: str
) -> None:
    client.put(bucket, "key", _version(0, 0))
    writing = threading.Event()
    writing.set()
    outcomes: Counter[str] = Counter()

    def write(writer: int) -> None:
        for turn in range(12):
            if turn % 6 == 5:
                assert client.delete(bucket, "key").status == 204
            body = _version(writer, turn)
            answer = client.put(bucket, "key", body)
            assert answer.headers["etag"] == f'"{md5(body).hexdigest()}"'

    def read(_: int) -> None:
        while writing.is_set():
            answer = client.get(bucket, "key")
            if answer.status == 404:
                outcomes["gone"] += 1
                continue
            assert answer.status == 200, answer.body
            assert answer.headers["etag"] == f'"{md5(answer.body).hexdigest()}"'
            assert answer.headers["content-length"] == str(len(answer.body))
            outcomes["whole"] += 1

    with ThreadPoolExecutor(16) as pool:
        readers = [pool.submit(read, number) for number in range(8)]
        writers = [pool.submit(write, number) for number in range(8)]
        try:
            for each in writers:
                each.result(50)
        finally:
            writing.clear()
        for each in readers:
            each.result(10)
    assert outcomes["whole"] > 0
    last = client.get(bucket, "key")
    assert (live.root / bucket / "key").read_bytes() == last.body
    assert (live.files(bucket), live.staged()) == (["key"], [])


def test_a_slow_reader_gets_the_version_it_began_with(client: Client, bucket: str) -> None:
    old = b"old" * 6_000_000
    client.put(bucket, "key", old)
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=30)
    path = f"/{bucket}/key"
    connection.request("GET", path, headers=client.headers("GET", path, payload_hash=EMPTY_SHA256))
    response = connection.getresponse()
    begun = response.read(1000)
    assert client.put(bucket, "key", b"new").status == 200
    assert client.get(bucket, "key").body == b"new"
    assert client.delete(bucket, "key").status == 204
    assert begun + response.read() == old
    connection.close()

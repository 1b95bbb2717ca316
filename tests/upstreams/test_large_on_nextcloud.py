"""An object of many parts on Nextcloud, in chunks: it arrives whole, with bounded memory and nothing on our disk."""

import hashlib
import http.client
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sigv4.payload import UNSIGNED_PAYLOAD
from tests.backends.webdav.servers import SERVERS
from tests.live.client import Client
from tests.live.measuring import peak_mib
from tests.upstreams.fronting import fronting, webdav_settings_of

MIB = 1024**2
GIB = int(os.environ.get("S3FRONT_TEST_GIB", "10"))
"""Of the long form."""
MOST_MIB = 64.0
"""By how much a worker may grow: nothing of it comes with the size."""
MOST_ON_DISK = 16 * MIB
_ANSWER_S = 900


def content(first: int, count: int) -> Iterator[bytes]:
    """So many MiB of an object from the first on: numbers in a desert of zeros."""
    desert = bytes(MIB - 8)
    for number in range(first, first + count):
        yield number.to_bytes(8, "big") + desert


class Large:
    """An object of ``parts`` parts, of ``mib`` MiB each."""

    def __init__(self, client: Client, parts: int, mib: int) -> None:
        self._client = client
        self._parts = parts
        self._mib = mib
        self._digests = b""

    def upload(self) -> str:
        """Its ETag."""
        upload = self._client.start_upload("bucket", "large")
        etags = [(number + 1, self._put(upload, number)) for number in range(self._parts)]
        query = f"uploadId={upload}"
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
            for number, etag in etags
        )
        document = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        answer, body = self._ask("POST", query, iter([document]), len(document))
        assert answer.status == 200, body
        assert b"<Error>" not in body, body
        return f'"{hashlib.md5(self._digests).hexdigest()}-{self._parts}"'

    def check(self, etag: str) -> None:
        """Read it whole."""
        with closing(self._connection()) as connection:
            headers = self._headers("GET", "")
            connection.request("GET", "/bucket/large", headers=headers)
            answer = connection.getresponse()
            assert (answer.status, answer.headers["etag"]) == (200, etag)
            assert int(answer.headers["content-length"]) == self._parts * self._mib * MIB
            for piece in content(0, self._parts * self._mib):
                assert answer.read(MIB) == piece
            assert answer.read() == b""

    def _put(self, upload: str, number: int) -> str:
        md5 = hashlib.md5()

        def told() -> Iterator[bytes]:
            for piece in content(number * self._mib, self._mib):
                md5.update(piece)
                yield piece

        query = f"partNumber={number + 1}&uploadId={upload}"
        answer, body = self._ask("PUT", query, told(), self._mib * MIB)
        assert answer.status == 200, body
        assert answer.headers["etag"] == f'"{md5.hexdigest()}"'
        self._digests += md5.digest()
        return answer.headers["etag"]

    def _ask(
        self, method: str, query: str, body: Iterator[bytes], size: int
    ) -> tuple[http.client.HTTPResponse, bytes]:
        with closing(self._connection()) as connection:
            headers = {**self._headers(method, query), "content-length": str(size)}
            connection.request(method, f"/bucket/large?{query}", body=body, headers=headers)
            answer = connection.getresponse()
            return answer, answer.read()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._client.port, timeout=_ANSWER_S)

    def _headers(self, method: str, query: str) -> dict[str, str]:
        return self._client.headers(method, "/bucket/large", query, payload_hash=UNSIGNED_PAYLOAD)


def on_disk(folder: Path) -> int:
    """Bytes of the disk that all below it take."""
    return sum(each.lstat().st_blocks * 512 for each in folder.rglob("*"))


def check(folder: Path, *, parts: int, mib: int) -> None:
    with SERVERS["nextcloud"]() as cloud, fronting(folder, webdav_settings_of(cloud)) as server:
        server.client.make_bucket("bucket")
        large = Large(server.client, parts, mib)
        assert server.client.put("bucket", "small", bytes(4 * MIB)).status == 200
        before = {pid: peak_mib(pid) for pid in server.pids()}
        etag = large.upload()
        large.check(etag)
        grown = {pid: peak_mib(pid) - peak for pid, peak in before.items()}
        print(f"{parts} parts of {mib} MiB: workers of {before} MiB grew by {grown}")
        assert all(each < MOST_MIB for each in grown.values()), grown
        assert on_disk(folder) < MOST_ON_DISK


@pytest.mark.timeout(180)
def test_an_object_of_many_chunks_is_whole(tmp_path: Path) -> None:
    check(tmp_path, parts=3, mib=96)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_so_is_a_very_large_one(tmp_path: Path) -> None:
    check(tmp_path, parts=GIB * 4, mib=256)

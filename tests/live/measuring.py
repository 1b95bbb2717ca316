"""A server of its own, through which a large object passes while its memory is watched."""

import hashlib
import http.client
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sigv4.payload import UNSIGNED_PAYLOAD
from tests.live.client import Client

ROOT = Path(__file__).parents[2]
MIB = 1024**2
PEAK_MIB = 150
PIECE = bytes(range(256)) * 4096


@contextmanager
def served(root: Path) -> Iterator[tuple[Client, int]]:
    """A client of a server of its own, and that server's process id."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.live.serving", str(root)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        try:
            yield Client(port=int(process.stdout.readline())), process.pid
            process.communicate(timeout=30)
            assert process.returncode == 0
        finally:
            process.kill()


def peak_mib(process: int) -> float:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the kernel tells no peak")


def peak_of(root: Path, mib: int) -> float:
    """Put and get so many MiB; the server's peak of memory in MiB."""
    with served(root) as (client, process):
        client.make_bucket("bucket")
        size = mib * MIB
        headers = client.headers("PUT", "/bucket/big", payload_hash=UNSIGNED_PAYLOAD)
        connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=60)
        sent = (PIECE for _ in range(size // len(PIECE)))
        connection.request(
            "PUT", "/bucket/big", body=sent, headers={**headers, "content-length": str(size)}
        )
        response = connection.getresponse()
        response.read()
        assert response.status == 200
        connection.request(
            "GET", "/bucket/big",
            headers=client.headers("GET", "/bucket/big", payload_hash=UNSIGNED_PAYLOAD),
        )  # fmt: skip
        response = connection.getresponse()
        digest = hashlib.md5()
        while piece := response.read(MIB):
            digest.update(piece)
        assert response.headers["etag"] == f'"{digest.hexdigest()}"'
        connection.close()
        return peak_mib(process)

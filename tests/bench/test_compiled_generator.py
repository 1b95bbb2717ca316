"""The compiled load generator, where ``make s3load`` has compiled it."""

import datetime as dt
import hashlib
import os
import subprocess
import zlib
from base64 import b64decode
from pathlib import Path

import pytest

from bench.content import KIB, MIB
from bench.peers.kinds import Place
from bench.peers.load import Generator, LoadError
from bench.peers.packages import BUILD
from bench.peers.processes import Running
from bench.peers.rows import Load, Objects
from bench.peers.servers import KINDS
from bench.requests import Message
from sigv4.stream import ChunkChain
from tests.bench.test_signed_requests import proved, read, unframed
from tests.bench.tiny_s3 import TinyS3, tiny_s3

PROGRAM = BUILD / "s3load"
SECRET = "benchmark/secret+0123456789"
KINDS_OF_UPLOAD = ("sha256", "unsigned", "chunked", "trailer-crc32")

pytestmark = pytest.mark.skipif(
    not PROGRAM.exists(), reason="make s3load compiles the load generator, if there is Go"
)


def printed(kind: str, size: int) -> Message:
    done = subprocess.run(
        [
            *(PROGRAM, "-work", "print", "-payload", kind, "-size", str(size)),
            *("-region", "eu-central-1", "-prefix", "a b/ü+~/", "-endpoint", "http://127.0.0.1:9"),
        ],
        env={"S3LOAD_ACCESS_KEY": "BENCHKEY", "S3LOAD_SECRET_KEY": SECRET},
        capture_output=True,
        check=True,
    )
    head, end, body = done.stdout.partition(b"\r\n\r\n")
    return Message(head=head + end, body=(body,))


@pytest.mark.parametrize("kind", KINDS_OF_UPLOAD)
@pytest.mark.parametrize("size", [0, 1, 4 * KIB, 64 * KIB, 64 * KIB + 1, MIB])
def test_what_it_signs_is_accepted(kind: str, size: int) -> None:
    request, body = read(printed(kind, size))
    verified = proved(request, dt.datetime.now(dt.UTC), SECRET)
    assert request.path == "/bench/a%20b/%C3%BC%2B~/obj-00000000"
    if kind in ("sha256", "unsigned"):
        assert len(body) == size
        if kind == "sha256":
            assert verified.claim.payload_hash == hashlib.sha256(body).hexdigest()
        return
    chunks, rest = unframed(body)
    data = b"".join(chunk for chunk, _ in chunks)
    assert len(data) == size == int(request.headers["x-amz-decoded-content-length"])
    if kind == "chunked":
        chain = ChunkChain(verified)
        for chunk, extension in chunks:
            chain.check_chunk(extension.partition("=")[2], hashlib.sha256(chunk).hexdigest())
        chain.check_complete()
    else:
        name, _, value = rest.decode().strip().partition(":")
        assert name == request.headers["x-amz-trailer"]
        assert b64decode(value) == zlib.crc32(data).to_bytes(4, "big")


def generator(server: TinyS3, directory: Path) -> Generator:
    place = Place(
        directory=directory,
        port=server.server_address[1],
        access_key="AKID",
        secret_key=SECRET,
        program=PROGRAM,
    )
    running = Running(kind=KINDS["s3front"], place=place, pid=os.getpid(), start_s=0.0)
    return Generator(PROGRAM, running)


def test_a_run_counts_operations_and_what_they_cost(tmp_path: Path) -> None:
    with tiny_s3() as server:
        loading = generator(server, tmp_path)
        loading.create("bench")
        there = Objects(prefix="small/", count=10, size=4 * KIB)
        assert loading.fill(there) == 10
        load = Load(work="get", clients=3, prefix="small/", size=4 * KIB, objects=10)
        figures = loading.run(load, seconds=0.5, warm=0.0, label="")
        assert sorted(server.objects) == [f"small/obj-{number:08d}" for number in range(10)]
    assert figures["errors"] == 0
    assert figures["ops"] >= 3
    assert figures["server_us_per_op"] > 0
    assert figures["p50_ms"] <= figures["p90_ms"] <= figures["p99_ms"]


def test_other_answers_are_errors_and_are_told(tmp_path: Path) -> None:
    with tiny_s3(broken=True) as server:
        loading = generator(server, tmp_path)
        load = Load(work="get", clients=1, prefix="small/", size=4 * KIB, objects=10)
        figures = loading.run(load, seconds=0.2, warm=0.0, label="")
    assert figures["ops"] == 0
    assert figures["errors"] > 0
    assert "503 instead of 200" in figures["first_errors"][0]


def test_a_work_that_there_is_not_is_told(tmp_path: Path) -> None:
    load = Load(work="dance", clients=1, prefix="")
    with tiny_s3() as server:
        loading = generator(server, tmp_path)
        with pytest.raises(LoadError, match="no work"):
            loading.run(load, seconds=0.2, warm=0.0, label="")

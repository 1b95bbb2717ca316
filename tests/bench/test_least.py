"""The least server does what it is measured for."""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.asking import ask, create_bucket, put_object
from bench.generator import Target
from bench.peers.processes import running
from bench.peers.rows import CRC_BUCKET
from bench.peers.servers import KINDS, our_program

BODY = bytes(range(256)) * 16


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with running(KINDS["least"], Path(sys.executable), None) as server:
        yield Target(
            host="127.0.0.1",
            port=server.place.port,
            bucket="bench",
            region="us-east-1",
            access_key=server.place.access_key,
            secret_key=server.place.secret_key,
        )


def asked(target: Target, method: str, key: str) -> tuple[int, bytes]:
    message = target.requests(datetime.now(UTC)).plain(method, key)
    answer = ask(target.host, target.port, message, without_body=method == "HEAD")
    return answer.status, answer.body


def test_what_is_put_is_read(target: Target) -> None:
    create_bucket(target)
    put_object(target, "a/b c", BODY)
    assert asked(target, "GET", "a/b c") == (200, BODY)
    assert asked(target, "HEAD", "a/b c") == (200, b"")
    assert asked(target, "GET", "a/b") == (404, b"")


def test_no_key_leads_out_of_its_directory(target: Target) -> None:
    put_object(target, "../../escaped", BODY)
    assert asked(target, "GET", "../../escaped") == (200, BODY)
    assert asked(target, "GET", "..%2F..%2Fescaped") == (404, b"")


def test_another_secret_proves_nothing(target: Target) -> None:
    assert asked(replace(target, secret_key="another"), "GET", "a/b c") == (403, b"")


def test_etags_of_the_bucket_for_rows_without_md5_are_crcs() -> None:
    with running(KINDS["s3front-crc"], our_program(), None) as server:
        target = Target(
            host="127.0.0.1",
            port=server.place.port,
            bucket=CRC_BUCKET,
            region="us-east-1",
            access_key=server.place.access_key,
            secret_key=server.place.secret_key,
        )
        put_object(target, "key", BODY)
        message = target.requests(datetime.now(UTC)).plain("HEAD", "key")
        answer = ask(target.host, target.port, message, without_body=True)
    assert re.search(rb'(?i)etag: "[0-9a-f]{16}-1"', answer.head)

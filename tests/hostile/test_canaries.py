"""The secret, the environment and the folder's path are told nowhere, whatever goes wrong."""

import contextlib
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.hostile.corpus import CORPUS
from tests.hostile.signed_attempts import KINDS, PLACES, SIGNATURES, attempt
from tests.hostile.table_rows import ROWS, ask
from tests.hostile.whole_server import ENVIRONMENT, FOLDER, SECRET, Whole, whole_server
from tests.hostile.writing_operations import PREPARED
from tests.live.client import Answer
from tests.wire.raw import connected

NASTY = (
    "a\nb",
    "a\r\n2026-11-26T00:00:00Z 200 GET /forged",
    '","forged":"yes',
    "\x1b[2J\x1b[31mred",
    "\u202egnp.exe",
    "a\x00b\x9bm",
    "\u2028line",
)


@pytest.fixture(scope="module", params=["json", "text"])
def whole(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Whole]:
    with whole_server(tmp_path_factory.mktemp("canaries"), form=request.param) as server:
        yield server


def _answers(whole: Whole) -> Iterator[Answer]:
    client = whole.client
    bucket = client.make_bucket("bucket")
    client.put(bucket, "key", b"content")
    forger = replace(client, secret=SECRET + "\n")
    for row in ROWS:
        for asking in (client, forger):
            yield ask(asking, row, bucket, b"<x>")
        yield ask(client, row, bucket, signed=False)
        client.request("PUT", f"/{bucket}")
    asked = PREPARED["PutObject"](client, bucket)
    for kind in KINDS:
        for place in PLACES:
            for signature in SIGNATURES:
                yield attempt(client, asked, kind=kind, place=place, signature=signature)
    for text in NASTY:
        yield client.put(bucket, text, b"x")
        yield client.get(bucket, f"none{text}")


def _broken(whole: Whole) -> Iterator[bytes]:
    for case in CORPUS[::4]:
        with connected(whole.client.port) as raw:
            raw.socket.settimeout(0.2)
            raw.send_or_be_closed(case.written(whole.client, "bucket"))
            received = b""
            with contextlib.suppress(TimeoutError, ConnectionResetError):
                while data := raw.socket.recv(65536):
                    received += data
        yield received


def test_no_answer_no_log_no_metric_and_no_argument_tells_a_canary(whole: Whole) -> None:
    told = [f"{answer.headers} {answer.body!r}" for answer in _answers(whole)]
    told += map(repr, _broken(whole))
    with urllib.request.urlopen(whole.metrics, timeout=20) as answer:
        told.append(answer.read().decode())
    assert len(told) > 300
    for text in told:
        for canary in (SECRET, ENVIRONMENT, FOLDER, "Traceback", ".py"):
            assert canary not in text
    for pid in whole.processes():
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
        assert SECRET not in arguments
        assert ENVIRONMENT not in arguments
    log = whole.log.read_text()
    assert SECRET not in log
    assert ENVIRONMENT not in log
    assert "Traceback" not in log


def test_a_request_is_one_line_whatever_it_holds(whole: Whole) -> None:
    client = whole.client
    client.request("PUT", "/lines")
    before = len(_lines(whole))
    for text in NASTY:
        client.get("lines", text)
        # A line break or an escape in a header's value is refused before it is anything.
        shown = "".join(character for character in text if character.isprintable())
        client.request("GET", "/lines/agent", headers={"user-agent": shown})
    for forged in ('x","forged":"yes', "x forged=yes\\", "x\\"):
        path = forged.replace(" ", "%20")
        replace(client, access_key=forged).request("GET", f"/lines/{path}")
    while len(_lines(whole)) < before + 2 * len(NASTY) + 3:
        client.get("lines", "marker")
    for line in _lines(whole)[before:]:
        assert line.isprintable(), line
        if line.startswith("{"):
            assert json.loads(line)["event"] == "request"
            assert "forged" not in json.loads(line)


def _lines(whole: Whole) -> list[str]:
    return [line for line in whole.log.read_text().split("\n") if "/lines" in line]

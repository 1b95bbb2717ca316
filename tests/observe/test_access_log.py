"""One request is one line, whatever it holds."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.observe.access_log import AccessLog
from gateway.observe.event import RequestEvent
from gateway.observe.sink import Sink


class Lines(Sink):
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.terminal = False

    def put(self, line: str) -> None:
        self.kept.append(line)

    def close(self, timeout_s: float = 0) -> None:
        return


def line(event: RequestEvent, form: Literal["text", "json", "off"]) -> str:
    lines = Lines()
    AccessLog(lines, form).write(event)
    return "".join(lines.kept)


FULL = RequestEvent(
    id="ABC",
    method="PUT",
    path="/raw/a%20b",
    peer="10.0.0.7",
    user_agent="aws-cli/2",
    operation="PutObject",
    bucket="raw",
    key="a b",
    access_key="AKIA",
    status=403,
    error_code="SignatureDoesNotMatch",
    hint="the clock is wrong",
    bytes_in=5,
    bytes_out=7,
    started_ns=1_700_000_000_123_456_789,
    seconds=0.0125,
    aborted=True,
)


def test_the_json_line_tells_all() -> None:
    assert json.loads(line(FULL, "json")) == {
        "time": "2023-11-14T22:13:20.123Z",
        "event": "request",
        "id": "ABC",
        "method": "PUT",
        "path": "/raw/a%20b",
        "operation": "PutObject",
        "status": 403,
        "seconds": 0.0125,
        "bytes_in": 5,
        "bytes_out": 7,
        "peer": "10.0.0.7",
        "access_key": "AKIA",
        "user_agent": "aws-cli/2",
        "error": "SignatureDoesNotMatch",
        "hint": "the clock is wrong",
        "aborted": True,
    }


def test_the_text_line_tells_all() -> None:
    assert line(FULL, "text") == (
        "2023-11-14T22:13:20.123Z 403 PUT /raw/a%20b PutObject 12.5ms in=5 out=7 peer=10.0.0.7 "
        'key=AKIA error=SignatureDoesNotMatch hint="the clock is wrong" aborted agent=aws-cli/2 '
        "id=ABC\n"
    )


def test_off_writes_nothing() -> None:
    assert line(FULL, "off") == ""


def test_the_form_can_change_while_running() -> None:
    lines = Lines()
    log = AccessLog(lines, "off")
    log.write(FULL)
    log.reconfigure("json")
    log.write(FULL)
    assert len(lines.kept) == 1


hostile = st.text(max_size=60) | st.sampled_from(
    ["\n", "\r\n", "\x1b[2J", "\u2028", "\x85", "\udcff", "\x7f", "a\n200 GET /forged", '"', "\\"]
)


@given(st.tuples(hostile, hostile, hostile, hostile, hostile, hostile))
def test_nothing_sent_can_forge_a_line_or_steer_a_terminal(sent: tuple[str, ...]) -> None:
    method, path, agent, key, hint, peer = sent
    event = RequestEvent(
        id="X", method=method, path=path, peer=peer, user_agent=agent, access_key=key, hint=hint,
        error_code="E", status=200,
    )  # fmt: skip
    forms: tuple[Literal["text", "json"], ...] = ("text", "json")
    for form in forms:
        text = line(event, form)
        body = text.removesuffix("\n")
        assert text.endswith("\n")
        assert len(body.splitlines()) <= 1
        assert not any(
            ord(character) < 32 or 127 <= ord(character) < 160 or 0xD800 <= ord(character) < 0xE000
            for character in body
        )
        text.encode()
    assert json.loads(line(event, "json"))["path"] == path


def test_long_texts_are_cut() -> None:
    event = RequestEvent(
        id="X", method="M" * 9000, path="/" * 9000, peer="-", user_agent="a" * 9000
    )
    assert len(line(event, "json")) < 2500
    assert len(line(event, "text")) < 2500


@dataclass(frozen=True)
class Pipe:
    reading: int
    writing: int

    def read_all(self) -> bytes:
        """What was written, once the writing end is closed."""
        os.close(self.writing)
        with os.fdopen(self.reading, "rb") as stream:
            return stream.read()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    reading, writing = os.pipe()
    yield Pipe(reading, writing)
    for descriptor in (reading, writing):
        try:
            os.close(descriptor)
        except OSError:
            continue


def test_the_sink_writes_lines_in_order(pipe: Pipe) -> None:
    sink = Sink(pipe.writing)
    for number in range(1000):
        sink.put(f"line {number} " + "x" * 30 + "\n")
    sink.close()
    lines = pipe.read_all().decode().splitlines()
    assert [line.split()[1] for line in lines] == [str(number) for number in range(1000)]
    assert sink.dropped == 0


def test_a_reader_that_stalls_costs_lines_but_blocks_nobody(pipe: Pipe) -> None:
    sink = Sink(pipe.writing, bound=100)
    line = "x" * 1023 + "\n"
    while sink.dropped == 0:  # the pipe holds 64 KiB, the sink 100 lines, nobody reads
        sink.put(line)
    for _ in range(500):
        sink.put(line)
    # Some of the first lines may have been taken while we put; the last ones were all dropped.
    assert sink.dropped >= 401
    dropped = sink.dropped
    sink.close(0.01)  # gives up waiting, as at the end of a process
    total = 0
    text = b""
    while b"dropped" not in text:
        text = os.read(pipe.reading, 65536)
        total += text.count(b"x\n")
    assert f'"lines":{dropped}'.encode() in text


def test_a_reader_that_is_gone_is_no_error(pipe: Pipe) -> None:
    os.close(pipe.reading)
    sink = Sink(pipe.writing)
    sink.put("nobody reads this\n")
    sink.close()
    assert sink.dropped == 1


def test_writes_to_a_shared_pipe_are_small_enough_to_stay_whole(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    write = os.write

    def noting(descriptor: int, data: bytes) -> int:
        if descriptor == pipe.writing:
            sizes.append(len(data))
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", noting)
    sink = Sink(pipe.writing)
    for _ in range(100):
        sink.put("y" * 199 + "\n")
    sink.close()
    assert sum(sizes) == 100 * 200
    assert max(sizes) <= 4096


def test_a_file_takes_all_that_is_put(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as stream:
        sink = Sink(stream.fileno())
        sink.put("é\udcff\n")
        sink.close()
    assert (tmp_path / "log").read_text() == "é\\udcff\n"

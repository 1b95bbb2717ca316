"""Requests are the same however their bytes are cut, and what they may take is bounded."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.s3.errors import S3Error
from gateway.wire.limits import Limits
from gateway.wire.parsing import Head, Parser

LIMITS = Limits(headers=20, header_bytes=2000)


@dataclass
class Heard:
    """What a parser tells; ``enough``: after so many heads no more are wanted."""

    told: list[tuple[object, ...]] = field(default_factory=list)
    enough: int = 1000
    heads: int = 0

    def head(self, head: Head) -> None:
        self.heads += 1
        self.told.append(
            ("head", head.method, head.target, head.version, dict(head.headers), head.length,
             head.keep_alive, head.repeated)
        )  # fmt: skip

    def piece(self, data: bytes | memoryview) -> None:
        assert data
        if self.told[-1][0] == "body":
            before = self.told[-1][1]
            assert isinstance(before, bytes)
            self.told[-1] = ("body", before + data)
        else:
            self.told.append(("body", bytes(data)))

    def end(self) -> None:
        self.told.append(("end",))

    def has_enough(self) -> bool:
        return self.heads >= self.enough


def heard(pieces: list[bytes], limits: Limits = LIMITS) -> list[tuple[object, ...]]:
    """All that is told, with the error at its end if there is one."""
    sink = Heard()
    parser = Parser(sink, limits)
    try:
        for piece in pieces:
            parser.feed(piece)
    except S3Error as error:
        sink.told.append(("error", error.code))
    return sink.told


def heard_past_it(pieces: list[bytes]) -> list[tuple[object, ...]]:
    """The same, where all that can go past the parser does."""
    sink = Heard()
    parser = Parser(sink, LIMITS)
    for whole in pieces:
        piece = whole
        while piece:
            if parser.awaits_body:
                passing = piece[: parser._left]
                sink.piece(passing)
                parser.passed(len(passing))
                piece = piece[len(passing) :]
            else:
                parser.feed(memoryview(piece[:7]))
                piece = piece[7:]
    return sink.told


def cut(data: bytes, at: list[int]) -> Iterator[bytes]:
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in at)})
    for begin, end in itertools.pairwise(places):
        yield data[begin:end]


TOKEN = st.text("abcXYZ019-_.", min_size=1, max_size=12)
VALUE = st.text(st.characters(codec="utf-8", min_codepoint=0x20, exclude_characters="\x7f"))


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    lines = [
        f"{draw(st.sampled_from(['GET', 'PUT', 'POST']))} /{draw(TOKEN)}?{draw(TOKEN)} HTTP/1.1"
    ]
    lines += [f"x-{draw(TOKEN)}:{draw(VALUE)[:60]}" for _ in range(draw(st.integers(0, 4)))]
    lines.append("Host: host")
    if draw(st.booleans()):
        lines += ["Connection: Upgrade", "Upgrade: tcp"]
    body = draw(st.binary(max_size=200))
    match draw(st.sampled_from(["none", "sized", "chunked"])):
        case "sized":
            lines.append(f"Content-Length: {len(body)}")
        case "chunked":
            lines.append("Transfer-Encoding: chunked")
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            trailer = draw(st.sampled_from([b"", b"x-t: 1\r\n", b"range: bytes=0-1\r\n"]))
            body = chunk + b"0\r\n" + trailer + b"\r\n"
        case _:
            body = b""
    return "\r\n".join([*lines, "", ""]).encode() + body


@given(st.lists(requests(), min_size=1, max_size=4), st.lists(st.integers(0, 5000), max_size=12))
def test_where_the_bytes_are_cut_changes_nothing(whole: list[bytes], at: list[int]) -> None:
    data = b"".join(whole)
    told = heard([data])
    assert [one[0] for one in told].count("head") == len(whole)
    assert [one[0] for one in told].count("end") == len(whole)
    assert heard(list(cut(data, at))) == told
    assert heard([data[place : place + 1] for place in range(len(data))]) == told
    assert heard_past_it(list(cut(data, at))) == told


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_anything_is_read_or_refused(data: bytes, at: list[int]) -> None:
    told = heard(list(cut(data, at)))
    kinds = {str(one[0]) for one in told}
    assert kinds <= {"head", "body", "end", "error"}


def get(*lines: str, target: str = "/") -> bytes:
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: a", *lines, "", ""]).encode()


def test_a_target_of_many_pieces_is_joined_as_it_was_sent() -> None:
    data = get(target="/%2e%2E//a%20b?x=%zz&")
    told = heard([data[place : place + 1] for place in range(len(data))])
    assert told[0][2] == "/%2e%2E//a%20b?x=%zz&"


def test_values_of_one_name_are_joined_but_for_those_that_come_once() -> None:
    (_, *rest), *_ = heard([get("X-A: 1", "x-a: 2", "X-B: 3  \t")])
    assert rest[3] == {"host": "a", "x-a": "1,2", "x-b": "3"}
    assert rest[6] == ""
    (_, *rest), *_ = heard([get("Range: bytes=0-1", "range: bytes=1-2")])
    assert rest[6] == "range"
    assert rest[3] == {"host": "a", "range": "bytes=0-1"}


def test_a_trailer_is_no_header() -> None:
    body = "Transfer-Encoding: chunked"
    told = heard([get(body) + b"0\r\nx-a: 1\r\nrange: bytes=0-1\r\n\r\n" + get("x-b: 2")])
    assert [one[4] for one in told if one[0] == "head"] == [
        {"host": "a", "transfer-encoding": "chunked"},
        {"host": "a", "x-b": "2"},
    ]


@pytest.mark.parametrize(
    "endless",
    [
        b"x",
        b"GET /" + b"x" * 9,
        get()[:-2] + b"x-a: " + b"y" * 9,
        get()[:-2] + b"y",
        get()[:-2] + b"x: y\r\n" * 200 + b"z",
        get("Transfer-Encoding: chunked") + b"1;" + b"e" * 9,
        get("Transfer-Encoding: chunked") + b"0\r\nx-a: " + b"y" * 9,
        get("Transfer-Encoding: chunked") + b"0\r\n" + b"x: y\r\n" * 200 + b"z",
        b"\r\n" * 10,
    ],
)
def test_what_does_not_end_is_refused_and_not_kept(endless: bytes) -> None:
    parser = Parser(Heard(), LIMITS)
    sent = 0

    def send_for_ever() -> None:
        nonlocal sent
        for at in range(len(endless)):
            parser.feed(endless[at : at + 1])
            sent += 1
        while sent < 10_000:
            parser.feed(endless[-2:] if endless.endswith(b"\n") else endless[-1:])
            sent += 1

    with pytest.raises(S3Error) as refused:
        send_for_ever()
    assert refused.value.code in {"RequestHeaderSectionTooLarge", "BadRequest"}
    assert sent <= 2 * LIMITS.header_bytes + 1000


def test_a_head_may_take_what_it_may_take_and_no_more() -> None:
    around = len(": \r\n")
    room = LIMITS.header_bytes - len("/") - len("Hosta") - around
    fits = get("x: " + "y" * (room - around - 1))
    assert [one[0] for one in heard([fits])] == ["head", "end"]
    longer = get("x: " + "y" * (room - around))
    assert heard([longer]) == [("error", "RequestHeaderSectionTooLarge")]


def test_headers_are_counted() -> None:
    lines = [f"x-{number}: y" for number in range(LIMITS.headers - 1)]
    assert [one[0] for one in heard([get(*lines)])] == ["head", "end"]
    assert heard([get(*lines, "z: y")]) == [("error", "RequestHeaderSectionTooLarge")]


def test_requests_that_nobody_wants_yet_are_kept_as_bytes() -> None:
    sink = Heard(enough=3)
    parser = Parser(sink, LIMITS)
    one = get("x: " + "y" * 1000)
    parser.feed(one * 200)
    read = sink.heads
    assert 3 <= read < 40, "those of one slice at most"
    assert parser.in_head
    parser.feed(one)
    assert sink.heads == read
    sink.enough = 1000
    parser.go_on()
    assert sink.heads == 201
    assert not parser.in_head


def test_a_large_body_passes_untouched() -> None:
    sink = Heard()
    parser = Parser(sink, LIMITS)
    parser.feed(get("Content-Length: 900000"))
    piece = b"x" * 300_000
    parser.feed(piece)
    assert sink.told[-1][1] is piece
    parser.feed(piece)
    parser.feed(piece + get())
    assert sink.told[1:3] == [("body", b"x" * 900_000), ("end",)]
    assert [one[0] for one in sink.told[3:]] == ["head", "end"]

"""Answers, cut anywhere."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.answer import MAX_HEAD, Answer, AnswerError, AnswerParser
from bench.content import MIB, Content

BODIES = st.binary(max_size=300)
CUTS = st.lists(st.integers(0, 2000), max_size=20)
HEADERS = st.lists(
    st.sampled_from(["x-amz-request-id: 1", "Date: now", "Server:S3front", "x-contains: a:b"]),
    max_size=4,
)
SIZES = st.lists(st.integers(1, 80), min_size=1, max_size=10)


def fed(parser: AnswerParser, sent: bytes, cuts: Iterable[int] = ()) -> bool:
    """Feed ``sent`` in pieces; whether the answer is whole with the last, and not before."""
    ends = sorted({cut for cut in cuts if 0 < cut < len(sent)})
    whole = False
    for start, end in zip([0, *ends], [*ends, len(sent)], strict=True):
        assert not whole, "whole before the end"
        whole = parser.feed(memoryview(sent)[start:end])
    return whole


def answer_to(sent: bytes, cuts: Iterable[int] = (), *, without_body: bool = False) -> Answer:
    parser = AnswerParser()
    parser.begin(keep=True, without_body=without_body)
    assert fed(parser, sent, cuts)
    return parser.answer()


def head(status: str, *lines: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode()


def chunked(body: bytes, sizes: list[int], extension: str = "", trailer: str = "") -> bytes:
    made, start, number = b"", 0, 0
    while start < len(body):
        piece = body[start : start + sizes[number % len(sizes)]]
        made += f"{len(piece):X}{extension}\r\n".encode() + piece + b"\r\n"
        start, number = start + len(piece), number + 1
    return made + f"0{extension}\r\n{trailer}\r\n".encode()


@given(BODIES, HEADERS, CUTS)
def test_a_body_of_announced_length(body: bytes, lines: list[str], cuts: list[int]) -> None:
    sent = head("200 OK", *lines, f"CONTENT-Length:  {len(body)} ", 'ETag: "aB"') + body
    answer = answer_to(sent, cuts)
    assert (answer.status, answer.body, answer.length) == (200, body, len(body))
    assert answer.header("etag") == '"aB"'
    assert not answer.closes


@given(BODIES, SIZES, CUTS, st.sampled_from(["", ";x=y"]), st.sampled_from(["", "a: b\r\n"]))
def test_a_chunked_body(
    body: bytes, sizes: list[int], cuts: list[int], extension: str, trailer: str
) -> None:
    sent = head("200 OK", "Transfer-Encoding: chunked") + chunked(body, sizes, extension, trailer)
    answer = answer_to(sent, cuts)
    assert (answer.body, answer.length) == (body, len(body))


@given(BODIES, CUTS, st.sampled_from(["HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"]))
def test_a_body_that_lasts_until_the_connection_ends(
    body: bytes, cuts: list[int], start: str
) -> None:
    parser = AnswerParser()
    parser.begin(keep=True)
    assert not fed(parser, start.encode() + body, cuts)
    assert parser.end()
    assert (parser.answer().body, parser.answer().closes) == (body, True)


@given(CUTS)
def test_an_answer_to_head_has_a_length_and_no_body(cuts: list[int]) -> None:
    answer = answer_to(head("200 OK", "Content-Length: 4096"), cuts, without_body=True)
    assert (answer.length, answer.body) == (4096, b"")


@given(CUTS)
def test_interim_answers_are_passed_over(cuts: list[int]) -> None:
    sent = head("100 Continue") + head("103 Early Hints", "link: x") + head("204 No Content")
    assert answer_to(sent, cuts).status == 204


@given(st.binary(max_size=400), CUTS)
def test_whatever_comes_is_an_answer_or_an_error(sent: bytes, cuts: list[int]) -> None:
    parser = AnswerParser()
    ends = sorted({cut for cut in cuts if 0 < cut < len(sent)})
    try:
        for start, end in zip([0, *ends], [*ends, len(sent)], strict=True):
            parser.feed(memoryview(sent)[start:end])
    except AnswerError:
        return


@given(st.integers(0, 3 * MIB), st.lists(st.integers(0, 3 * MIB), max_size=8), st.data())
def test_content_is_compared_wherever_it_is_cut(
    size: int, cuts: list[int], data: st.DataObject
) -> None:
    content = Content(size=size)
    body = bytearray(b"".join(content.pieces()))
    good = not body or data.draw(st.booleans())
    if not good:
        body[data.draw(st.integers(0, size - 1))] ^= 1
    parser = AnswerParser()
    parser.begin(content=content)
    assert fed(parser, head("200 OK", f"content-length: {size}") + body, cuts)
    assert parser.answer().as_expected is good
    assert parser.answer().body == b""


def test_a_parser_reads_one_answer_after_another() -> None:
    parser = AnswerParser()
    for body in (b"one", b"", b"three"):
        parser.begin(keep=True)
        assert fed(parser, head("200 OK", f"content-length: {len(body)}") + body)
        assert parser.answer().body == body


def test_the_body_of_an_error_is_kept_unasked() -> None:
    parser = AnswerParser()
    parser.begin(content=Content(size=4096))
    assert fed(parser, head("403 Forbidden", "content-length: 8") + b"<Error/>")
    assert parser.answer().body == b"<Error/>"


@pytest.mark.parametrize(
    ("start", "closes"),
    [
        ("HTTP/1.1 204 x\r\nConnection: close\r\n\r\n", True),
        ("HTTP/1.1 204 x\r\nConnection: Keep-Alive\r\n\r\n", False),
        ("HTTP/1.1 204\r\n\r\n", False),
        ("HTTP/1.0 204 x\r\n\r\n", True),
        ("HTTP/1.0 204 x\r\nConnection: keep-alive\r\n\r\n", False),
    ],
)
def test_whether_the_connection_stays(start: str, closes: bool) -> None:
    assert answer_to(start.encode()).closes is closes


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/2 200 OK\r\n\r\n",
        b"<html>\r\n\r\n",
        head("101 Switching Protocols", "upgrade: h2c"),
        head("200 OK", "content-length: 3", "content-length: 3") + b"abc",
        head("200 OK", "content-length: +3") + b"abc",
        head("200 OK", "content-length: 3", "transfer-encoding: chunked"),
        head("200 OK", "transfer-encoding: gzip, chunked"),
        head("200 OK", "transfer-encoding: chunked") + b"x\r\n",
        head("200 OK", "transfer-encoding: chunked") + b"3\r\nabcd\r\n",
        head("200 OK", "content-length: 3") + b"abcd",
        head("200 OK", "x: " + "y" * (MAX_HEAD + 8192)),
        head("200 OK", "transfer-encoding: chunked") + b"0\r\nx: " + b"y" * 8192,
    ],
)
def test_what_is_no_answer_is_refused(sent: bytes) -> None:
    with pytest.raises(AnswerError):
        fed(AnswerParser(), sent, range(0, len(sent), 4096))


def test_a_connection_that_ends_within_an_answer_leaves_none() -> None:
    parser = AnswerParser()
    assert not fed(parser, head("200 OK", "content-length: 5") + b"1234")
    assert not parser.end()

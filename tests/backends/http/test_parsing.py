"""Answers, however they are cut on their way; and what is no answer."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.http.failures import NoAnswer
from backends.http.parsing import MAX_HEAD, MAX_HEADERS, MAX_INTERIM, Head, Parser

OK = b"HTTP/1.1 200 OK\r\n"
_RECEIVED = 16 * 1024
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass
class Seen:
    """What a parser told."""

    heads: list[Head] = field(default_factory=list)
    body: bytes = b""
    whole: int = 0
    agreed: int = 0

    def told_to_go_on(self) -> None:
        self.agreed += 1

    def head(self, head: Head) -> None:
        self.heads.append(head)

    def piece(self, data: bytes) -> None:
        assert data
        self.body += data

    def end(self) -> None:
        self.whole += 1


def read(*pieces: bytes, is_head: bool = False) -> tuple[Seen, Parser]:
    seen = Seen()
    parser = Parser(seen)
    parser.begin(is_head=is_head)
    for piece in pieces:
        parser.feed(piece)
    return seen, parser


def one_by_one(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    at = [0, *sorted(places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(at) if a != b]


OK_2 = OK + b"Content-Length: 2\r\n\r\nok"
WHOLE = {
    "a length": (OK + b'Content-Length: 11\r\nETag: "a"\r\n\r\nhello world', b"hello world"),
    "no body": (OK + b"Content-Length: 0\r\n\r\n", b""),
    "chunks": (CHUNKED + b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n", b"hello world"),
    "a trailer": (CHUNKED + b"3\r\nabc\r\n0\r\nETag: late\r\n\r\n", b"abc"),
    "204": (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", b""),
    "304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b""),
    "interim": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + OK_2,
        b"ok",
    ),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", b"x"),
}


@pytest.mark.parametrize("name", list(WHOLE))
def test_an_answer_is_the_same_wherever_it_is_cut(name: str) -> None:
    data, body = WHOLE[name]
    ways = [[data], one_by_one(data), *(cut(data, [at]) for at in range(1, len(data)))]
    for way in ways:
        seen, parser = read(*way)
        assert (seen.body, seen.whole, len(seen.heads)) == (body, 1, 1)
        assert not parser.has_more
        assert parser.ended()
        assert seen.heads[0].headers.get("etag") in {None, '"a"'}  # never that of a trailer
        assert seen.whole == 1


@given(
    name=st.sampled_from(list(WHOLE)),
    places=st.lists(st.integers(min_value=1, max_value=60), max_size=12),
)
def test_answers_follow_each_other_however_they_are_cut(name: str, places: list[int]) -> None:
    data, body = WHOLE[name]
    seen = Seen()
    parser = Parser(seen)
    for _ in range(3):
        parser.begin(is_head=False)
        for piece in cut(data, [place for place in places if place < len(data)]):
            parser.feed(piece)
    assert (seen.body, seen.whole, len(seen.heads)) == (3 * body, 3, 3)
    assert not parser.has_more


@pytest.mark.parametrize("name", list(WHOLE))
def test_what_is_cut_off_is_not_whole(name: str) -> None:
    data, _ = WHOLE[name]
    for length in range(len(data)):
        seen, parser = read(data[:length])
        assert not seen.whole
        assert not parser.ended()


def test_an_answer_to_head_has_no_body() -> None:
    for framing in (b"Content-Length: 11\r\n", b"Transfer-Encoding: chunked\r\n", b""):
        data = OK + framing + b"\r\n"
        for way in ([data], one_by_one(data)):
            seen, parser = read(*way, is_head=True)
            assert (seen.body, seen.whole, parser.has_more) == (b"", 1, False)
            assert seen.heads[0].keep_alive
            parser.begin(is_head=False)
            parser.feed(OK + b"Content-Length: 1\r\n\r\nx")
            assert (seen.body, seen.whole) == (b"x", 2)


def test_a_body_without_length_ends_with_the_connection() -> None:
    for way in ([OK + b"\r\nabc"], one_by_one(OK + b"\r\nabc")):
        seen, parser = read(*way)
        assert (seen.body, seen.whole) == (b"abc", 0)
        assert not seen.heads[0].keep_alive
        assert parser.ended()
        assert seen.whole == 1


@pytest.mark.parametrize("name", list(WHOLE))
def test_what_nobody_asked_for_is_noticed(name: str) -> None:
    data, body = WHOLE[name]
    for way in ([data + OK], [data + b"\r\n\r\n" + OK], [data, b"H"], [data, b"\r"]):
        seen, parser = read(*way)
        assert parser.has_more
        assert (seen.body, seen.whole, len(seen.heads)) == (body, 1, 1)
    _, parser = read(OK + b"Content-Length: 3\r\n\r\nabc", is_head=True)
    assert parser.has_more


@pytest.mark.parametrize(
    ("said", "version", "keeps"),
    [
        (b"", b"1.1", True),
        (b"Connection: close\r\n", b"1.1", False),
        (b"Connection: Keep-Alive, Close\r\n", b"1.1", False),
        (b"Connection: x-close\r\n", b"1.1", True),
        (b"", b"1.0", False),
        (b"Connection: keep-alive\r\n", b"1.0", True),
    ],
)
def test_whether_another_request_may_follow(said: bytes, version: bytes, keeps: bool) -> None:
    seen, _ = read(b"HTTP/%b 200 OK\r\n%bContent-Length: 0\r\n\r\n" % (version, said))
    assert seen.heads[0].keep_alive is keeps


def test_of_several_headers_the_first_is_the_one_and_all_can_be_had() -> None:
    lines = (
        b"WWW-Authenticate: Basic\r\nETag: a\r\nwww-authenticate: Digest \t\r\nX: \xc3\xbc\xff\r\n"
    )
    seen, _ = read(OK + lines + b"Content-Length: 0\r\n\r\n")
    headers = seen.heads[0].headers
    assert headers.get("www-AUTHENTICATE") == headers["WWW-Authenticate"] == "Basic"
    assert headers.all("Www-Authenticate") == ["Basic", "Digest"]
    assert headers["x"] == "ü\udcff"
    assert headers.get("none") is None
    assert headers.get("none", "") == ""
    assert sorted(headers) == ["content-length", "etag", "www-authenticate", "x"]


NO_ANSWERS = {
    "another protocol": b"SSH-2.0-OpenSSH\r\n",
    "another protocol that llhttp knows": b"RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/2": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "no version there is": b"HTTP/1.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a line break first": b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "a small status": b"HTTP/1.1 99 No\r\nContent-Length: 0\r\n\r\n",
    "a length and chunks": OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    "chunks and a length": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
    "two lengths": OK + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "two lengths in one": OK + b"Content-Length: 3, 3\r\n\r\nabc",
    "a length with a sign": OK + b"Content-Length: +3\r\n\r\nabc",
    "a length of letters": OK + b"Content-Length: 0x3\r\n\r\nabc",
    "a length beyond all": OK + b"Content-Length: 99999999999999999999999\r\n\r\nabc",
    "an empty length": OK + b"Content-Length: \r\n\r\nabc",
    "another coding": OK + b"Transfer-Encoding: gzip\r\n\r\nabc",
    "another coding first": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunks twice": OK
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks of 1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a blank before the colon": OK + b"Content-Length : 3\r\n\r\nabc",
    "a folded line": OK + b"A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "a line feed alone": OK + b"A: b\nContent-Length: 0\r\n\r\n",
    "a carriage return alone": OK + b"A: b\rContent-Length: 0\r\n\r\n",
    "a control character": OK + b"A: \x00\r\nContent-Length: 0\r\n\r\n",
    "a header without a colon": OK + b"A\r\nContent-Length: 0\r\n\r\n",
    "a chunk without a size": CHUNKED + b"\r\nabc\r\n0\r\n\r\n",
    "a chunk with a sign": CHUNKED + b"+3\r\nabc\r\n0\r\n\r\n",
    "a chunk in 0x": CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n",
    "a chunk that is longer": CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n",
    "a chunk beyond all": CHUNKED + b"fffffffffffffffff\r\nabc",
    "a chunk after a line feed": CHUNKED + b"3\nabc\r\n0\r\n\r\n",
    "another protocol from here on": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "an interim answer with a length": b"HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\nabc",
    "an interim answer in chunks": b"HTTP/1.1 103 E\r\nTransfer-Encoding: chunked\r\n\r\n" + OK_2,
    "nothing but interim answers": b"HTTP/1.1 102 Processing\r\n\r\n" * (MAX_INTERIM + 1),
    "too many headers": OK + b"A: b\r\n" * (MAX_HEADERS + 1) + b"\r\n",
    "a header that is too long": OK + b"A: " + b"x" * MAX_HEAD,
    "headers that are too long": OK + (b"A: " + b"x" * 999 + b"\r\n") * 66 + b"\r\n",
    "a reason that is too long": b"HTTP/1.1 200 " + b"x" * MAX_HEAD,
    "a trailer that is too long": CHUNKED + b"0\r\nA: " + b"x" * 2 * MAX_HEAD,
    "a chunk whose extension is too long": CHUNKED + b"3;" + b"x" * 2 * MAX_HEAD,
}


@pytest.mark.parametrize("name", list(NO_ANSWERS))
def test_what_is_ambiguous_or_too_large_is_no_answer(name: str) -> None:
    data = NO_ANSWERS[name]
    # What comes at once is bounded by who receives it.
    at_once = cut(data, range(_RECEIVED, len(data), _RECEIVED))
    for way in (at_once, one_by_one(data)):
        with pytest.raises(NoAnswer):
            read(*way)


def test_interim_answers_may_come_before_one_that_counts() -> None:
    seen, _ = read(
        b"HTTP/1.1 102 Processing\r\n\r\n" * MAX_INTERIM + OK + b"Content-Length: 0\r\n\r\n"
    )
    assert (seen.whole, seen.agreed) == (1, 0)
    seen, _ = read(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert (seen.whole, seen.agreed, len(seen.heads)) == (0, 1, 0)


def test_a_large_body_passes_as_it_comes() -> None:
    class Pieces(Seen):
        def piece(self, data: bytes) -> None:
            came.append(data)

    came: list[bytes] = []
    large = bytes(1024 * 1024)
    parser = Parser(Pieces())
    parser.begin(is_head=False)
    parser.feed(OK + b"Content-Length: %d\r\n\r\n" % (2 * len(large)))
    parser.feed(large)
    parser.feed(large)
    assert all(piece is large for piece in came)
    assert len(came) == 2

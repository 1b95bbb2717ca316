"""The aws-chunked decoder: the same for any cut, strict, bounded."""

import base64
import time
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.s3.chunked import (
    MIN_CHUNK,
    ChunkEnd,
    ChunkStart,
    Data,
    Decoder,
    End,
    Event,
    Framing,
    Trailers,
    framing,
    strip_content_encoding,
)
from gateway.s3.errors import S3Error

_SIGNATURE = "ab" * 32
_NAME = "x-amz-checksum-crc32"


def _frame(
    sizes: list[int], *, signed: bool, trailer: str | None = None, line_end: str = "\r\n"
) -> tuple[bytes, bytes]:
    """(framed, content) of chunks of these sizes."""
    sign = f";chunk-signature={_SIGNATURE}" if signed else ""
    content = b""
    framed = b""
    for number, size in enumerate(sizes):
        data = bytes([97 + number % 26]) * size
        content += data
        framed += f"{size:x}{sign}\r\n".encode() + data + b"\r\n"
    framed += f"0{sign}\r\n".encode()
    if trailer is not None:
        framed += f"{_NAME}:{trailer}{line_end}".encode()
        if signed:
            framed += f"x-amz-trailer-signature:{_SIGNATURE}\r\n".encode()
    return framed + b"\r\n", content


def _events(decoder: Decoder, pieces: list[bytes]) -> list[Event]:
    """All events, neighbouring Data joined."""
    found: list[Event] = []
    for piece in pieces:
        for event in decoder.feed(piece):
            last = found[-1] if found else None
            if isinstance(event, Data) and isinstance(last, Data):
                found[-1] = Data(bytes(last.data) + bytes(event.data))
            else:
                found.append(event)
    decoder.finish()
    return found


def _cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(ends)]


_SIZES = st.lists(st.integers(MIN_CHUNK, MIN_CHUNK + 40), max_size=2).flatmap(
    lambda sizes: st.integers(1, 60).map(lambda last: [*sizes, last]) | st.just(sizes)
)


@given(_SIZES, st.booleans(), st.booleans(), st.lists(st.integers(0), max_size=12))
def test_any_cut_of_the_input_gives_the_same_events(
    sizes: list[int], signed: bool, trailed: bool, places: list[int]
) -> None:
    framed, content = _frame(sizes, signed=signed, trailer="AAAAAA==" if trailed else None)
    rules = Framing(signed=signed, length=len(content), trailer=(_NAME,) if trailed else ())
    whole = _events(Decoder(rules), [framed])
    assert _events(Decoder(rules), _cut(framed, places)) == whole
    assert b"".join(event.data for event in whole if isinstance(event, Data)) == content
    signature = _SIGNATURE if signed else None
    starts = [event for event in whole if isinstance(event, ChunkStart)]
    assert starts == [ChunkStart(size, signature) for size in [*sizes, 0]]
    assert sum(isinstance(event, ChunkEnd) for event in whole) == len(starts)
    assert isinstance(whole[-1], End)
    if trailed:
        assert whole[-2] == Trailers(
            (f"{_NAME}:AAAAAA==".encode(),), {_NAME: "AAAAAA=="}, signature
        )


@given(_SIZES, st.booleans(), st.booleans())
def test_minio_go_s_trailer_is_read_byte_by_byte_too(
    sizes: list[int], signed: bool, bytewise: bool
) -> None:
    framed, content = _frame(sizes, signed=signed, trailer="AAAAAA==", line_end="\n\r\n")
    rules = Framing(signed=signed, length=len(content), trailer=(_NAME,))
    pieces = [framed[at : at + 1] for at in range(len(framed))] if bytewise else [framed]
    trailers = [each for each in _events(Decoder(rules), pieces) if isinstance(each, Trailers)]
    assert trailers == [
        Trailers(
            (f"{_NAME}:AAAAAA==".encode(),),
            {_NAME: "AAAAAA=="},
            _SIGNATURE if signed else None,
        )
    ]


def test_botocore_s_own_body_is_read() -> None:
    content = b"hello"
    crc = base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()
    framed = f"5\r\nhello\r\n0\r\n{_NAME}:{crc}\r\n\r\n".encode()
    events = _events(Decoder(Framing(signed=False, length=5, trailer=(_NAME,))), [framed])
    assert events == [
        ChunkStart(5, None),
        Data(content),
        ChunkEnd(),
        ChunkStart(0, None),
        ChunkEnd(),
        Trailers((f"{_NAME}:{crc}".encode(),), {_NAME: crc}, None),
        End(),
    ]


@pytest.mark.parametrize(
    "framed",
    [
        b"5\nhello\r\n0\r\n\r\n",  # LF alone
        b"5X\nhello\r\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",  # no CRLF behind the data
        b"5\r\nhello\n0\r\n\r\n",
        b"5\r\nhello\r\r0\r\n\r\n",
        b"g\r\nhello\r\n0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"\r\nhello\r\n0\r\n\r\n",
        b"5;x=y\r\nhello\r\n0\r\n\r\n",  # an extension that is none
        b"5;chunk-signature=" + _SIGNATURE.encode() + b"\r\nhello\r\n0\r\n\r\n",  # unsigned kind
        b"5;chunk-signature=\r\nhello\r\n0\r\n\r\n",
        b"00000000000000005\r\nhello\r\n0\r\n\r\n",  # 17 digits
        b"ffffffffffffffff\r\nhello",
        b"6\r\nhello!\r\n0\r\n\r\n",  # more than was announced
        b"4\r\nhell\r\n0\r\n\r\n",  # less
        b"0\r\n\r\n",
        b"5\r\nhello\r\n0\r\n\r\nX",  # rubbish behind the end
        b"5\r\nhello\r\n0\r\n\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\n",  # cut
        b"5\r\nhello\r\n",
        b"5\r\nhel",
        b"",
        b"hello",
    ],
)
@pytest.mark.parametrize("bytewise", [False, True])
def test_broken_framing_is_an_incomplete_body(framed: bytes, bytewise: bool) -> None:
    pieces = [framed[at : at + 1] for at in range(len(framed))] if bytewise else [framed]
    with pytest.raises(S3Error) as refusal:
        _events(Decoder(Framing(signed=False, length=5)), pieces)
    assert refusal.value.code == "IncompleteBody"


@pytest.mark.parametrize("header", [b"5\r\n", b"5;chunk-signature=" + b"a" * 63 + b"\r\n"])
def test_a_signed_body_needs_signed_chunks(header: bytes) -> None:
    with pytest.raises(S3Error) as refusal:
        Decoder(Framing(signed=True, length=5)).feed(header)
    assert refusal.value.code == "IncompleteBody"


@pytest.mark.parametrize(
    "trailer",
    [
        b"\r\n",  # missing
        b"x-amz-checksum-crc32c:AAAAAA==\r\n\r\n",  # another one
        b"x-amz-checksum-crc32:AAAAAA==\r\nx-amz-meta-a:b\r\n\r\n",  # one more
        b"x-amz-checksum-crc32:AAAAAA==\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
        b"x-amz-checksum-crc32\r\n\r\n",
        b"x-amz-checksum-crc32 :A\r\n\r\n",
        b"x-amz-checksum-crc32:A\x00B\r\n\r\n",
        b"x-amz-checksum-crc32:A\rB\r\n\r\n",
        b" x-amz-checksum-crc32:A\r\n\r\n",
        b"x-amz-checksum-crc32:A\r\nx-amz-trailer-signature:" + b"a" * 64 + b"\r\n\r\n",
        b"".join(b"a%d:b\r\n" % number for number in range(20)) + b"\r\n",
    ],
)
def test_a_trailer_must_be_what_was_announced(trailer: bytes) -> None:
    decoder = Decoder(Framing(signed=False, length=5, trailer=(_NAME,)))
    with pytest.raises(S3Error) as refusal:
        _events(decoder, [b"5\r\nhello\r\n0\r\n" + trailer])
    assert refusal.value.code == "MalformedTrailerError"


def test_trailers_without_end_are_refused() -> None:
    decoder = Decoder(Framing(signed=False, length=0, trailer=(_NAME,)))
    with pytest.raises(S3Error, match="MalformedTrailerError"):
        decoder.feed(b"0\r\n" + b"".join(b"a%d:b\r\n" % number for number in range(17)))


def test_a_signed_trailer_without_signature_is_refused() -> None:
    framed, content = _frame([5], signed=True, trailer="A")
    framed = framed.replace(f"x-amz-trailer-signature:{_SIGNATURE}\r\n".encode(), b"")
    with pytest.raises(S3Error) as refusal:
        _events(Decoder(Framing(signed=True, length=len(content), trailer=(_NAME,))), [framed])
    assert refusal.value.code == "MalformedTrailerError"


def test_a_trailer_nobody_announced_is_refused() -> None:
    with pytest.raises(S3Error) as refusal:
        _events(
            Decoder(Framing(signed=False, length=5)),
            [b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:A\r\n\r\n"],
        )
    assert refusal.value.code == "MalformedTrailerError"


@pytest.mark.parametrize("framed", [b"6\r\n", b"5\r\nhello\r\n1\r\n", b"ffffffffffffffff\r\n"])
def test_a_chunk_too_many_is_refused_before_its_content_comes(framed: bytes) -> None:
    with pytest.raises(S3Error):
        Decoder(Framing(signed=False, length=5)).feed(framed)


def test_only_the_last_chunk_may_be_short() -> None:
    framed, content = _frame([MIN_CHUNK, 3, 2], signed=False)
    with pytest.raises(S3Error) as refusal:
        _events(Decoder(Framing(signed=False, length=len(content))), [framed])
    assert refusal.value.code == "InvalidChunkSizeError"
    assert refusal.value.fields == {"Chunk": "3", "BadChunkSize": "3"}


@pytest.mark.parametrize("line", [b"1" * 5000, b"5;" + b"a" * 5000])
def test_a_header_line_is_bounded_however_it_comes(line: bytes) -> None:
    decoder = Decoder(Framing(signed=False, length=5))
    with pytest.raises(S3Error):
        _events(decoder, [bytes([byte]) for byte in line])
    assert sum(len(held) for held in vars(decoder).values() if isinstance(held, bytearray)) < 2000
    with pytest.raises(S3Error):
        Decoder(Framing(signed=False, length=5)).feed(line)


def test_a_trailer_line_is_bounded() -> None:
    decoder = Decoder(Framing(signed=False, length=0, trailer=(_NAME,)))
    decoder.feed(b"0\r\n")
    decoder.feed(b"a" * 8000)
    with pytest.raises(S3Error):
        decoder.feed(b"a" * 1000)


def test_single_bytes_cost_the_same_each() -> None:
    def seconds(count: int) -> float:
        framed, content = _frame([count], signed=True)
        decoder = Decoder(Framing(signed=True, length=len(content)))
        begin = time.process_time()
        for at in range(len(framed)):
            decoder.feed(framed[at : at + 1])
        return time.process_time() - begin

    # Quadratic cost would be 16 times as much a byte.
    assert min(seconds(160_000) for _ in range(3)) < 16 * 5 * min(seconds(10_000) for _ in range(3))


@given(st.binary(max_size=200), st.booleans(), st.integers(0, 100))
def test_anything_is_decoded_or_refused_with_a_code(
    rubbish: bytes, signed: bool, length: int
) -> None:
    decoder = Decoder(Framing(signed=signed, length=length))
    try:
        decoder.feed(rubbish)
        decoder.finish()
    except S3Error as refusal:
        assert refusal.status in {400, 403}  # noqa: PT017  what else is raised is a fault


_STREAMING = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"content-encoding": "gzip", "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, None),
        ({"content-encoding": "not-aws-chunked"}, None),
        ({"content-encoding": "aws-chunked", "x-amz-content-sha256": "0f" * 32}, None),
        (
            {"x-amz-content-sha256": _STREAMING, "x-amz-decoded-content-length": "5"},
            Framing(signed=True, length=5),
        ),
        (
            {
                "x-amz-content-sha256": f"{_STREAMING}-TRAILER",
                "x-amz-decoded-content-length": "5",
                "x-amz-trailer": " X-Amz-Checksum-CRC32 ,",
            },
            Framing(signed=True, length=5, trailer=(_NAME,)),
        ),
        (
            {
                "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                "x-amz-decoded-content-length": "5",
                "x-amz-trailer": _NAME,
            },
            Framing(signed=False, length=5, trailer=(_NAME,)),
        ),
        (
            {"content-encoding": "gzip, AWS-Chunked", "x-amz-decoded-content-length": "0"},
            Framing(signed=False, length=0),
        ),
        ({"x-amz-decoded-content-length": "7"}, Framing(signed=False, length=7)),
    ],
)
def test_any_sign_of_framing_is_enough(headers: dict[str, str], expected: Framing | None) -> None:
    assert framing(headers) == expected


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-amz-content-sha256": _STREAMING}, "MissingContentLength"),
        ({"content-encoding": "aws-chunked"}, "MissingContentLength"),
        (
            {"content-encoding": "aws-chunked", "x-amz-content-sha256": "UNSIGNED-PAYLOAD"},
            "MissingContentLength",
        ),
        ({"x-amz-decoded-content-length": "-1"}, "MissingContentLength"),
        ({"x-amz-decoded-content-length": ""}, "MissingContentLength"),
        ({"x-amz-decoded-content-length": "٣"}, "MissingContentLength"),
        ({"x-amz-decoded-content-length": "9" * 19}, "MissingContentLength"),
    ],
)
def test_framing_without_a_decoded_length_is_refused(headers: dict[str, str], code: str) -> None:
    with pytest.raises(S3Error) as refusal:
        framing(headers)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("aws-chunked", ""),
        ("AWS-CHUNKED", ""),
        ("gzip,aws-chunked", "gzip"),
        ("aws-chunked, gzip ,br", "gzip,br"),
        ("gzip, br", "gzip, br"),
        ("x-aws-chunked", "x-aws-chunked"),
        ("", ""),
    ],
)
def test_only_aws_chunked_is_taken_out_of_the_content_encoding(value: str, expected: str) -> None:
    assert strip_content_encoding(value) == expected

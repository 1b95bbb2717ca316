r"""The aws-chunked framing of a body: bytes in, events out.

    size in hexadecimal [;chunk-signature=…] CRLF, so many bytes, CRLF, … ; a chunk of size 0,
    then the trailer's lines, then CRLF

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html

Checked here: the form, strictly; the decoded length; that no chunk but the last is short; that
the trailer holds what was announced. Signatures and checksums are the caller's. Every byte is
looked at once, however the input is cut. What breaks the framing is IncompleteBody.

One licence: minio-go sends the trailer's lines as they are signed, ending with LF alone, and then
CRLF. Both forms are taken.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from gateway.s3.errors import S3Error

Piece = bytes | memoryview

MIN_CHUNK: Final = 8192
"""Bytes of every chunk but the last with content."""
_MAX_LINE: Final = 1024
_MAX_TRAILER_LINE: Final = 8192
_MAX_TRAILERS: Final = 16
_SHA256: Final = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
_LENGTH: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_TOKEN: Final = "aws-chunked"  # noqa: S105  a content coding, not a password
_STREAMING: Final = "STREAMING-"
_SIGNATURE_TRAILER: Final = "x-amz-trailer-signature"
_HEADER: Final = re.compile(
    rb"(?P<size>[0-9a-fA-F]{1,16})(?:;chunk-signature=(?P<signature>[0-9a-fA-F]{64}))?\r\n",
    re.ASCII,
)
_LINE: Final = re.compile(
    rb"(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(?P<value>[\x21-\x7e\x80-\xff]"
    rb"(?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?[ \t]*"
)


class ChunkStart(NamedTuple):
    """A chunk begins. ``signature``: 64 hexadecimal digits, if it carries one."""

    size: int
    signature: str | None


class Data(NamedTuple):
    """Content of the current chunk; as much of it as was there. Not copied: a view of what was fed,
    or that itself."""

    data: bytes | memoryview


class ChunkEnd(NamedTuple):
    """The current chunk is whole."""


class Trailers(NamedTuple):
    """The trailer: its lines as they are signed (``signature`` left out), names lower-case."""

    lines: tuple[bytes, ...]
    headers: Mapping[str, str]
    signature: str | None


class End(NamedTuple):
    """The body is whole. Nothing may follow."""


Event = ChunkStart | Data | ChunkEnd | Trailers | End
CHUNK_END: Final = ChunkEnd()
END: Final = End()


@dataclass(frozen=True, slots=True, kw_only=True)
class Framing:
    """How a body is framed. ``length``: decoded. ``trailer``: names announced, lower-case."""

    signed: bool
    length: int
    trailer: tuple[str, ...] = ()


def framing(headers: Mapping[str, str]) -> Framing | None:
    """The framing of a request's body; None if it is not framed. ``headers``: lower-case names.

    Any one sign is enough, so that framing is never stored as content: x-amz-content-sha256 says
    STREAMING-…, Content-Encoding names aws-chunked, or there is an x-amz-decoded-content-length.
    Only a name in Content-Encoding beside the hash of the whole body is none: a signature of
    framing has STREAMING-… there, and SDKs let their users write that header as they like.
    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
    S3Error MissingContentLength if the decoded length is missing or no number.
    """
    kind = headers.get("x-amz-content-sha256", "")
    streaming = kind.upper().startswith(_STREAMING)
    length = headers.get("x-amz-decoded-content-length")
    coded = _TOKEN in headers.get("content-encoding", "").lower()
    hashed = _SHA256.fullmatch(kind) is not None
    if not streaming and length is None and (hashed or not (coded and _names_token(headers))):
        return None
    if length is None or _LENGTH.fullmatch(length) is None:
        raise S3Error("MissingContentLength")
    announced = headers.get("x-amz-trailer", "").lower().split(",")
    return Framing(
        signed=streaming and not kind.upper().startswith(f"{_STREAMING}UNSIGNED"),
        length=int(length),
        trailer=tuple(name.strip() for name in announced if name.strip()),
    )


def _names_token(headers: Mapping[str, str]) -> bool:
    return any(
        coding.strip().lower() == _TOKEN for coding in headers["content-encoding"].split(",")
    )


def strip_content_encoding(value: str) -> str:
    """A Content-Encoding without ``aws-chunked``; "" if nothing is left."""
    if _TOKEN not in value.lower():
        return value
    codings = [coding.strip() for coding in value.split(",")]
    return ",".join(coding for coding in codings if coding and coding.lower() != _TOKEN)


class Decoder:
    """Takes a framed body apart. ``feed`` pieces of it, then ``finish``."""

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._step = self._header
        self._line = bytearray()
        self._left = 0
        self._chunks = 0
        self._last_size = MIN_CHUNK
        self._decoded = 0
        self._trailer: list[tuple[str, str]] = []
        self._trailer_lines: list[bytes] = []
        self._signature: str | None = None
        self._bare_end = False
        self._ended = False
        self._events: list[Event] = []

    def feed(self, piece: Piece) -> list[Event]:
        """The events of the next bytes. S3Error if they break the framing."""
        events = self._events = []
        position, end = 0, len(piece)
        while position < end:
            position = self._step(piece, position)
        return events

    def finish(self) -> None:
        """Say that there are no more bytes. S3Error IncompleteBody if the body is not whole."""
        if not self._ended:
            raise _broken()

    def _take_line(self, piece: Piece, position: int, most: int) -> tuple[bytes | None, int]:
        """The line that ends in ``piece`` (with its LF), or None; and where to go on."""
        start = bytes(piece[position : position + most + 1])
        line_end = start.find(b"\n")
        line = start if line_end < 0 else start[: line_end + 1]
        position += len(line)
        if len(self._line) + len(line) > most:
            raise _broken()
        if line_end < 0:
            self._line += line
            return None, position
        if self._line:
            line = bytes(self._line) + line
            self._line.clear()
        return line, position

    def _header(self, piece: Piece, position: int) -> int:
        found = None if self._line else _HEADER.match(piece, position)
        if found is not None:
            position = found.end()
        else:
            line, position = self._take_line(piece, position, _MAX_LINE)
            if line is None:
                return position
            found = _HEADER.fullmatch(line)
        if found is None or self._framing.signed != (found["signature"] is not None):
            raise _broken()
        signature = found["signature"]
        self._begin(int(found["size"], 16), None if signature is None else signature.decode())
        return position

    def _begin(self, size: int, signature: str | None) -> None:
        self._chunks += 1
        self._decoded += size
        self._events.append(ChunkStart(size, signature))
        if size == 0:
            if self._decoded != self._framing.length:
                raise _broken()
            self._events.append(CHUNK_END)
            self._step = self._trailer_line
            return
        if self._last_size < MIN_CHUNK:
            raise S3Error(
                "InvalidChunkSizeError",
                Chunk=str(self._chunks),
                BadChunkSize=str(self._last_size),
            )
        if self._decoded > self._framing.length:
            raise _broken()
        self._last_size = self._left = size
        self._step = self._data

    def _data(self, piece: Piece, position: int) -> int:
        stop = min(position + self._left, len(piece))
        self._left -= stop - position
        whole = stop - position == len(piece)
        self._events.append(Data(piece if whole else memoryview(piece)[position:stop]))
        if self._left:
            return stop
        if piece[stop : stop + 2] == b"\r\n":
            self._events.append(CHUNK_END)
            self._step = self._header
            return stop + 2
        self._step = self._data_end
        return stop

    def _data_end(self, piece: Piece, position: int) -> int:
        expected = b"\n" if self._line else b"\r"
        if piece[position : position + 1] != expected:
            raise _broken()
        if self._line:
            self._line.clear()
            self._events.append(CHUNK_END)
            self._step = self._header
        else:
            self._line += expected
        return position + 1

    def _trailer_line(self, piece: Piece, position: int) -> int:
        line, position = self._take_line(piece, position, _MAX_TRAILER_LINE)
        if line is None:
            return position
        if line == b"\r\n":
            if self._bare_end:
                self._bare_end = False
            else:
                self._end()
        else:
            self._bare_end = not line.endswith(b"\r\n")
            self._add_trailer(line[:-1] if self._bare_end else line[:-2])
        return position

    def _add_trailer(self, line: bytes) -> None:
        found = _LINE.fullmatch(line)
        if found is None or len(self._trailer) >= _MAX_TRAILERS or self._signature is not None:
            raise S3Error("MalformedTrailerError")
        name = found["name"].decode().lower()
        value = (found["value"] or b"").decode("utf-8", "surrogateescape")
        if name == _SIGNATURE_TRAILER:
            self._signature = value
        else:
            self._trailer.append((name, value))
            self._trailer_lines.append(line)

    def _end(self) -> None:
        headers = dict(self._trailer)
        announced = set(self._framing.trailer)
        if len(headers) != len(self._trailer) or set(headers) != announced:
            raise S3Error("MalformedTrailerError")
        if (self._signature is not None) != (self._framing.signed and bool(announced)):
            raise S3Error("MalformedTrailerError")
        if announced:
            self._events.append(Trailers(tuple(self._trailer_lines), headers, self._signature))
        self._events.append(END)
        self._ended = True
        self._step = self._rubbish

    def _rubbish(self, piece: Piece, position: int) -> int:
        raise _broken()


def _broken() -> S3Error:
    return S3Error("IncompleteBody", "The request body terminated unexpectedly")

"""Bytes of a connection, read as HTTP/1.1 by llhttp.

https://www.rfc-editor.org/rfc/rfc9112. llhttp refuses what is ambiguous: line feeds alone, folded
lines, control characters, a length beside chunks. Here its pieces are put together, and bounded.
"""

from typing import Final, Protocol

import httptools

from gateway.s3.errors import S3Error
from gateway.wire.limits import Limits

_AT_ONCE: Final = 16 * 1024
"""Bytes parsed before the sink is asked whether it has enough."""
_AROUND_HEADER: Final = len(": \r\n")
_NAMES_KEPT: Final = 512
_LONGEST_NAME_KEPT: Final = 64
_BLANK: Final = 0x20
_SINGLE: Final = frozenset(
    {
        "authorization",
        "content-length",
        "content-md5",
        "content-type",
        "expect",
        "host",
        "range",
        "transfer-encoding",
        "x-amz-content-sha256",
        "x-amz-copy-source",
        "x-amz-date",
        "x-amz-decoded-content-length",
    }
)
_names: dict[bytes, str] = {}
"""Names of headers as they were sent, in small letters."""


class Head:
    """A request's first line and headers.

    ``target`` is as it was sent. ``headers``: lower-case names; values of one name joined by ``,``;
    text is UTF-8 with surrogateescape. ``length`` of the body, None if it comes in chunks.
    ``repeated``: a header that came again and must not (RFC 9110, 5.3), "" if there is none.
    """

    __slots__ = ("headers", "keep_alive", "length", "method", "repeated", "target", "version")

    def __init__(self) -> None:
        self.method = ""
        self.target = ""
        self.version = ""
        self.headers: dict[str, str] = {}
        self.length: int | None = 0
        self.keep_alive = False
        self.repeated = ""


class Sink(Protocol):
    """Takes what was read, in its order: a head, pieces of its body, its end, the next head …"""

    def head(self, head: Head) -> None:
        """A request begins."""

    def piece(self, data: bytes | memoryview) -> None:
        """The next bytes of its body; a view is theirs only during this call."""

    def end(self) -> None:
        """All of it is there."""

    def has_enough(self) -> bool:
        """No more requests are wanted for now."""


class Parser:
    """Feeds a sink with what is in the bytes of one connection.

    Once it has raised S3Error (RequestHeaderSectionTooLarge, BadRequest) nothing more can be read.
    """

    def __init__(self, sink: Sink, limits: Limits) -> None:
        self._sink = sink
        self._most = limits.header_bytes
        self._most_headers = limits.headers
        self._http = httptools.HttpRequestParser(self)
        self._target: list[bytes] = []
        self._lines: list[tuple[bytes, bytes]] = []
        """Of a head, or of a trailer, that is not whole yet."""
        self._counted = 0
        """Of these lines, those in ``_size``."""
        self._size = 0
        """Bytes of the target and of lines."""
        self._slice = 0
        """Bytes in this call."""
        self._fed = 0
        """Bytes that were fed since the head, or the trailer, began; some more than that."""
        self._told = False
        """llhttp has said something in this call."""
        self._untold = 0
        """Bytes of a value that it keeps to itself until it is whole."""
        self._begun = False
        self._in_body = False
        self._in_chunks = False
        self._left = 0
        """Bytes to come of a body whose length is known."""
        self._upgrade = False
        self._muted = False
        self._held = b""
        self._fault: S3Error | None = None

    @property
    def holds(self) -> bool:
        """Bytes wait for ``go_on``."""
        return bool(self._held)

    @property
    def in_head(self) -> bool:
        """A request has begun whose head is not whole, or waits to be read."""
        return (self._begun and not self._in_body) or bool(self._held)

    @property
    def awaits_body(self) -> bool:
        """The next bytes are those of a body whose length is known, and nothing waits before them."""
        return bool(self._left) and not self._held

    def passed(self, count: int) -> None:
        """So many bytes, of the body that is awaited, went to the sink on another way."""
        self._left -= count
        if not self._left:
            self._body_ended()

    def feed(self, data: bytes | memoryview) -> None:
        """Read the next bytes. What the sink does not want yet is kept for ``go_on``."""
        if self._held:
            self._held += data
            return
        if self._left and len(data) < self._left:
            # The common case of a large body: its bytes pass untouched.
            self._left -= len(data)
            self._sink.piece(data)
            return
        if len(data) <= _AT_ONCE and not self._left:
            rest = self._parse(data)
            if not rest:
                return
            data = rest
        self._feed_on(data)

    def go_on(self) -> None:
        """Read what was kept."""
        data, self._held = self._held, b""
        self._feed_on(data)

    def _feed_on(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        while view:
            if self._sink.has_enough():
                self._held = bytes(view)
                return
            if self._left:
                piece = view[: self._left]
                view = view[len(piece) :]
                self._left -= len(piece)
                self._sink.piece(piece)
                if not self._left:
                    self._body_ended()
            else:
                rest = self._parse(view[:_AT_ONCE])
                view = view[min(_AT_ONCE, len(view)) - len(rest) :]

    def _parse(self, data: bytes | memoryview) -> bytes | memoryview:
        """What is left of the data is no longer the parser's."""
        self._told = False
        self._slice = len(data)
        self._fed += self._slice
        try:
            self._http.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return self._as_if_no_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            raise self._fault or _malformed() from None
        if self._left:
            # llhttp would look at the rest of the body; it need not.
            self._http = httptools.HttpRequestParser(self)
        else:
            self._bound(len(data))
        return b""

    def _bound(self, fed: int) -> None:
        """See that nothing piles up, here or in llhttp, whose parts are told when they are whole."""
        if len(self._lines) > self._counted:
            self._told = True
            self._count_lines()
        if self._told:
            self._untold = 0
        else:
            self._untold += fed
        fault = self._excess()
        if fault is not None:
            raise fault

    def _count_lines(self) -> None:
        lines = self._lines
        for name, value in lines[self._counted :]:
            self._size += len(name) + len(value) + _AROUND_HEADER
        self._counted = len(lines)

    def _excess(self) -> S3Error | None:
        if self._counted > self._most_headers:
            return S3Error("RequestHeaderSectionTooLarge")
        if self._size > self._most or self._untold > self._most:
            return S3Error("RequestHeaderSectionTooLarge", MaxSizeAllowed=str(self._most))
        return None

    def _as_if_no_upgrade(self, rest: bytes | memoryview) -> bytes | memoryview:
        """A server may ignore the header Upgrade (RFC 9110, 7.8); llhttp cannot: it stops there."""
        self._upgrade = False
        self._http = httptools.HttpRequestParser(self)
        if self._in_chunks:
            self._muted = True
            self._http.feed_data(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
            self._muted = False
        elif not self._left:
            self._body_ended()
        return rest

    def _body_ended(self) -> None:
        self._begun = self._in_body = self._in_chunks = False
        self._sink.end()

    # What llhttp tells.

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        if not self._muted:
            self._begun = self._told = True
            self._in_body = self._in_chunks = False
            self._fed = self._slice

    def on_url(self, piece: bytes) -> None:
        """Of the target."""
        if not self._muted:
            self._told = True
            self._target.append(piece)
            self._size += len(piece)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a line of a trailer."""
        if not self._muted:
            self._lines.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if self._muted:
            return
        self._told = self._in_body = True
        head, http, target = Head(), self._http, self._target
        head.method = http.get_method().decode()
        raw = target[0] if len(target) == 1 else b"".join(target)
        target.clear()
        head.target = raw.decode("utf-8", "surrogateescape")
        head.version = http.get_http_version()
        head.keep_alive = http.should_keep_alive()
        _put_lines(self._lines, head)
        self._forget_lines()
        headers = head.headers
        if "transfer-encoding" in headers:
            head.length = None
            self._in_chunks = True
        elif "content-length" in headers:
            head.length = self._left = int(headers["content-length"])
        self._upgrade = http.should_upgrade()
        self._sink.head(head)

    def on_chunk_header(self) -> None:
        """The size of a chunk."""
        self._told = True

    def on_body(self, piece: bytes) -> None:
        """Bytes of the body."""
        self._told = True
        if self._left:
            self._left -= len(piece)
        self._sink.piece(piece)

    def on_message_complete(self) -> None:
        """The request has ended. A trailer is dropped, as RFC 9112, 7.1.2 allows."""
        if self._muted or self._upgrade:
            return
        if self._lines:
            self._forget_lines()
        self._body_ended()

    def _forget_lines(self) -> None:
        if self._fed > self._most or len(self._lines) > self._most_headers:
            self._count_lines()
            self._fault = self._excess()
        self._lines.clear()
        self._counted = self._size = 0
        self._fed = self._slice
        if self._fault is not None:
            raise self._fault


def _put_lines(lines: list[tuple[bytes, bytes]], head: Head) -> None:
    headers = head.headers
    for name, value in lines:
        known = _names.get(name) or _small_letters(name)
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = value.decode("utf-8", "surrogateescape")
        if value and value[-1] <= _BLANK:
            text = text.rstrip(" \t")
        if known not in headers:
            headers[known] = text
        elif known in _SINGLE:
            head.repeated = known
        else:
            headers[known] += "," + text


def _small_letters(name: bytes) -> str:
    known = name.decode("ascii", "replace").lower()
    if len(_names) < _NAMES_KEPT and len(name) <= _LONGEST_NAME_KEPT:
        _names[name] = known
    return known


def _malformed() -> S3Error:
    # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    return S3Error("BadRequest", "An error occurred when parsing the HTTP request.")

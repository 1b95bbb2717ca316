"""Bytes of a connection, read as answers of HTTP/1.1 by llhttp.

https://www.rfc-editor.org/rfc/rfc9112. llhttp refuses what is ambiguous: line feeds alone, folded
lines, control characters, two lengths, a length beside chunks. Here its pieces are put together and
bounded, and it is decided where a body ends.
"""

from collections.abc import Iterator, Mapping
from typing import Final, Protocol, TypeVar, overload

import httptools

from backends.http.failures import NoAnswer

MAX_HEAD: Final = 64 * 1024
"""Bytes of a head, of a trailer, or of what stands between two chunks."""
MAX_HEADERS: Final = 256
MAX_INTERIM: Final = 16
"""Answers below 200 to one request, which are passed over."""

_BEGINNING: Final = b"HTTP/1."
_AROUND_HEADER: Final = len(": \r\n")
_NO_BODY: Final = frozenset({204, 304})
_BLANK: Final = 0x20
_NAMES_KEPT: Final = 512
_LONGEST_NAME_KEPT: Final = 64
_names: dict[bytes, str] = {}
"""Names of headers as they were sent, in small letters."""
_T = TypeVar("_T")


class Headers(Mapping[str, str]):
    """By name, without case; of several of one name the first. Text is UTF-8 with surrogateescape."""

    __slots__ = ("_first", "_lines")

    def __init__(self, lines: list[tuple[bytes, bytes]]) -> None:
        self._lines = lines
        self._first: dict[str, bytes] = {}
        first = self._first
        for name, value in lines:
            known = _names.get(name) or _small_letters(name)
            if known not in first:
                first[known] = value

    def __getitem__(self, name: str) -> str:
        return _text(self._first[name.lower()])

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._first

    def __iter__(self) -> Iterator[str]:
        return iter(self._first)

    def __len__(self) -> int:
        return len(self._first)

    @overload
    def get(self, name: str, /) -> str | None: ...
    @overload
    def get(self, name: str, /, default: str | _T) -> str | _T: ...
    def get(self, name: str, /, default: str | _T | None = None) -> str | _T | None:
        """Its value; ``default`` if there is none."""
        first = self._first
        value = first.get(name)
        if value is None:  # most names come in small letters
            value = first.get(name.lower())
            if value is None:
                return default
        return _text(value)

    def all(self, name: str) -> list[str]:
        """The values of every header of that name."""
        wanted = name.lower()
        return [_text(value) for name, value in self._lines if _small_letters(name) == wanted]


class Head:
    """Of an answer. ``length`` of its body, None if only its end tells; ``keep_alive``: another
    request may follow."""

    __slots__ = ("headers", "keep_alive", "length", "status")

    def __init__(
        self, status: int, headers: Headers, length: int | None, *, keep_alive: bool
    ) -> None:
        self.status = status
        self.headers = headers
        self.length = length
        self.keep_alive = keep_alive


class Sink(Protocol):
    """Takes what was read, in its order."""

    def told_to_go_on(self) -> None:
        """100 Continue."""

    def head(self, head: Head) -> None:
        """The answer begins."""

    def piece(self, data: bytes) -> None:
        """The next bytes of its body."""

    def end(self) -> None:
        """It is whole."""


class Parser:
    """Feeds a sink with the answers on one connection. Once it has raised NoAnswer it is of no use."""

    __slots__ = (
        "_beginning",
        "_begun",
        "_has_body",
        "_http",
        "_interim",
        "_is_clean",
        "_is_open",
        "_left",
        "_lines",
        "_sink",
        "_status",
        "_untold",
        "has_begun",
        "has_more",
    )

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._http: httptools.HttpResponseParser | None = None
        self._lines: list[tuple[bytes, bytes]] = []
        self._beginning = b""
        self._untold = 0
        """Bytes since a head, a chunk or a piece of a body was told."""
        self._interim = 0
        self._status = 0
        self._left = 0
        """Bytes to come of a body whose length is known."""
        self._begun = False
        """An answer is awaited, and not whole."""
        self._has_body = False
        self._is_open = False
        """The body ends with the connection."""
        self._is_clean = False
        """llhttp has seen the end, and can read the next."""
        self.has_begun = False
        """A byte of the answer has come."""
        self.has_more = False
        """Bytes came that nobody has asked for."""

    def begin(self, *, is_head: bool) -> None:
        """A request goes out, ``is_head`` if it is HEAD: its answer is what comes next."""
        if self._http is None:
            self._http = httptools.HttpResponseParser(self)
        self._beginning = b""
        self._lines = []
        self._untold = self._interim = self._status = 0
        self._begun = True
        self.has_begun = False
        self._has_body = not is_head
        self._is_open = self._is_clean = False

    def feed(self, data: bytes) -> None:
        """Read the next bytes. NoAnswer."""
        if self._left:
            data = self._passed(data)
            if not data:
                return
        if not self._begun or self._http is None:
            self.has_more = True
            return
        self.has_begun = True
        if not self._status and len(self._beginning) < len(_BEGINNING):
            self._beginning += data[: len(_BEGINNING) - len(self._beginning)]
            if not _BEGINNING.startswith(self._beginning):
                raise NoAnswer
        self._untold += len(data)
        self._parse(self._http, data)
        if self._untold > MAX_HEAD or len(self._lines) > MAX_HEADERS:
            raise NoAnswer

    @property
    def left(self) -> int:
        """Bytes to come of a body whose length is known; 0 if it is not."""
        return self._left

    def passed_by(self, count: int, *, has_more: bool) -> None:
        """So many of them, no more than are left, went another way; ``has_more``: something is behind."""
        self._left -= count
        if not self._left:
            self.has_more = has_more
            self._over()

    def ended(self) -> bool:
        """The connection has ended: whether the answer has, too."""
        if self._begun and self._is_open:
            self._over()
        return not self._begun

    def _parse(self, http: httptools.HttpResponseParser, data: bytes) -> None:
        try:
            http.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if self._begun:
                raise NoAnswer from None
            self.has_more = True
        if self._left or not (self._begun or self._is_clean):
            # It waits for a body that passes by it, or for one that will not come.
            self._http = None

    def _passed(self, data: bytes) -> bytes:
        """A body of known length passes untouched. What comes behind it."""
        left = self._left
        if len(data) < left:
            self._left -= len(data)
            self._sink.piece(data)
            return b""
        self._left = 0
        self._sink.piece(data if len(data) == left else data[:left])
        self._over()
        return data[left:]

    def _over(self) -> None:
        self._begun = False
        self._sink.end()

    # What llhttp tells.

    def on_message_begin(self) -> None:
        """The first byte of an answer."""
        if not self._begun:
            self.has_more = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a line of a trailer."""
        self._lines.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        http, lines = self._http, self._lines
        if http is None or not self._begun or len(lines) > MAX_HEADERS:
            raise NoAnswer
        if self._untold > MAX_HEAD and _size_of(lines) > MAX_HEAD:
            raise NoAnswer
        status, headers = http.get_status_code(), Headers(lines)
        self._lines = []
        self._untold = 0
        if status < 200:
            self._pass_over(status, headers)
            return
        self._status = status
        version = http.get_http_version()
        length = self._length_of(status, headers, version)
        keep_alive = not self._is_open and _keeps(version, headers.get("connection", ""))
        self._left = length or 0
        self._sink.head(Head(status, headers, length, keep_alive=keep_alive))
        if length == 0:
            self._over()

    def on_chunk_header(self) -> None:
        """The size of a chunk."""
        self._untold = 0

    def on_body(self, piece: bytes) -> None:
        """Bytes of the body."""
        if not self._begun:
            self.has_more = True
            return
        self._untold = 0
        if self._left:
            self._left -= len(piece)
            self._sink.piece(piece)
            if not self._left:
                self._over()
        else:
            self._sink.piece(piece)

    def on_message_complete(self) -> None:
        """The answer has ended. A trailer is dropped."""
        if self._status >= 200:
            self._is_clean = True
            self._lines = []
            if self._begun:
                self._over()

    def _pass_over(self, status: int, headers: Headers) -> None:
        self._interim += 1
        if self._interim > MAX_INTERIM or "content-length" in headers:
            raise NoAnswer
        if "transfer-encoding" in headers:
            raise NoAnswer
        if status == 100:
            self._sink.told_to_go_on()

    def _length_of(self, status: int, headers: Headers, version: str) -> int | None:
        """RFC 9112, 6.3. None if chunks, or the end of the connection, tell."""
        length = headers.get("content-length")
        is_coded = "transfer-encoding" in headers
        if is_coded:
            said = headers.all("transfer-encoding")
            if [one.lower() for one in said] != ["chunked"] or version != "1.1":
                raise NoAnswer
        if not self._has_body or status in _NO_BODY:
            return 0
        if length is not None:
            return int(length)
        self._is_open = not is_coded
        return None


def _size_of(lines: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + _AROUND_HEADER for name, value in lines)


def _keeps(version: str, connection: str) -> bool:
    """Whether another request may follow: RFC 9112, 9.3."""
    if not connection:
        return version == "1.1"
    options = {option.strip().lower() for option in connection.split(",")}
    return "close" not in options and (version == "1.1" or "keep-alive" in options)


def _text(value: bytes) -> str:
    text = value.decode("utf-8", "surrogateescape")
    return text.rstrip(" \t") if value and value[-1] <= _BLANK else text


def _small_letters(name: bytes) -> str:
    known = name.decode("ascii", "replace").lower()
    if len(_names) < _NAMES_KEPT and len(name) <= _LONGEST_NAME_KEPT:
        _names[name] = known
    return known

"""HTTP/1.1 answers from bytes cut anywhere.

https://www.rfc-editor.org/rfc/rfc9112 (sections 4, 6, 7). Only what a client must read is read:
status, framing, whether the connection stays. A body is counted and compared, not kept, unless
asked for or the answer is an error.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

from bench.content import Content

MAX_HEAD = 64 * 1024
MAX_LINE = 4 * 1024
MAX_KEPT = 16 * 1024 * 1024
_KEPT_OF_ERROR = 4 * 1024
_FIRST_LOOK = 4 * 1024
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [^\r\n]*)?")
_CHUNK_LINE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;.*)?")


class AnswerError(Exception):
    """What came is no HTTP/1.1 answer; the connection is of no more use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer. ``body`` is empty unless it was to be kept or the answer is an error."""

    status: int
    head: bytes
    body: bytes
    length: int | None
    """Bytes of body that came; for HEAD the announced ones, None if none were announced."""
    as_expected: bool
    """False if a body differs from the content it was compared to."""
    closes: bool
    """The server closes the connection after this answer."""

    def header(self, name: str) -> str | None:
        """The first value of a header, None without it."""
        start = self.head.lower().find(f"\r\n{name.lower()}:".encode("ascii"))
        if start < 0:
            return None
        start += len(name) + 3
        end = self.head.find(b"\r\n", start)
        return self.head[start : len(self.head) if end < 0 else end].strip().decode("latin-1")


class _State(Enum):
    HEAD = auto()
    FIXED = auto()
    UNTIL_CLOSE = auto()
    CHUNK_LINE = auto()
    CHUNK_DATA = auto()
    CHUNK_END = auto()
    TRAILER = auto()
    DONE = auto()


class AnswerParser:
    """Reads one answer, then after ``begin`` the next.

    ``content`` is what the body of a good answer must be, ``keep`` keeps it.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(
        self, *, without_body: bool = False, content: Content | None = None, keep: bool = False
    ) -> None:
        """Expect an answer; ``without_body`` if it is one to HEAD."""
        self._without_body = without_body
        self._content = content
        self._keep = keep
        self._state = _State.HEAD
        self._pending = bytearray()
        self._head = b""
        self._kept = bytearray()
        self._status = 0
        self._announced: int | None = None
        self._left = 0
        self._received = 0
        self._as_expected = True
        self._closes = False

    def feed(self, data: memoryview) -> bool:
        """Take the bytes that came; True if the answer is whole with them.

        Raises AnswerError, also for bytes beyond the answer.
        """
        start = 0
        end = len(data)
        while start < end:
            if self._state is _State.FIXED or self._state is _State.CHUNK_DATA:
                start += self._feed_counted(data[start : start + self._left])
            elif self._state is _State.HEAD:
                start += self._feed_head(data[start:])
            elif self._state is _State.UNTIL_CLOSE:
                self._take(data[start:])
                start = end
            elif self._state is _State.DONE:
                raise AnswerError(f"{end - start} bytes came after the answer")
            else:
                start += self._feed_line(data[start:])
        return self._state is _State.DONE

    def end(self) -> bool:
        """The connection has ended; True if the answer is whole by that."""
        if self._state is _State.UNTIL_CLOSE:
            self._state = _State.DONE
        return self._state is _State.DONE

    @property
    def begun(self) -> bool:
        """Some byte of the answer has come."""
        return bool(self._state is not _State.HEAD or self._pending)

    def answer(self) -> Answer:
        """The answer, once it is whole."""
        return Answer(
            status=self._status,
            head=self._head,
            body=bytes(self._kept),
            length=self._announced if self._without_body else self._received,
            as_expected=self._as_expected,
            closes=self._closes,
        )

    def _feed_head(self, data: memoryview) -> int:
        known = len(self._pending)
        # A head is short; what follows it is not copied.
        self._pending += data[:_FIRST_LOOK]
        end = self._pending.find(b"\r\n\r\n", max(0, known - 3))
        if end < 0:
            if len(self._pending) > MAX_HEAD:
                raise AnswerError("the head of the answer does not end")
            return min(len(data), _FIRST_LOOK)
        self._read_head(bytes(self._pending[:end]))
        self._pending.clear()
        return end + 4 - known

    def _read_head(self, head: bytes) -> None:
        line, _, _ = head.partition(b"\r\n")
        match = _STATUS_LINE.fullmatch(line)
        if match is None:
            raise AnswerError(f"this is no status line: {line[:80]!r}")
        self._status = int(match[2])
        if self._status < 200:
            if self._status == 101:
                raise AnswerError("the server switches protocols unasked")
            return  # Interim: the answer is yet to come.
        self._head = head
        lower = head.lower()
        connection = _value(lower, b"connection") or b""
        self._closes = b"close" in connection or (match[1] == b"0" and b"keep" not in connection)
        self._frame(_value(lower, b"content-length"), _value(lower, b"transfer-encoding"))

    def _frame(self, length: bytes | None, encoding: bytes | None) -> None:
        if length is not None:
            if not length.isdigit() or len(length) > 18:
                raise AnswerError(f"this is no content-length: {length[:40]!r}")
            self._announced = int(length)
        if self._without_body or self._status in (204, 304):
            self._state = _State.DONE
        elif encoding is not None:
            if encoding != b"chunked" or length is not None:
                raise AnswerError("transfer-encoding is not chunked alone")
            self._state = _State.CHUNK_LINE
        elif self._announced is None:
            self._state, self._closes = _State.UNTIL_CLOSE, True
        else:
            self._left = self._announced
            self._state = _State.FIXED if self._left else _State.DONE

    def _feed_counted(self, piece: memoryview) -> int:
        self._take(piece)
        self._left -= len(piece)
        if not self._left:
            self._state = _State.DONE if self._state is _State.FIXED else _State.CHUNK_END
        return len(piece)

    def _feed_line(self, data: memoryview) -> int:
        known = len(self._pending)
        self._pending += data[:MAX_LINE]
        end = self._pending.find(b"\r\n", max(0, known - 1))
        if end < 0:
            if len(self._pending) > MAX_LINE:
                raise AnswerError("a line of the chunked body does not end")
            return min(len(data), MAX_LINE)
        self._read_line(bytes(self._pending[:end]))
        self._pending.clear()
        return end + 2 - known

    def _read_line(self, line: bytes) -> None:
        if self._state is _State.CHUNK_LINE:
            match = _CHUNK_LINE.fullmatch(line)
            if match is None:
                raise AnswerError(f"this is no chunk size: {line[:40]!r}")
            self._left = int(match[1], 16)
            self._state = _State.CHUNK_DATA if self._left else _State.TRAILER
        elif self._state is _State.CHUNK_END:
            if line:
                raise AnswerError("a chunk is longer than it said")
            self._state = _State.CHUNK_LINE
        elif not line:
            self._state = _State.DONE

    def _take(self, piece: memoryview) -> None:
        if self._status >= 300:
            self._kept += piece[: max(0, _KEPT_OF_ERROR - len(self._kept))]
        elif self._keep:
            if len(self._kept) + len(piece) > MAX_KEPT:
                raise AnswerError(f"the body is longer than {MAX_KEPT} bytes")
            self._kept += piece
        elif self._content is not None and self._as_expected:
            self._as_expected = self._content.has(piece, self._received)
        self._received += len(piece)


def _value(lower: bytes, name: bytes) -> bytes | None:
    """The value of a header in a lower-case head. Raises AnswerError if it is there twice."""
    start = lower.find(b"\r\n" + name + b":")
    if start < 0:
        return None
    start += len(name) + 3
    if lower.find(b"\r\n" + name + b":", start) >= 0:
        raise AnswerError(f"{name.decode()} is there twice")
    end = lower.find(b"\r\n", start)
    return lower[start : len(lower) if end < 0 else end].strip()

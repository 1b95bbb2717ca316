"""What is to go wrong, and when: armed by a test, asked for by each request."""

import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Self, TypedDict, Unpack

from gateway.testing import names

_MOST_ARMED = 1_000
_LONGEST_S = 3_600.0
CORRUPTIBLE = ("GetObject", "HeadObject", "PutObject", "UploadPart")
"""The operations whose answers tell a checksum in a header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What a request is about. ``operation`` is None if it is none of S3's."""

    operation: str | None = None
    bucket: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """Answered with an error instead of being done."""

    code: str
    message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """Done, and the answer held back."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Done, and the connection closed after so many bytes of the answer's body; None: before it."""

    after_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongChecksum:
    """Done, and checksum and ETag of the answer are not those of the bytes."""


Effect = Fail | Delay | Cut | WrongChecksum
KINDS = {Fail: "fail", Delay: "delay", Cut: "cut", WrongChecksum: "wrong_checksum"}


class Which(TypedDict, total=False):
    """Which requests of its operation a fault is for.

    ``bucket`` and ``key`` are patterns (``*``, ``?``, ``[ab]``; ``*`` takes slashes too), any by
    default. It happens to the ``nth`` request that matches since it was armed (by default the next)
    and to those after it, until it has happened ``times`` times (by default once); None: as long as
    it is armed.
    """

    bucket: str
    key: str
    nth: int
    times: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """``Which`` and the operation. ValueError for what makes no sense."""

    operation: str
    bucket: str = "*"
    key: str = "*"
    nth: int = 1
    times: int | None = 1

    def __post_init__(self) -> None:
        if not (_is_text(self.bucket) and _is_text(self.key)):
            raise ValueError("bucket and key are patterns: texts of printable characters.")
        if not _is_count(self.nth) or self.nth < 1:
            raise ValueError("nth is a whole number from 1 on.")
        if self.times is not None and (not _is_count(self.times) or self.times < 1):
            raise ValueError("times is a whole number from 1 on, or None.")

    def matches(self, aim: Aim) -> bool:
        """Whether a request is one of those."""
        return (
            self.operation in (names.EVERY, aim.operation)
            and _fits(aim.bucket, self.bucket)
            and _fits(aim.key, self.key)
        )


class Fault:
    """One armed fault. As a context manager it is cleared when the block ends."""

    def __init__(self, faults: "Faults", number: int, effect: Effect, when: When) -> None:
        self._faults = faults
        self.number = number
        self.effect = effect
        self.when = when
        self.seen = 0
        """Requests that matched since it was armed."""
        self.fired = 0
        """Requests it happened to."""

    @property
    def kind(self) -> str:
        """``fail``, ``delay``, ``cut`` or ``wrong_checksum``."""
        return KINDS[type(self.effect)]

    def clear(self) -> None:
        """Let it happen no more. What it counted stays."""
        self._faults.remove(self)

    def met(self) -> bool:
        """Count a request that matches: whether it happens to this one."""
        self.seen += 1
        due = self.seen >= self.when.nth
        if due and (self.when.times is None or self.fired < self.when.times):
            self.fired += 1
            return True
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()

    def __repr__(self) -> str:
        return f"<{self.effect} {self.when} seen={self.seen} fired={self.fired}>"


class Faults:
    """The armed faults. May be used from any thread.

    Every method that arms one takes ``operation`` (an operation of S3 by its name, ``*`` for any) and
    ``bucket``, ``key``, ``nth`` and ``times`` as ``Which`` says. Several may happen to one request.
    They raise ValueError for what makes no sense, with the nearest name for a name that is unknown.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[Fault] = []
        self._numbers = itertools.count(1)

    def fail(
        self,
        operation: str,
        *,
        code: str = "InternalError",
        message: str | None = None,
        **which: Unpack[Which],
    ) -> Fault:
        """Answer with an error of S3 instead of doing what was asked. SDKs retry the 5xx ones."""
        if message is not None and not _is_text(message):
            raise ValueError("message is a text of printable characters, or None.")
        effect = Fail(code=names.error_code(code), message=message)
        return self._arm(effect, operation, which)

    def delay(
        self,
        operation: str,
        seconds: float,
        **which: Unpack[Which],
    ) -> Fault:
        """Do what was asked, and hold the answer back so long (or until the next reset)."""
        if not _is_number(seconds) or not 0 < seconds <= _LONGEST_S:
            raise ValueError(f"A delay is more than 0 and at most {_LONGEST_S:g} seconds.")
        return self._arm(Delay(seconds=seconds), operation, which)

    def cut(
        self,
        operation: str,
        *,
        after_bytes: int | None = None,
        **which: Unpack[Which],
    ) -> Fault:
        """Do what was asked, and close the connection after so many bytes of the answer's body.

        None, or an answer without a body: the connection is closed before any byte of the answer, so
        that the client cannot know what became of its request.
        """
        if after_bytes is not None and (not _is_count(after_bytes) or after_bytes < 0):
            raise ValueError("after_bytes is a whole number from 0 on, or None.")
        return self._arm(Cut(after_bytes=after_bytes), operation, which)

    def wrong_checksum(
        self,
        operation: str = "GetObject",
        **which: Unpack[Which],
    ) -> Fault:
        """Answer with a checksum and an ETag that are not those of the bytes.

        Of GetObject one bit of the body is changed and the headers are true; of HeadObject, PutObject
        and UploadPart the headers are changed. Other operations tell no checksum in a header.
        """
        if operation not in CORRUPTIBLE:
            names.operation(operation)
            raise ValueError(f"Checksums can be wrong of {', '.join(CORRUPTIBLE)} only.")
        return self._arm(WrongChecksum(), operation, which)

    def clear(self) -> None:
        """Let none happen any more."""
        with self._lock:
            self._armed.clear()

    def remove(self, fault: Fault) -> None:
        """Let this one happen no more."""
        with self._lock:
            if fault in self._armed:
                self._armed.remove(fault)

    @property
    def armed(self) -> Sequence[Fault]:
        """Those that were armed and not cleared, also if they will not happen again."""
        with self._lock:
            return tuple(self._armed)

    def due(self, aim: Aim) -> Sequence[Effect]:
        """What happens to a request, in the order in which it was armed. Counts the request."""
        with self._lock:
            return [
                fault.effect for fault in self._armed if fault.when.matches(aim) and fault.met()
            ]

    def _arm(self, effect: Effect, operation: str, which: Which) -> Fault:
        when = When(operation=names.operation(operation), **which)
        with self._lock:
            if len(self._armed) >= _MOST_ARMED:
                raise ValueError(f"{_MOST_ARMED} faults are armed already. Clear them.")
            fault = Fault(self, next(self._numbers), effect, when)
            self._armed.append(fault)
        return fault


def _fits(name: str | None, pattern: str) -> bool:
    return pattern == names.EVERY if name is None else fnmatchcase(name, pattern)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.isprintable()


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

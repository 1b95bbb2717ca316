"""What was asked of a server that may die at any moment, and what may be there afterwards.

One writer at a time writes a key, so its history is a list. An operation that was answered has
happened (or, refused, has not). One that was not answered may have happened, unless something
written after it was acknowledged: the process that could still do it is dead by then.
"""

import hashlib
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto

ABSENT = ""
"""The token of a key at which nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One version that was ever asked for. ``token`` names it, and is kept in its metadata."""

    token: str
    sha256: str
    size: int


class Outcome(Enum):
    """What became of an operation."""

    UNKNOWN = auto()
    ACKNOWLEDGED = auto()
    REFUSED = auto()


@dataclass(slots=True, eq=False)
class Operation:
    """One change of one key. Times are of the caller's clock: any numbers that only grow."""

    bucket: str
    key: str
    token: str
    invoked: int
    outcome: Outcome = Outcome.UNKNOWN
    ended: int | None = None


def content(token: str, size: int) -> bytes:
    """The body of a version: no two tokens share a piece of it."""
    block = hashlib.sha256(token.encode()).digest() * 32
    return (block * (size // len(block) + 1))[:size]


@dataclass(slots=True)
class Journal:
    """All operations, by key in the order in which they were asked for. Any thread."""

    written: dict[str, Written] = field(default_factory=dict)
    _of: dict[tuple[str, str], list[Operation]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def body(self, token: str, size: int) -> bytes:
        """A new version's body, noted."""
        body = content(token, size)
        self.note(token, body)
        return body

    def note(self, token: str, body: bytes) -> None:
        """A new version of that body."""
        self.written[token] = Written(
            token=token, sha256=hashlib.sha256(body).hexdigest(), size=len(body)
        )

    def invoke(self, bucket: str, key: str, token: str, now: int = 0) -> Operation:
        """To be called before the operation is sent. ABSENT is a removal."""
        operation = Operation(bucket=bucket, key=key, token=token, invoked=now)
        with self._lock:
            self._of.setdefault((bucket, key), []).append(operation)
        return operation

    def end(self, operation: Operation, outcome: Outcome, now: int = 0) -> None:
        """To be called when it was answered; what is not answered stays unknown."""
        operation.ended = now
        operation.outcome = outcome

    def settle(self, bucket: str, key: str, token: str) -> None:
        """It was seen that this is there now: nothing before counts any more."""
        operation = Operation(bucket=bucket, key=key, token=token, invoked=0)
        operation.outcome, operation.ended = Outcome.ACKNOWLEDGED, 0
        with self._lock:
            self._of[bucket, key] = [operation]

    def keys(self, bucket: str) -> Iterable[str]:
        """All keys of the bucket that were ever written."""
        with self._lock:
            return sorted(key for of, key in self._of if of == bucket)

    def allowed(self, bucket: str, key: str, *, until: int | None = None) -> frozenset[str]:
        """Tokens one of which is there if everything stops now (or stopped at ``until``)."""
        with self._lock:
            operations = list(self._of.get((bucket, key), ()))
        allowed = {ABSENT}
        for operation in operations:
            if until is not None and operation.invoked > until:
                break
            answered = operation.ended is not None and (until is None or operation.ended <= until)
            if not answered or operation.outcome is Outcome.UNKNOWN:
                allowed.add(operation.token)
            elif operation.outcome is Outcome.ACKNOWLEDGED:
                allowed = {operation.token}
        return frozenset(allowed)

    def known(self, bucket: str, key: str) -> str | None:
        """The token that is there, None if that is not certain."""
        allowed = self.allowed(bucket, key)
        return next(iter(allowed)) if len(allowed) == 1 else None

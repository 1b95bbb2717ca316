"""What was asked of the server, for a test to look at."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import overload

from gateway.observe.event import RequestEvent
from gateway.s3.errors import S3Error
from gateway.s3.message import Request, Response
from gateway.s3.target import parse_query
from gateway.testing import names
from gateway.testing.faults import Aim

_MOST_KEPT = 10_000
_HIDDEN = frozenset(
    {
        "authorization",
        "cookie",
        "proxy-authorization",
        "x-amz-copy-source-server-side-encryption-customer-key",
        "x-amz-security-token",
        "x-amz-server-side-encryption-customer-key",
        "x-amz-signature",
    }
)
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One request and how it was answered."""

    id: str
    """The answer's x-amz-request-id."""
    operation: str
    """Name of the operation, ``-`` if the request was none of S3's."""
    method: str
    path: str
    """As it was sent."""
    bucket: str | None
    key: str | None
    status: int
    error_code: str | None
    bytes_in: int
    """Of the body, as far as it was read when the answer was decided."""
    bytes_out: int
    """Of the answer's body, if nothing cuts it."""
    access_key: str | None
    """Of the credentials, if they were good."""
    started_ns: int
    """Unix time in nanoseconds."""
    seconds: float
    """From then until the answer was decided; a delay that was asked for is not in it."""
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    """Of the request, by lower-case name, without signatures and secrets."""
    query: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    """Decoded, without signatures and tokens."""
    faults: tuple[str, ...] = ()
    """The kinds of faults that happened to it."""


class Journal(Sequence[Recorded]):
    """The requests, in the order in which their answers were decided. May be used from any thread.

    A request is in it before the first byte of its answer is sent: whoever has the answer finds it.
    Health checks are not. The newest 10,000 are kept.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._kept: deque[Recorded] = deque(maxlen=_MOST_KEPT)

    def __len__(self) -> int:
        with self._changed:
            return len(self._kept)

    def __iter__(self) -> Iterator[Recorded]:
        return iter(self._snapshot())

    @overload
    def __getitem__(self, index: int) -> Recorded: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Recorded]: ...
    def __getitem__(self, index: int | slice) -> Recorded | Sequence[Recorded]:
        return self._snapshot()[index]

    def of(
        self, operation: str = "*", *, bucket: str | None = None, key: str | None = None
    ) -> Sequence[Recorded]:
        """Those of an operation, a bucket, a key. ValueError if S3 has no such operation."""
        wanted = names.operation(operation)
        return [
            one
            for one in self._snapshot()
            if wanted in (names.EVERY, one.operation)
            and bucket in (None, one.bucket)
            and key in (None, one.key)
        ]

    def wait_for(
        self,
        count: int,
        operation: str = "*",
        *,
        bucket: str | None = None,
        key: str | None = None,
        timeout: float = 10.0,
    ) -> Sequence[Recorded]:
        """Wait until there are ``count`` such requests; returns them all.

        Blocks its thread: in a coroutine use ``asyncio.to_thread``. TimeoutError, telling what there
        was, after ``timeout`` seconds.
        """
        end = time.monotonic() + timeout
        with self._changed:
            while len(found := self.of(operation, bucket=bucket, key=key)) < count:
                if not self._changed.wait(max(0.0, end - time.monotonic())):
                    raise TimeoutError(
                        f"{len(found)} and not {count} requests of {operation} in {timeout:g} s; "
                        f"there were: {[one.operation for one in self._kept]}"
                    )
            return found

    def clear(self) -> None:
        """Forget them all."""
        with self._changed:
            self._kept.clear()

    def add(self, recorded: Recorded) -> None:
        """Keep one more, and wake who waits."""
        with self._changed:
            self._kept.append(recorded)
            self._changed.notify_all()

    def _snapshot(self) -> Sequence[Recorded]:
        with self._changed:
            return tuple(self._kept)


def recorded(
    event: RequestEvent,
    *,
    aim: Aim = Aim(),  # noqa: B008 - a value
    request: Request | None = None,
    response: Response | None = None,
    bytes_in: int = 0,
    seconds: float = 0.0,
    faults: tuple[str, ...] = (),
) -> Recorded:
    """The record of a request, whose answer was decided (``response``) or failed on the wire."""
    status, bytes_out = event.status, event.bytes_out
    if response is not None:
        body = response.body
        status, bytes_out = response.status, len(body) if isinstance(body, bytes) else body.length
        if event.method == "HEAD":
            bytes_out = 0
    return Recorded(
        id=event.id,
        # Who is refused by the signature is refused before the operation is looked at.
        operation=aim.operation or event.operation,
        method=event.method,
        path=event.path,
        bucket=aim.bucket,
        key=aim.key,
        status=status,
        error_code=event.error_code,
        bytes_in=bytes_in or event.bytes_in,
        bytes_out=bytes_out,
        access_key=event.access_key,
        started_ns=event.started_ns,
        seconds=seconds or event.seconds,
        headers=_NOTHING if request is None else _shown(request.headers),
        query=_NOTHING if request is None else _shown(_query(request)),
        faults=faults,
    )


def _query(request: Request) -> Mapping[str, str]:
    try:
        return parse_query(request.query)[0]
    except S3Error:
        return {}


def _shown(values: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(
        {name: value for name, value in values.items() if name.lower() not in _HIDDEN}
    )

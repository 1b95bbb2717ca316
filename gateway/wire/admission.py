"""Who is let in: connections in all and of one address, requests at once."""

import asyncio
import contextlib
import ipaddress
import time
from collections import Counter, deque
from collections.abc import Sequence
from enum import Enum

import structlog

from gateway.s3.errors import S3Error
from gateway.wire.limits import Limits
from gateway.wire.networks import Network, is_in

_log = structlog.get_logger("s3front.admission")
_REFUSED_AT_ONCE = 128
"""So many connections beyond the limits live until they were told so."""
_CROWDED = 0.8
_QUIET_S = 60.0
_RETRY_AFTER_S = 1


class Entry(Enum):
    """What becomes of a new connection."""

    SERVED = "served"
    REFUSED = "refused"
    """Its first request is answered 503, then it is closed."""
    CUT = "cut"
    """Closed at once: too many are being refused."""


class Admission:
    """Counts what one worker has let in. Loop thread only.

    ``trusted``: proxies, whose connections are those of many clients and not counted by address.
    """

    def __init__(self, limits: Limits, trusted: Sequence[Network] = ()) -> None:
        self.limits = limits
        self._trusted = tuple(trusted)
        self._connections = 0
        self._refused = 0
        self._by_address: Counter[str] = Counter()
        self._requests = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._said: dict[str, float] = {}

    @property
    def crowded(self) -> bool:
        """Connections are scarce: one that is not used should be closed."""
        return self._connections > self.limits.connections * _CROWDED

    def set_limits(self, limits: Limits) -> None:
        """Other limits from now on; who is in stays in."""
        self.limits = limits
        self._let_in()

    def enter(self, address: str) -> tuple[Entry, str]:
        """A connection from that address. Returns what becomes of it and what ``leave`` takes."""
        counted = self._counted(address)
        if self._connections >= self.limits.connections:
            return self._refuse("max_connections", address), counted
        if counted and self._by_address[counted] >= self.limits.connections_per_address:
            return self._refuse("max_connections_per_address", address), counted
        self._connections += 1
        if counted:
            self._by_address[counted] += 1
        return Entry.SERVED, counted

    def leave(self, entry: Entry, counted: str) -> None:
        """The end of a connection, as ``enter`` told it."""
        if entry is Entry.REFUSED:
            self._refused -= 1
        elif entry is Entry.SERVED:
            self._connections -= 1
            if counted:
                self._by_address[counted] -= 1
                if not self._by_address[counted]:
                    del self._by_address[counted]

    async def begin(self) -> None:
        """Take a place for a request, until ``end``; first come, first served.

        Raises S3Error SlowDown (503, with Retry-After) if too many wait or it took too long:
        https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
        """
        if self._requests < self.limits.requests:
            self._requests += 1
        else:
            await self._wait()

    def end(self) -> None:
        """Give the place to the next."""
        self._requests -= 1
        self._let_in()

    async def _wait(self) -> None:
        if len(self._waiting) >= self.limits.waiting:
            self._tell("max_requests", "-")
            raise slow_down()
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout(self.limits.wait_s):
                await place
        except TimeoutError:
            self._give_up(place)
            self._tell("max_requests", "-")
            raise slow_down() from None
        except BaseException:
            self._give_up(place)
            raise

    def _give_up(self, place: "asyncio.Future[None]") -> None:
        if place.done() and not place.cancelled():
            # It was given a place in the same turn.
            self._requests -= 1
            self._let_in()
        else:
            with contextlib.suppress(ValueError):
                self._waiting.remove(place)

    def _let_in(self) -> None:
        while self._waiting and self._requests < self.limits.requests:
            place = self._waiting.popleft()
            if not place.done():
                self._requests += 1
                place.set_result(None)

    def _refuse(self, limit: str, address: str) -> Entry:
        self._tell(limit, address)
        if self._refused >= _REFUSED_AT_ONCE:
            return Entry.CUT
        self._refused += 1
        return Entry.REFUSED

    def _tell(self, limit: str, address: str) -> None:
        now = time.monotonic()
        if now - self._said.get(limit, -_QUIET_S) >= _QUIET_S:
            self._said[limit] = now
            _log.warning("clients are refused: a limit is reached", limit=limit, peer=address)

    def _counted(self, address: str) -> str:
        """What is counted as one: an IPv4 address, an IPv6 network; "" for nothing."""
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return ""
        if isinstance(ip, ipaddress.IPv6Address):
            if ip.ipv4_mapped is None:
                if is_in(ip, self._trusted):
                    return ""
                # Whoever has one IPv6 address has a whole network of them (RFC 6177).
                return str(ipaddress.IPv6Network((int(ip) >> 64 << 64, 64)))
            ip = ip.ipv4_mapped
        return "" if is_in(ip, self._trusted) else str(ip)


def slow_down() -> S3Error:
    """The answer to a request there is no place for."""
    return S3Error("SlowDown", headers={"Retry-After": str(_RETRY_AFTER_S)})

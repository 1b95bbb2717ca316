"""Says for the log why a known client's signature failed. Never accepts anything."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from sigv4.canonical import Signable
from sigv4.claim import Claim
from sigv4.diagnosis import Hypotheses, diagnose


class Doctor:
    """Tries the likely causes, at most ``per_minute`` times a minute: an attempt costs CPU."""

    def __init__(
        self,
        *,
        hosts: Sequence[str] = (),
        ports: Sequence[int] = (),
        prefixes: Sequence[str] = (),
        region: str | None = None,
        per_minute: int = 60,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hosts = tuple(hosts)
        self._ports = tuple(ports)
        self._prefixes = tuple(prefixes)
        self._region = region
        self._rate = per_minute / 60
        self._most = float(per_minute)
        self._tokens = self._most
        self._clock = clock
        self._filled = clock()

    def hint(self, signable: Signable, claim: Claim, secret: str, *, now: datetime) -> str | None:
        """One sentence naming cause and fix; None if none fits or the rate is used up."""
        if not self._may_try():
            return None
        forwarded = signable.headers.get("x-forwarded-host")
        facts = Hypotheses(
            hosts=self._hosts,
            forwarded_hosts=(forwarded,) if forwarded else (),
            ports=self._ports,
            prefixes=self._prefixes,
            region=self._region,
        )
        cause = diagnose(signable, claim, secret, now=now, facts=facts)
        return cause.sentence if cause is not None else None

    def _may_try(self) -> bool:
        now = self._clock()
        self._tokens = min(self._most, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

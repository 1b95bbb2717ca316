"""One bucket of a service: signed requests, and what is learnt from answers."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta

from backends.errors import StorageError, Unavailable
from backends.http.client import ASKED_FROM, Answer, Client
from backends.http.dates import date_of
from backends.s3.documents import REGION, Said, read_error
from backends.s3.refusals import SKEWED, Meaning, refusal
from backends.s3.settings import S3Settings
from sigv4.canonical import Signable, quoted_path
from sigv4.payload import UNSIGNED_PAYLOAD
from sigv4.sign import presign, query_string, sign

MAX_SKEW = timedelta(minutes=5)
"""A clock that is further off than this is not the reason to trust ours."""
SEEN_S = 60.0
"""How long a bucket that was seen is not asked for again, where a HEAD says 404 and no more."""

_NOTHING = hashlib.sha256(b"").hexdigest()

Query = Sequence[tuple[str, str]]
_AS_TO_ANYBODY: Meaning = {}


class Bucket:
    """Sends requests to one bucket. ``now`` tells this machine's time."""

    def __init__(
        self, settings: S3Settings, *, client: Client, now: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._client = client
        self._authority = client.origin.authority
        self._now = now
        self._region = settings.first_region
        self._ahead = timedelta()
        """How far the service's clock is ahead of ours."""
        self._seen_at: float | None = None
        self.clock_ahead: timedelta | None = None
        """How far the service's clock was ahead of ours in the last answer; None if it did not say."""

    async def send(
        self,
        method: str,
        key: str | None,
        *,
        query: Query = (),
        headers: Mapping[str, str] | None = None,
        body: bytes | AsyncIterator[bytes] | None = None,
        size: int | None = None,
        meaning: Meaning = _AS_TO_ANYBODY,
        extra_s: float = 0.0,
    ) -> Answer:
        """The answer to a request for ``key``, or for the bucket; its status is below 300.

        ``extra_s``: how much longer than others it may take to be answered.
        ``meaning``: what a status means to who asks; all else is raised as what it means to anybody.
        A wrong clock and a region that was to be found out are learnt from a refusal, and what can be
        is sent again, once.
        """
        path = self._path(key)
        learnt = False
        while True:
            sent = self._signed(method, path, query, headers or {}, body)
            answer = await self._client.send(
                method,
                f"{path}?{query_string(query)}" if query else path,
                sent,
                body=b"" if body is None and method in {"PUT", "POST"} else body,
                size=size,
                answer_s=self._client.timeouts.answer_s + extra_s,
                expect_continue=size is not None and size >= ASKED_FROM,
            )
            self.clock_ahead = clock_ahead(answer.headers, self._now())
            if answer.status < 300:
                self._seen_at = asyncio.get_running_loop().time()
                return answer
            said = read_error(await answer.excerpt())
            where = self.where(key)
            if learnt or not self._learn(answer, said):
                raise await self._error(where, answer, said, meaning)
            if body is not None and not isinstance(body, bytes):
                raise Unavailable(
                    f"{where}: {said.code or answer.status}; the next request knows better"
                )
            learnt = True

    def link(self, key: str, *, seconds: int, query: Query) -> str:
        """A URL that gives ``key`` to anybody for so long."""
        origin = self._client.origin
        signable = Signable(
            method="GET",
            path=f"{origin.path}{self._path(key)}",
            query=query_string(query),
            headers={"host": origin.authority},
        )
        signed = presign(
            signable,
            self._settings.credentials,
            region=self._region,
            now=self._now() + self._ahead,
            expires=seconds,
        )
        return f"{origin}{self._path(key)}?{signed}"

    def source(self, key: str) -> str:
        """``key`` as the source of a copy."""
        return f"/{self._settings.bucket}/{quoted_path(key.encode())}"

    def where(self, key: str | None) -> str:
        """What errors are about."""
        name = self._settings.bucket
        return f"bucket {name!r}" if key is None else f"{key[:200]!r} in bucket {name!r}"

    def _path(self, key: str | None) -> str:
        base = f"/{self._settings.bucket}" if self._settings.path_style else ""
        return base or "/" if key is None else f"{base}/{quoted_path(key.encode())}"

    def _signed(
        self,
        method: str,
        path: str,
        query: Query,
        headers: Mapping[str, str],
        body: bytes | AsyncIterator[bytes] | None,
    ) -> Mapping[str, str]:
        origin = self._client.origin
        if not body:
            payload = _NOTHING
        elif isinstance(body, bytes) and origin.scheme == "http":
            payload = hashlib.sha256(body).hexdigest()
        else:
            payload = UNSIGNED_PAYLOAD
        signable = Signable(
            method=method,
            path=f"{origin.path}{path}",
            query=query_string(query),
            headers={**headers, "host": self._authority},
        )
        return {
            **headers,
            **sign(
                signable,
                self._settings.credentials,
                region=self._region,
                now=self._now() + self._ahead,
                payload_hash=payload,
            ),
        }

    def _learn(self, answer: Answer, said: Said) -> bool:
        """Whether the refusal tells why, so that the next request is signed better."""
        region = said.region or answer.headers.get("x-amz-bucket-region", "")
        if self._settings.region is None and region not in {"", self._region}:
            if not REGION.fullmatch(region):
                return False
            self._region = region
            return True
        if answer.status == 403 and (said.code in SKEWED or not said.code):
            return self._learn_the_time()
        return False

    def _learn_the_time(self) -> bool:
        ahead = self.clock_ahead
        if ahead is None or abs(ahead - self._ahead) < MAX_SKEW:
            return False
        self._ahead = ahead
        return True

    async def _error(
        self, where: str, answer: Answer, said: Said, meaning: Meaning
    ) -> StorageError:
        if said.code == "NoSuchKey":
            self._seen_at = asyncio.get_running_loop().time()
        elif answer.status == 404 and not said.code:
            await self._check_bucket()
        found = refusal(where, answer.status, answer.headers, said)
        if answer.status == 404 and said.code == "NoSuchBucket":
            return found
        meant = meaning.get(answer.status)
        return found if meant is None else meant(where)

    async def _check_bucket(self) -> None:
        """A HEAD that says 404 does not say of what. Unavailable if it is the bucket."""
        now = asyncio.get_running_loop().time()
        if self._seen_at is not None and now - self._seen_at < SEEN_S:
            return
        path = self._path(None)
        answer = await self._client.send("HEAD", path, self._signed("HEAD", path, (), {}, None))
        await answer.aclose()
        if answer.status == 404:
            raise refusal(self.where(None), 404, answer.headers, Said(code="NoSuchBucket"))
        if answer.status >= 500:
            raise refusal(self.where(None), answer.status, answer.headers, Said())
        self._seen_at = now


def clock_ahead(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How far the clock of who answered is ahead of ``now``; None if it does not tell."""
    theirs = date_of(headers.get("Date", ""))
    return None if theirs is None else theirs - now

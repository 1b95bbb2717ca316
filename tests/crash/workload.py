"""Clients that put, overwrite, copy, delete and complete, each on keys of its own, from a seed."""

import contextlib
import hashlib
import http.client
import itertools
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.crash.journal import ABSENT, Journal, Operation, Outcome, Written, content
from tests.live.client import Answer, Client, quoted

LOST = (OSError, http.client.HTTPException)
"""What a client sees of a server that dies."""

_NAMES = ("a", "b/c", "b/d", "b", "x//y", "dir/", "..", "e/f/g", "plain")
"""Natural names, names that are in each other's way, names that no path can have."""

_SIZES = (0, 1, 700, 70_000, 300_000)
_PART = 5 * 1024**2
_WEIGHTS = {
    "put": 10,
    "remove": 5,
    "copy": 3,
    "restate": 2,
    "upload": 2,
    "bucket": 1,
    "read": 3,
    "big_upload": 0.2,
}


def marked(token: str) -> dict[str, str]:
    """Headers by which a version is known again."""
    return {"x-amz-meta-token": token, "content-type": f"text/{token}"}


@dataclass(slots=True, eq=False)
class Upload:
    """A multipart upload whose parts were acknowledged, not completed yet."""

    bucket: str
    key: str
    id: str
    token: str
    parts: list[bytes]
    etags: list[tuple[int, str]]
    known: int = 0
    """When the last part was acknowledged."""
    ended: int | None = None
    """When it was asked to be completed."""


@dataclass(slots=True)
class Workload:
    """What several clients do; ``journal`` knows what came of it."""

    journal: Journal
    seed: int
    clock: Callable[[], int] = lambda: 0
    big: bool = True
    """Whether there are uploads of several megabytes too."""
    uploads: list[Upload] = field(default_factory=list)
    ended: list[Upload] = field(default_factory=list)
    """Uploads that were asked to be completed."""
    torn: list[str] = field(default_factory=list)
    """Readings that were no version, with the seed. Empty, if all is well."""
    _done_by: dict[str, int] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """How many operations were answered."""
        return sum(list(self._done_by.values()))

    @contextlib.contextmanager
    def running(
        self, client: Client, buckets: list[str], *, round: int = 0, most: int | None = None
    ) -> Iterator[None]:
        """One client for each bucket meanwhile. They stop at the end, or after ``most`` operations
        each, or when the server is gone."""
        stop = threading.Event()
        threads = [
            threading.Thread(
                target=self._client, args=(client, bucket, stop, round, most), name=bucket
            )
            for bucket in buckets
        ]
        for thread in threads:
            thread.start()
        try:
            yield
            if most is not None:
                for thread in threads:
                    thread.join(60)
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
                assert not thread.is_alive(), "a client hangs"

    def _client(
        self, client: Client, bucket: str, stop: threading.Event, round: int, most: int | None
    ) -> None:
        chance = random.Random(f"{self.seed} {round} {bucket}")
        weights = dict(_WEIGHTS) if self.big else {**_WEIGHTS, "big_upload": 0}
        lost = 0
        for number in itertools.count():
            if stop.is_set() or number == most or lost > 20:
                return
            (kind,) = chance.choices(list(weights), list(weights.values()))
            key = chance.choice(_NAMES)
            token = f"{bucket}-{round}-{number}"
            with contextlib.suppress(*LOST):
                getattr(self, f"_{kind}")(client, bucket, key, token, chance)
                self._done_by[bucket] = self._done_by.get(bucket, 0) + 1
                lost = 0
                continue
            lost += 1

    def _answered(self, operation: Operation, answer: Answer) -> bool:
        """Note how it was answered; whether it was done."""
        if answer.status < 300:
            self.journal.end(operation, Outcome.ACKNOWLEDGED, self.clock())
        elif answer.status < 500:
            self.journal.end(operation, Outcome.REFUSED, self.clock())
        return answer.status < 300

    def _invoke(self, bucket: str, key: str, token: str) -> Operation:
        return self.journal.invoke(bucket, key, token, self.clock())

    def _put(
        self, client: Client, bucket: str, key: str, token: str, chance: random.Random
    ) -> None:
        body = self.journal.body(token, chance.choice(_SIZES))
        operation = self._invoke(bucket, key, token)
        path = f"/{bucket}/{quoted(key)}"
        self._answered(operation, client.request("PUT", path, headers=marked(token), body=body))

    def _remove(
        self, client: Client, bucket: str, key: str, token: str, chance: random.Random
    ) -> None:
        operation = self._invoke(bucket, key, ABSENT)
        self._answered(operation, client.delete(bucket, key))

    def _copy(
        self, client: Client, bucket: str, key: str, token: str, chance: random.Random
    ) -> None:
        source = chance.choice(_NAMES)
        if source != key:
            self._copy_from(client, bucket, source, key, token)

    def _restate(
        self, client: Client, bucket: str, key: str, token: str, chance: random.Random
    ) -> None:
        self._copy_from(client, bucket, key, key, token)

    def _copy_from(self, client: Client, bucket: str, source: str, key: str, token: str) -> None:
        known = self.journal.known(bucket, source)
        if not known:
            return  # nothing is there, or it is not known what
        of = self.journal.written[known]
        self.journal.written[token] = Written(token=token, sha256=of.sha256, size=of.size)
        headers = {
            **marked(token),
            "x-amz-copy-source": f"{bucket}/{quoted(source)}",
            "x-amz-metadata-directive": "REPLACE",
        }
        operation = self._invoke(bucket, key, token)
        self._answered(
            operation, client.request("PUT", f"/{bucket}/{quoted(key)}", headers=headers)
        )

    def _upload(
        self, client: Client, bucket: str, key: str, token: str, chance: random.Random
    ) -> None:
        self._start_upload(client, bucket, key, token, [content(token, 3_000)])
        if chance.random() < 0.7:
            self._complete_one(client, bucket)

    def _big_upload(
        self, client: Client, bucket: str, key: str, token: str, chance: random.Random
    ) -> None:
        parts = [content(f"{token}.1", _PART), content(f"{token}.2", 100_000)]
        self._start_upload(client, bucket, key, token, parts)
        self._complete_one(client, bucket)

    def _start_upload(
        self, client: Client, bucket: str, key: str, token: str, parts: list[bytes]
    ) -> None:
        named = {name.replace("-", "_"): value for name, value in marked(token).items()}
        id = client.start_upload(bucket, key, **named)
        etags = []
        for number, part in enumerate(parts, start=1):
            answer = client.put_part(bucket, key, id, number, part)
            if answer.status != 200:
                return
            etags.append((number, answer.headers["etag"]))
        self.journal.note(token, b"".join(parts))
        self.uploads.append(Upload(bucket, key, id, token, parts, etags, known=self.clock()))

    def _complete_one(self, client: Client, bucket: str) -> None:
        upload = next(upload for upload in self.uploads if upload.bucket == bucket)
        self.uploads.remove(upload)
        upload.ended = self.clock()
        self.ended.append(upload)
        operation = self._invoke(bucket, upload.key, upload.token)
        answer = client.complete(bucket, upload.key, upload.id, upload.etags)
        self._answered(operation, answer)

    def _bucket(
        self, client: Client, bucket: str, key: str, token: str, chance: random.Random
    ) -> None:
        """Make a bucket beside that of this client, or remove it."""
        beside = f"{bucket}-beside"
        known = self.journal.known(beside, "")
        if known is None:
            return
        operation = self._invoke(beside, "", ABSENT if known else beside)
        self._answered(operation, client.request("DELETE" if known else "PUT", f"/{beside}"))

    def _read(
        self, client: Client, bucket: str, key: str, token: str, chance: random.Random
    ) -> None:
        allowed = self.journal.allowed(bucket, key)
        answer = client.get(bucket, key)
        problem = wrong(self.journal, allowed, answer)
        if problem is not None and answer.status < 500:
            self.torn.append(f"{bucket}/{key}: {problem}")


def wrong(journal: Journal, allowed: frozenset[str], answer: Answer) -> str | None:
    """What is wrong with the answer to a GET, None if it is one of the allowed versions, whole."""
    if answer.status == 404 and answer.code == "NoSuchKey":
        return None if ABSENT in allowed else f"lost; it was one of {sorted(allowed)}"
    if answer.status != 200:
        return f"{answer.status} {answer.body[:300]!r}"
    token = answer.headers.get("x-amz-meta-token", "")
    if token not in allowed:
        return f"{token!r} is there; it was one of {sorted(allowed)}"
    if answer.headers["content-type"] != f"text/{token}":
        return f"{token!r} with the content type {answer.headers['content-type']}"
    of = journal.written[token]
    if (len(answer.body), hashlib.sha256(answer.body).hexdigest()) != (of.size, of.sha256):
        return f"{token!r} is torn: {len(answer.body)} of {of.size} bytes"
    return None

"""Clients that do what clients do with a few keys, and write down what they saw."""

import http.client
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import md5
from urllib.parse import quote

from gateway.s3.etag import multipart_etag
from tests.linearizable.history import NEVER, Gives, Needs, Op, State, none_of, one_of
from tests.live.client import Answer, Client, quoted

KEYS = ("a", "a/b", "a/b/", "a.b", "b/\u00e9", "b/e\u0301")
"""Few, so that clients meet; prefixes of each other, and two spellings of one letter."""

_LOST = 503
"""What an answer of this status says of a write is: nothing. (500 would be a defect.)"""

Seen = list[tuple[str, Op]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What one status says of a key's state."""

    needs: Needs
    gives: Gives | None = None


class ClientOfKeys:
    """One client. ``seen`` is its part of the history."""

    def __init__(self, client: Client, bucket: str, name: str, chance: random.Random) -> None:
        self.seen: Seen = []
        self.lost = 0
        """Requests without an answer, or with one that says nothing."""
        self._client = client
        self._bucket = bucket
        self._name = name
        self._chance = chance
        self._writes = 0
        self._known: dict[str, str] = {}
        """ETags it saw last."""
        self._may: Sequence[tuple[Callable[[], None], int]] = (
            (self._get, 4),
            (self._head, 4),
            (self._list, 3),
            (self._put, 4),
            (self._put_if_absent, 3),
            (self._put_if_match, 3),
            (self._copy, 2),
            (self._upload, 2),
            (self._delete, 2),
            (self._delete_if_match, 1),
            (self._delete_several, 1),
        )

    def act(self) -> None:
        """Do one thing, any."""
        verbs, weights = zip(*self._may, strict=True)
        self._chance.choices(verbs, weights)[0]()

    def look_at_all(self) -> None:
        """Read each key once."""
        for key in KEYS:
            self._read("GET", key)

    # How

    def _key(self) -> str:
        return self._chance.choice(KEYS)

    def _body(self) -> bytes:
        self._writes += 1
        size = self._chance.choice((1, 1, 300, 9_000))
        return f"{self._name}/{self._writes};".encode() * size

    def _send(
        self, method: str, key: str, query: str = "", body: bytes = b"", **headers: str
    ) -> tuple[int, int, Answer | None]:
        """Time of call and return; the answer, None if none came or it tells nothing."""
        path = f"/{self._bucket}/{quoted(key)}" if key else f"/{self._bucket}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        call = time.monotonic_ns()
        try:
            answer = self._client.request(method, path, query, headers=named, body=body)
        except (OSError, http.client.HTTPException):
            self.lost += 1
            return call, NEVER, None
        if answer.status == _LOST:
            self.lost += 1
            return call, NEVER, None
        return call, time.monotonic_ns(), answer

    def _tell(
        self, key: str, times: tuple[int, int], needs: Needs, gives: Gives | None, told: str
    ) -> None:
        call, back = times
        if back == NEVER and gives is None:
            return
        told = f"{self._name} {told}"
        self.seen.append((key, Op(call=call, back=back, needs=needs, gives=gives, told=told)))

    def _write(
        self,
        key: str,
        what: str,
        done: _Outcome,
        refusals: dict[int, _Outcome],
        sent: Callable[[], tuple[int, int, Answer | None]],
    ) -> None:
        """One write: what it says if it was done (or if that is not known), and what refusals say."""
        call, back, answer = sent()
        if answer is None:
            self._tell(key, (call, NEVER), done.needs, done.gives, f"{what}: lost")
            return
        said = done if answer.status in (200, 204) else refusals.get(answer.status)
        assert said is not None, (what, key, answer)
        self._tell(key, (call, back), said.needs, said.gives, f"{what}: {answer.status}")

    # Reads

    def _read(self, method: str, key: str) -> None:
        call, back, answer = self._send(method, key)
        if answer is None:
            return
        state: State = None
        if answer.status != 404:
            assert answer.status == 200, answer
            state = answer.headers["etag"].strip('"')
            self._known[key] = state
            if method == "GET" and "-" not in state:
                assert md5(answer.body).hexdigest() == state, "bytes of another version"
        self._tell(key, (call, back), one_of(state), None, method)

    def _get(self) -> None:
        self._read("GET", self._key())

    def _head(self) -> None:
        self._read("HEAD", self._key())

    def _list(self) -> None:
        """One page: of each key it covers, whether it is there and with which ETag."""
        prefix = self._chance.choice(("", "", "a", "a/", "b"))
        after = self._chance.choice(("", "", "a/b", "b"))
        limit = self._chance.choice((1000, 1000, 2))
        query = f"list-type=2&prefix={quote(prefix, safe='')}&max-keys={limit}"
        query += f"&start-after={quote(after, safe='')}"
        call, back, answer = self._send("GET", "", query)
        if answer is None:
            return
        assert answer.status == 200, answer
        listed = dict(
            zip(
                answer.texts("Contents/Key"),
                (etag.strip('"') for etag in answer.texts("Contents/ETag")),
                strict=True,
            )
        )
        assert list(listed) == sorted(listed, key=str.encode)
        last = max(listed, key=str.encode) if answer.text("IsTruncated") == "true" else None
        for key in KEYS:
            covered = key.startswith(prefix) and key.encode() > after.encode()
            if covered and (last is None or key.encode() <= last.encode()):
                self._tell(key, (call, back), one_of(listed.get(key)), None, "LIST")

    # Writes

    def _put(self) -> None:
        key, body = self._key(), self._body()
        done = _Outcome(needs=none_of(), gives=Gives(md5(body).hexdigest()))
        self._write(key, "PUT", done, {}, lambda: self._send("PUT", key, body=body))

    def _put_if_absent(self) -> None:
        key, body = self._key(), self._body()
        self._write(
            key,
            "PUT if absent",
            _Outcome(needs=one_of(None), gives=Gives(md5(body).hexdigest())),
            {412: _Outcome(needs=none_of(None))},
            lambda: self._send("PUT", key, body=body, if_none_match="*"),
        )

    def _put_if_match(self) -> None:
        key, body = self._key(), self._body()
        etag = self._known.get(key, "0" * 32)
        self._write(
            key,
            f"PUT if {etag}",
            _Outcome(needs=one_of(etag), gives=Gives(md5(body).hexdigest())),
            {412: _Outcome(needs=none_of(etag, None)), 404: _Outcome(needs=one_of(None))},
            lambda: self._send("PUT", key, body=body, if_match=f'"{etag}"'),
        )

    def _copy(self) -> None:
        """Of a version it has seen, so that it knows what the copy is if no answer comes."""
        source, key = self._chance.sample(KEYS, 2)
        etag = self._known.get(source)
        if etag is None:
            return
        call, back, answer = self._send(
            "PUT",
            key,
            x_amz_copy_source=f"/{self._bucket}/{quoted(source)}",
            x_amz_copy_source_if_match=f'"{etag}"',
        )
        status = 0 if answer is None else answer.status
        assert status in {0, 200, 404, 412}, answer
        if status in {0, 200}:
            self._tell(key, (call, back), none_of(), Gives(etag), f"COPY: {status}")
        source_was = {404: one_of(None), 412: none_of(etag, None)}.get(status, one_of(etag))
        self._tell(source, (call, back), source_was, None, f"COPY from here: {status}")

    def _upload(self) -> None:
        """A multipart upload of one part; completed, perhaps only if there is nothing yet."""
        key, body = self._key(), self._body()
        _, _, answer = self._send("POST", key, "uploads")
        upload = None if answer is None else answer.text("UploadId")
        if upload is None:
            return
        _, _, answer = self._send("PUT", key, f"partNumber=1&uploadId={upload}", body)
        if answer is None:
            return
        assert answer.status == 200, answer
        etag = answer.headers["etag"]
        listed = f"<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>"
        document = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        only_new = self._chance.random() < 0.5
        headers = {"if_none_match": "*"} if only_new else {}
        self._write(
            key,
            "COMPLETE if absent" if only_new else "COMPLETE",
            _Outcome(
                needs=one_of(None) if only_new else none_of(),
                gives=Gives(multipart_etag([etag.strip('"')])),
            ),
            {412: _Outcome(needs=none_of(None))} if only_new else {},
            lambda: self._send("POST", key, f"uploadId={upload}", document, **headers),
        )

    def _delete(self) -> None:
        key = self._key()
        done = _Outcome(needs=none_of(), gives=Gives(None))
        self._write(key, "DELETE", done, {}, lambda: self._send("DELETE", key))

    def _delete_if_match(self) -> None:
        key = self._key()
        etag = self._known.get(key, "0" * 32)
        self._write(
            key,
            f"DELETE if {etag}",
            _Outcome(needs=one_of(etag), gives=Gives(None)),
            {412: _Outcome(needs=none_of(etag, None)), 404: _Outcome(needs=one_of(None))},
            lambda: self._send("DELETE", key, if_match=f'"{etag}"'),
        )

    def _delete_several(self) -> None:
        keys = self._chance.sample(KEYS, 2)
        named = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
        document = f"<Delete>{named}</Delete>".encode()
        call, back, answer = self._send("POST", "", "delete", document)
        if answer is not None:
            assert answer.status == 200, answer
            failed = answer.texts("Error/Key")
            assert not failed, answer
        for key in keys:
            self._tell(key, (call, back), none_of(), Gives(None), "DELETE among several")


@dataclass(slots=True, kw_only=True)
class Load:
    """Clients at work, and what became of it."""

    client: Client
    bucket: str
    seed: int
    clients: int = 8
    acts: int = 100
    """Of each client."""
    done: int = 0
    lost: int = 0
    history: Seen = field(default_factory=list)
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """All clients to their end, then one look at each key. Raises what a client raised."""
        with ThreadPoolExecutor(self.clients) as pool:
            for each in [pool.submit(self._one, number) for number in range(self.clients)]:
                each.result()
        last = ClientOfKeys(self.client, self.bucket, "last", random.Random(self.seed))
        last.look_at_all()
        self._add(last)

    def _one(self, number: int) -> None:
        chance = random.Random(f"{self.seed}/{number}")
        client = ClientOfKeys(self.client, self.bucket, f"{self.seed}/{number}", chance)
        for _ in range(self.acts):
            client.act()
            with self._counting:
                self.done += 1
        self._add(client)

    def _add(self, client: ClientOfKeys) -> None:
        with self._counting:
            self.history += client.seen
            self.lost += client.lost

"""Each call to a storage behind a network fails, in each way, in each operation.

Whatever is hit: what is acknowledged is there, what is not is there as a whole or not at all, no answer
mixes two versions, the next request is served, and once the janitor has been round the storage holds
the current objects and nothing else.
"""

import asyncio
import contextlib
import hashlib
import http.client
import random
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from backends.interface import Can, Limits
from backends.remote_memory import AS_S3, AS_WEBDAV, S3_LIMITS
from gateway.server import build
from gateway.service import completing, homing
from tests.live.client import Client, quoted
from tests.live.server import Live, running
from tests.remote.failing_storage import FailingStorage, Fault
from tests.remote.left import check_nothing_is_left
from tests.seeds import seed

_MIN_PART = 1_000
KINDS: dict[str, tuple[Can, Limits]] = {
    "s3": (AS_S3, replace(S3_LIMITS, min_part=_MIN_PART)),
    "webdav": (AS_WEBDAV, Limits()),
    "a tree that creates": (Can.CREATE | Can.TREE | Can.OUTLIVE, Limits()),
}
_MOST_CALLS = 40
_SMALL, _LARGE = 300, 1_500_000
_ONE_IN = 4


def content(text: str, size: int) -> bytes:
    return (text.encode() * size)[:size]


OLD = content("old", _SMALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """``prepared`` makes the request in a bucket; ``key`` has ``after`` if it was done (None: nothing)."""

    prepared: Callable[[Client, str], Asked]
    key: str = "key"
    before: bytes | None = OLD
    after: bytes | None = None


def _put(key: str, size: int, *, before: bytes | None) -> Operation:
    body = content("new", size)
    return Operation(
        prepared=lambda _, bucket: Asked(method="PUT", path=f"/{bucket}/{quoted(key)}", body=body),
        key=key,
        before=before,
        after=body,
    )


def _delete() -> Operation:
    return Operation(prepared=lambda _, bucket: Asked(method="DELETE", path=f"/{bucket}/key"))


def _copy(key: str, *, before: bytes | None) -> Operation:
    def prepared(client: Client, bucket: str) -> Asked:
        client.put(bucket, "source", content("source", _LARGE))
        headers = {"x-amz-copy-source": f"/{bucket}/source"}
        return Asked(method="PUT", path=f"/{bucket}/{key}", headers=headers)

    return Operation(prepared=prepared, key=key, before=before, after=content("source", _LARGE))


def _start() -> Operation:
    return Operation(
        prepared=lambda _, bucket: Asked(method="POST", path=f"/{bucket}/key", query="uploads"),
        after=OLD,
    )


def _part(*, again: bool) -> Operation:
    def prepared(client: Client, bucket: str) -> Asked:
        upload = client.start_upload(bucket, "key")
        if again:
            client.put_part(bucket, "key", upload, 1, b"first")
        query = f"partNumber=1&uploadId={upload}"
        return Asked(method="PUT", path=f"/{bucket}/key", query=query, body=b"second")

    return Operation(prepared=prepared, after=OLD)


def _complete(key: str, *, before: bytes | None) -> Operation:
    parts = [content("one", _MIN_PART), b"two"]

    def prepared(client: Client, bucket: str) -> Asked:
        upload = client.start_upload(bucket, key)
        listed = ""
        for number, part in enumerate(parts, start=1):
            etag = client.put_part(bucket, key, upload, number, part).headers["etag"]
            listed += f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        path = f"/{bucket}/{key}"
        return Asked(method="POST", path=path, query=f"uploadId={upload}", body=body)

    return Operation(prepared=prepared, key=key, before=before, after=b"".join(parts))


def _abort() -> Operation:
    def prepared(client: Client, bucket: str) -> Asked:
        upload = client.start_upload(bucket, "key")
        client.put_part(bucket, "key", upload, 1, b"part")
        return Asked(method="DELETE", path=f"/{bucket}/key", query=f"uploadId={upload}")

    return Operation(prepared=prepared, after=OLD)


OPERATIONS: dict[str, Operation] = {
    "put": _put("new", _SMALL, before=None),
    "put nothing": _put("new", 0, before=None),
    "put large": _put("new", _LARGE, before=None),
    "put under a name of our own": _put("new//", _SMALL, before=None),
    "overwrite": _put("key", _SMALL, before=OLD),
    "overwrite large": _put("key", _LARGE, before=OLD),
    "overwrite what a path is below": _put("key/below", _SMALL, before=None),
    "delete": _delete(),
    "copy": _copy("copied", before=None),
    "copy onto another": _copy("key", before=OLD),
    "start upload": _start(),
    "upload part": _part(again=False),
    "upload part again": _part(again=True),
    "complete": _complete("new", before=None),
    "complete onto another": _complete("key", before=OLD),
    "abort": _abort(),
}


class Bench:
    """A server on a storage that fails."""

    def __init__(self, live: Live, storage: FailingStorage) -> None:
        self.live = live
        self.storage = storage
        self.client = live.client
        self._number = 0

    def attempt(self, operation: Operation, fault: Fault, at: int) -> bool:
        """Whether the fault was hit."""
        self._number += 1
        client, live, storage = self.client, self.live, self.storage
        bucket = client.make_bucket(f"bucket-{self._number}")
        client.put(bucket, "key", OLD)
        asked = operation.prepared(client, bucket)
        live.run(live.services.remover.settled())
        live.run(storage.arm(fault, at))
        status = self._ask(asked)
        if status is not None:
            self._settle_or_hit()
        live.run(storage.disarm())
        self._check(bucket, operation, status)
        if fault is Fault.NONE:
            assert status in {200, 204}, status
        assert client.put(bucket, "later", b"later").status == 200
        assert client.get(bucket, "later").body == b"later"
        live.run(live.services.remover.settled())
        if status not in {200, 204}:
            self._ask_again(bucket, operation, asked)
        live.run(storage.arrive_late())
        self._abort_uploads(bucket)
        live.run(live.services.remover.settled())
        if self._number % 2:
            # As if the process had died: nothing of it runs.
            live.run(live.services.catalog.recover())
        begun_unknown = storage.failed == "begin_parts"
        live.run(check_nothing_is_left(live.services, begun_unknown=begun_unknown))
        self._clear(bucket)
        return storage.failed is not None

    def _ask(self, asked: Asked) -> int | None:
        """Send it, and go away once the storage hangs. None if there was no answer."""
        sha256 = hashlib.sha256(asked.body).hexdigest()
        headers = self.client.headers(
            asked.method, asked.path, asked.query, headers=asked.headers, payload_hash=sha256
        )
        connection = http.client.HTTPConnection("127.0.0.1", self.client.port, timeout=30)
        try:
            target = f"{asked.path}?{asked.query}" if asked.query else asked.path
            connection.request(asked.method, target, asked.body, headers)
            while True:
                connection.sock.settimeout(0.01)
                try:
                    answered = connection.sock.recv(1, socket.MSG_PEEK)
                except TimeoutError:
                    if self.storage.hit.is_set():
                        return None
                    continue
                connection.sock.settimeout(30)
                return connection.getresponse().status if answered else None
        finally:
            connection.close()

    def _settle_or_hit(self) -> None:
        """Let what goes on beside the request end, unless it hangs."""
        settled = asyncio.run_coroutine_threadsafe(
            self.live.services.remover.settled(), self.live.loop
        )
        while not settled.done() and not self.storage.hit.is_set():
            with contextlib.suppress(TimeoutError):
                settled.result(0.01)

    def _check(self, bucket: str, operation: Operation, status: int | None) -> None:
        got = self.client.get(bucket, operation.key)
        there = got.body if got.status == 200 else None
        assert got.status in {200, 404}, got
        if status in {200, 204}:
            assert there == operation.after
        else:
            assert status is None or status >= 500, status
            assert there in (operation.before, operation.after)
        if there is not None and "-" not in got.headers["etag"]:
            assert got.headers["etag"] == f'"{hashlib.md5(there).hexdigest()}"'
        keys = self.client.keys(bucket)
        assert (operation.key in keys) is (there is not None)

    def _ask_again(self, bucket: str, operation: Operation, asked: Asked) -> None:
        """Clients do. An upload that has ended meanwhile is none any more."""
        status = self._ask(asked)
        assert status in {200, 204} or (asked.query and status == 404), status
        if status in {200, 204}:
            self._check(bucket, operation, status)
        self.live.run(self.live.services.remover.settled())

    def _abort_uploads(self, bucket: str) -> None:
        answer = self.client.request("GET", f"/{bucket}", "uploads")
        for upload in answer.xml().iterfind("Upload"):
            id, key = upload.findtext("UploadId"), upload.findtext("Key") or ""
            path = f"/{bucket}/{quoted(key)}"
            aborted = self.client.request("DELETE", path, f"uploadId={id}")
            assert aborted.status == 204, aborted

    def _clear(self, bucket: str) -> None:
        for key in self.client.keys(bucket):
            assert self.client.delete(bucket, key).status == 204
        assert self.client.request("DELETE", f"/{bucket}").status == 204


@pytest.fixture(params=KINDS)
def bench(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    storage = FailingStorage(*KINDS[request.param])
    monkeypatch.setattr(completing, "MIN_PART", _MIN_PART)
    # What comes home has tests of its own.
    monkeypatch.setattr(homing, "REST_S", 3600.0)
    monkeypatch.setattr(build, "storages_of", lambda *_: {"main": storage})
    storages = {"main": {"type": "memory"}}
    with running(tmp_path, durability="relaxed", storages=storages) as live:
        yield Bench(live, storage)


def calls(bench: Bench, operation: Operation) -> int:
    bench.attempt(operation, Fault.NONE, 0)
    return len(bench.storage.made)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", OPERATIONS)
def test_some_calls_fail(bench: Bench, name: str) -> None:
    chance = random.Random(f"{seed('failing storage')} {name}")
    points = range(1, calls(bench, OPERATIONS[name]) + 1)
    for fault in Fault:
        for at in chance.sample(points, -(-len(points) // _ONE_IN)):
            bench.attempt(OPERATIONS[name], fault, at)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_call_fails(bench: Bench, name: str) -> None:
    for fault in Fault:
        for at in range(1, _MOST_CALLS):
            if not bench.attempt(OPERATIONS[name], fault, at):
                break

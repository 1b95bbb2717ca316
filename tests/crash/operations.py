"""Every operation that changes something durably, on a small directory made for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.calls import Calls
from tests.crash.journal import ABSENT, Journal, content
from tests.crash.workload import Upload, marked
from tests.live.client import Answer, Client, quoted
from tests.live.server import running

BUCKET = "bucket"
EMPTY = "empty"
LATER = "later"
"""Key and token of what is put after the fault."""
NEW = "new"
"""Token of what an operation writes, and name of the bucket that one makes."""

_LARGE = 300_000
_ROOMY = 1024 * 1024
_PART = 3_000
PART_ANEW = content(NEW, _PART)
"""What the operations that send a part send."""

_OBJECTS = {"old": 700, "source": 5_000, "x//y": 900, "deep/er/key": 800}
UPLOADS = {"in-place": 1, "apart": 2, "open": 0, "again": 1, "aborted": 2}
"""Keys of uploads, and how often their part 1 was sent: a second attempt has a file of its own."""

Facts = Mapping[str, Any]
"""Id and ETag of each upload, by key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """``does`` one request; ``key`` is the object that it writes or removes, if any."""

    does: Callable[[Client, Facts], Answer]
    key: str | None = None
    token: str = NEW
    body: bytes = b""
    """What the object has if it was written."""
    upload: str | None = None
    """Key of the upload that it changes."""
    ends_upload: bool = False
    bucket: str | None = None
    """Bucket that it makes or removes."""


def _put(key: str, size: int) -> Operation:
    def put(client: Client, _: Facts) -> Answer:
        path, body = f"/{BUCKET}/{quoted(key)}", content(NEW, size)
        return client.request("PUT", path, headers=marked(NEW), body=body)

    return Operation(does=put, key=key, body=content(NEW, size))


def _remove(key: str) -> Operation:
    return Operation(does=lambda client, _: client.delete(BUCKET, key), key=key, token=ABSENT)


def _copy(source: str, key: str) -> Operation:
    def copy(client: Client, _: Facts) -> Answer:
        headers = {
            **marked(NEW),
            "x-amz-copy-source": f"{BUCKET}/{quoted(source)}",
            "x-amz-metadata-directive": "REPLACE",
        }
        return client.request("PUT", f"/{BUCKET}/{quoted(key)}", headers=headers)

    return Operation(does=copy, key=key, body=content(source, _OBJECTS[source]))


def _part(key: str) -> Operation:
    def put(client: Client, facts: Facts) -> Answer:
        return client.put_part(BUCKET, key, facts[key][0], 1, PART_ANEW)

    return Operation(does=put, upload=key)


def _complete(key: str) -> Operation:
    def complete(client: Client, facts: Facts) -> Answer:
        id, etag = facts[key]
        return client.complete(BUCKET, key, id, [(1, etag)])

    body = content(key, _PART)
    return Operation(does=complete, key=key, token=key, body=body, upload=key, ends_upload=True)


def _abort(key: str) -> Operation:
    def abort(client: Client, facts: Facts) -> Answer:
        return client.request("DELETE", f"/{BUCKET}/{key}", f"uploadId={facts[key][0]}")

    return Operation(does=abort, upload=key, ends_upload=True)


OPERATIONS: Mapping[str, Operation] = {
    "put": _put("deep/new", 700),
    "put large": _put("deep/new", _LARGE),
    "put with room made for it": _put("deep/new", _ROOMY),
    "put under a name of our own": _put("new//", 700),
    "overwrite": _put("old", 710),
    "overwrite under a name of our own": _put("x//y", 910),
    "delete": _remove("deep/er/key"),
    "delete under a name of our own": _remove("x//y"),
    "copy": _copy("source", "copied"),
    "copy onto another": _copy("source", "old"),
    "restate": _copy("old", "old"),
    "upload part": _part("open"),
    "upload part again": _part("again"),
    "complete": _complete("in-place"),
    "complete what is apart": _complete("apart"),
    "abort": _abort("aborted"),
    "start upload": Operation(
        does=lambda client, _: client.request("POST", "/bucket/u", "uploads")
    ),
    "create bucket": Operation(does=lambda client, _: client.request("PUT", f"/{NEW}"), bucket=NEW),
    "delete bucket": Operation(
        does=lambda client, _: client.request("DELETE", f"/{EMPTY}"), bucket=EMPTY
    ),
}


def prepare(root: Path) -> dict[str, Any]:
    """Make the directory that all operations start from; its uploads."""
    facts: dict[str, Any] = {}
    with Calls(root, None), running(root, durability="relaxed") as live:
        client = live.client
        for bucket in (BUCKET, EMPTY):
            client.make_bucket(bucket)
        for key, size in _OBJECTS.items():
            path, token = f"/{BUCKET}/{quoted(key)}", key.replace("/", "-")
            body = content(token, size)
            assert client.request("PUT", path, headers=marked(token), body=body).status == 200
        for key, times in UPLOADS.items():
            named = {name.replace("-", "_"): value for name, value in marked(key).items()}
            id, etag = client.start_upload(BUCKET, key, **named), ""
            for _ in range(times):
                etag = client.put_part(BUCKET, key, id, 1, content(key, _PART)).headers["etag"]
            facts[key] = id, etag
        left = client.start_upload(EMPTY, "left")
        assert client.put_part(EMPTY, "left", left, 1, b"left").status == 200
    return facts


def journal_of() -> Journal:
    """What is known of the prepared directory."""
    journal = Journal()
    for key, size in _OBJECTS.items():
        token = key.replace("/", "-")
        journal.note(token, content(token, size))
        journal.settle(BUCKET, key, token)
    return journal


def upload_of(facts: Facts, key: str) -> Upload:
    """An upload of the prepared directory, as it was before."""
    id, etag = facts[key]
    etags = [(1, etag)] if etag else []
    return Upload(BUCKET, key, id, key, [content(key, _PART)], etags)

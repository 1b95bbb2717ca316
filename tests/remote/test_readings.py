"""Readings of what is replaced meanwhile, on storages where they do not outlive that."""

import asyncio
import contextlib
import http.client
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from backends.http.content import ContentAtHand
from backends.interface import Can, Content, Fingerprint, Limits, Stored
from backends.remote_memory import AS_S3, RemoteMemoryStorage
from gateway.catalog.records import Bucket, Version
from tests.backends.making import drained
from tests.live.client import Client
from tests.live.server import Live
from tests.remote.conftest import Serve
from tests.remote.failing_storage import FailingStorage
from tests.remote.left import check_nothing_is_left

LARGE = 24 * 1024**2


class Interposing(FailingStorage):
    """Something happens between a reading and its first byte."""

    between: Callable[[], object] | None = None

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        content = await super().read(path, first=first, last=last, only_if=only_if)
        between, self.between = self.between, None
        if between is not None:
            await asyncio.to_thread(between)
        return content


@pytest.fixture
def storage() -> Interposing:
    return Interposing(AS_S3, Limits())


@pytest.fixture
def live(serve: Serve, storage: Interposing) -> Live:
    return serve(storage)


def replaced(live: Live, data: bytes) -> None:
    """The object is overwritten, and what it was is removed."""
    assert live.client.put("bucket", "key", data).status == 200
    live.run(live.services.remover.settled())


def test_what_is_replaced_before_the_first_byte_is_looked_up_again(
    live: Live, storage: Interposing
) -> None:
    client = live.client
    client.put("bucket", "key", b"old")
    storage.between = lambda: replaced(live, b"new bytes")
    got = client.get("bucket", "key")
    assert (got.status, got.body) == (200, b"new bytes")
    storage.between = lambda: replaced(live, b"others, again")
    got = client.get("bucket", "key", range="bytes=0-5")
    assert (got.status, got.body) == (206, b"others")
    assert got.headers["content-range"] == "bytes 0-5/13"


def test_what_is_deleted_before_the_first_byte_is_not_found(
    live: Live, storage: Interposing
) -> None:
    def delete() -> None:
        live.client.delete("bucket", "key")
        live.run(live.services.remover.settled())

    live.client.put("bucket", "key", b"old")
    storage.between = delete
    assert live.client.get("bucket", "key").code == "NoSuchKey"


def test_a_copy_by_the_storage_is_of_the_version_that_is_there_by_then(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, copy = live.client, RemoteMemoryStorage.copy
    client.put("bucket", "key", b"old")
    overtaken: list[bool] = []

    async def copied(*args: Any, **named: Any) -> Stored:
        if not overtaken:
            overtaken.append(True)
            await asyncio.to_thread(replaced, live, b"new bytes")
        return await copy(*args, **named)

    monkeypatch.setattr(RemoteMemoryStorage, "copy", copied)
    headers = {"x-amz-copy-source": "/bucket/key"}
    answer = client.request("PUT", "/bucket/copy", headers=headers)
    assert (answer.status, overtaken) == (200, [True])
    got = client.get("bucket", "copy")
    assert (got.body, got.headers["etag"]) == (b"new bytes", answer.text("ETag"))
    monkeypatch.undo()
    live.run(check_nothing_is_left(live.services))


@pytest.fixture
def plain() -> Interposing:
    """One that copies nothing by itself."""
    return Interposing(AS_S3 & ~(Can.COPY | Can.COPY_PARTS), Limits())


def test_what_is_copied_is_one_version_though_it_is_replaced(
    serve: Serve, plain: Interposing
) -> None:
    live, storage = serve(plain), plain
    client = live.client
    for headers in ({}, {"x-amz-checksum-algorithm": "SHA256"}):
        client.put("bucket", "key", b"old")
        storage.between = lambda: replaced(live, b"new bytes")
        copied = client.request(
            "PUT", "/bucket/copy", headers={"x-amz-copy-source": "/bucket/key", **headers}
        )
        assert copied.status == 200, copied
        assert client.get("bucket", "copy").body == b"new bytes"
        assert client.get("bucket", "copy").headers["etag"] == copied.text("ETag")


def test_a_part_is_copied_of_one_version(serve: Serve, plain: Interposing) -> None:
    live, storage = serve(plain), plain
    client = live.client
    client.put("bucket", "key", b"old")
    upload = client.start_upload("bucket", "copy")
    storage.between = lambda: replaced(live, b"new bytes")
    copied = client.request(
        "PUT",
        "/bucket/copy",
        f"partNumber=1&uploadId={upload}",
        headers={"x-amz-copy-source": "/bucket/key"},
    )
    etag = copied.text("ETag") or ""
    assert client.complete("bucket", "copy", upload, [(1, etag)]).status == 200
    assert client.get("bucket", "copy").body == b"new bytes"


@contextlib.contextmanager
def opened(client: Client) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=30)
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    headers = client.headers("GET", "/bucket/key", payload_hash=empty)
    connection.request("GET", "/bucket/key", headers=headers)
    try:
        yield connection.getresponse()
    finally:
        connection.close()


def test_what_is_replaced_later_cuts_the_answer_short(live: Live) -> None:
    old = b"".join(b"%07d\n" % number for number in range(LARGE // 8))
    live.client.put("bucket", "key", old)
    with opened(live.client) as answer:
        assert (answer.status, answer.getheader("content-length")) == (200, str(LARGE))
        begun = answer.read(100_000)
        replaced(live, b"x" * LARGE)
        with pytest.raises((http.client.IncompleteRead, ConnectionError)) as cut:
            answer.read()
    rest = cut.value.partial if isinstance(cut.value, http.client.IncompleteRead) else b""
    assert old.startswith(begun + rest)


def test_a_reading_that_outlives_is_read_to_its_end(serve: Serve) -> None:
    live = serve(FailingStorage(AS_S3 | Can.OUTLIVE, Limits()))
    old = b"old\n" * (LARGE // 4)
    live.client.put("bucket", "key", old)
    with opened(live.client) as answer:
        begun = answer.read(100_000)
        replaced(live, b"x" * LARGE)
        assert begun + answer.read() == old


class AtHand(ContentAtHand):
    """Nobody takes its pieces."""

    is_closed = False

    def chunks(self) -> AsyncIterator[bytes]:
        raise AssertionError("its bytes are at hand")

    async def aclose(self) -> None:
        self.is_closed = True


class Instant(FailingStorage):
    """Bytes come with the answer."""

    given: list[AtHand]

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        content = await super().read(path, first=first, last=last, only_if=only_if)
        self.given.append(AtHand(content.stored, content.first, await drained(content)))
        return self.given[-1]


def test_a_small_object_that_has_come_whole_is_sent_in_one_piece_and_looked_up_once(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Instant(AS_S3, Limits())
    storage.given = []
    live = serve(storage)
    data = bytes(range(256)) * 16
    live.client.put("bucket", "key", data)
    catalog, looks = live.services.catalog, 0
    get = catalog.get

    async def counted(bucket: Bucket, key: str) -> Version | None:
        nonlocal looks
        looks += 1
        return await get(bucket, key)

    monkeypatch.setattr(catalog, "get", counted)
    assert live.client.get("bucket", "key").body == data
    assert looks == 1
    answer = live.client.request("GET", "/bucket/key", headers={"range": "bytes=10-19"})
    assert (answer.status, answer.body) == (206, data[10:20])
    assert [content.is_closed for content in storage.given] == [True, True]

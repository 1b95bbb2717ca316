"""Uploads on a storage that puts no parts together: however many and large, little of them is held."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from backends.interface import PIECE, Content, Fingerprint, Stored
from backends.layers.around import AroundContent
from backends.remote_memory import AS_WEBDAV, RemoteMemoryStorage
from gateway.service import completing
from tests.backends.making import bytes_at
from tests.remote.conftest import Serve
from tests.remote.left import check_nothing_is_left

MOST_HELD = 4 * PIECE
"""A few pieces: what is read of one part and not yet written."""


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completing, "MIN_PART", 1)


class Counting(RemoteMemoryStorage):
    """Counts what it has given and has not been given back, and its open readings."""

    def __init__(self) -> None:
        super().__init__(AS_WEBDAV)
        self.held = self.most_held = 0
        self.opened = self.most_opened = 0

    async def read(
        self,
        path: str,
        *,
        first: int = 0,
        last: int | None = None,
        only_if: Fingerprint | None = None,
    ) -> Content:
        content = await super().read(path, first=first, last=last, only_if=only_if)
        self.opened += 1
        self.most_opened = max(self.most_opened, self.opened)
        return _Counted(content, self)

    async def write(
        self,
        path: str,
        body: AsyncIterator[bytes],
        *,
        size: int | None,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        create: bool = False,
    ) -> Stored:
        async def counted() -> AsyncIterator[bytes]:
            async for piece in body:
                self.held -= len(piece)
                yield piece

        return await super().write(
            path, counted(), size=size, description=description, headers=headers, create=create
        )


class _Counted(AroundContent):
    def __init__(self, inner: Content, storage: Counting) -> None:
        super().__init__(inner)
        self._storage = storage
        self._is_open = True

    async def chunks(self) -> AsyncIterator[bytes]:
        async for piece in self.inner.chunks():
            self._storage.held += len(piece)
            self._storage.most_held = max(self._storage.most_held, self._storage.held)
            yield piece

    async def aclose(self) -> None:
        self._storage.opened -= self._is_open
        self._is_open = False
        await self.inner.aclose()


def completed(serve: Serve, count: int, size: int) -> tuple[int, int]:
    """Complete an upload of so many parts of about that size: how many bytes were held at most, and
    how many readings were open."""
    storage = Counting()
    live = serve(storage)
    client = live.client
    upload = client.start_upload("bucket", "key")
    whole = hashlib.sha256()
    parts = []
    for number in range(1, count + 1):
        part = number.to_bytes(4) * (size // 4) + b"."
        whole.update(part)
        etag = client.put_part("bucket", "key", upload, number, part).headers["etag"]
        parts.append((number, etag))
    storage.held = storage.most_held = 0
    assert client.complete("bucket", "key", upload, parts).status == 200
    most = storage.most_held, storage.most_opened
    stored = live.run(bytes_at(storage, "bucket/key"))
    assert hashlib.sha256(stored).digest() == whole.digest()
    live.run(check_nothing_is_left(live.services))
    return most


def on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_large_parts_pass_through_a_few_pieces_at_a_time(serve: Serve, tmp_path: Path) -> None:
    held, opened = completed(serve, 6, 5 * 1024**2)
    assert 0 < held <= MOST_HELD
    assert opened == 1
    assert on_disk(tmp_path) < 5 * 1024**2


def test_many_parts_are_read_one_after_the_other(serve: Serve) -> None:
    held, opened = completed(serve, 300, 100)
    assert 0 < held <= MOST_HELD
    assert opened == 1


@pytest.mark.soak
def test_as_many_parts_as_there_may_be_are_read_one_after_the_other(serve: Serve) -> None:
    held, opened = completed(serve, 10_000, 1000)
    assert 0 < held <= MOST_HELD
    assert opened == 1

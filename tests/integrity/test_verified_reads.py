"""``verify_reads``: damaged bytes are never sent as a whole object."""

import asyncio
import http.client
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integrity.damaging import flip
from tests.live.client import Client
from tests.live.server import Live, running

CUT = (OSError, http.client.HTTPException)
"""What a client sees of an answer that ends before its length."""
SIZES = [1, 1000, 65_536, 65_537, 262_144, 262_145, 1_000_000]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    root = tmp_path_factory.mktemp("live")
    with running(root, durability="relaxed", verify_reads="true", watch="false") as server:
        server.client.make_bucket("bucket")
        yield server


@pytest.fixture
def client(live: Live) -> Client:
    return live.client


def kinds(live: Live, key: str) -> list[str]:
    async def look() -> list[str]:
        found = await live.services.catalog.findings(limit=1000)
        return [one.kind for one in found if one.key == key]

    return asyncio.run_coroutine_threadsafe(look(), live.loop).result(10)


@pytest.mark.parametrize("size", [0, *SIZES])
def test_sound_bytes_are_sent_whole(client: Client, size: int) -> None:
    data = os.urandom(size)
    client.put("bucket", "sound", data)
    got = client.get("bucket", "sound")
    assert (got.status, got.body) == (200, data)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("where", ["first", "last"])
def test_damaged_bytes_never_end_well(live: Live, client: Client, size: int, where: str) -> None:
    key = f"damaged-{size}-{where}"
    client.put("bucket", key, os.urandom(size))
    flip(live.root / "bucket" / key, 0 if where == "first" else 8 * size - 1)
    if size <= 65_536:
        got = client.get("bucket", key)
        assert (got.status, got.code) == (500, "InternalError")
    else:
        with pytest.raises(CUT):
            client.get("bucket", key)
    assert kinds(live, key) == ["damaged"]
    ranged = client.get("bucket", key, range=f"bytes=0-{size - 1}")
    assert ranged.status == 206, "a range is not verified"


def test_a_damaged_multipart_object_is_cut(live: Live, client: Client) -> None:
    client.upload("bucket", "parts", [os.urandom(5 * 1024**2), b"last"])
    assert client.get("bucket", "parts").status == 200
    flip(live.root / "bucket" / "parts", 8 * 5 * 1024**2)
    with pytest.raises(CUT):
        client.get("bucket", "parts")
    assert kinds(live, "parts") == ["damaged"]


def test_without_the_setting_bytes_are_sent_as_they_lie(tmp_path: Path) -> None:
    with running(tmp_path / "root", durability="relaxed", watch="false") as live:
        live.client.make_bucket("bucket")
        live.client.put("bucket", "key", b"content")
        flip(live.root / "bucket" / "key", 0)
        assert live.client.get("bucket", "key").body == b"bontent"

"""Stored bytes against the rows of a running server."""

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.catalog.records import Version
from gateway.service.verifying import Verdict, Verified, Verifier
from tests.integrity.damaging import flip
from tests.live.client import Client
from tests.live.server import Live, running


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with running(tmp_path_factory.mktemp("live"), durability="relaxed", watch="false") as server:
        server.client.make_bucket("bucket")
        yield server


@pytest.fixture
def client(live: Live) -> Client:
    return live.client


def row(live: Live, key: str) -> Version:
    async def look() -> Version:
        catalog = live.services.catalog
        found = await catalog.get(await catalog.bucket("bucket"), key)
        assert found is not None
        return found

    return asyncio.run_coroutine_threadsafe(look(), live.loop).result(10)


def verified(live: Live, of: Version) -> Verified:
    async def verify() -> Verified:
        catalog = live.services.catalog
        with ThreadPoolExecutor(1) as pool:
            verifier = Verifier(catalog=catalog, storages=live.services.storages, pool=pool)
            return await verifier.verify(await catalog.bucket("bucket"), of)

    return asyncio.run_coroutine_threadsafe(verify(), live.loop).result(30)


@pytest.mark.parametrize("size", [0, 1, 65_537, 3_000_000])
def test_what_was_put_is_sound(live: Live, client: Client, size: int) -> None:
    client.put("bucket", f"sound-{size}", os.urandom(size))
    assert verified(live, row(live, f"sound-{size}")) == Verified(verdict=Verdict.SOUND, read=size)


@pytest.mark.parametrize("at", [0, 65_536, 999_999])
def test_a_flipped_bit_is_damage(live: Live, client: Client, at: int) -> None:
    client.put("bucket", "flipped", os.urandom(1_000_000))
    flip(live.root / "bucket" / "flipped", 8 * at)
    outcome = verified(live, row(live, "flipped"))
    assert outcome.verdict is Verdict.DAMAGED
    assert "CRC64NVME" in outcome.detail


def test_every_bit_of_a_small_file_is_compared(live: Live, client: Client) -> None:
    client.put("bucket", "small", b"twenty-four bytes of it.")
    of = row(live, "small")
    for bit in range(8 * of.size):
        flip(live.root / "bucket" / "small", bit)
        assert verified(live, of).verdict is Verdict.DAMAGED, bit
        flip(live.root / "bucket" / "small", bit)
    assert verified(live, of).verdict is Verdict.SOUND


def test_bytes_that_are_gone_are_missing(live: Live, client: Client) -> None:
    client.put("bucket", "gone", b"content")
    (live.root / "bucket" / "gone").unlink()
    assert verified(live, row(live, "gone")).verdict is Verdict.MISSING


def test_bytes_written_by_others_are_no_damage(live: Live, client: Client) -> None:
    client.put("bucket", "rewritten", b"content")
    (live.root / "bucket" / "rewritten").write_bytes(b"CONTENT")
    assert verified(live, row(live, "rewritten")).verdict is Verdict.REPLACED


def test_bytes_that_are_still_staged_are_found(live: Live, client: Client) -> None:
    client.put("bucket", "staged", b"content")
    of = row(live, "staged")
    assert of.location.staged is not None
    path = live.root / "bucket" / "staged"
    path.rename(live.root / ".s3front" / "staged" / of.location.staged)
    assert verified(live, of).verdict is Verdict.SOUND


def test_a_row_that_was_replaced_meanwhile_is_not_judged(live: Live, client: Client) -> None:
    client.put("bucket", "replaced", b"content")
    old = row(live, "replaced")
    client.put("bucket", "replaced", b"other content")
    assert verified(live, old).verdict is Verdict.CHANGED
    client.delete("bucket", "replaced")
    assert verified(live, old).verdict is Verdict.CHANGED

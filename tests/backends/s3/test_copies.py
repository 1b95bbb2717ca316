"""Copies that take more than one request: large ones, and those that must replace nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from backends.errors import Damaged, Exists, Unavailable
from backends.interface import Fingerprint
from backends.s3.settings import read_settings
from backends.s3.storage import S3Storage
from tests.backends.making import body, bytes_at, paths
from tests.backends.s3.conftest import OLD, Rig
from tests.backends.s3.moto_server import moto_settings
from tests.faulty_proxy.faults import Say

DATA = bytes(range(251)) * 2800
MOST = 100_000
"""Bytes that one request copies."""


@asynccontextmanager
async def small_copies() -> AsyncIterator[tuple[S3Storage, Fingerprint]]:
    settings = read_settings(moto_settings())
    profile = replace(settings.profile, creates=True, copies_if=True, max_copy=MOST)
    storage = S3Storage(replace(settings, profile=profile))
    await storage.open()
    stored = await storage.write("b/k", body(DATA), size=len(DATA), description=b"about")
    try:
        yield storage, stored.fingerprint
    finally:
        await storage.aclose()


async def uploads(storage: S3Storage) -> bytes:
    """What the service says of uploads that are not ended."""
    answer = await storage._bucket.send("GET", None, query=[("uploads", "")])
    return await answer.document(10_000)


async def test_a_large_copy_is_made_in_parts() -> None:
    async with small_copies() as (storage, of):
        copied = await storage.copy("b/k", "b/copy", only_if=of)
        assert copied.fingerprint.stamp.endswith(f"-{-(-len(DATA) // MOST)}")
        assert await bytes_at(storage, "b/copy") == DATA
        stored = await storage.stat("b/copy")
        assert stored.description == b"about"
        assert stored.fingerprint == copied.fingerprint
        await storage.copy("b/k", "b/copy", only_if=of, description=b"anew")
        assert (await storage.stat("b/copy")).description == b"anew"
        assert b"<Upload>" not in await uploads(storage)


async def test_a_large_copy_that_fails_leaves_no_parts() -> None:
    async with small_copies() as (storage, of):
        other = replace(of, stamp="another")
        with pytest.raises(Damaged):
            await storage.copy("b/k", "b/copy", only_if=other)
        await storage.write("b/copy", body(b"there"), size=5)
        with pytest.raises(Exists):
            await storage.copy("b/k", "b/copy", only_if=of, create=True)
        assert await bytes_at(storage, "b/copy") == b"there"
        assert b"<Upload>" not in await uploads(storage)


async def test_a_copy_whose_source_is_replaced_meanwhile_replaces_nothing(honest: Rig) -> None:
    """The service compares nothing: the source is looked at before and after."""
    changed = Say(200, (("ETag", '"another"'), ("Content-Length", str(len(OLD)))))
    # A look, the beginning, a part, a look.
    honest.fail(None, None, None, changed)
    with pytest.raises(Damaged):
        await honest.storage.copy("b/old", "b/new", only_if=honest.of)
    assert [request.split()[0] for request in honest.proxy.requests][-1] == "DELETE"
    honest.fail(None, None, Say(500))
    with pytest.raises(Unavailable):
        await honest.storage.copy("b/old", "b/new", only_if=honest.of)
    assert [request.split()[0] for request in honest.proxy.requests][-1] == "DELETE"
    assert await paths(honest.straight) == ["b/old"]

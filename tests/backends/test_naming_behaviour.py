"""Which names a storage gives to objects."""

from collections.abc import Collection

import pytest

from backends.errors import NameRefused
from backends.interface import Storage
from tests.backends.making import body, paths


async def test_a_claim_is_the_same_for_the_same_path(storage: Storage) -> None:
    assert storage.claim("b/k") == storage.claim("b/k")
    assert storage.claim("b/k") != storage.claim("b/l")


@pytest.mark.parametrize(
    ("bucket", "key"),
    [
        ("b", "k"),
        ("b", "a/b/c.txt"),
        ("b", "日本 語/é"),
        ("b", ".s3front/k"),
        ("b", 'a\\b:*?"<>|'),
        ("b", " a /.. /..."),
        ("b", "x" * 255),
        ("s3front", "k"),
    ],
)
async def test_a_key_with_a_natural_name_is_stored_under_it(
    storage: Storage, cannot_hold: Collection[str], bucket: str, key: str
) -> None:
    if key in cannot_hold:
        assert storage.natural(bucket, key) is None
        with pytest.raises(NameRefused):
            await storage.write(f"{bucket}/{key}", body(b"data"), size=4)
        assert await paths(storage) == []
        return
    assert storage.natural(bucket, key) == f"{bucket}/{key}"
    await storage.write(f"{bucket}/{key}", body(b"data"), size=4)
    assert await paths(storage) == [f"{bucket}/{key}"]


@pytest.mark.parametrize(
    "key",
    [
        *("", "/k", "k/", "a//b", ".", "..", "a/../b", "./a", "a/."),
        *("a\0b", "a\nb", "a\x1b[0m", "a\x85", "\udc80"),
        "a/" * 2100 + "a",
    ],
)
async def test_a_key_without_a_natural_name(storage: Storage, key: str) -> None:
    assert storage.natural("b", key) is None


async def test_a_key_that_is_too_long_has_no_natural_name(storage: Storage) -> None:
    most = storage.limits.max_segment
    for key in ("x" * (most + 1), "é" * (most // 2 + 1)):
        assert storage.natural("b", key) is None


async def test_a_reserved_bucket_has_no_natural_names(storage: Storage) -> None:
    for bucket in (".s3front", ".S3FRONT", ".s3front.", "", ".", "..", "a/b"):
        assert storage.natural(bucket, "k") is None

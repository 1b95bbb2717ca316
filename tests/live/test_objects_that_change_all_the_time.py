"""A read that never meets the bytes of its row: told apart are what changes and what is damaged."""

import itertools
from dataclasses import replace

import pytest

from backends.errors import NotFound
from backends.local.storage import LocalStorage
from gateway.catalog.records import Bucket, Version
from gateway.catalog.sqlite import SqliteCatalog
from tests.live.client import Client

_numbers = itertools.count(1)


@pytest.fixture
def found_nowhere(client: Client, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object whose bytes are never where its row says."""
    client.put(bucket, "key", b"bytes")

    async def nowhere(*_: object, **__: object) -> None:
        raise NotFound("gone again")

    def not_at_once(*_: object, **__: object) -> None:
        raise NotFound("gone again")

    monkeypatch.setattr(LocalStorage, "read", nowhere)
    monkeypatch.setattr(LocalStorage, "staged", nowhere)
    monkeypatch.setattr(LocalStorage, "read_at_once", not_at_once)


@pytest.mark.usefixtures("found_nowhere")
def test_one_that_is_overwritten_at_each_look_may_be_asked_for_again(
    client: Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    get = SqliteCatalog.get

    async def another(self: SqliteCatalog, of: Bucket, key: str) -> Version | None:
        version = await get(self, of, key)
        return version and replace(version, sequence=next(_numbers))

    monkeypatch.setattr(SqliteCatalog, "get", another)
    answer = client.get(bucket, "key")
    assert (answer.status, answer.code) == (503, "ServiceUnavailable")


@pytest.mark.usefixtures("found_nowhere")
def test_one_that_stays_as_it_is_is_damaged(client: Client, bucket: str) -> None:
    answer = client.get(bucket, "key")
    assert (answer.status, answer.code) == (500, "InternalError")

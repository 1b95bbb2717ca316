"""A server that watches a directory of its own, one for each module of tests."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.client import Client
from tests.live.server import Live, running

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    root = tmp_path_factory.mktemp("outside")
    with running(root, durability="relaxed", jobs=True) as server:
        yield server


@pytest.fixture
def client(live: Live) -> Client:
    return live.client


@pytest.fixture
def bucket(client: Client) -> str:
    return client.make_bucket(f"bucket-{next(_numbers)}")


@pytest.fixture
def folder(live: Live, bucket: str) -> Path:
    """The bucket's folder."""
    return live.root / bucket

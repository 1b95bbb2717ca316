"""One server for each module of tests, a bucket for each test."""

import itertools
from collections.abc import Iterator

import pytest

from tests.live.client import Client
from tests.live.server import Live, running

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server that spares the disk: what it forces to the medium has tests of its own."""
    with running(tmp_path_factory.mktemp("live"), durability="relaxed") as server:
        yield server


@pytest.fixture
def client(live: Live) -> Client:
    return live.client


@pytest.fixture
def bucket(client: Client) -> str:
    return client.make_bucket(f"bucket-{next(_numbers)}")

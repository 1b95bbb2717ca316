"""One server for each module, with times that tests can wait for, and a bucket for each test."""

import itertools
from collections.abc import Iterator

import pytest

from gateway.wire.limits import Limits
from tests.live.client import Client
from tests.live.server import Live, running

_numbers = itertools.count(1)
LIMITS = Limits(body_stall_s=0.4, linger_s=0.2)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    root = tmp_path_factory.mktemp("hostile") / "data"
    with running(root, limits=LIMITS, durability="relaxed") as server:
        yield server


@pytest.fixture
def client(live: Live) -> Client:
    return live.client


@pytest.fixture
def bucket(client: Client) -> str:
    return client.make_bucket(f"bucket-{next(_numbers)}")

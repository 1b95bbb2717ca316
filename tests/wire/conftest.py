"""One server for each module, with times that tests can wait for."""

import itertools
from collections.abc import Iterator

import pytest

from gateway.wire.limits import Limits
from tests.live.client import Client
from tests.live.server import Live, running
from tests.wire.raw import Raw, connected

_numbers = itertools.count(1)
LIMITS = Limits(body_stall_s=0.3, linger_s=0.3)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    root = tmp_path_factory.mktemp("wire")
    with running(root, limits=LIMITS, durability="relaxed") as server:
        yield server


@pytest.fixture
def client(live: Live) -> Client:
    return live.client


@pytest.fixture
def bucket(client: Client) -> str:
    return client.make_bucket(f"bucket-{next(_numbers)}")


@pytest.fixture
def raw(live: Live) -> Iterator[Raw]:
    with connected(live.port) as connection:
        yield connection

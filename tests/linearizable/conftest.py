"""A server of two workers for each module of tests."""

from collections.abc import Iterator

import pytest

from tests.linearizable.workers import Workers, workers
from tests.live.client import Client


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with workers(tmp_path_factory.mktemp("workers") / "data") as server:
        server.client.make_bucket("shared")
        yield server


@pytest.fixture
def client(server: Workers) -> Client:
    return server.client

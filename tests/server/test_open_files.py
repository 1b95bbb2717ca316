"""How many connections there may be, for the files that the system lets be open."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.server.worker import connections_with
from gateway.wire.files import MOST_KEPT


@pytest.mark.parametrize(
    ("descriptors", "connections"), [(20_000, 15_648), (1024, 256), (4096, 1280), (0, 1)]
)
def test_some_systems(descriptors: int, connections: int) -> None:
    assert connections_with(descriptors, 2048) == connections


@given(st.integers(MOST_KEPT + 3, 100_000), st.integers(1, 10_000))
def test_all_of_them_have_what_they_need(descriptors: int, requests: int) -> None:
    connections = connections_with(descriptors, requests)
    needed = connections + 2 * min(connections, requests) + MOST_KEPT
    assert needed <= descriptors
    assert needed + 4 > descriptors

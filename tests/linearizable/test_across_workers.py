"""Per key, across worker processes, all operations are linearizable; also when workers are killed."""

import os
from pathlib import Path

import pytest

from tests.linearizable.checker import all_impossible
from tests.linearizable.clients import Load
from tests.linearizable.judging import judged, run_with_kills
from tests.linearizable.workers import STALE, workers
from tests.seeds import seed

SOAK_ACTS = int(os.environ.get("S3FRONT_TEST_ACTS", "4000"))
"""Of each client, in the long form."""


@pytest.mark.parametrize("durability", ["relaxed", "full"])
def test_what_clients_of_two_workers_see_is_linearizable(tmp_path: Path, durability: str) -> None:
    with workers(tmp_path / "data", durability=durability) as server:
        server.client.make_bucket("shared")
        load = Load(client=server.client, bucket="shared", seed=seed("load"), acts=50)
        load.run()
        judged(load.history)
        assert load.lost == 0
        assert len(load.history) > 300


def test_it_is_so_while_workers_are_killed(tmp_path: Path) -> None:
    with workers(tmp_path / "data") as server:
        load = Load(client=server.client, bucket="shared", seed=seed("load"), acts=60)
        server.client.make_bucket("shared")
        run_with_kills(server, load, kills=2)
        judged(load.history)
        assert load.lost > 0


def test_a_stale_cache_in_each_worker_would_be_found(tmp_path: Path) -> None:
    with workers(tmp_path / "data", factory=STALE) as server:
        server.client.make_bucket("shared")
        load = Load(client=server.client, bucket="shared", seed=seed("load"), acts=80)
        load.run()
        assert all_impossible(load.history)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("durability", ["relaxed", "full"])
def test_it_is_so_for_long(tmp_path: Path, durability: str) -> None:
    with workers(tmp_path / "data", durability=durability) as server:
        load = Load(
            client=server.client, bucket="shared", seed=seed("load"), clients=12, acts=SOAK_ACTS
        )
        server.client.make_bucket("shared")
        run_with_kills(server, load, kills=12)
        judged(load.history)

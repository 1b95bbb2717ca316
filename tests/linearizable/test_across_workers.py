"""Per key, across worker processes, all operations are linearizable; also when workers are killed."""

import os
import threading
from pathlib import Path

import pytest

from tests.linearizable.checker import all_impossible
from tests.linearizable.clients import Load
from tests.linearizable.workers import STALE, Workers, workers
from tests.seeds import seed
from tests.server.running import until

SOAK_ACTS = int(os.environ.get("S3FRONT_TEST_ACTS", "4000"))
"""Of each client, in the long form."""


def judged(load: Load) -> None:
    """Fails with what the checker found."""
    wrong = all_impossible(load.history)
    assert not wrong, "\n".join(f"{key!r}: {verdict}" for key, verdict in wrong.items())


@pytest.mark.parametrize("durability", ["relaxed", "full"])
def test_what_clients_of_two_workers_see_is_linearizable(tmp_path: Path, durability: str) -> None:
    with workers(tmp_path / "data", durability=durability) as server:
        server.client.make_bucket("shared")
        load = Load(client=server.client, bucket="shared", seed=seed("load"), acts=50)
        load.run()
        judged(load)
        assert load.lost == 0
        assert len(load.history) > 300


def _run_with_kills(server: Workers, load: Load, kills: int) -> None:
    """Kill a worker each time another share of the work is done."""
    server.client.make_bucket("shared")
    running = threading.Thread(target=load.run)
    running.start()
    whole = load.clients * load.acts
    try:
        for number in range(kills):
            share = whole * (number + 1) // (kills + 1)
            until(lambda share=share: load.done >= share or not running.is_alive(), seconds=600)  # type: ignore[misc]
            server.kill_one(number)
    finally:
        running.join()
    assert load.done == whole


def test_it_is_so_while_workers_are_killed(tmp_path: Path) -> None:
    with workers(tmp_path / "data") as server:
        load = Load(client=server.client, bucket="shared", seed=seed("load"), acts=60)
        _run_with_kills(server, load, kills=2)
        judged(load)
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
        _run_with_kills(server, load, kills=12)
        judged(load)

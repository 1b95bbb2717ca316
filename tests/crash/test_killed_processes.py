"""kill -9 of workers and of all processes under load, round after round on one directory."""

import contextlib
import http.client
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.wire.buffers import BATCH
from tests.crash.checking import check_all, leftovers
from tests.crash.journal import Journal
from tests.crash.serving import Killable, killable
from tests.crash.workload import LOST, Workload
from tests.live.client import Client
from tests.seeds import seed
from tests.server.running import until

BUCKETS = [f"client-{number}" for number in range(4)]


def answers(client: Client) -> bool:
    """Whether the server takes a request now."""
    try:
        return client.request("GET", "/").status == 200
    except LOST:
        return False


@pytest.mark.timeout(600)
def test_a_dozen_rounds(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, rounds=int(os.environ.get("S3FRONT_CRASH_ROUNDS") or 12))


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_hundreds_of_rounds(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, rounds=300)


@pytest.mark.timeout(300)
def test_what_a_killed_worker_had_begun_is_cleared_away_by_the_others(tmp_path: Path) -> None:
    root = tmp_path / "root"
    staged = root / ".s3front" / "staged"
    with killable(root, tmp_path / "server.log") as server:
        server.client.make_bucket("bucket")
        with half_a_put(server.client, "/bucket/key"):
            until(lambda: list(staged.iterdir()) != [])
            (file,) = staged.iterdir()
            (worker,) = [pid for pid in server.workers() if holds(pid, file)]
            before = server.workers()
            server.kill_worker(worker)
            replaced(server, before)
        # If the other one runs the jobs it does so again in ten minutes: let a new one be elected.
        for other in before:
            if list(staged.iterdir()) and other in server.workers():
                before = server.workers()
                server.kill_worker(other)
                replaced(server, before)
        until(lambda: list(staged.iterdir()) == [])
        assert server.client.get("bucket", "key").status == 404


@contextlib.contextmanager
def half_a_put(client: Client, path: str) -> Iterator[None]:
    """A request of which half the body was sent."""
    connection = http.client.HTTPConnection("127.0.0.1", int(client.host.split(":")[1]))
    connection.putrequest("PUT", path, skip_host=True, skip_accept_encoding=True)
    headers = client.headers("PUT", path, payload_hash="UNSIGNED-PAYLOAD")
    for name, value in {**headers, "content-length": str(2 * BATCH)}.items():
        connection.putheader(name, value)
    connection.endheaders(b"x" * BATCH)
    try:
        yield
    finally:
        connection.close()


def holds(pid: int, file: Path) -> bool:
    """Whether a process has the file open."""
    with contextlib.suppress(FileNotFoundError):
        return any(
            link.samefile(file) for link in Path(f"/proc/{pid}/fd").iterdir() if link.exists()
        )
    return False


def replaced(server: Killable, before: list[int]) -> None:
    """Wait until there are two workers, one of them new, that answer."""
    until(lambda: len(server.workers()) == 2 and set(server.workers()) != set(before))
    until(lambda: answers(server.client))


def kill_again_and_again(folder: Path, *, rounds: int) -> None:
    workload = Workload(Journal(), seed("killed processes"))
    chance = random.Random(workload.seed)
    root, log = folder / "root", folder / "server.log"
    for round in range(rounds + 1):
        # Some of both: in this test no power is lost, but fsync changes what runs beside what.
        durability = chance.choice(["full", "relaxed"])
        with killable(root, log, durability=durability) as server:
            if round == 0:
                for bucket in BUCKETS:
                    server.client.make_bucket(bucket)
            else:
                problems = check_all(server.client, workload, BUCKETS)
                problems += leftovers(root)
                assert not problems, (workload.seed, round, problems)
            if round < rounds:
                one_round(server, workload, chance, round)
        assert not workload.torn, (workload.seed, round, workload.torn)


def one_round(server: Killable, workload: Workload, chance: random.Random, round: int) -> None:
    """Load, a worker killed in most rounds, and all processes at the end."""
    with workload.running(server.client, BUCKETS, round=round):
        some_more(workload, chance)
        if chance.random() < 0.7:
            worker = chance.choice(server.workers())
            server.kill_worker(worker)
            until(lambda: answers(server.client))
            some_more(workload, chance)
            if chance.random() < 0.5:
                until(lambda: len(set(server.workers()) - {worker}) == 2)
                some_more(workload, chance)
        server.kill()


def some_more(workload: Workload, chance: random.Random) -> None:
    """Wait until the clients have done a random number of operations more, and a moment more."""
    at = workload.done + chance.randrange(5, 40)
    until(lambda: workload.done >= at, seconds=60)
    time.sleep(chance.random() * 0.02)  # where in an operation it dies is the point

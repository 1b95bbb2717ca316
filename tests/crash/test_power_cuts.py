"""Loss of power: every state that a disk may be left in holds all that was acknowledged by then."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from backends.local import durability
from gateway.catalog.sqlite import committer, connection
from tests.crash.checking import check_buckets, check_objects, check_uploads, leftovers
from tests.crash.journal import Journal
from tests.crash.recorded_disk import PowerCuts, RecordedDisk, mounted, recorded_disk, why_not
from tests.crash.workload import Workload
from tests.live.client import Client
from tests.live.server import running
from tests.seeds import seed

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

BUCKETS = [f"client-{number}" for number in range(3)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What clients did on a disk, and the moment from which it counts."""

    disk: RecordedDisk
    workload: Workload
    first: int
    last: int


def record(folder: Path, *, operations: int, durability: str = "full") -> Recorded:
    """Let clients work on a recorded disk. The WAL is written back, and begun anew, often."""
    with recorded_disk(folder) as disk, pytest.MonkeyPatch.context() as patch:
        patch.setattr(committer, "CHECKPOINT_PAGES", 100)
        workload = Workload(Journal(), seed("power cuts"), clock=disk.now, big=False)
        with running(disk.mounted / "root", durability=durability) as live:
            for bucket in BUCKETS:
                live.client.make_bucket(bucket)
            first = disk.now()
            with workload.running(live.client, BUCKETS, most=operations):
                pass
            last = disk.now()
        assert workload.torn == []
    return Recorded(disk=disk, workload=workload, first=first, last=last)


def problems_in(recorded: Recorded, *, states: int, enough: int | None = None) -> list[str]:
    """What is wrong in that many states of the disk, evenly spread; stops at ``enough`` problems."""
    workload, problems = recorded.workload, []
    chance = random.Random(workload.seed)
    cuts = PowerCuts(recorded.disk)
    image = recorded.disk.folder / "state"
    for moment in sorted(chance.randint(recorded.first, recorded.last) for _ in range(states)):
        cuts.write(moment, image, chance)
        with (
            mounted(image, recorded.disk.mounted) as at,
            running(at / "root", durability="relaxed") as live,
        ):
            found = problems_at(live.client, workload, moment) + leftovers(at / "root")
            problems += [f"at {moment}: {problem}" for problem in found]
        if enough is not None and len(problems) >= enough:
            break
    return problems


def problems_at(client: Client, workload: Workload, moment: int) -> list[str]:
    """What is wrong on a server started on the disk as it was at that moment."""
    problems = check_buckets(client, workload.journal, BUCKETS, until=moment)
    for bucket in BUCKETS:
        problems += check_objects(client, workload.journal, bucket, until=moment)
    uploads = [
        upload
        for upload in (*workload.uploads, *workload.ended)
        if upload.known <= moment and (upload.ended is None or upload.ended > moment)
    ]
    return problems + check_uploads(client, uploads)


@pytest.mark.timeout(600)
def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    recorded = record(tmp_path / "disk", operations=50)
    assert problems_in(recorded, states=60) == []


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_nothing_acknowledged_is_lost_in_hundreds_of_states(tmp_path: Path) -> None:
    recorded = record(tmp_path / "disk", operations=400)
    assert problems_in(recorded, states=600) == []


def _nothing(_: int) -> None:
    return


def _no_sync_of_data(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(durability, "_failure_of_sync", _nothing)
    patch.setattr(durability, "_begin_writing", None)


def _commits_that_wait_for_no_disk(patch: pytest.MonkeyPatch) -> None:
    real = connection.open_writer
    patch.setattr(
        connection, "open_writer", lambda path, **how: real(path, **{**how, "durable": False})
    )


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "plant", [_no_sync_of_data, _commits_that_wait_for_no_disk], ids=lambda plant: plant.__name__
)
def test_a_planted_mistake_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plant: Callable[[pytest.MonkeyPatch], None]
) -> None:
    with monkeypatch.context() as patch:
        plant(patch)
        recorded = record(tmp_path / "disk", operations=25)
    assert problems_in(recorded, states=30, enough=1)

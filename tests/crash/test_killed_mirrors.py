"""kill -9 of workers and of all processes of a server on a mirror, in the midst of writes and repairs."""

import asyncio
import json
import random
from pathlib import Path

import pytest

from backends.interface import Storage
from backends.local.storage import LocalStorage
from backends.mirror.meeting import MARK
from backends.s3.settings import read_settings
from backends.s3.storage import S3Storage
from gateway.catalog.sqlite.mirrors import SqliteMirrorLedger
from gateway.service.certainty import MARK as IDENTITY
from tests.backends.making import bytes_at, paths
from tests.backends.s3.moto_server import moto_settings
from tests.crash.checking import check_all
from tests.crash.journal import Journal
from tests.crash.serving import killable
from tests.crash.test_killed_processes import BUCKETS, one_round
from tests.crash.workload import Workload
from tests.seeds import seed
from tests.server.running import until

ROUNDS = 3
_OURS = {MARK, IDENTITY}


@pytest.mark.timeout(600)
def test_members_are_equal_after_a_few_rounds(tmp_path: Path) -> None:
    workload = Workload(Journal(), seed("killed mirrors"))
    chance = random.Random(workload.seed)
    root, state, cloud = tmp_path / "root", tmp_path / "state", moto_settings()
    settings = tmp_path / "s3front.toml"
    settings.write_text(written(root, state, cloud))
    ledger = state / "mirror-safe.db"
    for round in range(ROUNDS + 1):
        with killable(settings, tmp_path / "server.log") as server:
            if round == 0:
                for bucket in BUCKETS:
                    server.client.make_bucket(bucket)
            else:
                problems = check_all(server.client, workload, BUCKETS)
                assert not problems, (workload.seed, round, problems)
            if round < ROUNDS:
                one_round(server, workload, chance, round)
            else:
                until(lambda: asyncio.run(waiting(ledger)) == 0, seconds=200)
        assert not workload.torn, (workload.seed, round, workload.torn)
    nas, far = asyncio.run(held(root, cloud))
    assert nas
    assert nas == far


def written(root: Path, state: Path, cloud: dict[str, object]) -> str:
    """The settings of the server."""
    named = "\n".join(f"{name} = {json.dumps(value)}" for name, value in cloud.items())
    return f"""
catalog = "sqlite://{state}/catalog.db"
[storages.safe]
type = "mirror"
storages = ["nas", "cloud"]
[storages.nas]
type = "local"
root = "{root}"
[storages.cloud]
type = "s3"
{named}
"""


async def waiting(file: Path) -> int:
    """How many copies wait for repair."""
    ledger = SqliteMirrorLedger(file, process="test")
    await ledger.open()
    try:
        return (await ledger.backlog()).waiting
    finally:
        await ledger.aclose()


async def held(root: Path, cloud: dict[str, object]) -> list[dict[str, bytes]]:
    """What each member has, by path."""
    found: list[dict[str, bytes]] = []
    members: list[Storage] = [LocalStorage(root=root), S3Storage(read_settings(cloud))]
    for member in members:
        await member.open()
        try:
            there = [*await paths(member), *await paths(member, ".s3front/o/")]
            found.append({p: await bytes_at(member, p) for p in there if p not in _OURS})
        finally:
            await member.aclose()
    return found

"""Two workers on one S3 service, which is a process of its own: what clients see fits one order, also
while workers are killed, and in the end the service holds the current objects and nothing else."""

import asyncio
import contextlib
import json
import os
import random
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from backends.registry import construct
from gateway.catalog.sqlite import SqliteCatalog
from gateway.jobs.depositing import FOLDER
from gateway.server.start import FACTORY
from gateway.service import removing
from gateway.service.certainty import MARK
from tests.backends.s3.moto_server import moto_settings
from tests.linearizable.clients import ClientOfKeys, Load, Seen
from tests.linearizable.judging import judged, run_with_kills
from tests.linearizable.workers import Workers, workers
from tests.live.client import ACCESS_KEY, SECRET_KEY, Client
from tests.seeds import seed
from tests.server.running import Running, until

SOAK_ACTS = int(os.environ.get("S3FRONT_TEST_ACTS", "1000"))
"""Of each client, in the long form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A bucket of an S3 service, and where the server that uses it has its catalog."""

    folder: Path
    settings: dict[str, object]

    @property
    def catalog(self) -> Path:
        return self.folder / "catalog.db"

    @property
    def file(self) -> Path:
        """Settings of the server."""
        file = self.folder / "s3front.toml"
        lines = [f"{name} = {json.dumps(value)}" for name, value in self.settings.items()]
        file.write_text("\n".join(["[storages.cloud]", 'type = "s3"', *lines, ""]))
        return file

    async def left(self) -> tuple[set[str], set[str]]:
        """After the next start, the end of all uploads and two rounds of the janitor: the paths that hold
        bytes, those of the current objects."""
        storage = construct("s3", self.settings)
        await storage.open()
        storages = {"cloud": storage}
        catalog = SqliteCatalog(self.catalog, placings=storages, durable=False)
        await catalog.open()
        await catalog.recover()
        for bucket, upload in await catalog.stale_uploads(before_ns=2**62, limit=10_000):
            await catalog.abort_upload(bucket, upload.key, upload.id)
        for _ in range(2):
            await removing.sweep(catalog, storages)
        bucket = await catalog.bucket("shared")
        known = set()
        async for entry in catalog.every_entry(bucket):
            version = await catalog.get(bucket, entry.key)
            assert version is not None
            known.add(version.location.path)
        held = {one.path async for one in storage.list()}
        held |= {one.path async for one in storage.list(".s3front/")}
        held.discard(MARK)
        held = {path for path in held if not path.startswith(FOLDER)}
        doomed = {one.path for one in await catalog.doomed()}
        assert not doomed & held
        await catalog.aclose()
        await storage.aclose()
        return held, known


@pytest.fixture
def service(tmp_path: Path) -> Service:
    settings = moto_settings(profile="aws", address_style="path", prefix="shared")
    return Service(folder=tmp_path, settings=settings)


@pytest.fixture
def server(service: Service) -> Iterator[Workers]:
    flags = {"file": str(service.file), "catalog": str(service.catalog)}
    (service.folder / "data").mkdir()
    with workers(service.folder / "data", **flags) as server:
        server.client.make_bucket("shared")
        yield server


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kills", [0, 3])
def test_what_clients_see_is_linearizable(service: Service, server: Workers, kills: int) -> None:
    check(service, server, kills=kills, acts=40)


@pytest.mark.timeout(300)
def test_it_is_so_when_all_processes_are_killed_and_start_again(service: Service) -> None:
    history: Seen = []
    for number in range(3):
        with started(service) as client:
            if number == 0:
                client.make_bucket("shared")
            clients = at_work(client, f"{seed('load')}/{number}")
            until(lambda clients=clients: sum(len(one.seen) for one in clients) > 60)  # type: ignore[misc]
        for one in clients:
            one.ended.wait()
            history += one.seen
    with started(service) as client:
        last = ClientOfKeys(client, "shared", "last", random.Random(1))
        last.look_at_all()
        history += last.seen
    judged(history)
    held, known = asyncio.run(service.left())
    assert held == known


@contextlib.contextmanager
def started(service: Service) -> Iterator[Client]:
    """A server that is killed, with all its workers, in the end."""
    data = service.folder / "data"
    data.mkdir(exist_ok=True)
    server = Running(
        data,
        variables={"S3FRONT_ROOT_ACCESS_KEY": ACCESS_KEY, "S3FRONT_ROOT_SECRET_KEY": SECRET_KEY},
        factory=FACTORY,
        workers=2,
        durability="relaxed",
        file=str(service.file),
        catalog=str(service.catalog),
    )
    try:
        assert server.endpoint, server.log
        yield Client(port=server.port)
    finally:
        server.close()


class AtWork(ClientOfKeys):
    """One that stops when nobody answers any more."""

    def __init__(self, client: Client, name: str) -> None:
        super().__init__(client, "shared", name, random.Random(name))
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.lost:
            self.act()
        self.ended.set()


def at_work(client: Client, name: str) -> Sequence[AtWork]:
    """Some clients, each on a thread of its own."""
    clients = [AtWork(client, f"{name}/{number}") for number in range(6)]
    for one in clients:
        threading.Thread(target=one.run).start()
    return clients


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_it_is_so_for_long(service: Service, server: Workers) -> None:
    check(service, server, kills=12, acts=SOAK_ACTS)


def check(service: Service, server: Workers, *, kills: int, acts: int) -> None:
    load = Load(client=server.client, bucket="shared", seed=seed("load"), acts=acts)
    run_with_kills(server, load, kills)
    judged(load.history)
    assert len(load.history) > 200
    assert (load.lost > 0) is (kills > 0)
    server.stop()
    held, known = asyncio.run(service.left())
    assert held == known

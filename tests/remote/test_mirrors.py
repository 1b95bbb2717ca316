"""A server on a mirror: members stop and come back, and clients do not notice."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from structlog.testing import capture_logs

from backends.cache.sizes import LEAST
from backends.layers.caching import Caching
from backends.mirror import finishing, putting
from backends.mirror.storage import Mirror
from backends.remote_memory import AS_S3, AS_WEBDAV
from gateway.jobs import mirroring, unfinished
from gateway.jobs.mirroring import Mirroring
from gateway.jobs.roll import Roll
from gateway.observe.tally import MirrorTally
from gateway.server.opening import Openings
from gateway.settings.loader import load
from gateway.settings.parts import StorageSettings
from tests.backends.making import body, bytes_at, paths
from tests.backends.mirror.members import Shaky, Time, memories, mirror_of
from tests.backends.s3.moto_server import Moto, moto_settings
from tests.live.client import Client
from tests.live.server import Live, running
from tests.remote.conftest import Serve
from tests.remote.test_files_of_others import identified
from tests.server.running import until

KEYS = [f"folder/{number}" for number in range(20)]


class Stand:
    """A server, the members of its mirror, and the time of both."""

    def __init__(self, serve: Serve, folder: Path, *, as_webdav: bool) -> None:
        self.time = Time()
        self.members = memories(AS_WEBDAV if as_webdav else AS_S3)
        self.mirror = mirror_of(self.members, time=self.time)
        self.live: Live = serve(self.mirror)
        self.told: list[tuple[int, int]] = []
        tally = MirrorTally()
        tally.stands = self.stands  # type: ignore[method-assign]  # told here
        roll = Roll(folder / "roll")
        (folder / "roll").mkdir()
        self.job = Mirroring(self.live.services, "main", self.mirror, roll, tally, tell_s=0)

    def stands(self, mirror: str, *, waiting: int, oldest_s: float, resting: int) -> None:
        self.told.append((waiting, resting))

    def rest(self) -> None:
        """Rounds of repair until nothing waits."""
        self.live.run(self.live.services.remover.settled())
        self.told.clear()
        while (0, 0) not in self.told:
            self.time.now_s += 1000
            self.live.run(self.job.round())

    def held(self, member: Shaky) -> dict[str, bytes]:
        async def all_of_it() -> dict[str, bytes]:
            found = [*await paths(member), *await paths(member, ".s3front/")]
            return {path: await bytes_at(member, path) for path in found}

        held = self.live.run(all_of_it())
        return {path: data for path, data in held.items() if not data.startswith(b"s3front-mirror")}


@pytest.fixture(params=[False, True], ids=["as-s3", "as-webdav"])
def stand(request: pytest.FixtureRequest, serve: Serve, tmp_path: Path) -> Stand:
    return Stand(serve, tmp_path, as_webdav=request.param)


def fetched(client: Client, key: str) -> bytes:
    answer = client.get("bucket", key)
    assert answer.status == 200, answer.body
    return answer.body


def work(client: Client, stop: Event, number: int) -> dict[str, bytes]:
    """Write, read, overwrite and delete until told to stop; every answer must be right.

    What was written while one member alone could be asked cannot be read while that one is down.
    """
    has: dict[str, bytes] = {}
    turn = 0
    while not stop.is_set():
        turn += 1
        key = f"{number}/{turn % 5}"
        data = f"{number}-{turn}".encode() * 1000
        assert client.put("bucket", key, data).status == 200
        answer = client.get("bucket", key)
        assert answer.body == data if answer.status == 200 else answer.status == 503
        has[key] = data
        repaired = KEYS[turn % len(KEYS)]
        assert fetched(client, repaired) == repaired.encode()
        if turn % 7 == 0:
            assert client.delete("bucket", key).status == 204
            del has[key]
    return has


@pytest.mark.timeout(300)
def test_a_member_stops_under_load_and_comes_back(stand: Stand) -> None:
    client = stand.live.client
    for key in KEYS:
        client.put("bucket", key, key.encode())
    stand.rest()
    stop = Event()
    with ThreadPoolExecutor(4) as pool:
        work_of = [pool.submit(work, stand.live.client, stop, number) for number in range(4)]
        try:
            for down in (True, False, True):
                stand.members["nas"].is_down = down
                stand.time.now_s += 10
                for key in KEYS:
                    assert fetched(client, key) == key.encode()
                    assert client.put("bucket", f"new/{down}/{key}", b"new").status == 200
        finally:
            stop.set()
        has: dict[str, bytes] = {}
        for one in work_of:
            has |= one.result()
    stand.members["nas"].is_down = False
    stand.rest()
    for name, other in (("nas", "cloud"), ("cloud", "nas")):
        stand.members[other].is_down = True
        for key, data in has.items():
            assert fetched(client, key) == data
        assert name not in stand.mirror.resting()
        stand.members[other].is_down = False
        stand.time.now_s += 1000
        stand.live.run(stand.job.round())
    assert stand.held(stand.members["nas"]) == stand.held(stand.members["cloud"])


def test_uploads_and_copies(stand: Stand) -> None:
    client = stand.live.client
    client.upload("bucket", "parts", [b"one part"])
    client.request("PUT", "/bucket/copy", headers={"x-amz-copy-source": "/bucket/parts"})
    stand.rest()
    stand.members["nas"].is_down = True
    assert fetched(client, "copy") == fetched(client, "parts") == b"one part"


def test_all_of_it_is_told(stand: Stand) -> None:
    client = stand.live.client
    client.put("bucket", "key", b"data")
    stand.members["cloud"].is_down = True
    stand.live.run(stand.job.round())
    assert stand.told[-1][0] > 0
    for _ in range(3):
        stand.time.now_s += 1000
        stand.live.run(stand.job.round())
    assert stand.told[-1][1] == 1
    stand.members["cloud"].is_down = False
    stand.rest()


async def test_a_ledger_that_was_found_again_is_told(tmp_path: Path) -> None:
    members = memories()
    settings = load(flags={}, environ={}, folder=tmp_path).settings.model_copy(
        update={
            "storages": {
                "nas": StorageSettings(type="memory"),
                "cloud": StorageSettings(type="memory"),
                "safe": StorageSettings.model_validate(
                    {"type": "mirror", "storages": ["nas", "cloud"]}
                ),
            }
        }
    )
    mirror = mirror_of(members)
    await Openings({"safe": mirror}, settings).open_all()
    await mirror.write("b/k", body(b"data"), size=4)
    with capture_logs() as logs:
        await Openings({"safe": mirror_of(members)}, settings).open_all()
    (told,) = [log for log in logs if log["log_level"] == "warning"]
    assert "1 paths were found again, 1 of which its members did not agree on" in told["found"]


def test_a_mirror_with_a_cache_is_repaired_and_serves_what_it_has_read(
    serve: Serve, tmp_path: Path
) -> None:
    members = memories()
    mirror = mirror_of(members)
    cached = Caching(mirror, tmp_path / "cache", LEAST, complain=pytest.fail)
    mirror.declared = cached.declare_anew
    live = serve(cached)
    live.client.put("bucket", "key", b"data")
    live.client.put("bucket", "other", b"data")
    assert fetched(live.client, "key") == b"data"
    (tmp_path / "roll").mkdir()

    async def repaired() -> None:
        job = mirroring.run(live.services, "main", Roll(tmp_path / "roll"), MirrorTally())
        task = asyncio.create_task(job)
        async with asyncio.timeout(30):
            while (await mirror.ledger.backlog()).waiting:
                assert not task.done()
                await asyncio.sleep(0.01)
        task.cancel()
        await cached.cache.settled()

    live.run(repaired())
    assert live.run(bytes_at(members["cloud"], "bucket/other")) == b"data"
    for member in members.values():
        member.is_down = True
    assert fetched(live.client, "key") == b"data"
    assert live.client.get("bucket", "other").status == 503


def test_uploads_that_nobody_knows_of_are_ended_on_each_member(
    serve: Serve, tmp_path: Path
) -> None:
    stand = Stand(serve, tmp_path, as_webdav=False)
    identified(stand.live)
    known = stand.live.client.start_upload("bucket", "known")

    async def forgotten() -> int:
        for member in stand.members.values():
            await member.begin_parts(".s3front/o/aa/forgotten")
        return await unfinished.sweep(stand.live.services, age_s=-60)

    assert stand.live.run(forgotten()) == 2
    etag = stand.live.client.put_part("bucket", "known", known, 1, b"part").headers["etag"]
    assert stand.live.client.complete("bucket", "known", known, [(1, etag)]).status == 200
    assert fetched(stand.live.client, "known") == b"part"


def test_what_a_dead_worker_was_writing_is_looked_at(stand: Stand) -> None:
    async def left_behind() -> None:
        await stand.mirror.ledger.begin("bucket/key", "nas")

    stand.live.run(left_behind())
    stand.rest()
    assert stand.live.run(stand.mirror.ledger.find("bucket/key")) is None


@pytest.mark.timeout(300)
def test_a_service_stops_under_load_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (putting, finishing):
        monkeypatch.setattr(module, "DOUBT_S", 0.5)
    moto = Moto()
    storages = {
        "safe": {"type": "mirror", "storages": ["cloud", "nas"]},
        "cloud": {"type": "s3", **moto_settings(moto)},
        "nas": {"type": "local", "root": str(tmp_path / "nas")},
    }
    try:
        with running(tmp_path / "root", storages=storages) as live:
            mirror = live.services.storages["safe"]
            assert isinstance(mirror, Mirror)
            live.client.make_bucket("bucket")
            for key in KEYS:
                live.client.put("bucket", key, key.encode())
            until(lambda: is_equal(live, mirror), seconds=120)
            stop = Event()
            with ThreadPoolExecutor(3) as pool:
                work_of = [pool.submit(work, live.client, stop, number) for number in range(3)]
                try:
                    for _ in KEYS:
                        fetched(live.client, KEYS[0])
                    moto.stop()
                    for key in KEYS * 3:
                        assert fetched(live.client, key) == key.encode()
                        assert live.client.put("bucket", f"new/{key}", b"new").status == 200
                    moto.start()
                    for key in KEYS:
                        assert fetched(live.client, key) == key.encode()
                finally:
                    stop.set()
                has: dict[str, bytes] = {}
                for one in work_of:
                    has |= one.result()
            until(lambda: is_equal(live, mirror), seconds=120)
            moto.stop()
            for key, data in has.items():
                assert fetched(live.client, key) == data
            moto.start()
    finally:
        moto.close()


def is_equal(live: Live, mirror: Mirror) -> bool:
    """Whether nothing waits any more, after a round of repairs."""

    async def repaired() -> bool:
        await live.services.remover.settled()
        await mirror.repairs.knock()
        await mirror.repairs.round()
        return not (await mirror.ledger.backlog()).waiting and not mirror.resting()

    return live.run(repaired())

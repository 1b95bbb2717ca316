"""Indexing: everything that lies in a bucket's folder gets a row, whatever happens meanwhile."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Literal

import pytest

from backends.errors import Unavailable
from backends.interface import Can, Limits, Stored
from backends.remote_memory import AS_S3
from gateway.catalog.records import Bucket
from gateway.jobs import following, indexing
from gateway.jobs.following import Following
from gateway.jobs.indexing import Indexing
from gateway.server import build
from gateway.server.bootstrap import bootstrap
from gateway.service.looking import Looking, looking_at
from gateway.settings.parts import BucketSettings
from tests.backends.s3.moto_server import moto_settings
from tests.live.server import Live, running
from tests.outside.waiting import until
from tests.remote.conftest import Serve
from tests.remote.failing_storage import FailingStorage, Fault
from tests.remote.left import swept
from tests.remote.test_files_of_others import calls, drop, take, unindexed


class Breaking(FailingStorage):
    """Its listings end badly after some names."""

    ends_after: int | None = None
    hangs = False

    async def list(
        self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
    ) -> AsyncGenerator[Stored, None]:
        number = 0
        async for stored in super().list(prefix, after=after, pass_over_closed=pass_over_closed):
            if number == self.ends_after:
                if self.hangs:
                    self.hit.set()
                    await asyncio.Event().wait()
                raise Unavailable("it does not answer")
            number += 1
            yield stored


def look_of(live: Live) -> Looking:
    look = looking_at(live.services, "main")
    assert look is not None
    return look


def bucket_of(live: Live) -> Bucket:
    return live.run(live.services.catalog.bucket("bucket"))


def index(live: Live) -> Indexing:
    one = Indexing(look_of(live), bucket_of(live))
    live.run(one.run())
    return one


def filled(live: Live, storage: FailingStorage, count: int) -> list[str]:
    keys = [f"dir{number % 3}/{number:04}" for number in range(count)]
    for key in keys:
        drop(live, storage, f"bucket/{key}", key.encode())
    unindexed(live)
    return sorted(keys)


def test_all_that_is_there_is_an_object_and_listings_ask_no_more(
    live: Live, storage: FailingStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "BATCH", 7)
    keys = filled(live, storage, 30)
    live.client.put("bucket", "ours", b"ours")
    live.client.put("bucket", "x//y", b"under a path of our own")
    done = index(live)
    assert (done.seen, done.outcome.adopted) == (31, 30)
    assert bucket_of(live).indexed
    monkeypatch.setattr(storage, "list", None)
    assert live.client.keys("bucket") == [*keys, "ours", "x//y"]
    assert live.client.get("bucket", keys[7]).body == keys[7].encode()


def test_what_is_known_already_is_passed_over(live: Live, storage: FailingStorage) -> None:
    keys = filled(live, storage, 5)
    live.client.get("bucket", keys[0])
    drop(live, storage, f"bucket/{keys[1]}", b"first")
    live.client.get("bucket", keys[1])
    drop(live, storage, f"bucket/{keys[1]}", b"second")
    done = index(live)
    assert (done.outcome.adopted, done.outcome.changed) == (3, 1)
    with calls(live, storage) as made:
        assert not index(live).outcome.anything
    assert made == []


def test_where_nothing_can_be_learnt_but_names_each_is_not_asked_for(serve: Serve) -> None:
    storage = FailingStorage(Can.CREATE, Limits())
    live = serve(storage)
    filled(live, storage, 20)
    with calls(live, storage) as made:
        assert index(live).outcome.adopted == 20
    assert made == []


@pytest.mark.parametrize("hangs", [False, True], ids=["fails", "is killed"])
def test_it_goes_on_where_it_was_stopped(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, *, hangs: bool
) -> None:
    monkeypatch.setattr(indexing, "BATCH", 4)
    storage = Breaking(Can.CREATE, Limits())
    live = serve(storage)
    keys = filled(live, storage, 20)
    storage.ends_after, storage.hangs = 10, hangs
    first = Indexing(look_of(live), bucket_of(live))
    running_ = asyncio.run_coroutine_threadsafe(first.run(), live.loop)
    if hangs:
        assert storage.hit.wait(10)
        running_.cancel()
    else:
        with pytest.raises(Unavailable):
            running_.result(10)
    assert not bucket_of(live).indexed
    storage.ends_after = None
    assert live.client.keys("bucket") == keys
    second = index(live)
    assert (first.outcome.adopted, second.outcome.adopted) == (8, 12)
    assert live.client.keys("bucket") == keys
    assert bucket_of(live).indexed
    third = index(live)
    assert (third.seen, third.outcome.adopted) == (20, 0)


@pytest.mark.parametrize(
    "fault", [Fault.UNAVAILABLE, Fault.THROTTLED, Fault.HANGS], ids=lambda fault: fault.value
)
def test_a_call_that_fails_in_the_middle_marks_nothing_complete(
    live: Live, storage: FailingStorage, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    monkeypatch.setattr(indexing, "BATCH", 4)
    if Can.DESCRIBE not in storage.can:
        return  # nothing is asked but the listing
    keys = filled(live, storage, 20)
    live.run(storage.arm(fault, 6))
    going = asyncio.run_coroutine_threadsafe(
        Indexing(look_of(live), bucket_of(live)).run(), live.loop
    )
    if fault is Fault.HANGS:
        assert storage.hit.wait(10)
        live.run(storage.disarm())
    with pytest.raises(Exception, match=r"answer|slow|lost"):
        going.result(10)
    live.run(storage.disarm())
    assert not bucket_of(live).indexed
    assert live.client.keys("bucket") == keys
    index(live)
    assert live.client.keys("bucket") == keys


def test_writes_meanwhile_are_not_overtaken(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "BATCH", 3)

    class Busy(FailingStorage):
        async def list(
            self, prefix: str = "", *, after: str = "", pass_over_closed: bool = False
        ) -> AsyncGenerator[Stored, None]:
            seen = [one async for one in super().list(prefix, after=after)]
            for number, stored in enumerate(seen):
                if number == 0 and self.busy:
                    await asyncio.to_thread(write)
                yield stored

        busy = False

    def write() -> None:
        client = live.client
        client.delete("bucket", "removed")
        client.put("bucket", "rewritten", b"newest")
        client.put("bucket", "of-others", b"ours now")
        live.run(swept(live.services))

    storage = Busy(Can.CREATE, Limits())
    live = serve(storage)
    client = live.client
    client.put("bucket", "removed", b"old")
    client.put("bucket", "rewritten", b"old")
    drop(live, storage, "bucket/of-others", b"theirs")
    drop(live, storage, "bucket/others", b"theirs")
    unindexed(live)
    storage.busy = True
    index(live)
    assert client.keys("bucket") == ["of-others", "others", "rewritten"]
    assert client.get("bucket", "rewritten").body == b"newest"
    assert client.get("bucket", "of-others").body == b"ours now"
    assert client.get("bucket", "others").body == b"theirs"


def test_the_job_indexes_what_was_made_over_content(live: Live, storage: FailingStorage) -> None:
    drop(live, storage, "second/key")
    live.client.make_bucket("second")
    live.run(Following(live.services, look_of(live), 0).round())
    bucket = live.run(live.services.catalog.bucket("second"))
    assert bucket.indexed
    assert live.client.keys("second") == ["key"]


def test_a_bucket_whose_index_is_off_is_never_indexed(live: Live, storage: FailingStorage) -> None:
    drop(live, storage, "bucket/key")
    live.run(live.services.catalog.set_indexing("bucket", indexes=False))
    live.run(Following(live.services, look_of(live), 1).round())
    assert not bucket_of(live).indexed
    assert live.client.keys("bucket") == ["key"]
    drop(live, storage, "bucket/later")
    assert live.client.keys("bucket") == ["key", "later"]


# On moto, with the command beside the server.


def command(config: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli.main", "index", *arguments, "-c", str(config)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.timeout(120)
def test_the_command_indexes_beside_a_server(tmp_path: Path) -> None:
    settings = moto_settings(prefix="shared")
    storages = {"cloud": {"type": "s3", **settings}}
    root = tmp_path / "root"
    written = "\n".join(
        f"{name} = {'true' if value is True else json.dumps(value)}"
        for name, value in storages["cloud"].items()
    )
    config = tmp_path / "s3front.toml"
    config.write_text(
        f'catalog = "sqlite://{root}/.s3front/catalog.db"\n\n[storages.cloud]\n{written}\n'
    )
    with running(root, durability="relaxed", storages=storages) as live:
        storage = live.services.storages["cloud"]
        for number in range(5):
            drop(live, storage, f"photos/{number}.jpg", b"%d" % number)
        live.client.make_bucket("photos")
        keys = [f"{number}.jpg" for number in range(5)]
        assert live.client.keys("photos") == keys
        drop(live, storage, "photos/5.jpg", b"5")
        told = command(config, "photos", "--json")
        assert told.returncode == 0, told.stderr
        counts = json.loads(told.stdout)
        assert (counts["names"], counts["new"], counts["indexed"]) == (6, 6, True)
        again = command(config, "photos")
        assert "6 names looked at" in again.stdout
        assert "0 new" in again.stdout
        assert live.client.keys("photos") == [*keys, "5.jpg"]
        answer = live.client.get("photos", "3.jpg")
        assert (answer.body, answer.headers["content-type"]) == (b"3", "image/jpeg")
        assert live.client.get("photos", "6.jpg").status == 404
        missing = command(config, "nothing")
        assert missing.returncode == 1
        assert missing.stderr.startswith("There is no bucket 'nothing'. Create it: ")
        help_ = subprocess.run(
            [sys.executable, "-m", "gateway.cli.main", "index", "--help"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert "Examples:" in help_.stdout


def test_the_command_refuses_what_the_server_watches_by_itself(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with running(root, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        told = subprocess.run(
            [sys.executable, "-m", "gateway.cli.main", "index", "bucket", str(root)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert told.returncode == 2
    assert "not behind a network" in told.stderr


def test_the_elected_worker_indexes_and_polls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = FailingStorage(AS_S3, Limits(max_description=2048))
    monkeypatch.setattr(build, "storages_of", lambda *_: {"main": storage})
    monkeypatch.setattr(following, "_TICK_S", 0.02)
    storages = {"main": {"type": "memory"}}
    with running(
        tmp_path, durability="relaxed", storages=storages, jobs=True, poll_seconds=0.05
    ) as live:
        drop(live, storage, "bucket/before", b"theirs")
        live.client.make_bucket("bucket")
        until(lambda: bucket_of(live).indexed)
        assert live.client.keys("bucket") == ["before"]
        drop(live, storage, "bucket/later", b"theirs")
        until(lambda: live.client.keys("bucket") == ["before", "later"])
        take(live, storage, "bucket/before")
        until(lambda: live.client.keys("bucket") == ["later"])


def test_settings_say_which_buckets_are_not_indexed(live: Live, storage: FailingStorage) -> None:
    settings = live.application._settings

    def start(index: Literal["on", "off"]) -> Bucket:
        buckets = (BucketSettings(name="bucket", index=index),)
        live.run(bootstrap(live.services, settings.model_copy(update={"buckets": buckets})))
        return bucket_of(live)

    assert start("on").indexed
    off = start("off")
    assert (off.indexes, off.indexed) == (False, False)
    drop(live, storage, "bucket/key")
    assert live.client.keys("bucket") == ["key"]
    on = start("on")
    assert (on.indexes, on.indexed) == (True, False)
    assert live.client.keys("bucket") == ["key"]

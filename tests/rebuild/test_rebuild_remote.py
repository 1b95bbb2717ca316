"""A catalog that is made anew of what lies on a storage behind a network."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backends.errors import NameRefused
from backends.interface import Can, Stored
from backends.mirror.storage import Mirror
from backends.remote_memory import AS_S3
from gateway.jobs import unfinished
from gateway.jobs.depositing import Deposits
from gateway.service.certainty import identify
from gateway.service.description import decode, encode
from tests.backends.making import body
from tests.backends.s3.moto_server import Moto, moto_settings
from tests.live.client import Client
from tests.live.server import Live
from tests.rebuild.mixture import (
    BUCKET,
    LONG,
    RESTATED,
    RETAGGED,
    Mixture,
    ask,
    differences,
    fill,
)
from tests.rebuild.places import KINDS, NAME, Place, in_memory, place
from tests.remote.failing_storage import FailingStorage, Fault
from tests.remote.left import check_nothing_is_left, swept
from tests.server.running import until


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("S3FRONT_", "MINIO_")):
            monkeypatch.delenv(name)


@pytest.fixture(params=KINDS)
def there(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return place(request.param, tmp_path / "root", monkeypatch)


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A storage of which each call can be made to fail."""
    (tmp_path / "root").mkdir()
    return in_memory(tmp_path / "root", monkeypatch, AS_S3)


def failing(place: Place) -> FailingStorage:
    assert isinstance(place.storage, FailingStorage)
    return place.storage


def bodies(client: Client, mixture: Mixture) -> dict[str, bytes]:
    return {key: client.get(BUCKET, key).body for key in mixture.keys if key != "gone"}


def test_a_lost_catalog_is_made_of_a_snapshot_and_loses_nothing_but_uploads(there: Place) -> None:
    with there.served() as live:
        mixture = fill(live.client)
        live.run(swept(live.services))
        before = ask(live.client, mixture)
        there.snapshot(live)
    there.lose_catalog()
    assert " 0 found on the storage); 0 missing; 0 open uploads, 1 dropped" in there.rebuilt()
    with there.served() as live:
        assert differences(before, ask(live.client, mixture)) == {"uploads", "parts"}
    assert not [*there.root.rglob("*.rebuild*")]


def test_a_snapshot_that_the_storage_keeps_is_as_good(there: Place) -> None:
    with there.served() as live:
        client = live.client
        client.make_bucket("kept")
        client.make_bucket("empty")
        for key in ("a", "x//b"):
            client.put("kept", key, key.encode())
            _tag(client, key)
        snapshot = there.deposit(live)
        client.put("kept", "later", b"later")
    shutil.rmtree(there.catalog.parent)
    assert f"3 objects (2 of {snapshot.name}, 1 found" in there.rebuilt()
    with there.served() as live:
        client = live.client
        assert client.request("GET", "/").texts("Buckets/Bucket/Name") == ["empty", "kept"]
        for key in ("a", "x//b"):
            assert b"<Value>late</Value>" in client.get("kept", key, "tagging").body
        assert client.get("kept", "later").body == b"later"


@pytest.mark.parametrize("ledger_is_lost", [False, True])
def test_the_members_of_a_mirror_tell_what_was_on_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, ledger_is_lost: bool
) -> None:
    there = place("a mirror", tmp_path / "root", monkeypatch)
    with there.served() as live:
        client = live.client
        client.make_bucket("kept")
        for key in ("a", "x//b"):
            client.put("kept", key, key.encode())
        mirror = live.services.storages["cloud"]
        assert isinstance(mirror, Mirror)
        live.run(mirror.repairs.round())
        snapshot = there.deposit(live)
        client.put("kept", "later", b"later")  # on the first member alone
        client.delete("kept", "a")
        live.run(swept(live.services))
    there.lose_catalog()
    if ledger_is_lost:
        shutil.rmtree(there.catalog.parent)
    text = there.rebuilt()
    assert f"2 objects (1 of {snapshot.name}, 1 found on the storage); 1 missing" in text
    with there.served() as live:
        client = live.client
        assert client.keys("kept") == ["later", "x//b"]
        for key in ("x//b", "later"):
            assert client.get("kept", key).body == key.encode()


def test_a_mirror_whose_ledger_is_lost_too_is_rebuilt_when_all_members_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moto = Moto()
    there = place("a mirror", tmp_path / "root", monkeypatch)
    there = replace(there, members={**there.members, "far": {"type": "s3", **moto_settings(moto)}})
    try:
        with there.served() as live:
            live.client.make_bucket("kept")
            live.client.put("kept", "key", b"key")
        shutil.rmtree(there.catalog.parent)
        moto.stop()
        result = there.rebuild()
        assert result.exit_code == 3
        assert "its ledger is new, and 'far' cannot be used" in result.stderr
        moto.start()
        assert "1 objects (0 of nothing, 1 found" in there.rebuilt()
    finally:
        moto.close()


def test_one_that_was_sealed_with_another_secret_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = place("S3", tmp_path / "root", monkeypatch)
    with there.served() as live:
        live.client.make_bucket("kept")
        live.client.put("kept", "key", b"key")
        there.deposit(live)
    shutil.rmtree(there.catalog.parent)
    other = Place(
        root=there.root, patch=monkeypatch, options={**there.options, "secret_key": "rotated"}
    )
    result = other.rebuild()
    assert result.exit_code == 0, result.output
    assert "Passed over .s3front/o/snapshots/catalog-" in result.stderr
    assert "sealed with another secret" in result.stderr
    assert "1 objects (0 of nothing, 1 found" in result.stdout


@pytest.mark.parametrize("kind", ["S3", "a mirror"])
def test_a_server_keeps_snapshots_on_its_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    there = place(kind, tmp_path / "root", monkeypatch)
    with there.served(jobs=True) as live:
        live.client.make_bucket("kept")
        deposits = Deposits(live.services.storages["cloud"], there.secret)
        until(lambda: bool(live.run(deposits.all())))
    with there.served() as live:
        live.client.put("kept", "key", b"key")
        deposits = Deposits(live.services.storages["cloud"], there.secret)
        assert live.run(deposits.fetch(tmp_path / "fetched")) == []
    shutil.rmtree(there.catalog.parent)
    assert "1 objects (0 of catalog-" in there.rebuilt()


def test_without_a_snapshot_no_object_is_lost(there: Place) -> None:
    with there.served() as live:
        mixture = fill(live.client)
        live.run(swept(live.services))
        before, were = bodies(live.client, mixture), ask(live.client, mixture)
        keys = live.client.keys(BUCKET)
    there.lose_catalog()
    assert "of nothing" in there.rebuilt()
    with there.served() as live:
        client = live.client
        assert client.keys(BUCKET) == keys
        assert bodies(client, mixture) == before
        now = ask(client, mixture)
        told = {"etag", "content-type", "cache-control", "content-encoding", "x-amz-meta-one"}
        for key in set(before) - {RETAGGED, RESTATED, LONG}:
            old, new = dict(were[f"head {key}"][1]), dict(now[f"head {key}"][1])
            # A provisional one becomes the MD5 when the bytes have been read.
            provisional = new["etag"].endswith('-0"') or key.startswith("multi")
            of = told - ({"etag"} if provisional else set())
            of -= set() if there.has_room else {"x-amz-meta-one"}
            if key in {"described", "copied"} and not there.answers_with_headers:
                of &= {"etag"}
            assert {n: new.get(n) for n in of} == {n: old.get(n) for n in of}, key
        long = dict(now["head described"][1]).get("x-amz-meta-long")
        assert long == ("v" * 1500 if there.has_room else None)


def test_what_changed_after_the_snapshot_is_found_on_the_storage(there: Place) -> None:
    with there.served() as live:
        client = live.client
        client.make_bucket("kept")
        for key in ("same", "same bytes", "overwritten", "deleted", "x//over", "x//deleted", "tag"):
            client.put("kept", key, b"old", x_amz_meta_m="old", x_amz_tagging="t=old")
        client.put("kept", "home", b"first")
        client.put("kept", "home", b"at home", x_amz_meta_m="old")
        _tag(client, "home")
        there.snapshot(live)
        for key in ("overwritten", "x//over", "new", "x//new"):
            client.put("kept", key, b"newer", x_amz_meta_m="new", x_amz_tagging="t=new")
        client.put("kept", "same bytes", b"old", x_amz_meta_m="new")
        for key in ("deleted", "x//deleted"):
            client.delete("kept", key)
        _tag(client, "tag")
        client.make_bucket("made")
        client.put("made", "key", b"x")
        _settle(live)
        keys = client.keys("kept")
    there.lose_catalog()
    text = there.rebuilt()
    assert "2 missing; 1 buckets found" in text, "those that were deleted"
    with there.served() as live:
        client = live.client
        assert client.keys("kept") == keys
        assert client.keys("made") == ["key"]
        for key in ("overwritten", "x//over", "new", "x//new"):
            got = client.get("kept", key)
            assert (got.body, got.headers["x-amz-meta-m"]) == (b"newer", "new")
        for key, meta in (("same", "old"), ("same bytes", "new")):
            assert client.get("kept", key).headers["x-amz-meta-m"] == meta
        # Tags since the snapshot are lost; those before it are not, wherever the bytes went since.
        assert b"<Value>old</Value>" in client.get("kept", "tag", "tagging").body
        assert b"<Value>late</Value>" in client.get("kept", "home", "tagging").body
        assert client.get("kept", "home").body == b"at home"
        assert client.put("kept", "overwritten", b"again").status == 200


def _tag(client: Client, key: str) -> None:
    tagging = b"<Tagging><TagSet><Tag><Key>t</Key><Value>late</Value></Tag></TagSet></Tagging>"
    assert client.request("PUT", f"/kept/{key}", "tagging", body=tagging).status == 200


def _settle(live: Live) -> None:
    live.run(live.services.remover.settled())
    live.run(live.services.homing.settled())
    live.run(swept(live.services))


def test_what_was_to_be_removed_stays_deleted(cloud: Place) -> None:
    storage = failing(cloud)
    with cloud.served() as live:
        live.client.make_bucket("bucket")
        live.client.put("bucket", "x//key", b"deleted", x_amz_meta_m="1")
        live.run(storage.arm(Fault.UNAVAILABLE, 1, verb="delete"))
        live.client.delete("bucket", "x//key")
        live.run(live.services.remover.settled())
        live.run(storage.disarm())
        cloud.snapshot(live)
    assert len(storage._paths) == 1
    cloud.lose_catalog()
    assert ": 0 objects (" in cloud.rebuilt()
    with cloud.served() as live:
        assert live.client.get("bucket", "x//key").code == "NoSuchKey"
        live.run(swept(live.services))
        live.run(check_nothing_is_left(live.services))
    assert not storage._paths


def test_uploads_that_nobody_knows_any_more_are_ended(cloud: Place) -> None:
    storage = failing(cloud)
    with cloud.served() as live:
        live.client.make_bucket("bucket")
        live.run(identify(live.services.catalog, NAME, storage, live.services.new_id))
        live.client.start_upload("bucket", "ours")
        cloud.snapshot(live)
        live.run(storage.begin_parts("bucket/theirs"))
    cloud.lose_catalog()
    cloud.rebuilt()
    with cloud.served() as live:
        live.run(identify(live.services.catalog, NAME, storage, live.services.new_id))
        assert live.run(unfinished.sweep(live.services, age_s=-60)) == 1
    assert [one.path for one in storage._uploads.values()] == ["bucket/theirs"]


def test_bytes_of_others_become_no_objects_of_another_name(cloud: Place) -> None:
    storage = failing(cloud)
    with cloud.served() as live:
        client = live.client
        client.make_bucket("bucket")
        client.put("bucket", "ours", b"ours")
        client.put("bucket", "rewritten", b"first", x_amz_meta_m="1")

        async def others() -> None:
            of = (await storage.stat("bucket/ours")).fingerprint
            await storage.copy("bucket/ours", "bucket/copy", only_if=of)  # with its description
            await storage.write("bucket/theirs", body(b"theirs"), size=6)
            await storage.write("bucket/rewritten", body(b"other"), size=5)

        live.run(others())
    cloud.lose_catalog()
    text = cloud.rebuilt()
    assert "1 objects (0 of nothing, 1 found on the storage); 0 missing" in text
    assert "3 files of others" in text
    with cloud.served() as live:  # which makes objects of them, as of any that it finds
        assert live.client.keys("bucket") == ["copy", "ours", "rewritten", "theirs"]


def test_of_two_that_say_they_are_one_key_the_later_is_the_object(cloud: Place) -> None:
    storage = failing(cloud)
    with cloud.served() as live:
        live.client.make_bucket("bucket")
        live.client.put("bucket", "x//key", b"first")
        kept = dict(storage._paths)
        live.client.put("bucket", "x//key", b"second")
        live.run(swept(live.services))
    storage._paths |= kept  # as if it had not been removed
    cloud.lose_catalog()
    assert "1 objects" in cloud.rebuilt()
    with cloud.served() as live:
        assert live.client.get("bucket", "x//key").body == b"second"


def test_a_storage_that_lost_most_of_its_bytes_is_not_believed(cloud: Place) -> None:
    with cloud.served() as live:
        live.client.make_bucket("bucket")
        for number in range(120):
            live.client.put("bucket", f"key-{number}", b"x")
    failing(cloud)._paths.clear()
    before = cloud.catalog.read_bytes()
    result = cloud.rebuild()
    assert result.exit_code == 3
    assert "the bytes of 120 of 120 objects are not there. Nothing is changed." in result.stderr
    assert cloud.catalog.read_bytes() == before
    assert "120 missing" in cloud.rebuilt("--accept-missing")


def test_what_a_listing_leaves_out_is_not_lost(
    cloud: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = failing(cloud)
    with cloud.served() as live:
        live.client.make_bucket("bucket")
        live.client.put("bucket", "late", b"x")
        live.client.put("bucket", "told", b"x")
        cloud.snapshot(live)
    cloud.lose_catalog()
    monkeypatch.setitem(storage.__dict__, "_paths", _Hiding(storage._paths))
    assert "2 objects" in cloud.rebuilt()


def test_what_is_refused_by_now_is_not_lost(cloud: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = failing(cloud)
    with cloud.served() as live:
        live.client.make_bucket("bucket")
        live.client.put("bucket", "late", b"x")
        live.client.put("bucket", "told", b"x")
        cloud.snapshot(live)
    cloud.lose_catalog()

    async def refused(path: str) -> Stored:
        raise NameRefused(f"does not even look for {path}")

    monkeypatch.setitem(storage.__dict__, "_paths", _Hiding(storage._paths))
    monkeypatch.setattr(storage, "stat", refused)
    assert "2 objects" in cloud.rebuilt()


class _Hiding(dict[str, object]):
    """Tells of one path less than it has."""

    def __iter__(self) -> Iterator[str]:
        return (path for path in super().__iter__() if path != "bucket/late")


def test_a_rebuild_that_fails_goes_on_where_it_was(cloud: Place) -> None:
    storage = failing(cloud)
    with cloud.served() as live:
        live.client.make_bucket("bucket")
        for number in range(100):
            live.client.put("bucket", f"key-{number}", b"x", x_amz_meta_m=str(number))
    cloud.lose_catalog()
    _arm(storage, Fault.UNAVAILABLE, 70)
    result = cloud.rebuild()
    assert (result.exit_code, "A storage cannot be read" in result.stderr) == (3, True)
    assert not cloud.catalog.exists()
    _arm(storage, Fault.NONE, 0)
    assert "100 objects" in cloud.rebuilt()
    assert storage.made.count("stat") <= 40
    with cloud.served() as live:
        for number in range(100):
            got = live.client.get("bucket", f"key-{number}")
            assert got.headers["x-amz-meta-m"] == str(number)


def _arm(storage: FailingStorage, fault: Fault, at: int) -> None:
    asyncio.run(storage.arm(fault, at, verb="stat"))


def test_what_was_noted_of_other_bytes_is_asked_again(cloud: Place) -> None:
    storage = failing(cloud)
    with cloud.served() as live:
        live.client.make_bucket("bucket")
        for number in range(40):
            live.client.put("bucket", f"key-{number:02}", b"x", x_amz_meta_m="old")
    cloud.lose_catalog()
    _arm(storage, Fault.UNAVAILABLE, 39)
    assert cloud.rebuild().exit_code == 3
    _arm(storage, Fault.NONE, 0)
    of = decode(storage._paths["bucket/key-00"].description or b"")
    assert of is not None
    again = encode(replace(of, metadata={"m": "new"}, sequence=of.sequence + 1))

    async def write() -> None:
        await storage.open()
        await storage.write("bucket/key-00", body(b"x"), size=1, description=again)

    asyncio.run(write())
    assert "40 objects" in cloud.rebuilt()
    with cloud.served() as live:
        assert live.client.get("bucket", "key-00").headers["x-amz-meta-m"] == "new"
        assert live.client.get("bucket", "key-01").headers["x-amz-meta-m"] == "old"


def test_a_storage_that_keeps_no_descriptions_needs_a_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "root").mkdir()
    nas = in_memory(tmp_path / "root", monkeypatch, Can.MOVE | Can.TREE)
    with nas.served() as live:
        live.client.make_bucket("bucket")
        for key in ("natural", "x//shadow"):
            live.client.put("bucket", key, key.encode(), x_amz_meta_m="1")
        nas.snapshot(live)
    nas.lose_catalog()
    assert "2 objects (2 of catalog-" in nas.rebuilt()
    with nas.served() as live:
        assert live.client.get("bucket", "x//shadow").headers["x-amz-meta-m"] == "1"
    nas.lose_catalog()
    assert "2 files of others" in nas.rebuilt("--from", "files")

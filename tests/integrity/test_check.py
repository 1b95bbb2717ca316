"""Catalog and storage compared, beside a running server and without one."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from backends.errors import NotFound
from backends.interface import Storage, Stored
from backends.local.storage import LocalStorage
from gateway.catalog.errors import CatalogUnavailable
from gateway.catalog.records import Location
from gateway.catalog.sqlite import SqliteCatalog, renewing, schema
from gateway.jobs.checking import Check, Problem
from gateway.jobs.repairing import Repair
from gateway.service.verifying import Verifier
from tests.catalog.shelf import Shelf
from tests.integrity.damaging import flip
from tests.live.client import Client
from tests.live.server import Live, running

PART = 5 * 1024**2


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    root = tmp_path / "root"
    with running(root, durability="relaxed", scrub="false", watch="false") as server:
        server.client.make_bucket("bucket")
        yield server


@pytest.fixture
def client(live: Live) -> Client:
    return live.client


async def looked_at(
    root: Path, *, deep: bool, repair: bool, grace_s: float, disk: type[LocalStorage] = LocalStorage
) -> list[tuple[Problem, str | None]]:
    """What a process of its own would find: its own catalog, its own storage."""
    storages: dict[str, Storage] = {"disk": disk(root=root, durable=False)}
    catalog = SqliteCatalog(root / ".s3front/catalog.db", placings=storages, durable=False)
    async with contextlib.AsyncExitStack() as opened:
        await storages["disk"].open()
        opened.push_async_callback(storages["disk"].aclose)
        await catalog.open()
        opened.push_async_callback(catalog.aclose)
        pool = opened.enter_context(ThreadPoolExecutor(1))
        check = Check(
            catalog,
            storages,
            pool,
            now_ns=time.time_ns,
            deep=deep,
            grace_s=grace_s,
            pause_s=0.3,
        )
        verifier = Verifier(catalog=catalog, storages=storages, pool=pool, thorough=True)
        told = []
        async for problem in check.problems():
            done = await Repair(verifier=verifier, drops=True).repair(problem) if repair else None
            told.append((problem, done))
        return told


def checked(
    live: Live,
    *,
    deep: bool = False,
    repair: bool = False,
    grace_s: float = 3600,
    disk: type[LocalStorage] = LocalStorage,
) -> dict[str, str | None]:
    """``kind where`` to what was done about it."""
    told = asyncio.run(looked_at(live.root, deep=deep, repair=repair, grace_s=grace_s, disk=disk))
    found = {f"{one.kind} {one.key or one.path}": done for one, done in told}
    assert len(found) == len(told), "each is told once"
    return found


def age(path: Path, seconds: float = 7200) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_a_sound_server_has_no_findings(live: Live, client: Client) -> None:
    for key in ("a", "a/b", "dir/", "..", "x//y", "é", "k" * 1024):
        client.put("bucket", key, key.encode())
    client.upload("bucket", "parts", [os.urandom(PART), b"last"])
    upload = client.start_upload("bucket", "open")
    client.put_part("bucket", "open", upload, 1, b"part")
    (live.root / "bucket" / "of-others").write_bytes(b"not ours")
    assert checked(live) == {}
    assert checked(live, deep=True, repair=True, grace_s=0) == {}
    assert (live.root / "bucket" / "of-others").read_bytes() == b"not ours"
    assert client.put_part("bucket", "open", upload, 2, b"part").status == 200


def test_every_kind_of_damage_to_bytes_is_found(live: Live, client: Client) -> None:
    for key in ("gone", "rewritten", "flipped", "sound"):
        client.put("bucket", key, os.urandom(1000))
    folder = live.root / "bucket"
    (folder / "gone").unlink()
    (folder / "rewritten").write_bytes(b"others")
    flip(folder / "flipped", 77)
    shallow: dict[str, str | None] = {"missing gone": None, "replaced rewritten": None}
    assert checked(live) == shallow
    assert checked(live, deep=True, repair=True) == {**shallow, "damaged flipped": None}
    assert (folder / "flipped").exists()


def record_of(path: Path) -> bytearray:
    if "user.s3front" not in os.listxattr(path):
        pytest.skip("no extended attributes here")
    return bytearray(os.getxattr(path, "user.s3front"))


def test_a_damaged_self_description_is_written_anew_from_the_row(
    live: Live, client: Client
) -> None:
    folder = live.root / "bucket"
    for key in ("flipped", "none", "other", "both"):
        client.put("bucket", key, key.encode(), x_amz_meta_a="1")
    record = record_of(folder / "flipped")
    for byte in range(0, len(record), 7):
        flipped = record.copy()
        flipped[byte] ^= 1 << byte % 8
        os.setxattr(folder / "flipped", "user.s3front", flipped)
        assert list(checked(live)) == ["description flipped"], byte
    os.removexattr(folder / "none", "user.s3front")
    both = record_of(folder / "both")
    both[-1] ^= 1
    os.setxattr(folder / "both", "user.s3front", both)
    flip(folder / "both", 3)
    written = "written anew from the row"
    assert checked(live, repair=True) == {
        "description flipped": written,
        "description none": written,
        "description both": None,
    }
    assert os.getxattr(folder / "flipped", "user.s3front") == record
    assert list(checked(live)) == ["description both"]


def test_bytes_that_say_they_are_another_object_are_found(live: Live, client: Client) -> None:
    folder = live.root / "bucket"
    client.put("bucket", "one", b"content")
    client.put("bucket", "two", b"content")
    stamp = (folder / "one").stat().st_mtime_ns
    os.utime(folder / "two", ns=(stamp, stamp))
    os.setxattr(folder / "two", "user.s3front", bytes(record_of(folder / "one")))
    reader = apsw.Connection(str(live.root / ".s3front/catalog.db"))
    reader.set_busy_timeout(5000)
    reader.execute("UPDATE objects SET stamp = ? WHERE key = ?", (str(stamp), b"two"))
    reader.close()
    assert checked(live, repair=True) == {"description two": "written anew from the row"}
    assert checked(live) == {}


def test_unplaced_bytes_are_moved_to_their_path(
    live: Live, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "place", lambda *_: False)
        client.put("bucket", "key", b"content")
    assert checked(live, deep=True) == {"unplaced key": None}
    assert checked(live, repair=True) == {"unplaced key": "moved to its path"}
    assert (live.root / "bucket" / "key").read_bytes() == b"content"
    assert checked(live) == {}


def test_leftovers_are_dropped_when_they_are_old_and_nobody_needs_them(
    live: Live, client: Client
) -> None:
    staged = live.root / ".s3front" / "staged"
    client.put("bucket", "key", b"old")
    os.link(live.root / "bucket" / "key", staged / "put-superseded")
    client.put("bucket", "key", b"new")
    client.put("bucket", "lost", b"content")
    os.link(live.root / "bucket" / "lost", staged / "put-sealed")
    client.delete("bucket", "lost")
    (staged / "put-unsealed").write_bytes(b"junk")
    age(staged / "put-unsealed")
    (staged / "part-0123-1-4567").write_bytes(b"part of nothing")
    age(staged / "part-0123-1-4567")
    (staged / "put-young").write_bytes(b"junk")
    dropped = {"leftover put-unsealed": "dropped", "leftover part-0123-1-4567": "dropped"}
    assert checked(live, repair=True) == dropped
    (staged / "put-young").unlink()
    time_free = checked(live, repair=True, grace_s=0)
    assert time_free == {
        "leftover put-superseded": "dropped",
        "unowned .s3front/staged/put-sealed": None,
    }
    assert (staged / "put-sealed").read_bytes() == b"content"


def test_bytes_of_deleted_objects_are_removed(
    live: Live, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.put("bucket", "key", b"content")
    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "remove", lambda *_, **__: False)
        client.delete("bucket", "key")
        assert checked(live) == {"doomed bucket/key": None}
        assert checked(live, repair=True) == {"doomed bucket/key": None}
    assert checked(live, repair=True) == {"doomed bucket/key": "removed"}
    assert not (live.root / "bucket" / "key").exists()


def test_objects_whose_rows_are_lost_are_found_and_kept(live: Live, client: Client) -> None:
    client.put("bucket", "natural", b"content")
    client.put("bucket", "..", b"shadow")
    [shadow] = [path for path in (live.root / ".s3front" / "o").rglob("*") if path.is_file()]
    record_of(shadow)
    writer = apsw.Connection(str(live.root / ".s3front/catalog.db"))
    writer.set_busy_timeout(5000)
    writer.execute("DELETE FROM objects")
    writer.close()
    assert checked(live, repair=True) == {
        "unowned bucket/natural": None,
        f"unowned {shadow.relative_to(live.root)}": None,
    }
    assert shadow.read_bytes() == b"shadow"


def test_a_finding_of_the_scrub_is_told_until_the_object_is_well(
    live: Live, client: Client
) -> None:
    async def found() -> None:
        from gateway.service.findings import report  # noqa: PLC0415

        catalog = live.services.catalog
        version = await catalog.get(await catalog.bucket("bucket"), "key")
        assert version is not None
        await report(
            live.services,
            "damaged",
            "it differs",
            bucket="bucket",
            key="key",
            sequence=version.sequence,
        )

    client.put("bucket", "key", b"content")
    flip(live.root / "bucket" / "key", 1)
    asyncio.run_coroutine_threadsafe(found(), live.loop).result(10)
    assert checked(live, repair=True) == {"damaged key": None}
    flip(live.root / "bucket" / "key", 1)
    assert checked(live) == {"damaged key": None}
    assert checked(live, repair=True) == {"damaged key": "found well again"}
    assert checked(live) == {}


def test_a_path_that_is_deleted_again_and_again_is_no_finding(
    live: Live, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look sees a deletion that is not settled yet, of other bytes each time."""
    client.put("bucket", "key", b"content")

    async def location() -> Location:
        catalog = live.services.catalog
        version = await catalog.get(await catalog.bucket("bucket"), "key")
        assert version is not None
        return version.location

    now = asyncio.run_coroutine_threadsafe(location(), live.loop).result(10)
    other = replace(now, fingerprint=replace(now.fingerprint, size=1))
    looks = iter([[other], [now], [now], [now]])

    async def doomed(_: SqliteCatalog) -> list[Location]:
        return next(looks)

    monkeypatch.setattr(SqliteCatalog, "doomed", doomed)
    assert checked(live) == {}
    assert checked(live) == {"doomed bucket/key": None}


def test_writers_at_the_same_time_make_no_findings(live: Live, client: Client) -> None:
    stop = threading.Event()
    failures: list[BaseException] = []

    def writing(work: Callable[[int], object]) -> threading.Thread:
        def write() -> None:
            turn = 0
            try:
                while not stop.is_set():
                    work(turn)
                    turn += 1
            except BaseException as error:  # noqa: BLE001 - told at the end
                failures.append(error)

        thread = threading.Thread(target=write)
        thread.start()
        return thread

    def upload(turn: int) -> None:
        client.upload("bucket", f"big-{turn % 2}", [os.urandom(PART), b"x"])

    threads = [
        writing(lambda n: client.put("bucket", f"key-{n % 30}", os.urandom(n % 5000))),
        writing(lambda n: client.put("bucket", f"dir/../{n % 10}", os.urandom(70_000))),
        writing(lambda n: client.delete("bucket", f"key-{n % 30}")),
        writing(upload),
    ]
    try:
        for deep in (False, True, False):
            assert checked(live, deep=deep, repair=True) == {}
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures
    assert checked(live, deep=True) == {}


@pytest.mark.parametrize("deep", [False, True])
def test_an_overwrite_between_row_and_file_is_no_finding(
    live: Live, client: Client, *, deep: bool
) -> None:
    class Overwritten(LocalStorage):
        async def stat(self, path: str) -> Stored:
            await asyncio.to_thread(client.put, "bucket", "key", os.urandom(10))
            return await super().stat(path)

    client.put("bucket", "key", b"content")
    assert checked(live, deep=deep, disk=Overwritten) == {}


def test_what_is_wrong_for_a_moment_is_no_finding(live: Live, client: Client) -> None:
    looks: list[str] = []

    class Elsewhere(LocalStorage):
        async def stat(self, path: str) -> Stored:
            looks.append(path)
            if len(looks) == 1:
                raise NotFound(path)
            return await super().stat(path)

    client.put("bucket", "key", b"content")
    assert checked(live, disk=Elsewhere) == {}
    assert looks == ["bucket/key", "bucket/key"]


def s3front(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_beside_a_running_server(live: Live, client: Client) -> None:
    client.put("bucket", "sound", b"content")
    ran = s3front("check", str(live.root), "--deep")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "1 objects looked at, 7 bytes compared" in ran.stdout
    assert "nothing is wrong" in ran.stdout
    client.put("bucket", "line\nbreak", b"content")
    flip(live.root / "bucket" / "sound", 1)
    ran = s3front("check", str(live.root), "--deep", "--json")
    assert ran.returncode == 1
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [(one["kind"], one["key"]) for one in told[:-1]] == [("damaged", "sound")]
    # What seems wrong is read twice.
    assert told[-1] == {"objects": 2, "bytes": 21, "found": 1, "repaired": 0}


def test_errors_teach(tmp_path: Path) -> None:
    ran = s3front("check", str(tmp_path))
    assert ran.returncode == 3
    assert "There is no catalog at" in ran.stderr
    assert "s3front rebuild" in ran.stderr
    state = tmp_path / ".s3front"
    state.mkdir()
    (state / "catalog.db").write_bytes(b"anything" * 2000)
    ran = s3front("check", str(tmp_path))
    assert ran.returncode == 1
    assert "s3front rebuild" in ran.stdout


def test_a_catalog_without_checksums_is_given_them(tmp_path: Path) -> None:
    root = tmp_path / "root"
    state = root / ".s3front"
    state.mkdir(parents=True, mode=0o700)
    older = apsw.Connection(str(state / "catalog.db"), vfs="unix")
    older.execute("PRAGMA journal_mode = WAL")
    schema.migrate(older)
    older.close()
    with running(root, durability="relaxed", scrub="false", watch="false") as live:
        live.client.make_bucket("bucket")
        live.client.put("bucket", "key", b"content", x_amz_meta_a="1")
        with pytest.raises(CatalogUnavailable, match="another process"):
            renewing.renew(state / "catalog.db")
    ran = s3front("check", str(root))
    assert ran.returncode == 1
    assert "no checksums" in ran.stdout
    ran = s3front("check", str(root), "--repair")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "given checksums" in ran.stdout
    assert not renewing.without_checksums(state / "catalog.db")
    with running(root, durability="relaxed", scrub="false", watch="false") as live:
        got = live.client.get("bucket", "key")
        assert (got.body, got.headers["x-amz-meta-a"]) == (b"content", "1")
        live.client.make_bucket("second")
        live.client.put("second", "key", b"content")
        assert checked(live) == {}


async def test_renewing_keeps_every_row(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    older = apsw.Connection(str(path), vfs="unix")
    older.execute("PRAGMA journal_mode = WAL")
    schema.migrate(older)
    older.close()

    def made() -> SqliteCatalog:
        return SqliteCatalog(path, placings={"disk": Shelf()}, durable=False)

    catalog = made()
    await catalog.open()
    for name in ("one", "two"):
        await catalog.create_bucket(name, region="r", storage="disk", now_ns=1)
    await catalog.delete_bucket("two")
    await catalog.set_note("scrub", "here")
    await catalog.aclose()
    await asyncio.to_thread(renewing.renew, path)
    catalog = made()
    await catalog.open()
    assert [bucket.name for bucket in await catalog.buckets(limit=9)] == ["one"]
    assert await catalog.note("scrub") == "here"
    third = await catalog.create_bucket("three", region="r", storage="disk", now_ns=1)
    assert third.id == 3, "numbers are never given twice"
    assert await catalog.problems() == []
    await catalog.aclose()

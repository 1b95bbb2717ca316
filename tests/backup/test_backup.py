"""A backup answers as the server did; made while it serves, each object is whole."""

import contextlib
import hashlib
import itertools
import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from backends.errors import Damaged
from backends.interface import Content
from backends.local.storage import LocalStorage
from gateway.catalog.sqlite import copying
from gateway.cli.main import main
from gateway.settings.loader import load
from tests.live.client import Client, quoted
from tests.live.server import running
from tests.rebuild.mixture import EMPTY, Answers, Mixture, ask, differences, fill
from tests.seeds import seed
from tests.server.running import running as processes

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("S3FRONT_", "MINIO_")):
            monkeypatch.delenv(name)


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments])


def done(*arguments: str | Path) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.stdout


def answers_of(root: Path, mixture: Mixture) -> Answers:
    with running(root, durability="relaxed") as live:
        return ask(live.client, mixture)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mixture, Answers]:
    root = tmp_path_factory.mktemp("filled") / "root"
    with running(root, durability="relaxed") as live:
        mixture = fill(live.client)
        answers = ask(live.client, mixture)
    (root / ".s3front" / "credentials").write_text("[default]\naws_access_key_id = kept\n")
    return root, mixture, answers


@pytest.fixture
def small(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    with running(root, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        live.client.put("bucket", "key", b"x")
    return root


LEFT_OUT = {"uploads", "parts"}
"""Multipart uploads in progress are not part of a backup."""


def test_a_backup_and_what_is_restored_of_it_answer_as_before(
    filled: tuple[Path, Mixture, Answers], tmp_path: Path
) -> None:
    root, mixture, before = filled
    whole = len(mixture.keys)
    text = done("backup", tmp_path / "backup", root, "--verify")
    assert f"{whole} objects ({whole} copied with" in text
    text = done("restore", tmp_path / "backup", tmp_path / "restored", "--verify")
    assert f"{whole} objects ({whole} copied with" in text
    for copy in (tmp_path / "backup", tmp_path / "restored"):
        kept = copy / ".s3front" / "credentials"
        assert kept.read_text() == "[default]\naws_access_key_id = kept\n"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert stat.S_IMODE((copy / ".s3front").stat().st_mode) == 0o700
        assert (copy / "mixture" / "plain").read_bytes() == (
            root / "mixture" / "plain"
        ).read_bytes()
        assert (copy / EMPTY).is_dir()
        assert differences(before, answers_of(copy, mixture)) <= LEFT_OUT


def test_the_copy_of_a_copy_rebuilt_from_its_files_alone_is_the_same(
    filled: tuple[Path, Mixture, Answers], tmp_path: Path
) -> None:
    """A backup describes its files anew: as they are, not as they were when they were written."""
    root, mixture, before = filled
    done("backup", tmp_path / "backup", root)
    done("rebuild", tmp_path / "backup", "--from", "files")
    changed = differences(before, answers_of(tmp_path / "backup", mixture))
    assert changed <= {*LEFT_OUT, "buckets", "complete again"}


def test_a_second_backup_copies_what_changed_and_removes_what_is_gone(tmp_path: Path) -> None:
    root, backup = tmp_path / "root", tmp_path / "backup"
    with running(root, durability="relaxed") as live:
        client = live.client
        for bucket in ("kept", "dropped", "emptied"):
            client.make_bucket(bucket)
        for key in ("same", "overwritten", "deleted", "x//same", "x//over", "x//gone", "file"):
            client.put("kept", key, key.encode())
        client.put("dropped", "deep/key", b"1")
        assert "8 objects (8 copied" in done("backup", backup, root)
        inodes = {key: (backup / "kept" / key).stat().st_ino for key in ("same", "overwritten")}
        for key in ("overwritten", "x//over", "new"):
            client.put("kept", key, b"second", x_amz_meta_m="2")
        for key in ("deleted", "x//gone", "file"):
            client.delete("kept", key)
        client.put("kept", "file/below", b"where a file was")
        client.delete("dropped", "deep/key")
        client.request("DELETE", "/dropped")
        text = done("backup", backup, root)
    assert "6 objects (4 copied with 34 bytes, 2 unchanged)" in text
    assert (backup / "kept" / "same").stat().st_ino == inodes["same"]
    assert (backup / "kept" / "overwritten").stat().st_ino != inodes["overwritten"]
    assert not (backup / "kept" / "deleted").exists()
    assert not (backup / "dropped").exists()
    assert (backup / "emptied").is_dir()
    assert (backup / "kept" / "file" / "below").read_bytes() == b"where a file was"
    assert len(list((backup / ".s3front" / "o").rglob("put-*"))) == 2
    assert not list((backup / ".s3front" / "staged").iterdir())
    with running(backup, durability="relaxed") as live:
        keys = ["file/below", "new", "overwritten", "same", "x//over", "x//same"]
        assert live.client.keys("kept") == keys
        for key in ("overwritten", "x//over", "new"):
            got = live.client.get("kept", key)
            assert (got.body, got.headers["x-amz-meta-m"]) == (b"second", "2")
        assert live.client.get("dropped", "deep/key").code == "NoSuchBucket"


class Writer(threading.Thread):
    """Overwrites, deletes and adds until told to stop; remembers what each key may hold."""

    def __init__(self, client: Client, keys: list[str]) -> None:
        super().__init__()
        self.client = client
        self.keys = keys
        self.random = random.Random(seed("backup"))
        self.history: dict[str, set[str | None]] = {}
        self.stopping = threading.Event()
        self.failed: list[object] = []
        self.rounds = 0

    def body(self, key: str) -> bytes:
        size = self.random.choice([0, 10, 1000, 300_000])
        return key.encode() + self.random.randbytes(size)

    def put(self, key: str) -> None:
        body = self.body(key)
        digest = hashlib.sha256(body).hexdigest()
        self.history.setdefault(key, set()).add(digest)
        answer = self.client.put("bucket", key, body, x_amz_meta_sha256=digest)
        if answer.status != 200:
            self.failed.append(answer)

    def run(self) -> None:
        while not self.stopping.is_set():
            key = self.random.choice(self.keys)
            if self.random.random() < 0.3:
                self.history.setdefault(key, set()).add(None)
                self.client.delete("bucket", key)
            else:
                self.put(key)
            self.rounds += 1


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    """A served directory with objects, and a writer that changes half of them."""
    with running(tmp_path / "root", durability="relaxed") as live:
        client = live.client
        client.make_bucket("bucket")
        moving = [f"{place}{number}" for place in ("m/", "m//") for number in range(20)]
        writer = Writer(client, moving)
        for key in (*moving, *(f"{place}{n}" for place in ("s/", "s//") for n in range(20))):
            writer.put(key)
        yield writer
        writer.stopping.set()
        writer.join(30)


def _agrees(client: Client, writer: Writer) -> None:
    """Each object is a whole one of those that were written, with that one's metadata."""
    listed = client.keys("bucket")
    for key in listed:
        answer = client.request("GET", f"/bucket/{quoted(key)}")
        assert answer.status == 200, (key, answer.body)
        digest = hashlib.sha256(answer.body).hexdigest()
        assert digest == answer.headers["x-amz-meta-sha256"], key
        assert digest in writer.history[key], key
    for key, history in writer.history.items():
        assert key in listed or None in history, key


def test_made_under_load_each_object_is_whole_and_nothing_that_stayed_is_missing(
    writer: Writer, tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    writer.start()
    for _ in range(3):
        before = writer.rounds
        result = call("backup", backup, tmp_path / "root", "--verify")
        assert result.exit_code == 0, result.output
        assert writer.rounds > before
    writer.stopping.set()
    writer.join(30)
    assert writer.failed == []
    done("restore", backup, tmp_path / "restored")
    for copy in (backup, tmp_path / "restored"):
        with running(copy, durability="relaxed") as live:
            _agrees(live.client, writer)
            assert live.staged() == []


def test_overwritten_and_deleted_between_the_rows_and_the_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, backup = tmp_path / "root", tmp_path / "backup"
    with running(root, durability="relaxed") as live:
        client = live.client
        client.make_bucket("bucket")
        for key in ("over", "x//over", "gone", "stays"):
            client.put("bucket", key, b"first", x_amz_meta_m="1")

        def copied(*args: object, **named: object) -> None:
            copy_online(*args, **named)  # type: ignore[arg-type]
            for key in ("over", "x//over"):
                client.put("bucket", key, b"second", x_amz_meta_m="2")
            client.delete("bucket", "gone")

        copy_online = copying.copy_online
        monkeypatch.setattr("gateway.safekeeping.replica.copy_online", copied)
        text = done("backup", backup, root, "--verify")
    assert "3 objects" in text
    assert "2 overwritten and 1 deleted meanwhile" in text
    with running(backup, durability="relaxed") as live:
        assert live.client.keys("bucket") == ["over", "stays", "x//over"]
        for key in ("over", "x//over"):
            got = live.client.get("bucket", key)
            assert (got.body, got.headers["x-amz-meta-m"]) == (b"second", "2")


def test_bytes_that_change_while_they_are_copied_are_copied_again(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replicate, calls = LocalStorage.replicate, itertools.count()

    async def torn(storage: LocalStorage, source: Content, name: str, description: bytes) -> None:
        if next(calls) == 0:
            raise Damaged("it has changed")
        await replicate(storage, source, name, description)

    monkeypatch.setattr(LocalStorage, "replicate", torn)
    assert "1 objects (1 copied" in done("backup", tmp_path / "backup", small, "--verify")
    assert next(calls) == 2


def test_an_object_that_something_else_rewrote_is_left_out_and_told(tmp_path: Path) -> None:
    root, backup = tmp_path / "root", tmp_path / "backup"
    with running(root, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        for key in ("good", "bad"):
            live.client.put("bucket", key, b"whole")
    (root / "bucket" / "bad").write_bytes(b"rotten")
    result = call("backup", backup, root)
    assert result.exit_code == 1
    assert "Left out: bucket/bad: its bytes are not those that were stored" in result.stderr
    assert "1 objects could not be copied" in result.stderr
    with running(backup, durability="relaxed") as live:
        assert live.client.keys("bucket") == ["good"]


def test_verify_finds_a_flipped_bit_in_the_backup(tmp_path: Path) -> None:
    root, backup = tmp_path / "root", tmp_path / "backup"
    with running(root, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        live.client.put("bucket", "key", b"whole")
    done("backup", backup, root, "--verify")
    file = backup / "bucket" / "key"
    times = file.stat()
    file.write_bytes(b"whomp")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert call("backup", backup, root).exit_code == 0  # the fingerprint is right
    result = call("backup", backup, root, "--verify")
    assert result.exit_code == 1
    assert "Left out: bucket/key: " in result.stderr


POINTS = [
    ("gateway.safekeeping.replica:copy_online", 1),
    ("backends.local.staging:LocalStaged.fix", 2),
    ("gateway.catalog.sqlite.drafting:Draft.doom", 1),
    ("gateway.catalog.sqlite.drafting:Draft.finish", 1),
    ("gateway.safekeeping.replica:swap", 1),
    ("gateway.safekeeping.replica:_settle", 1),
    ("backends.local.placing:Places.place", 2),
    ("backends.local.placing:Places.remove", 1),
]


def _run(module: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=50,
    )  # fmt: skip


def _killed(where: str, number: int, *arguments: str | Path) -> None:
    ended = _run("tests.rebuild.killed", where, str(number), *arguments)
    assert ended.returncode == -signal.SIGKILL, ended.stdout + ended.stderr


@pytest.mark.parametrize(("where", "number"), POINTS)
def test_a_second_backup_that_is_killed_leaves_a_whole_one(
    tmp_path: Path, where: str, number: int
) -> None:
    root, backup = tmp_path / "root", tmp_path / "backup"
    first = {"same": b"1", "over": b"1", "x//over": b"1", "gone": b"1", "x//gone": b"1"}
    second = {"same": b"1", "over": b"2", "x//over": b"2", "new": b"2"}
    with running(root, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        for key, body in first.items():
            live.client.put("bucket", key, body)
        done("backup", backup, root)
        for key in ("over", "x//over", "new"):
            live.client.put("bucket", key, b"2")
        for key in ("gone", "x//gone"):
            live.client.delete("bucket", key)
    _killed(where, number, "backup", backup, root)
    shutil.copytree(backup, tmp_path / "as-it-was")
    with running(tmp_path / "as-it-was", durability="relaxed") as live:
        found = {key: live.client.get("bucket", key).body for key in live.client.keys("bucket")}
        assert found in (first, second)
    done("backup", backup, root, "--verify")
    with running(backup, durability="relaxed") as live:
        found = {key: live.client.get("bucket", key).body for key in live.client.keys("bucket")}
        assert found == second
        assert live.staged() == []


@pytest.mark.parametrize("what", ["backup", "restore"])
@pytest.mark.parametrize(("where", "number"), POINTS[:2] + POINTS[4:7])
def test_a_first_one_that_is_killed_cannot_be_served_and_can_be_run_again(
    tmp_path: Path, what: str, where: str, number: int
) -> None:
    root, target = tmp_path / "root", tmp_path / "target"
    with running(root, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        for key in ("a/b", "x//y", "plain"):
            live.client.put("bucket", key, key.encode())
    arguments = ("backup", target, root) if what == "backup" else ("restore", root, target)
    _killed(where, number, *arguments)
    served = _run("gateway.cli.main", "serve", target, "--address", "127.0.0.1:0")
    assert served.returncode == 3, served.stderr
    assert f"is an unfinished {what}. Run `s3front {what}` again" in served.stderr
    assert call("rebuild", target).exit_code == 3
    assert "3 objects" in done(*arguments)
    with running(target, durability="relaxed") as live:
        assert live.client.keys("bucket") == ["a/b", "plain", "x//y"]
        assert live.client.get("bucket", "x//y").body == b"x//y"
        assert live.staged() == []


def test_what_holds_something_else_is_not_written_to(small: Path, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine").write_text("mine")
    other = tmp_path / "other"
    with running(other, durability="relaxed"):
        pass
    done("backup", tmp_path / "others-backup", other)
    done("backup", tmp_path / "backup", small)
    (tmp_path / "file").touch()
    for arguments, told in (
        (("backup", full, small), "is not empty and not the backup to go on with"),
        (("backup", other, small), "is not empty and not the backup to go on with"),
        (("backup", tmp_path / "others-backup", small), "is a backup of something else"),
        (("backup", small / "inside", small), "lie in one another"),
        (("backup", small, small), "lie in one another"),
        (("backup", tmp_path, small), "lie in one another"),
        (("backup", tmp_path / "file", small), "Not a directory"),
        (("backup", tmp_path / "new", tmp_path / "nowhere"), "There is no catalog at"),
        (("restore", tmp_path / "backup", full), "is not empty and not the restore to go on"),
        (("restore", tmp_path / "backup", small), "is not empty and not the restore to go on"),
        (("restore", tmp_path / "nowhere", tmp_path / "new"), "There is no backup in"),
        (("restore", tmp_path / "backup", tmp_path / "backup" / "in"), "lie in one another"),
    ):
        result = call(*arguments)
        assert result.exit_code == 3, (arguments, result.output)
        assert told in result.stderr
    assert [path.name for path in full.iterdir()] == ["mine"]
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "nowhere").exists()


def test_a_storage_that_cannot_be_copied_is_refused_by_its_type(tmp_path: Path) -> None:
    file = tmp_path / "s3front.toml"
    file.write_text(
        f"default_storage = 'disk'\n[storages.disk]\ntype = 'local'\nroot = '{tmp_path}/disk'\n"
        "[storages.ram]\ntype = 'memory'\n"
    )
    result = call("backup", tmp_path / "backup", "-c", file)
    assert result.exit_code == 2
    assert "storages.ram: a storage of type memory cannot be copied yet" in result.stderr


def test_a_mirror_is_a_copy_itself(tmp_path: Path) -> None:
    file = tmp_path / "s3front.toml"
    members = "".join(
        f"[storages.{name}]\ntype = 'local'\nroot = '{tmp_path}/{name}'\n"
        for name in ("one", "two")
    )
    file.write_text(
        f"catalog = 'sqlite://{tmp_path}/catalog.db'\n{members}"
        "[storages.both]\ntype = 'mirror'\nstorages = ['one', 'two']\n"
    )
    result = call("backup", tmp_path / "backup", "-c", file)
    assert result.exit_code == 2
    assert "storages.both: a mirror is not copied: each of its members is a copy" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s3front.toml"]


def test_several_storages_become_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "s3front.toml"
    file.write_text(
        f"default_storage = 'one'\n[storages.one]\ntype = 'local'\nroot = '{tmp_path}/one'\n"
        f"[storages.two]\ntype = 'local'\nroot = '{tmp_path}/two'\n"
        "[[buckets]]\nname = 'first'\n[[buckets]]\nname = 'second'\nstorage = 'two'\n"
    )
    with monkeypatch.context() as patch, contextlib.ExitStack() as served:
        loaded = load(flags={"durability": "relaxed"}, environ={}, file=file)
        patch.setattr("tests.live.server.load", lambda **_: loaded)
        live = served.enter_context(running(tmp_path / "one"))
        live.client.put("first", "key", b"1")
        live.client.put("second", "x//key", b"2")
    assert "2 objects" in done("backup", tmp_path / "backup", "-c", file)
    with running(tmp_path / "backup", durability="relaxed") as live:
        assert live.client.get("first", "key").body == b"1"
        assert live.client.get("second", "x//key").body == b"2"


def test_a_backup_that_was_served_is_a_backup_no_more(small: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    done("backup", backup, small)
    assert json.loads((backup / ".s3front" / "backup.json").read_text())["objects"] == 1
    with processes(backup):
        result = call("backup", backup, small)
        assert result.exit_code != 0
    result = call("backup", backup, small)
    assert result.exit_code == 3
    assert "is not empty and not the backup to go on with" in result.stderr


def test_restoring_while_the_backup_is_served_is_refused(small: Path, tmp_path: Path) -> None:
    done("backup", tmp_path / "backup", small)
    with processes(tmp_path / "backup"):
        result = call("restore", tmp_path / "backup", tmp_path / "new")
        assert result.exit_code == 1
        assert "Another S3front (pid" in result.stderr


def test_keys_can_be_left_out(small: Path, tmp_path: Path) -> None:
    (small / ".s3front" / "credentials").write_text("secret")
    done("backup", tmp_path / "backup", small, "--no-keys")
    assert not (tmp_path / "backup" / ".s3front" / "credentials").exists()

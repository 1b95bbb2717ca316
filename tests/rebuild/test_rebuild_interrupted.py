"""Killed at any point, a rebuild leaves the old catalog or the new one, and can be run again."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from gateway.catalog.sqlite import copying
from tests.live.server import running
from tests.rebuild.places import place

ROOT = Path(__file__).resolve().parents[2]
KEYS = ["a/b", "plain", "x//shadow"]
POINTS = [
    ("gateway.cli.rebuild:copy_online", 1),
    ("gateway.cli.rebuild:Rebuild.run", 1),
    ("gateway.catalog.sqlite.drafting:Draft.drop", 1),
    ("gateway.catalog.sqlite.drafting:Draft.put", 1),
    ("gateway.catalog.sqlite.drafting:Draft.finish", 1),
    ("gateway.cli.rebuild:swap", 1),
    ("gateway.safekeeping.swapping:os.link", 1),
    ("gateway.safekeeping.swapping:sync_folder", 1),
    ("gateway.safekeeping.swapping:Path.unlink", 1),
    ("gateway.safekeeping.swapping:Path.replace", 1),
    ("gateway.safekeeping.swapping:sync_folder", 2),
]


def run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("S3FRONT_")}
    environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def known(catalog: Path) -> set[str]:
    """The keys of a catalog that nobody uses."""
    with contextlib.closing(apsw.Connection(str(catalog))) as connection:
        return {key.decode() for (key,) in connection.execute("SELECT key FROM objects")}


def killed(where: str, number: int, *arguments: str) -> None:
    ended = run("tests.rebuild.killed", where, str(number), "rebuild", *arguments)
    assert ended.returncode == -signal.SIGKILL, ended.stderr + ended.stdout


def test_an_old_catalog_that_nobody_looked_at_keeps_what_is_in_its_wal(tmp_path: Path) -> None:
    root = tmp_path / "root"
    catalog = root / ".s3front" / "catalog.db"
    with running(root, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        live.client.put("bucket", "key", b"x")
        for suffix in ("", "-wal"):
            shutil.copy(f"{catalog}{suffix}", tmp_path / f"older.db{suffix}")
    for suffix in ("", "-wal"):
        (tmp_path / f"older.db{suffix}").rename(f"{catalog}{suffix}")
    killed("gateway.safekeeping.swapping:Path.replace", 1, str(root), "--from", "files")
    assert known(catalog) == {"key"}


@pytest.mark.parametrize(("where", "number"), POINTS)
def test_a_rebuild_that_is_killed_can_be_run_again(tmp_path: Path, where: str, number: int) -> None:
    root = tmp_path / "root"
    catalog = root / ".s3front" / "catalog.db"
    with running(root, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        for key in (*KEYS, "unlinked"):
            live.client.put("bucket", key, key.encode(), x_amz_tagging="t=1")
        # The catalog as a crash would leave it, before one more object: most of it is in its WAL.
        for suffix in ("", "-wal"):
            shutil.copy(f"{catalog}{suffix}", tmp_path / f"older.db{suffix}")
        live.client.put("bucket", "later", b"later")
    (root / "bucket" / "unlinked").unlink()
    for suffix in ("", "-wal"):
        (tmp_path / f"older.db{suffix}").rename(f"{catalog}{suffix}")
    killed(where, number, str(root))
    assert copying.trouble(catalog) is None
    assert {*KEYS} <= known(catalog)
    again = run("gateway.cli.main", "rebuild", str(root))
    assert again.returncode == 0, again.stderr
    assert "4 objects" in again.stdout
    assert "\x1b" not in again.stdout + again.stderr  # nobody looks: no bar
    assert not list(catalog.parent.glob("*.rebuilding*"))
    with running(root, durability="relaxed") as live:
        assert live.client.keys("bucket") == sorted([*KEYS, "later"])
        for key in KEYS:
            got = live.client.get("bucket", key)
            assert (got.body, got.headers["x-amz-tagging-count"]) == (key.encode(), "1")


BEHIND = [
    ("gateway.safekeeping.sightings:Sightings.see", 1),
    ("gateway.safekeeping.sightings:Sightings.see", 4),
    ("gateway.safekeeping.surveying:Surveying.are_there", 1),
    ("gateway.safekeeping.sightings:Sightings.tell", 2),
    ("gateway.catalog.sqlite.drafting:Draft.put", 2),
    ("gateway.catalog.sqlite.drafting:Draft.finish", 1),
    ("gateway.safekeeping.swapping:Path.replace", 1),
]


@pytest.mark.parametrize(("where", "number"), BEHIND)
def test_one_that_is_killed_behind_a_network_can_be_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, number: int
) -> None:
    there = place("S3", tmp_path / "root", monkeypatch)
    with there.served() as live:
        live.client.make_bucket("bucket")
        for key in KEYS:
            live.client.put("bucket", key, key.encode(), x_amz_tagging="t=1")
        there.snapshot(live)
        for key in ("later", "x//later"):
            live.client.put("bucket", key, b"later")
    there.lose_catalog()
    killed(where, number, "-c", str(there.file))
    assert not there.catalog.exists()
    again = run("gateway.cli.main", "rebuild", "-c", str(there.file))
    assert again.returncode == 0, again.stderr
    assert "5 objects (3 of catalog-" in again.stdout
    assert not list(there.root.rglob("*.rebuild*"))
    with there.served() as live:
        assert live.client.keys("bucket") == sorted([*KEYS, "later", "x//later"])
        for key in KEYS:
            got = live.client.get("bucket", key)
            assert (got.body, got.headers["x-amz-tagging-count"]) == (key.encode(), "1")
        assert live.client.get("bucket", "x//later").body == b"later"

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

"""Killed at any point, a rebuild leaves the old catalog or the new one, and can be run again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

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


@pytest.mark.parametrize(("where", "number"), POINTS)
def test_a_rebuild_that_is_killed_can_be_run_again(tmp_path: Path, where: str, number: int) -> None:
    root = tmp_path / "root"
    catalog = root / ".s3front" / "catalog.db"
    with running(root, durability="relaxed") as live:
        live.client.make_bucket("bucket")
        for key in (*KEYS, "unlinked"):
            live.client.put("bucket", key, key.encode(), x_amz_tagging="t=1")
        # The catalog as it was before one more object.
        copying.copy_online(catalog, tmp_path / "older.db")
        live.client.put("bucket", "later", b"later")
    (root / "bucket" / "unlinked").unlink()
    (tmp_path / "older.db").rename(catalog)
    killed = run("tests.rebuild.killed", where, str(number), "rebuild", str(root))
    assert killed.returncode == -signal.SIGKILL, killed.stderr + killed.stdout
    assert copying.trouble(catalog) is None
    assert not list(catalog.parent.glob("catalog.db-wal"))
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

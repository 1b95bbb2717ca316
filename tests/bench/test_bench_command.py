"""The command against a tiny S3."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.bench.tiny_s3 import tiny_s3

ROOT = Path(__file__).resolve().parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    keys = {"S3FRONT_ROOT_ACCESS_KEY": "AKID", "S3FRONT_ROOT_SECRET_KEY": "tiny-secret-key"}
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        env={**os.environ, **keys},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_run_writes_one_line_each_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with tiny_s3() as server:
        done = bench(
            "--endpoint",
            server.url,
            "--pid",
            str(os.getpid()),
            "--seconds",
            "4",
            "--scenario",
            "get-4k,put-4k",
            "--scenario",
            "delete-4k",
            "--processes",
            "2",
            "--json",
            str(tmp_path / "figures"),
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert (server.buckets, server.objects) == (set(), {})
        assert server.deleted > 0
    figures = lines(done.stdout)
    assert lines((tmp_path / "figures").read_text()) == figures
    assert [figure["scenario"] for figure in figures] == ["get-4k", "delete-4k", "put-4k"]
    for figure in figures:
        assert figure["errors"] == 0
        assert figure["ops"] > 0
        assert figure["server_us_per_op"] > 0
        assert figure["p50_ms"] <= figure["p90_ms"] <= figure["p99_ms"]


def test_unexpected_answers_fail_the_run_and_are_told() -> None:
    with tiny_s3(broken=True) as server:
        done = bench("--endpoint", server.url, "--seconds", "1", "--scenario", "get-4k,head")
        assert (server.buckets, server.objects) == (set(), {})
    assert done.returncode == 1
    failed, good = lines(done.stdout)
    assert (failed["ops"], failed["server_us_per_op"]) == (0, None)
    assert failed["errors"] >= 16
    assert good["errors"] == 0
    assert "503 instead of 200" in done.stderr


def test_another_machine_is_refused() -> None:
    done = bench("--endpoint", "http://192.0.2.1:9000")
    assert done.returncode == 1
    assert "not this machine" in done.stderr


def test_nobody_there_is_told_in_a_sentence() -> None:
    with tiny_s3() as server:
        url = server.url
    done = bench("--endpoint", url, "--scenario", "head")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: PUT /bench-")
    assert "Traceback" not in done.stderr


def test_an_unknown_scenario_is_told_with_those_there_are() -> None:
    done = bench("--scenario", "put-5k")
    assert done.returncode == 2
    assert "put-4k-same" in done.stderr

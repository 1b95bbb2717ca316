"""Nothing leads from ``s3front serve`` to a fault: no setting, variable, header, path or import."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.settings.model import Settings, named
from tests.live.client import ACCESS_KEY, SECRET_KEY, Client

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(sys.executable).with_name("s3front")
VARIABLES = {
    "S3FRONT_DEV": "1",
    "S3FRONT_FAULTS": '[{"kind": "fail", "operation": "*"}]',
    "S3FRONT_TESTING": "1",
    "PYTEST_CURRENT_TEST": "tests/test_it.py::test_it (call)",
    "PYTEST_VERSION": "9",
}
HEADERS = {
    "x-s3front-fault": "fail",
    "x-s3front-dev": "1",
    "x-forwarded-for": "127.0.0.1",
}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Path]]:
    """``s3front serve`` in an environment that asks for faults, and its log."""
    folder = tmp_path_factory.mktemp("serving")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    keys = {"S3FRONT_ROOT_ACCESS_KEY": ACCESS_KEY, "S3FRONT_ROOT_SECRET_KEY": SECRET_KEY}
    log = folder / "log"
    with log.open("w") as written:
        process = subprocess.Popen(
            [PROGRAM, "serve", folder / "data", "--address", f"127.0.0.1:{port}"],
            env={**os.environ, **VARIABLES, **keys},
            stdout=written,
            stderr=written,
        )
    try:
        client = Client(port=port)
        end = time.monotonic() + 50
        while True:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            try:
                if client.request("GET", "/-/ready", signed=False).status == 200:
                    break
            except OSError:
                time.sleep(0.05)
        yield client, log
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("path", ["faults", "faults/1", "requests", "reset", ""])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_there_is_no_such_path(serving: tuple[Client, Path], method: str, path: str) -> None:
    client, _ = serving
    body = b'{"kind": "fail", "operation": "*"}' if method in {"POST", "PUT"} else b""
    for signed in (False, True):
        answer = client.request(method, f"/-/dev/{path}", body=body, signed=signed)
        assert (answer.status, answer.body) == (404, b"not found\n")


def test_a_request_that_asks_for_a_fault_is_answered_like_any_other(
    serving: tuple[Client, Path],
) -> None:
    client, log = serving
    bucket = client.make_bucket("photos")
    for number in range(5):
        assert (
            client.request("PUT", f"/{bucket}/{number}", headers=HEADERS, body=b"1").status == 200
        )
        assert client.request("GET", f"/{bucket}/{number}", headers=HEADERS).body == b"1"
    told = log.read_text()
    for name in ("S3FRONT_DEV", "S3FRONT_FAULTS", "S3FRONT_TESTING"):
        assert f"{name}" in told, "an unknown variable is warned about"


def test_no_setting_speaks_of_it() -> None:
    for name in Settings.model_fields:
        how = named(name)
        for word in (name, how.env, how.flag or "", how.minio or ""):
            assert not re.search(r"(?<!de)fault|test|journal|\bdev\b", word, re.IGNORECASE), word


def test_nothing_but_the_command_dev_names_the_package() -> None:
    mine = ROOT / "gateway/testing"
    for folder in ("gateway", "backends", "sigv4"):
        for path in (ROOT / folder).rglob("*.py"):
            if mine in path.parents or path == ROOT / "gateway/cli/dev.py":
                continue
            assert "gateway.testing" not in path.read_text(), path


def test_what_serve_runs_imports_none_of_it() -> None:
    code = (
        "import sys, gateway.cli.main, gateway.cli.serve, gateway.server.start\n"
        "import gateway.server.worker, gateway.server.build\n"
        "print([name for name in sys.modules if name.startswith('gateway.testing')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout == "[]\n"

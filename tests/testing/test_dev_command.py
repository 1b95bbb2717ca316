"""``s3front dev`` as people start it."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result

from gateway.cli.main import main
from gateway.testing.dev import ACCESS_KEY, SECRET_KEY
from tests.testing.boto import client

PROGRAM = Path(sys.executable).with_name("s3front")


def environ(**variables: str) -> dict[str, str]:
    """This process's, without what would speak of another server."""
    others = ("S3FRONT_", "MINIO_", "AWS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    return {**kept, **variables}


@contextlib.contextmanager
def started(
    folder: Path, *arguments: str, **variables: str
) -> Iterator[tuple["subprocess.Popen[str]", str, int]]:
    """The process, what it printed when it was ready, and its port."""
    log = folder / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [PROGRAM, "dev", *arguments],
            cwd=folder,
            env=environ(**variables),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert process.stdout is not None
        printed = ""
        for line in process.stdout:
            printed += line
            if "s3 ls" in line:
                break
        port = re.search(r"Endpoint +http://127\.0\.0\.1:(\d+)", printed)
        assert port is not None, printed + log.read_text()
        yield process, printed, int(port[1])
    finally:
        process.kill()
        process.communicate()


def ask(port: int, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Status and JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def arguments_of(port: int) -> dict[str, str]:
    return {
        "endpoint_url": f"http://127.0.0.1:{port}",
        "aws_access_key_id": ACCESS_KEY,
        "aws_secret_access_key": SECRET_KEY,
        "region_name": "us-east-1",
    }


def test_it_serves_from_memory_and_is_told_of_faults_over_http(tmp_path: Path) -> None:
    (tmp_path / "s3front.toml").write_text("this is no configuration of dev's")
    with started(tmp_path, "--address", "127.0.0.1:0", "--bucket", "photos", "--bucket", "raw") as (
        process, printed, port,
    ):  # fmt: skip
        assert "ALL DATA IS IN MEMORY AND GONE WHEN THIS ENDS" in printed
        assert f"export AWS_ACCESS_KEY_ID={ACCESS_KEY}" in printed
        assert f"aws --endpoint-url http://127.0.0.1:{port} s3 ls" in printed
        with client(arguments_of(port)) as s3:
            assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == ["photos", "raw"]
            fault = {"kind": "fail", "operation": "PutObject", "code": "AccessDenied"}
            assert ask(port, "POST", "/-/dev/faults", fault)[0] == 201
            with pytest.raises(ClientError, match="AccessDenied"):
                s3.put_object(Bucket="photos", Key="a", Body=b"1")
            s3.put_object(Bucket="photos", Key="a", Body=b"1")
            recorded = ask(port, "GET", "/-/dev/requests?operation=PutObject")[1]["requests"]
            assert [one["status"] for one in recorded] == [403, 200]
            assert ask(port, "POST", "/-/dev/reset") == (200, {})
            assert s3.list_objects_v2(Bucket="photos")["KeyCount"] == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "s3front.toml"]
    log = (tmp_path / "log").read_text()
    assert '"operation":"PutObject","status":403' in log
    assert "Traceback" not in log


def test_its_signatures_are_checked_and_its_port_is_its_own(tmp_path: Path) -> None:
    with started(tmp_path, "--address", "127.0.0.1:0") as (_, _, port):
        forged = {**arguments_of(port), "aws_secret_access_key": "another" * 4}
        with client(forged) as s3, pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            s3.list_buckets()
        done = run("--address", f"127.0.0.1:{port}", folder=tmp_path)
        assert done.returncode == 2
        assert f"127.0.0.1:{port}" in done.stderr


def call(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> Result:
    """What is refused before anything is started needs no process."""
    for name in set(os.environ) - set(environ()):
        monkeypatch.delenv(name)
    return CliRunner().invoke(main, ["dev", *arguments])


@pytest.mark.parametrize("address", ["0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:9000"])
def test_the_known_keys_are_for_loopback_only(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = call("--address", address, monkeypatch=monkeypatch)
    assert result.exit_code == 2
    assert "the keys of dev are known to everybody" in result.output


def test_with_keys_of_ones_own_it_listens_anywhere(tmp_path: Path) -> None:
    keys = {"S3FRONT_ROOT_ACCESS_KEY": "OWNER", "S3FRONT_ROOT_SECRET_KEY": "of-my-own-making"}
    with started(tmp_path, "--address", "0.0.0.0:0", **keys) as (_, printed, port):
        assert "of-my-own-making" not in printed
        own = {"aws_access_key_id": "OWNER", "aws_secret_access_key": "of-my-own-making"}
        with client({**arguments_of(port), **own}) as s3:
            assert s3.list_buckets()["Buckets"] == []
        with client(arguments_of(port)) as s3, pytest.raises(ClientError, match="InvalidAccess"):
            s3.list_buckets()


def run(*arguments: str, folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [PROGRAM, "dev", *arguments],
        cwd=folder,
        env=environ(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_command_is_run_beside_it(tmp_path: Path) -> None:
    code = (
        "import boto3, sys; s3 = boto3.client('s3'); "
        "print([one['Name'] for one in s3.list_buckets()['Buckets']]); sys.exit(7)"
    )
    done = run("--bucket", "photos", "--", sys.executable, "-c", code, folder=tmp_path)
    assert (done.returncode, done.stdout) == (7, "['photos']\n")
    assert "ALL DATA IS IN MEMORY" in done.stderr
    assert "event" not in done.stderr


def test_a_command_that_is_not_there_or_is_killed(tmp_path: Path) -> None:
    done = run("--", "there-is-no-such-program", folder=tmp_path)
    assert done.returncode == 1
    assert "'there-is-no-such-program' cannot be run: No such file" in done.stderr
    done = run("--", "sh", "-c", "kill -KILL $$", folder=tmp_path)
    assert done.returncode == 128 + signal.SIGKILL


def test_a_command_is_told_to_end(tmp_path: Path) -> None:
    code = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(5)); "
        "print('here', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen(
        [PROGRAM, "dev", "--", sys.executable, "-c", code],
        cwd=tmp_path,
        env=environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 5
    finally:
        process.kill()
        process.communicate()


def test_a_bucket_no_server_can_have_is_told(tmp_path: Path) -> None:
    done = run("--bucket", "xn--a", "--address", "127.0.0.1:0", folder=tmp_path)
    assert done.returncode == 2
    assert "No bucket can be named 'xn--a'." in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--bucket", "AA"], "--buckets: 'AA' is no legal bucket name."),
        (["--address", "nowhere"], "it does not end in a port number"),
        (["--log-format", "loud"], "'loud' is none of its values"),
        (["--storage", "x"], "No such option"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: list[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = call(*arguments, monkeypatch=monkeypatch)
    assert result.exit_code == 2
    assert says in result.output

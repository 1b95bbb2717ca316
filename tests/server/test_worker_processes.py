"""A worker's process before its first order, and the files it is given."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.launch import Launched
from gateway.server.failure import Exit
from gateway.server.processes import _send_files, receive_files
from tests.server.running import ROOT, until


@pytest.mark.parametrize("count", [1, 2, 199, 200, 201, 450])
def test_files_arrive_in_their_order(tmp_path: Path, count: int) -> None:
    ours, theirs = socket.socketpair()
    files = [os.open(tmp_path / str(at), os.O_CREAT | os.O_RDWR) for at in range(count)]
    received: list[int] = []
    try:
        _send_files(ours, files)
        ours.sendall(b"order\n")
        received = receive_files(theirs.fileno())
        assert [os.fstat(file).st_ino for file in received] == [
            os.fstat(file).st_ino for file in files
        ]
        assert not any(os.get_inheritable(file) for file in received)
        assert theirs.recv(100) == b"order\n"
    finally:
        for file in [*files, *received]:
            os.close(file)
        ours.close()
        theirs.close()


@pytest.mark.parametrize("said", [b"", b"+", b"{"])
def test_what_is_no_order_is_the_end(said: bytes) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            ours.sendall(said)
        with pytest.raises(EOFError):
            receive_files(theirs.fileno())


def test_a_process_whose_parent_is_gone_ends_by_itself() -> None:
    launched = Launched()
    try:
        launched.orders.close()
        until(lambda: launched.process.poll() is not None)
        assert launched.process.returncode == Exit.FAILED
    finally:
        launched.discard()


def test_a_process_without_an_order_can_be_discarded() -> None:
    launched = Launched()
    assert launched.process.poll() is None
    launched.discard()
    assert launched.process.returncode is not None


def test_a_server_that_was_launched_ahead_ends_well(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gateway.cli.main", "serve", "--address", "127.0.0.1:0"]
    server = subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    while "is ready" not in server.stdout.readline():
        assert server.poll() is None
    server.terminate()
    _, said = server.communicate(timeout=30)
    assert server.returncode == 0, said
    assert "Traceback" not in said


def test_wrong_settings_leave_no_process_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gateway.cli.main", "serve", "--address", "nowhere"]
    server = subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    _, said = server.communicate(timeout=30)
    assert server.returncode == Exit.BAD_CONFIGURATION
    assert "nowhere" in said
    with pytest.raises(ProcessLookupError):
        os.killpg(server.pid, 0)


def test_what_launches_imports_next_to_nothing() -> None:
    asked = "import sys, gateway.launch; print(*sorted(sys.modules))"
    command = [sys.executable, "-c", asked]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
    assert not {"asyncio", "structlog", "click", "pydantic"} & set(done.stdout.split())

"""Servers as processes: started, stopped, and held still while another is measured."""

import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench import accounting
from bench.asking import list_buckets_answers
from bench.generator import Target
from bench.peers.kinds import Kind, Place
from bench.server import Server, free_port, stop, wait_until

_REGION = "us-east-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A server that answers."""

    kind: Kind
    place: Place
    pid: int
    start_s: float
    """From the command to the first answer."""

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.place.port}"

    def hold(self) -> None:
        """Let none of its processes run."""
        for pid in accounting.tree(self.pid):
            _signal(pid, signal.SIGSTOP)

    def release(self) -> None:
        """Let them run again, those that watch the others last."""
        for pid in reversed(accounting.tree(self.pid)):
            _signal(pid, signal.SIGCONT)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


@contextmanager
def running(kind: Kind, program: Path, directory: Path | None) -> Iterator[Running]:
    """Start it on a new empty directory (below ``directory``); stop and remove it after.

    Raises ServerError if it does not answer within 30 seconds.
    """
    with tempfile.TemporaryDirectory(
        prefix="s3front-bench-", dir=directory, ignore_cleanup_errors=True
    ) as name:
        place = new_place(Path(name), program)
        kind.prepare(place)
        with started(kind, place) as server:
            try:
                yield server
            finally:
                server.release()


def new_place(directory: Path, program: Path) -> Place:
    """A free port and keys of its own for a server in ``directory``."""
    return Place(
        directory=directory,
        port=free_port(),
        access_key=f"BENCH{secrets.token_hex(8).upper()}",
        secret_key=secrets.token_hex(20),
        program=program,
    )


@contextmanager
def started(kind: Kind, place: Place) -> Iterator[Running]:
    """Start it where it is prepared, with what is there; stop it after. Raises ServerError."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("S3FRONT_", "MINIO_", "RCLONE_", "VGW_", "S3PROXY_"))
    }
    log = place.directory / "log"
    with log.open("wb") as written:
        began = time.perf_counter()
        process = subprocess.Popen(
            list(kind.command(place)),
            env={**inherited, **kind.environment(place)},
            cwd=place.directory,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            start_new_session=True,  # Ctrl-C is for us; the server is stopped by its pid.
        )
    try:
        server = Server(
            host="127.0.0.1",
            port=place.port,
            access_key=place.access_key,
            secret_key=place.secret_key,
            pid=process.pid,
            log=log,
        )
        target = Target(
            host=server.host,
            port=server.port,
            bucket="",
            region=_REGION,
            access_key=place.access_key,
            secret_key=place.secret_key,
        )
        there = (
            (lambda: list_buckets_answers(target)) if kind.speaks_s3 else lambda: _accepts(place)
        )
        wait_until(process, server, there)
        took = time.perf_counter() - began
        yield Running(kind=kind, place=place, pid=process.pid, start_s=took)
    finally:
        stop(process)


def _accepts(place: Place) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", place.port), timeout=1):
            return True
    except OSError:
        return False

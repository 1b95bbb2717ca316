"""The load generator as a child, and what the server used meanwhile."""

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import accounting
from bench.content import MIB
from bench.peers.processes import Running
from bench.peers.rows import Load, Objects

FILL_S = 180.0
_MICRO = 1_000_000
_BEYOND_S = 120.0


class LoadError(Exception):
    """The generator could not do its work; its own words say why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One server in one round of one row. None is what was not measured or has no meaning there.

    Processor times are of all the server's processes and threads, from /proc, in µs an operation.
    """

    row: str
    server: str
    round: int
    durability: str
    clients: int = 0
    ops: int = 0
    errors: int = 0
    seconds: float = 0.0
    server_us_per_op: float | None = None
    server_user_us_per_op: float | None = None
    server_system_us_per_op: float | None = None
    ops_per_s: float | None = None
    mib_per_s: float | None = None
    p50_ms: float | None = None
    p90_ms: float | None = None
    p99_ms: float | None = None
    worker_rss_mib: float | None = None
    """Resident memory of its largest process, at the end."""
    rss_mib: Sequence[float] = ()
    """Of each of its processes that serve."""
    connections: Sequence[int] = ()
    """How many each of them held in the middle of the run."""
    client_us_per_op: float | None = None
    other_cpu_percent: float | None = None
    """What the rest of the machine used; 100 is one processor. High: do not trust the sample."""
    first_errors: Sequence[str] = ()

    def line(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self))


def four_digits(value: float) -> float:
    return float(f"{value:.4g}")


class Generator:
    """The compiled program, for one server. ``behind``: the process of another one that it asks."""

    def __init__(self, program: Path, server: Running, *, behind: int | None = None) -> None:
        self._program = program
        self._server = server
        self._behind = behind

    def create(self, bucket: str) -> None:
        """Create a bucket. Raises LoadError."""
        if self._server.kind.speaks_s3:
            self._finished(["-work", "bucket", "-bucket", bucket])

    def fill(self, objects: Objects) -> int:
        """Put the objects, and say how many there are: fewer after 180 seconds. LoadError."""
        words = ["-bucket", objects.bucket, "-prefix", objects.prefix]
        words += ["-objects", str(objects.count), "-size", str(objects.size)]
        words += ["-folders", str(objects.folders)]
        # Some servers gather a body whose SHA-256 is signed in memory, and refuse what is large.
        words += ["-clients", "4", "-payload", "unsigned"] if objects.size > MIB else []
        if not self._server.kind.speaks_s3:
            data = self._server.place.data
            self._finished(["-work", "files", "-directory", str(data), *words])
            return objects.count
        words += ["-work", "fill", "-seconds", str(FILL_S)]
        result = json.loads(self._finished(words))
        if result["errors"]:
            raise LoadError(f"objects could not be put: {'; '.join(result['first_errors'])}")
        return int(result["ops"])

    def run(self, load: Load, *, seconds: float, warm: float, label: str) -> dict[str, Any]:
        """Load the server; figures as :class:`Sample` has them. Raises LoadError.

        ``behind_us_per_op`` is what the server behind it has used.
        """
        prefix = f"{load.prefix}{label}/" if load.fresh else load.prefix
        words = ["-work", load.work, "-bucket", load.bucket, "-prefix", prefix]
        words += ["-clients", str(load.clients), "-size", str(load.size)]
        words += ["-objects", str(load.objects), "-payload", load.payload]
        words += ["-seconds", str(seconds), "-warm", str(warm)]
        for name, value in (load.more or {}).items():
            words += [f"-{name}", value]
        with subprocess.Popen(
            self._command(words),
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                return self._watched(process, load, seconds)
            finally:
                process.kill()

    def _watched(
        self, process: subprocess.Popen[str], load: Load, seconds: float
    ) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        if process.stdout.readline().strip() != "ready":
            raise LoadError(process.stderr.read().strip() or "it ended before it was ready")
        machine, before = accounting.busy_seconds(), accounting.cpu(self._server.pid)
        before_behind = self._used_behind()
        process.stdin.write("go\n")
        process.stdin.flush()
        time.sleep(seconds / 2)
        serving = accounting.workers(self._server.pid)
        held = accounting.connections(serving, self._server.place.port)
        line = process.stdout.readline()
        seen = _Seen(
            used=accounting.cpu(self._server.pid).since(before),
            machine=accounting.busy_seconds() - machine,
            behind=self._used_behind() - before_behind,
            memory=[each.resident / 1024 for each in accounting.memory(serving)],
            connections=held,
        )
        if not line:
            raise LoadError(process.stderr.read().strip() or "it ended without a result")
        result = json.loads(line)
        figures = {"clients": load.clients, **_figures(result, seen)}
        if self._behind is not None and result["ops"]:
            figures["behind_us_per_op"] = four_digits(seen.behind * _MICRO / result["ops"])
        return figures

    def _used_behind(self) -> float:
        return 0.0 if self._behind is None else accounting.cpu(self._behind).total

    def _finished(self, words: Sequence[str]) -> str:
        done = subprocess.run(
            self._command(words),
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=FILL_S + _BEYOND_S,
            check=False,
        )
        if done.returncode:
            raise LoadError(done.stderr.strip())
        return done.stdout

    def _command(self, words: Sequence[str]) -> list[str]:
        unsigned = [] if self._server.kind.speaks_s3 else ["-anonymous"]
        return [str(self._program), "-endpoint", self._server.endpoint, *unsigned, *words]

    def _environment(self) -> Mapping[str, str]:
        place = self._server.place
        keys = {"S3LOAD_ACCESS_KEY": place.access_key, "S3LOAD_SECRET_KEY": place.secret_key}
        return {**os.environ, **keys}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    used: accounting.Cpu
    behind: float
    machine: float
    memory: Sequence[float]
    connections: Sequence[int]


def _figures(result: Mapping[str, Any], seen: _Seen) -> dict[str, Any]:
    ops, took = result["ops"], result["seconds"]
    others = seen.machine - seen.used.total - seen.behind - result["client_cpu_seconds"]
    figures: dict[str, Any] = {
        "ops": ops,
        "errors": result["errors"],
        "seconds": four_digits(took),
        "rss_mib": [four_digits(each) for each in seen.memory],
        "worker_rss_mib": four_digits(max(seen.memory, default=0.0)),
        "connections": seen.connections,
        "other_cpu_percent": four_digits(max(0.0, others) / took * 100),
        "first_errors": result["first_errors"],
    }
    if ops:
        figures |= {
            "server_us_per_op": four_digits(seen.used.total * _MICRO / ops),
            "server_user_us_per_op": four_digits(seen.used.user * _MICRO / ops),
            "server_system_us_per_op": four_digits(seen.used.system * _MICRO / ops),
            "client_us_per_op": four_digits(result["client_cpu_seconds"] * _MICRO / ops),
            "ops_per_s": four_digits(ops / took),
            "mib_per_s": four_digits(result["moved"] / MIB / took),
            **{name: four_digits(result[name]) for name in ("p50_ms", "p90_ms", "p99_ms")},
        }
    return figures

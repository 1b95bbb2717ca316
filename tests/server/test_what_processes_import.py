"""A start is mostly imports: no process takes in what it never uses."""

import subprocess
import sys

import pytest

_ASK = "import sys, {modules}; print(*sorted(sys.modules))"
_DRAWN = {"rich", "pygments"}


@pytest.mark.parametrize(
    ("modules", "unused"),
    [
        (
            "gateway.cli.main, gateway.cli.serve",
            {"awscrt", "backends.http", "backends.local.storage", "gateway.catalog", "gateway.s3"}
            | {"httptools", "lxml", "prometheus_client", "sigv4", "uvloop"},
        ),
        (
            "gateway.server.worker, gateway.server.build",
            {
                "awscrt",
                "backends.http",
                "click",
                "gateway.cli",
                "gateway.testing",
                "prometheus_client",
            },
        ),
    ],
)
def test_only_what_is_used_is_imported(modules: str, unused: set[str]) -> None:
    command = [sys.executable, "-c", _ASK.format(modules=modules)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert not (unused | _DRAWN) & set(done.stdout.split())


def test_what_was_left_out_can_be_imported_later() -> None:
    """The command line draws with rich when it is told to."""
    command = [sys.executable, "-c", "import gateway.server, gateway.cli.progress"]
    subprocess.run(command, check=True)

"""Building clients at pinned versions, below build/."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from conformance.outcome import BuildError

_BUILD_S = 1200


def go() -> Path:
    """The Go command. BuildError if there is none."""
    found = shutil.which("go") or next(
        (path for path in ("/usr/local/go/bin/go",) if Path(path).exists()), None
    )
    if found is None:
        raise BuildError("Go is missing: install it from your distribution, 1.23 or newer")
    return Path(found)


def go_install(package: str, version: str, folder: Path) -> Path:
    """``go install package@version`` into ``folder``; the program. Nothing if it is there already.

    BuildError with Go's own words.
    """
    place = folder / f"{package.rpartition('/')[2]}-{version}"
    program = place / package.rpartition("/")[2]
    if not program.exists():
        place.mkdir(parents=True, exist_ok=True)
        _run(
            [str(go()), "install", f"{package}@{version}"],
            folder=place,
            environment={"GOBIN": str(place)},
        )
    return program


def go_build(source: Path, folder: Path) -> Path:
    """``go build`` of the module in ``source`` into ``folder``; the program. BuildError."""
    program = folder / source.name
    folder.mkdir(parents=True, exist_ok=True)
    _run(
        [str(go()), "build", "-mod=readonly", "-o", str(program), "."],
        folder=source,
        environment={},
    )
    return program


def _run(command: list[str], *, folder: Path, environment: Mapping[str, str]) -> None:
    whole = {**os.environ, "GOFLAGS": "-buildvcs=false", **environment}
    done = subprocess.run(
        command, cwd=folder, env=whole, capture_output=True, timeout=_BUILD_S, check=False
    )
    if done.returncode:
        words = done.stderr.decode(errors="replace")[-2000:]
        raise BuildError(f"{' '.join(command)} failed:\n{words}")

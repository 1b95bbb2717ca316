"""Building clients at pinned versions, below build/."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from conformance.outcome import BuildError

_BUILD_S = 1200


def go() -> Path:
    """The Go command. BuildError if there is none."""
    found = shutil.which("go") or next(
        (path for path in ("/usr/local/go/bin/go",) if Path(path).exists()), None
    )
    if found is None:
        raise BuildError("Go is missing: install it 1.26.6 or newer")
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


def go_build_of(module: str, version: str, package: str, folder: Path) -> Path:
    """As ``go_install`` of ``module/package``, for a module whose ``go.mod`` replaces another: it is built
    where Go keeps its source, with the sums that it brings. BuildError."""
    name = package.rpartition("/")[2]
    program = folder / f"{name}-{version}" / name
    if not program.exists():
        told = _run(
            [str(go()), "mod", "download", "-json", f"{module}@{version}"],
            folder=Path(tempfile.gettempdir()),
            environment={},
        )
        _run(
            [str(go()), "build", "-mod=readonly", "-o", str(program), f"./{package}"],
            folder=Path(json.loads(told)["Dir"]),
            environment={},
        )
    return program


def required(go_mod: Path, module: str) -> str:
    """The module and its version, as a ``go.mod`` of ours requires it."""
    words = [line.removeprefix("require").split() for line in go_mod.read_text().splitlines()]
    return " ".join(next(each for each in words if each[:1] == [module]))


def cargo_build(source: Path, folder: Path) -> Path:
    """``cargo build`` of the crate in ``source`` into ``folder``; the program. BuildError."""
    if shutil.which("cargo") is None:
        raise BuildError("Cargo is missing: install Rust 1.95 or newer")
    target = folder / source.name
    _run(
        ["cargo", "build", "--quiet", "--locked", "--target-dir", str(target)],
        folder=source,
        environment={},
    )
    return target / "debug" / source.name


def required_crate(cargo_toml: Path, name: str) -> str:
    """The crate and its version, as a ``Cargo.toml`` of ours requires it."""
    crate = tomllib.loads(cargo_toml.read_text())["dependencies"][name]
    return f"{name} {crate['version'].removeprefix('=')}"


def debian(program: str, *packages: str) -> Path:
    """A program of Debian packages, which are installed if one is missing. BuildError."""
    path = Path(program)
    if all(_is_installed(package) for package in packages):
        return path
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise BuildError(f"{program} is missing. As root, on Debian: {' '.join(install)}")
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update", "--quiet", "--quiet"], folder=Path("/"), environment=environment)
    _run(install, folder=Path("/"), environment=environment)
    return path


def _is_installed(package: str) -> bool:
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}", package]
    if shutil.which(query[0]) is None:
        return False
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    return done.stdout.startswith("ii")


def debian_version(package: str) -> str:
    """The version of a Debian package, as it is installed or would be."""
    if shutil.which("apt-cache") is None:
        return "not Debian's"
    told = subprocess.run(
        ["apt-cache", "policy", package], capture_output=True, text=True, check=False
    ).stdout
    versions = dict(line.strip().split(": ", 1) for line in told.splitlines() if ": " in line)
    installed = versions.get("Installed", "(none)")
    return versions.get("Candidate", "unknown") if installed == "(none)" else installed


def python_packages(requirements: Path, folder: Path) -> Path:
    """The Python of a virtual environment that holds what ``requirements`` pins. BuildError."""
    return _made_once(requirements, folder, "bin/python", _install_python_packages)


def _install_python_packages(requirements: Path, place: Path) -> None:
    _run([sys.executable, "-m", "venv", str(place)], folder=place.parent, environment={})
    pip = [str(place / "bin/python"), "-m", "pip", "install", "--quiet", "--no-deps"]
    _run([*pip, "--requirement", str(requirements)], folder=place, environment={})


def npm_packages(source: Path, folder: Path) -> Path:
    """A folder with ``node_modules`` as ``source/package-lock.json`` says. BuildError."""
    modules = _made_once(source / "package-lock.json", folder, "node_modules", _install_npm)
    return modules.parent


def _install_npm(lock: Path, place: Path) -> None:
    if shutil.which("npm") is None:
        raise BuildError("npm is missing: install Node.js 20 or newer")
    place.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(lock.parent / name, place)
    _run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], folder=place, environment={})


def maven_build(source: Path, folder: Path) -> Path:
    """Compile the Maven project in ``source``; a file of arguments that tell ``java`` the class path.
    BuildError."""
    if shutil.which("mvn") is None:
        raise BuildError("Maven is missing: install it, with a JDK 17 or newer")
    place = folder / source.name
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(source, place)
    libraries = place / "libraries"
    goals = ["compile", "dependency:build-classpath", f"-Dmdep.outputFile={libraries}"]
    _run(["mvn", "--quiet", "--batch-mode", *goals], folder=place, environment={})
    arguments = place / "arguments"
    arguments.write_text(f'-cp "{place / "target/classes"}:{libraries.read_text().strip()}"')
    return arguments


def _made_once(pins: Path, folder: Path, product: str, make: Callable[[Path, Path], None]) -> Path:
    """``product`` in a folder named after what ``pins`` says; one that was not finished is made anew."""
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()[:12]
    place = folder / f"{pins.parent.name}-{pins.stem}-{digest}"
    finished = place / ".finished"
    if not finished.exists():
        shutil.rmtree(place, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        make(pins, place)
        finished.touch()
    return place / product


def _run(command: list[str], *, folder: Path, environment: Mapping[str, str]) -> str:
    """What it printed."""
    whole = {**os.environ, "GOFLAGS": "-buildvcs=false", **environment}
    done = subprocess.run(
        command, cwd=folder, env=whole, capture_output=True, timeout=_BUILD_S, check=False
    )
    if done.returncode:
        words = (done.stdout + done.stderr).decode(errors="replace")[-2000:]
        raise BuildError(f"{' '.join(command)} failed:\n{words}")
    return done.stdout.decode(errors="replace")

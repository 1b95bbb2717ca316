"""Getting the peers, each at one version, below ``build/peers``."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from conformance.building import go_build, go_install
from conformance.outcome import BuildError

_HERE = Path(__file__).resolve().parent
ROOT = _HERE.parents[1]
BUILD = ROOT / "build/peers"
"""Where programs lie."""
_S3PROXY = "4.1.0"
_MAVEN_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A program of others: its version as it is shown, and how it gets here."""

    version: str
    get: Callable[[Path], Path]
    """Into a folder; what to run there. Nothing is done twice. Raises BuildError."""


def _go(module: str, version: str, shown: str) -> Package:
    return Package(version=shown, get=lambda folder: go_install(module, version, folder))


def _s3proxy(folder: Path) -> Path:
    if shutil.which("java") is None:
        raise BuildError("Java is missing: install Debian's default-jre-headless")
    place = folder / f"s3proxy-{_S3PROXY}"
    whole = place / "whole"
    if whole.exists():
        return place
    if shutil.which("mvn") is None:
        raise BuildError("Maven is missing: install Debian's maven")
    copy = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={place}"]
    command = ["mvn", "--quiet", "--batch-mode", "--file", str(_HERE / "s3proxy/pom.xml"), *copy]
    done = subprocess.run(command, capture_output=True, timeout=_MAVEN_S, check=False)
    if done.returncode:
        words = (done.stdout + done.stderr).decode(errors="replace")[-2000:]
        raise BuildError(f"{' '.join(command)} failed:\n{words}")
    whole.touch()
    return place


def _debian(program: str, package: str, _folder: Path) -> Path:
    # Debian keeps servers where the path of a user does not look.
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise BuildError(f"{program} is missing: install Debian's {package}")
    return Path(found)


def _debian_version(package: str) -> str:
    done = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Version}", package],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.partition("-")[0] or "of this system"


PACKAGES: Mapping[str, Package] = {
    "versitygw": _go("github.com/versity/versitygw/cmd/versitygw", "v1.8.0", "1.8.0"),
    "minio": _go(
        "github.com/minio/minio",
        "v0.0.0-20260212201848-7aac2a2c5b7c",
        "2026-02-12 (7aac2a2c5b7c)",
    ),
    "rclone": _go("github.com/rclone/rclone", "v1.76.0", "1.76.0"),
    "s3proxy": Package(version=_S3PROXY, get=_s3proxy),
    "nginx": Package(
        version=_debian_version("nginx-light"), get=partial(_debian, "nginx", "nginx-light")
    ),
}


def load_generator(folder: Path) -> Path:
    """The program of ``bench/s3load``, compiled. Raises BuildError."""
    return go_build(_HERE.parent / "s3load", folder)

"""What a figure was measured on."""

import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path


def about_machine(root: Path) -> Mapping[str, str]:
    """The commit of the working tree ``root``, the processor, the kernel, Python and libraries."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("uvloop", "apsw", "awscrt"))
    return {
        "S3front": _commit(root),
        "machine": f"{_processor()}, Linux {platform.release()}",
        "Python": f"{platform.python_version()}, {libraries}",
    }


def _commit(root: Path) -> str:
    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    commit = git("rev-parse", "--short=12", "HEAD") or "of no repository"
    return f"{commit}, changed since" if git("status", "--porcelain") else commit


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(models)} × {models[0]}" if models else platform.machine()

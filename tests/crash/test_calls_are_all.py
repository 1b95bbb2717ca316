"""The calls that are counted, failed and died before are all that change the disk: strace agrees."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.crash.operations import prepare
from tests.crash.traced import BEGIN, END
from tests.server.running import ROOT

# The name SQLite or os has for what the kernel was asked to do.
_OF_KERNEL = {
    "pwrite64": "pwrite",
    "fallocate": "fallocate",
    "write": "write",
    "ftruncate": "ftruncate",
    "fsync": "fsync",
    "fdatasync": "fdatasync",
    "utimensat": "utime",
    "fsetxattr": "setxattr",
    "openat": "open",
    "open": "open",
    "mkdirat": "mkdir",
    "mkdir": "mkdir",
    "unlinkat": "unlink",
    "unlink": "unlink",
    "rmdir": "rmdir",
    "renameat": "rename",
    "renameat2": "rename",
    "rename": "rename",
    "linkat": "link",
    "link": "link",
    "copy_file_range": "copy_file_range",
}
_NEVER = (
    *("creat", "truncate", "pwritev", "pwritev2", "writev", "sendfile", "splice", "symlink"),
    *("symlinkat", "mknod", "mknodat", "setxattr", "lsetxattr", "removexattr", "fremovexattr"),
    *("sync", "syncfs", "msync", "utimes", "futimesat", "utime"),
)
"""What nobody counts, so that nobody may call it on the data directory. sync_file_range is no
such call: it begins what fsync does, and promises nothing."""

_OF_SQLITE = {"xWrite": "pwrite", "xSync": "fdatasync", "xTruncate": "ftruncate"}
_CALL = re.compile(r"^\d+ +(\w+)\((.*)$")
_DESCRIPTOR = re.compile(r"^\d+<([^>]*)>")
_BELOW = re.compile(r'(?:\d+<([^>]*)>|AT_FDCWD(?:<[^>]*>)?), "([^"]*)"')

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here")


@pytest.mark.timeout(120)
def test_strace_sees_no_other_call(tmp_path: Path) -> None:
    root, trace = tmp_path / "root", tmp_path / "trace"
    facts = prepare(root)
    # The last three look up the marks.
    traced = (*_OF_KERNEL, *_NEVER, "stat", "newfstatat", "statx")
    run = subprocess.run(
        [
            *("strace", "-f", "-qq", "-y", "-s", "4096", "-o", str(trace)),
            *("-e", "trace=" + ",".join(f"?{name}" for name in traced)),
            *(sys.executable, "-m", "tests.crash.traced", str(root), json.dumps(facts)),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if "PTRACE" in run.stderr:
        pytest.skip(f"processes may not be traced here: {run.stderr.strip()}")
    assert run.returncode == 0, run.stderr
    counted = Counter(_as_kernel(call) for call in json.loads(run.stdout))
    # Of a new WAL SQLite forces the name too, within its first sync.
    counted["fdatasync .s3front"] += 1
    seen = Counter(_seen(trace.read_text(), f"{root}/"))
    assert len(seen) > 50
    assert seen - counted == {}, "these change the disk and are not counted"


def _as_kernel(call: str) -> str:
    name, _, path = call.partition(" ")
    return f"{_OF_SQLITE.get(name, name)} {path}"


def _seen(trace: str, root: str) -> list[str]:
    """Calls that change what is under ``root``, as they are counted, but for what SQLite keeps in
    shared memory."""
    found = []
    inside = trace[trace.index(BEGIN) : trace.index(END)]
    for line in inside.splitlines():
        match = _CALL.match(line)
        if match is None:
            continue
        name, arguments = match.groups()
        path = _path(name, arguments)
        if not path.startswith(root) or path.endswith(("-shm", "-generation")):
            continue
        assert name not in _NEVER, line
        changes = "openat" not in name or "O_CREAT" in arguments or "O_TRUNC" in arguments
        if name in _OF_KERNEL and changes:
            kind = "rmdir" if "AT_REMOVEDIR" in arguments else _OF_KERNEL[name]
            found.append(f"{kind} {path.removeprefix(root)}")
    return found


def _path(name: str, arguments: str) -> str:
    if name == "copy_file_range":
        target = re.findall(r"\d+<([^>]*)>", arguments)
        return str(target[1]) if len(target) > 1 else ""
    pairs = _BELOW.findall(arguments)
    if pairs and _OF_KERNEL.get(name) not in {"pwrite", "write", "setxattr"}:
        folder, below = pairs[-1]
        return str(Path(folder) / below)
    match = _DESCRIPTOR.match(arguments)
    if match is not None:
        return match.group(1)
    names = re.findall(r'"([^"]*)"', arguments)
    return names[-1] if names else ""

"""A file system whose writes and flushes are recorded, and what a power cut may leave of it.

ext4 on a loop device on ``nbdfuse`` on ``nbdkit`` with the plugin beside this. Between a write and
the next flush a disk may lose it, or parts of it, in any order; so does a state built here.
"""

import contextlib
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.crash.recording_plugin import HEAD
from tests.server.running import until

_BLOCK = 4096
_MIB = 1024 * 1024
_TOOLS = ("nbdkit", "nbdfuse", "mkfs.ext4", "mount", "umount")


def why_not() -> str | None:
    """What is missing here for a recorded disk, None if nothing is."""
    if not sys.platform.startswith("linux"):
        return "a recorded disk needs Linux"
    if os.geteuid() != 0:
        return "a recorded disk needs root, to mount it"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"a recorded disk needs {', '.join(missing)} (deploy/packages/debian.txt)"
    for device in ("/dev/fuse", "/dev/loop-control"):
        if not Path(device).exists():
            return f"a recorded disk needs {device}"
    found = subprocess.run(["nbdkit", "python", "--help"], capture_output=True, check=False)
    return "a recorded disk needs nbdkit-plugin-python" if found.returncode else None


class RecordedDisk:
    """Where it is mounted, and its record so far."""

    def __init__(self, folder: Path, *, size_mib: int) -> None:
        self.folder = folder
        self.image = folder / "image"
        self.log = folder / "log"
        self.mounted = folder / "mounted"
        with self.image.open("wb") as image:
            image.truncate(size_mib * _MIB)
        options = "lazy_itable_init=0,lazy_journal_init=0,nodiscard"
        _run("mkfs.ext4", "-q", "-F", "-m", "0", "-J", "size=8", "-E", options, str(self.image))
        self.log.touch()

    def now(self) -> int:
        """The length of the record: a clock that all that reached the disk moves on."""
        return self.log.stat().st_size


@contextlib.contextmanager
def recorded_disk(folder: Path, *, size_mib: int = 96) -> Iterator[RecordedDisk]:
    """A new file system, recorded until the block ends; unmounted in any case."""
    folder.mkdir()
    disk = RecordedDisk(folder, size_mib=size_mib)
    socket, fuse = folder / "socket", folder / "fuse"
    plugin = Path(__file__).with_name("recording_plugin.py")
    with contextlib.ExitStack() as undo:
        server = ["nbdkit", "--foreground", "--exit-with-parent", "--unix", str(socket), "python"]
        server += [str(plugin), f"image={disk.image}", f"log={disk.log}"]
        undo.enter_context(_process(server))
        until(socket.exists)
        fuse.mkdir()
        bridge = ["nbdfuse", str(fuse / "disk"), "--unix", str(socket)]
        # It goes when it is unmounted, and before the disk it asks.
        undo.enter_context(_process(bridge, end=("umount", str(fuse))))
        until((fuse / "disk").exists)
        undo.enter_context(mounted(fuse / "disk", disk.mounted))
        yield disk


@contextlib.contextmanager
def mounted(image: Path, at: Path) -> Iterator[Path]:
    """The file system of an image, through a loop device. ext4 replays its journal."""
    at.mkdir(exist_ok=True)
    _run("mount", "-o", "loop,noatime", str(image), str(at))
    try:
        yield at
    finally:
        _run("umount", str(at))


class PowerCuts:
    """Disks as a power cut may leave them, for moments that only grow."""

    def __init__(self, disk: RecordedDisk) -> None:
        self._record = disk.log.read_bytes()
        self._flushed = bytearray(disk.image.read_bytes())
        self._at = 0
        self._since_flush: list[tuple[int, bytes]] = []

    def write(self, at: int, image: Path, chance: random.Random) -> None:
        """The disk at moment ``at``: all up to the last flush, and of each later write every block
        by the toss of a coin."""
        self._advance(at)
        left = bytearray(self._flushed)
        for offset, data in self._since_flush:
            for start in range(0, len(data), _BLOCK):
                if chance.random() < 0.5:
                    piece = data[start : start + _BLOCK]
                    left[offset + start : offset + start + len(piece)] = piece
        image.write_bytes(left)

    def _advance(self, at: int) -> None:
        while self._at + HEAD.size <= at:
            kind, offset, length = HEAD.unpack_from(self._record, self._at)
            start = self._at + HEAD.size
            if start + length > at:
                return
            self._at = start + length
            if kind == b"w":
                self._since_flush.append((offset, self._record[start : self._at]))
                continue
            for offset, data in self._since_flush:
                self._flushed[offset : offset + len(data)] = data
            self._since_flush.clear()


@contextlib.contextmanager
def _process(command: list[str], *, end: tuple[str, ...] = ()) -> Iterator[None]:
    process = subprocess.Popen(command)
    try:
        yield
    finally:
        if end:
            _run(*end)
        else:
            process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stderr)

"""Many files at once: all are found, others are answered meanwhile, and memory is bounded.

20,000 in `make test`, two million in `make soak`; ``S3FRONT_TEST_FILES`` sets another number. They are
hard links to files of one byte, a new one for every 60,000 (ext4 takes 65,000 links): to everything but the
disk's blocks they are files of their own.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.live.client import Client

FEW = 20_000
MANY = 2_000_000
LINKS = 60_000
IN_FOLDER = 1_000
MIB = 2**20


@dataclass(slots=True)
class Process:
    """The server's."""

    pid: int
    client: Client

    def memory(self) -> int:
        """Bytes resident by the process itself, not shared with files."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        raise LookupError

    def count(self, bucket: str) -> int:
        """Objects a client finds by listing all pages."""
        found, token = 0, ""
        while True:
            query = "list-type=2" + (f"&continuation-token={token}" if token else "")
            answer = self.client.request("GET", f"/{bucket}", "&".join(sorted(query.split("&"))))
            assert answer.status == 200, answer
            found += int(answer.text("KeyCount") or 0)
            if answer.text("IsTruncated") != "true":
                return found
            token = answer.text("NextContinuationToken") or ""


@contextlib.contextmanager
def serving(root: Path) -> Iterator[Process]:
    root.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.outside.serving", str(root)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        try:
            yield Process(process.pid, Client(port=int(process.stdout.readline())))
            process.communicate(timeout=60)
            assert process.returncode == 0
        finally:
            process.kill()


def make_files(folder: Path, sources: Path, count: int) -> None:
    """``count`` files: half in one folder, half in folders of a thousand."""
    sources.mkdir(exist_ok=True)
    source = below = sources
    for number in range(count):
        if number % LINKS == 0:
            source = sources / f"{folder.name}-{number}"
            source.write_bytes(b"x")
        half = number >= count // 2
        below = folder / (f"d{number // IN_FOLDER:05}" if half else "flat")
        if number % IN_FOLDER == 0 or number == count // 2:
            below.mkdir(parents=True, exist_ok=True)
        os.link(source, below / f"{number:07}")


@dataclass
class Others:
    """Somebody who uses the server meanwhile."""

    client: Client
    slowest_s: float = 0.0
    asked: int = 0
    failures: list[object] = field(default_factory=list)

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        self.client.make_bucket("others")
        ended = threading.Event()
        thread = threading.Thread(target=self._work, args=(ended,))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(60)

    def _work(self, ended: threading.Event) -> None:
        while not ended.wait(0.01):
            begun = time.monotonic()
            key = f"key-{self.asked % 10}"
            put, got = self.client.put("others", key, b"y"), self.client.get("others", key)
            if (put.status, got.status, got.body) != (200, 200, b"y"):
                self.failures.append((put, got))
            self.asked += 1
            self.slowest_s = max(self.slowest_s, time.monotonic() - begun)


def most_memory_until(server: Process, bucket: str, count: int, deadline_s: float) -> int:
    """Bytes, when all that was seen of the server until ``count`` objects were listed."""
    most, end = 0, time.monotonic() + deadline_s
    while server.count(bucket) != count:
        most = max(most, server.memory())
        assert time.monotonic() < end, (server.count(bucket), count)
        time.sleep(max(1.0, count / 100_000))
    return most


def appear(tmp_path: Path, count: int, deadline_s: float) -> None:
    with serving(tmp_path / "root") as server:
        server.client.make_bucket("bucket")
        folder = tmp_path / "root" / "bucket"
        make_files(tmp_path / "tree", tmp_path / "sources", count)
        others = Others(server.client)
        before, begun = server.memory(), time.monotonic()
        with others.at_work():
            (tmp_path / "tree").rename(folder / "tree")
            most = most_memory_until(server, "bucket", count, deadline_s)
        print(
            f"{count} files in {time.monotonic() - begun:.0f} s, memory {before // MIB} to "
            f"{most // MIB} MiB, {others.asked} puts and gets, the slowest {others.slowest_s:.2f} s"
        )
        assert not others.failures
        assert others.asked > 10
        assert most - before < 96 * MIB
        # One by one, while it watches.
        more = min(count // 4, 50_000)
        make_files(folder / "more", tmp_path / "sources", more)
        most_memory_until(server, "bucket", count + more, deadline_s)


@pytest.mark.timeout(300)
def test_very_many_files_appear(tmp_path: Path) -> None:
    appear(tmp_path, FEW, 240)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_two_million_files_appear(tmp_path: Path) -> None:
    appear(tmp_path, int(os.environ.get("S3FRONT_TEST_FILES", str(MANY))), 6000)

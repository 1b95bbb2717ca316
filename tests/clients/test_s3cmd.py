"""s3cmd, Debian's."""

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
NASTY = ("a+b c", "é 日本 😀", "100%25%", "a%2Fb", "q?x=1&y", "~tilde", "semi;colon", "quo'te")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3cmd:
    """The program with its configuration."""

    path: Path
    environment: dict[str, str]
    work: Path
    configuration: Path

    def run(self, *words: str, stdin: bytes = b"") -> Run:
        """Run it to its end, whatever it says."""
        return run(
            [self.path, "-c", self.configuration, "--no-progress", *words],
            environment=self.environment,
            folder=self.work,
            stdin=stdin,
        )

    def __call__(self, *words: str, stdin: bytes = b"") -> Run:
        """Run it; AssertionError if it fails."""
        return self.run(*words, stdin=stdin).succeeded()


@pytest.fixture
def s3cmd(endpoint: Endpoint, home: Path, work: Path) -> S3cmd:
    """Configured as ``s3cmd --configure`` writes it for such a server."""
    configuration = home / "s3cfg"
    configuration.write_text(
        "[default]\n"
        f"access_key = {endpoint.access_key}\n"
        f"secret_key = {endpoint.secret_key}\n"
        f"host_base = {endpoint.host}\n"
        f"host_bucket = {endpoint.host}\n"
        f"bucket_location = {endpoint.region}\n"
        f"use_https = {endpoint.url.startswith('https')}\n"
        "signature_v2 = False\n"
        "multipart_chunk_size_mb = 5\n"
    )
    return S3cmd(
        path=program("s3cmd"),
        environment=endpoint.environment(home),
        work=work,
        configuration=configuration,
    )


def _keys(s3: "S3Client", bucket: str) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_it_makes_lists_and_removes_a_bucket(s3cmd: S3cmd, unused_name: str) -> None:
    s3cmd("mb", f"s3://{unused_name}")
    assert f"s3://{unused_name}" in s3cmd("ls").text
    s3cmd("rb", f"s3://{unused_name}")
    assert f"s3://{unused_name}" not in s3cmd("ls").text


def test_it_puts_and_gets(s3cmd: S3cmd, bucket: str) -> None:
    files = {"small": content(5000), "big": content(12 * MIB), "empty": b""}
    plant(s3cmd.work, files)
    for name, data in files.items():
        s3cmd("put", name, f"s3://{bucket}/dir/{name}")
        s3cmd("get", f"s3://{bucket}/dir/{name}", f"got-{name}")
        assert sha256((s3cmd.work / f"got-{name}").read_bytes()) == sha256(data)


def test_it_puts_and_gets_streams(s3cmd: S3cmd, bucket: str) -> None:
    data = content(6 * MIB)
    s3cmd("put", "-", f"s3://{bucket}/stream", stdin=data)
    assert sha256(s3cmd("get", f"s3://{bucket}/stream", "-").output) == sha256(data)


def test_it_takes_nasty_names(s3cmd: S3cmd, s3: "S3Client", bucket: str) -> None:
    files = {f"d/{name}": name.encode() for name in NASTY}
    plant(s3cmd.work / "up", files)
    s3cmd("put", "--recursive", "up/", f"s3://{bucket}/")
    assert _keys(s3, bucket) == sorted(files, key=str.encode)
    (s3cmd.work / "down").mkdir()
    s3cmd("get", "--recursive", f"s3://{bucket}/", "down/")
    assert harvest(s3cmd.work / "down") == digests(files)


def test_it_syncs_both_ways(s3cmd: S3cmd, s3: "S3Client", bucket: str) -> None:
    plant(s3cmd.work / "up", {f"d/{number}": content(20, number) for number in range(8)})
    s3cmd("sync", "up/", f"s3://{bucket}/p/")
    (s3cmd.work / "up/d/0").unlink()
    plant(s3cmd.work / "up", {"d/1": b"changed"})
    again = s3cmd("sync", "--delete-removed", "up/", f"s3://{bucket}/p/").text
    assert again.count("upload:") == 1
    assert again.count("delete:") == 1
    s3cmd("sync", f"s3://{bucket}/p/", "down/")
    assert harvest(s3cmd.work / "down") == harvest(s3cmd.work / "up")
    assert len(_keys(s3, bucket)) == 7


def test_it_lists_and_sums(s3cmd: S3cmd, s3: "S3Client", bucket: str) -> None:
    for number in range(4):
        s3.put_object(Bucket=bucket, Key=f"d/{number}", Body=bytes(25))
    assert f"s3://{bucket}/d/" in s3cmd("la").text
    assert f"s3://{bucket}/d/" in s3cmd("ls", f"s3://{bucket}").text
    assert s3cmd("ls", "--recursive", f"s3://{bucket}").text.count("s3://") == 4
    assert s3cmd("du", f"s3://{bucket}").text.split()[:2] == ["100", "4"]


def test_info_probes_without_stumbling(s3cmd: S3cmd, s3: "S3Client", bucket: str) -> None:
    """It reads location, payer, ownership, versioning, encryption, lifecycle, ACL, policy, CORS."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/plain", Metadata={"a": "1"})
    about = s3cmd("info", f"s3://{bucket}").text
    assert "Location:" in about
    assert "Payer:     BucketOwner" in about
    told = s3cmd("info", f"s3://{bucket}/k").text
    assert "MIME type: text/plain" in told
    assert "x-amz-meta-a: 1" in told


def test_it_copies_moves_and_modifies(s3cmd: S3cmd, s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=b"x", Metadata={"a": "1"})
    s3cmd("cp", f"s3://{bucket}/from", f"s3://{bucket}/a b/copy")
    s3cmd("mv", f"s3://{bucket}/from", f"s3://{bucket}/moved")
    assert _keys(s3, bucket) == ["a b/copy", "moved"]
    s3cmd("modify", "--add-header=Cache-Control: max-age=9", f"s3://{bucket}/moved")
    head = s3.head_object(Bucket=bucket, Key="moved")
    assert head["CacheControl"] == "max-age=9"
    assert head["Metadata"]["a"] == "1"


def test_it_deletes_one_and_all(s3cmd: S3cmd, s3: "S3Client", bucket: str) -> None:
    for number in range(5):
        s3.put_object(Bucket=bucket, Key=f"d/{number}", Body=b"")
    s3cmd("del", f"s3://{bucket}/d/0")
    assert len(_keys(s3, bucket)) == 4
    s3cmd("del", "--recursive", "--force", f"s3://{bucket}/")
    assert _keys(s3, bucket) == []


def test_it_signs_links_and_lists_uploads(s3cmd: S3cmd, s3: "S3Client", bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"part")
    assert upload in s3cmd("multipart", f"s3://{bucket}").text
    assert "4" in s3cmd("listmp", f"s3://{bucket}/k", upload).text
    s3cmd("abortmp", f"s3://{bucket}/k", upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


@pytest.mark.usefixtures("only_s3front")
@pytest.mark.parametrize(
    "words",
    [
        ("setacl", "--acl-public", "s3://{}/k"),
        ("setacl", "--acl-public", "s3://{}"),
        ("setpolicy", "policy", "s3://{}"),
        ("setlifecycle", "policy", "s3://{}"),
        ("ws-create", "s3://{}"),
    ],
    ids=lambda words: words[0] + words[1].removeprefix("policy"),
)
def test_what_is_not_built_is_an_error_it_can_tell(
    s3cmd: S3cmd, s3: "S3Client", bucket: str, words: tuple[str, ...]
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    plant(s3cmd.work, {"policy": b"<LifecycleConfiguration></LifecycleConfiguration>"})
    done = s3cmd.run(*(word.format(bucket) for word in words))
    done.refused()
    assert "NotImplemented" in done.errors or "501" in done.errors, done.errors
    assert "An unexpected error has occurred" not in done.errors
    assert _keys(s3, bucket) == ["k"]


def test_wrong_keys_are_told(s3cmd: S3cmd, bucket: str) -> None:
    s3cmd.run("--secret_key=wrong", "ls", f"s3://{bucket}").refused("SignatureDoesNotMatch")

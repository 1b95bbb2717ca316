"""The AWS command line, Debian's version 2 and PyPI's version 1: the same commands for both."""

import json
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

pytestmark = pytest.mark.timeout(180)
CONFIGURATION = """\
[default]
s3 =
  addressing_style = path
  signature_version = s3v4
  multipart_threshold = 5MB
  multipart_chunksize = 5MB
"""
NASTY = (
    "a+b c", "é/日本/😀", "100%25%", "a%2Fb", "q?x=1&y", "semi;colon,@", "[brackets]", "~tilde",
    "quote'\"", "back\\slash",
)  # fmt: skip
"""File names that can be S3 keys and the other way round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aws:
    """One installed version."""

    path: Path
    endpoint: Endpoint
    home: Path
    work: Path

    def run(self, *words: str | Path, stdin: bytes = b"") -> Run:
        """Run it to its end, whatever it says. Debian's 2.9 does not know AWS_ENDPOINT_URL."""
        environment = self.endpoint.environment(self.home)
        return run(
            [self.path, "--endpoint-url", self.endpoint.url, *words],
            environment=environment,
            folder=self.work,
            stdin=stdin,
            timeout_s=120,
        )

    def __call__(self, *words: str | Path, stdin: bytes = b"") -> Run:
        """Run it; AssertionError if it fails."""
        return self.run(*words, stdin=stdin).succeeded()


@pytest.fixture(params=["aws-debian", "awscli"])
def aws(request: pytest.FixtureRequest, endpoint: Endpoint, home: Path, work: Path) -> Aws:
    """Each version, with parts from 5 MB on."""
    (home / "aws-config").write_text(CONFIGURATION)
    return Aws(path=program(request.param), endpoint=endpoint, home=home, work=work)


def _keys(s3: "S3Client", bucket: str) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def _body(s3: "S3Client", bucket: str, key: str) -> str:
    return sha256(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def test_it_makes_lists_and_removes_a_bucket(aws: Aws, unused_name: str) -> None:
    aws("s3", "mb", f"s3://{unused_name}")
    assert unused_name in aws("s3", "ls").text
    aws("s3", "cp", "-", f"s3://{unused_name}/k", stdin=b"x")
    aws.run("s3", "rb", f"s3://{unused_name}").refused("BucketNotEmpty")
    aws("s3", "rb", "--force", f"s3://{unused_name}")
    assert unused_name not in aws("s3", "ls").text


def test_it_copies_up_and_down(aws: Aws, bucket: str) -> None:
    data = content(300_000)
    plant(aws.work, {"up": data})
    aws("s3", "cp", "up", f"s3://{bucket}/dir/file.txt")
    aws("s3", "cp", f"s3://{bucket}/dir/file.txt", "down")
    assert sha256((aws.work / "down").read_bytes()) == sha256(data)


def test_it_streams_from_and_to_a_pipe(aws: Aws, bucket: str) -> None:
    """A stream has no known length: several parts."""
    data = content(12 * MIB)
    aws("s3", "cp", "-", f"s3://{bucket}/stream", stdin=data)
    assert sha256(aws("s3", "cp", f"s3://{bucket}/stream", "-").output) == sha256(data)


def test_it_moves_a_big_file_in_parts(aws: Aws, s3: "S3Client", bucket: str) -> None:
    data = content(20_000_000)
    plant(aws.work, {"big": data})
    aws("s3", "cp", "big", f"s3://{bucket}/big")
    parts = [data[start : start + 5 * MIB] for start in range(0, len(data), 5 * MIB)]
    assert s3.head_object(Bucket=bucket, Key="big")["ETag"] == etag(*parts)
    aws("s3", "cp", f"s3://{bucket}/big", f"s3://{bucket}/copy")
    aws("s3", "mv", f"s3://{bucket}/copy", "down")
    assert sha256((aws.work / "down").read_bytes()) == sha256(data)
    assert _keys(s3, bucket) == ["big"]
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_it_syncs_both_ways_and_deletes(aws: Aws, s3: "S3Client", bucket: str) -> None:
    files = {f"d{n % 3}/f{n}": content(100 + n, n) for n in range(12)}
    plant(aws.work / "up", files)
    assert aws("s3", "sync", "up", f"s3://{bucket}/p").text.count("upload:") == 12
    assert aws("s3", "sync", "up", f"s3://{bucket}/p").text == ""
    (aws.work / "up/d0/f0").unlink()
    plant(aws.work / "up", {"d1/f1": content(555)})
    second = aws("s3", "sync", "up", f"s3://{bucket}/p", "--delete").text
    assert (second.count("upload:"), second.count("delete:")) == (1, 1)
    aws("s3", "sync", f"s3://{bucket}/p", "down")
    assert harvest(aws.work / "down") == harvest(aws.work / "up")
    aws("s3", "sync", f"s3://{bucket}/p", f"s3://{bucket}/q")
    assert len(_keys(s3, bucket)) == 22


def test_it_takes_nasty_names(aws: Aws, s3: "S3Client", bucket: str) -> None:
    files = {f"dir/{name}": name.encode() for name in NASTY}
    plant(aws.work / "up", files)
    aws("s3", "cp", "--recursive", "up", f"s3://{bucket}/")
    assert _keys(s3, bucket) == sorted(files, key=str.encode)
    listed = aws("s3", "ls", "--recursive", f"s3://{bucket}").text
    assert all(name in listed for name in files)
    aws("s3", "cp", "--recursive", f"s3://{bucket}", "down")
    assert harvest(aws.work / "down") == digests(files)
    name = f"dir/{NASTY[0]}"
    assert aws("s3", "cp", f"s3://{bucket}/{name}", "-").output == files[name]
    aws("s3", "rm", "--recursive", f"s3://{bucket}/dir/")
    assert _keys(s3, bucket) == []


def test_it_lists_prefixes_pages_and_sums(aws: Aws, s3: "S3Client", bucket: str) -> None:
    for number in range(7):
        s3.put_object(Bucket=bucket, Key=f"d{number % 2}/k{number}", Body=bytes(10))
    assert aws("s3", "ls", f"s3://{bucket}").text.split() == ["PRE", "d0/", "PRE", "d1/"]
    whole = aws("s3", "ls", "--recursive", "--summarize", "--page-size", "2", f"s3://{bucket}").text
    assert "Total Objects: 7" in whole
    assert "Total Size: 70" in whole
    assert aws.run("s3", "ls", f"s3://{bucket}/nothing").status == 1


def test_it_moves_and_removes_by_pattern(aws: Aws, s3: "S3Client", bucket: str) -> None:
    for key in ("a.txt", "b.txt", "c.jpg", "sub/d.txt"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    aws("s3", "mv", f"s3://{bucket}/a.txt", f"s3://{bucket}/moved/a.txt")
    aws("s3", "rm", f"s3://{bucket}", "--recursive", "--exclude", "*", "--include", "*b.txt")
    assert _keys(s3, bucket) == ["c.jpg", "moved/a.txt", "sub/d.txt"]
    plant(aws.work, {"local": b"x"})
    aws("s3", "mv", "local", f"s3://{bucket}/")
    assert not (aws.work / "local").exists()
    assert "local" in _keys(s3, bucket)


def test_it_presigns_what_anyone_can_fetch(aws: Aws, s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a b+é", Body=b"shared")
    url = aws("s3", "presign", f"s3://{bucket}/a b+é", "--expires-in", "60").text.strip()
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.read() == b"shared"


def test_it_sets_headers_and_metadata(aws: Aws, s3: "S3Client", bucket: str) -> None:
    plant(aws.work, {"page.html": b"<p>"})
    aws(
        "s3", "cp", "page.html", f"s3://{bucket}/",
        "--metadata", "author=me,year=2026",
        "--cache-control", "max-age=5",
        "--content-disposition", "inline",
        "--content-encoding", "identity",
        "--content-language", "fr",
        "--storage-class", "STANDARD",
    )  # fmt: skip
    head = s3.head_object(Bucket=bucket, Key="page.html")
    assert head["Metadata"] == {"author": "me", "year": "2026"}
    assert (head["ContentType"], head["CacheControl"]) == ("text/html", "max-age=5")
    assert (head["ContentLanguage"], head["ContentDisposition"]) == ("fr", "inline")
    aws(
        "s3", "cp", f"s3://{bucket}/page.html", f"s3://{bucket}/copy",
        "--metadata-directive", "REPLACE", "--metadata", "b=2", "--content-type", "text/css",
    )  # fmt: skip
    copy = s3.head_object(Bucket=bucket, Key="copy")
    assert (copy["Metadata"], copy["ContentType"]) == ({"b": "2"}, "text/css")


def test_a_website_redirect_is_kept_or_refused_but_never_lost(
    aws: Aws, s3: "S3Client", bucket: str
) -> None:
    done = aws.run("s3", "cp", "-", f"s3://{bucket}/old", "--website-redirect", "/new", stdin=b"x")
    if done.status == 0:
        head = s3.head_object(Bucket=bucket, Key="old")
        assert head["WebsiteRedirectLocation"] == "/new"
    else:
        done.refused("NotImplemented")
        assert _keys(s3, bucket) == []


@pytest.mark.usefixtures("only_s3front")
def test_it_is_told_what_is_not_built(aws: Aws, s3: "S3Client", bucket: str) -> None:
    plant(aws.work, {"f": b"x"})
    aws.run("s3", "cp", "f", f"s3://{bucket}/f", "--acl", "public-read").refused("NotImplemented")
    aws.run("s3", "cp", "f", f"s3://{bucket}/f", "--sse", "AES256").refused("NotImplemented")
    aws.run("s3", "website", f"s3://{bucket}", "--index-document", "i").refused("NotImplemented")
    assert _keys(s3, bucket) == []


def _api(aws: Aws, call: str, *words: str) -> object:
    output = aws("s3api", call, *words, "--output", "json").output
    return json.loads(output) if output.strip() else None


def test_its_api_commands_work(aws: Aws, bucket: str) -> None:
    data = content(1000)
    plant(aws.work, {"body": data})
    where = ("--bucket", bucket, "--key", "k")
    put = _api(aws, "put-object", *where, "--body", "body", "--tagging", "a=1")
    assert isinstance(put, dict)
    assert put["ETag"] == etag(data)
    head = _api(aws, "head-object", *where, "--checksum-mode", "ENABLED")
    assert isinstance(head, dict)
    assert (head["ContentLength"], head["ETag"]) == (1000, etag(data))
    aws("s3api", "get-object", *where, "--range", "bytes=1-3", "piece")
    assert (aws.work / "piece").read_bytes() == data[1:4]
    assert _api(aws, "get-object-tagging", *where) == {"TagSet": [{"Key": "a", "Value": "1"}]}
    aws("s3api", "put-object-tagging", *where, "--tagging", "TagSet=[{Key=b,Value=2}]")
    assert _api(aws, "get-object-tagging", *where) == {"TagSet": [{"Key": "b", "Value": "2"}]}
    told = _api(aws, "get-object-attributes", *where, "--object-attributes", "ETag", "ObjectSize")
    assert isinstance(told, dict)
    assert told["ObjectSize"] == 1000
    _api(aws, "head-bucket", "--bucket", bucket)
    location = _api(aws, "get-bucket-location", "--bucket", bucket)
    assert location == {"LocationConstraint": None}
    aws("s3api", "delete-objects", "--bucket", bucket, "--delete", "Objects=[{Key=k}],Quiet=false")
    aws.run("s3api", "head-object", *where).refused("404")


def test_its_api_commands_upload_by_hand(aws: Aws, s3: "S3Client", bucket: str) -> None:
    plant(aws.work, {"1": content(5 * MIB, 1), "2": content(99, 2)})
    where = ("--bucket", bucket, "--key", "k")
    upload = _api(aws, "create-multipart-upload", *where)
    assert isinstance(upload, dict)
    more = (*where, "--upload-id", upload["UploadId"])
    for number in ("1", "2"):
        _api(aws, "upload-part", *more, "--part-number", number, "--body", number)
    listed = _api(aws, "list-parts", *more)
    assert isinstance(listed, dict)
    parts = [
        {name: each[name] for name in ("PartNumber", "ETag", "ChecksumCRC32") if name in each}
        for each in listed["Parts"]
    ]
    _api(
        aws, "complete-multipart-upload", *more, "--multipart-upload", json.dumps({"Parts": parts})
    )
    assert _body(s3, bucket, "k") == sha256(content(5 * MIB, 1) + content(99, 2))


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_it_sends_the_checksum_asked_for(
    aws: Aws, s3: "S3Client", bucket: str, algorithm: str
) -> None:
    plant(aws.work, {"f": b"data"})
    _api(
        aws, "put-object", "--bucket", bucket, "--key", "k", "--body", "f",
        "--checksum-algorithm", algorithm,
    )  # fmt: skip
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert f"Checksum{algorithm}" in head


def test_wrong_keys_are_told(aws: Aws, endpoint: Endpoint, bucket: str, home: Path) -> None:
    environment = {**endpoint.environment(home), "AWS_SECRET_ACCESS_KEY": "wrong"}
    run(
        [aws.path, "--endpoint-url", endpoint.url, "s3", "ls", f"s3://{bucket}"],
        environment=environment,
        folder=aws.work,
    ).refused("SignatureDoesNotMatch")

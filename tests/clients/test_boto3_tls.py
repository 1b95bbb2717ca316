"""boto3 over TLS, where it no longer signs bodies: aws-chunked, the checksum in a trailer."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients.bodies import MIB, content, sha256
from tests.clients.boto import client, emptied
from tests.clients.checksums import ALGORITHMS, checksum, field
from tests.clients.endpoint import configured, self_signed, served

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator["S3Client"]:
    """A client that trusts the server's certificate; its bucket is named ``trailers``."""
    if configured(os.environ) is not None:
        pytest.skip("starts a server with a certificate of its own")
    place = tmp_path_factory.mktemp("secure")
    certificate = self_signed(place)
    with (
        served(place / "data", place / "log", tls=certificate) as endpoint,
        client(endpoint, verify=str(certificate.certificate)) as s3,
    ):
        s3.create_bucket(Bucket="trailers")
        yield s3
        emptied(s3, "trailers")


def _sent(s3: "S3Client") -> dict[str, str]:
    """The headers of the next PutObject, once it was sent."""
    headers: dict[str, str] = {}

    def note(request: Any, **_: Any) -> None:
        headers.update({name.lower(): str(value) for name, value in request.headers.items()})

    s3.meta.events.register("before-send.s3.PutObject", note)
    return headers


@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if name != "MD5"])
def test_the_checksum_comes_in_a_trailer(
    secure: "S3Client", algorithm: Any, tmp_path: Path
) -> None:
    data = content(150_000)
    path = tmp_path / "data"
    path.write_bytes(data)
    headers = _sent(secure)
    with path.open("rb") as body:
        put: Any = secure.put_object(
            Bucket="trailers",
            Key=algorithm,
            Body=body,
            ChecksumAlgorithm=algorithm,
            ContentEncoding="gzip",
        )
    assert "STREAMING-UNSIGNED-PAYLOAD-TRAILER" in headers["x-amz-content-sha256"]
    assert f"x-amz-checksum-{algorithm.lower()}" in headers["x-amz-trailer"]
    assert put[field(algorithm)] == checksum(algorithm, data)
    got = secure.get_object(Bucket="trailers", Key=algorithm)
    assert got["ContentEncoding"] == "gzip"
    assert sha256(got["Body"].read()) == sha256(data)


def test_framing_is_no_encoding_of_the_object(secure: "S3Client") -> None:
    headers = _sent(secure)
    secure.put_object(Bucket="trailers", Key="plain", Body=b"text")
    assert "aws-chunked" in headers["content-encoding"]
    assert "ContentEncoding" not in secure.head_object(Bucket="trailers", Key="plain")


def test_big_files_go_in_framed_parts(secure: "S3Client", tmp_path: Path) -> None:
    data = content(19 * MIB)
    path = tmp_path / "data"
    path.write_bytes(data)
    secure.upload_file(str(path), "trailers", "big")
    secure.download_file("trailers", "big", str(tmp_path / "got"))
    assert sha256((tmp_path / "got").read_bytes()) == sha256(data)
    assert secure.head_object(Bucket="trailers", Key="big")["ETag"].endswith('-3"')

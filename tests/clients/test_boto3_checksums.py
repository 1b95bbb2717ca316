"""boto3: every checksum it can compute, verified, kept and given back."""

from typing import TYPE_CHECKING, Any

import pytest

from tests.clients.bodies import MIB, content, sha256
from tests.clients.boto import client, refused
from tests.clients.checksums import ALGORITHMS, FULL_OBJECT, checksum, composite, field
from tests.clients.endpoint import Endpoint

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

COMPUTED = tuple(name for name in ALGORITHMS if name != "MD5")
"""botocore computes all but MD5, which must be given as a value."""
PART = 5 * MIB
PARTS = [content(PART, 1), content(70_000, 2)]


def test_crc32_is_what_botocore_sends_unasked(s3: "S3Client", bucket: str) -> None:
    data = content(10_000)
    put = s3.put_object(Bucket=bucket, Key="k", Body=data)
    assert put["ChecksumCRC32"] == checksum("CRC32", data)
    assert put["ChecksumType"] == "FULL_OBJECT"
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head["ChecksumCRC32"] == checksum("CRC32", data)


def test_without_a_checksum_s3_adds_crc64nvme(endpoint: Endpoint, bucket: str) -> None:
    """userguide/checking-object-integrity: the default for uploads that bring none."""
    with client(endpoint, request_checksum_calculation="when_required") as s3:
        put: Any = s3.put_object(Bucket=bucket, Key="k", Body=b"data")
        assert put["ChecksumCRC64NVME"] == checksum("CRC64NVME", b"data")
        head: Any = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
        assert head["ChecksumCRC64NVME"] == checksum("CRC64NVME", b"data")


@pytest.mark.parametrize("algorithm", COMPUTED)
def test_an_algorithm_asked_for_is_kept(s3: "S3Client", bucket: str, algorithm: Any) -> None:
    data = content(30_000)
    put: Any = s3.put_object(Bucket=bucket, Key="k", Body=data, ChecksumAlgorithm=algorithm)
    assert put[field(algorithm)] == checksum(algorithm, data)
    got: Any = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got[field(algorithm)] == checksum(algorithm, data)
    assert got["ChecksumType"] == "FULL_OBJECT"
    assert sha256(got["Body"].read()) == sha256(data)
    asked: Any = ["Checksum"]
    attributes: Any = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=asked)
    assert attributes["Checksum"][field(algorithm)] == checksum(algorithm, data)
    listed: Any = s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert listed["ChecksumAlgorithm"] == [algorithm]
    assert listed["ChecksumType"] == "FULL_OBJECT"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_value_is_verified(s3: "S3Client", bucket: str, algorithm: str) -> None:
    data = content(2000)
    right: Any = {field(algorithm): checksum(algorithm, data)}
    wrong: Any = {field(algorithm): checksum(algorithm, b"other")}
    put: Any = s3.put_object(Bucket=bucket, Key="k", Body=data, **right)
    assert put[field(algorithm)] == checksum(algorithm, data)
    with refused("BadDigest", 400):
        s3.put_object(Bucket=bucket, Key="refused", Body=data, **wrong)
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="refused")


def test_content_md5_is_verified(s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentMD5=checksum("MD5", b"x"))
    with refused("BadDigest", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"y", ContentMD5=checksum("MD5", b"x"))
    with refused("InvalidDigest", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"y", ContentMD5="no digest")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def _upload(s3: "S3Client", bucket: str, algorithm: str, type: str) -> dict[str, Any]:
    """Two parts; what completing answered."""
    asked: Any = {"ChecksumAlgorithm": algorithm, "ChecksumType": type}
    started = s3.create_multipart_upload(Bucket=bucket, Key="k", **asked)
    assert started["ChecksumAlgorithm"] == algorithm
    assert started["ChecksumType"] == type
    finished: list[Any] = []
    for number, data in enumerate(PARTS, 1):
        given: Any = {field(algorithm): checksum(algorithm, data)}
        part: Any = s3.upload_part(
            Bucket=bucket,
            Key="k",
            UploadId=started["UploadId"],
            PartNumber=number,
            Body=data,
            **given,
        )
        assert part[field(algorithm)] == given[field(algorithm)]
        finished.append({"PartNumber": number, "ETag": part["ETag"], **given})
    listed: Any = s3.list_parts(Bucket=bucket, Key="k", UploadId=started["UploadId"])
    assert (listed["ChecksumAlgorithm"], listed["ChecksumType"]) == (algorithm, type)
    assert [each[field(algorithm)] for each in listed["Parts"]] == [
        checksum(algorithm, data) for data in PARTS
    ]
    answer: Any = s3.complete_multipart_upload(
        Bucket=bucket, Key="k", UploadId=started["UploadId"], MultipartUpload={"Parts": finished}
    )
    assert answer["ChecksumType"] == type
    return dict(answer)


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256"])
def test_parts_make_a_composite_checksum(s3: "S3Client", bucket: str, algorithm: str) -> None:
    answer = _upload(s3, bucket, algorithm, "COMPOSITE")
    assert answer[field(algorithm)] == composite(algorithm, PARTS)
    head: Any = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head[field(algorithm)] == composite(algorithm, PARTS)
    assert head["ChecksumType"] == "COMPOSITE"


@pytest.mark.parametrize("algorithm", FULL_OBJECT)
def test_parts_make_a_checksum_of_the_whole(s3: "S3Client", bucket: str, algorithm: str) -> None:
    whole = b"".join(PARTS)
    answer = _upload(s3, bucket, algorithm, "FULL_OBJECT")
    assert answer[field(algorithm)] == checksum(algorithm, whole)
    got: Any = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["ChecksumType"] == "FULL_OBJECT"
    assert got[field(algorithm)] == checksum(algorithm, whole)
    assert sha256(got["Body"].read()) == sha256(whole)


@pytest.mark.parametrize(
    ("algorithm", "type"), [("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")]
)
def test_a_type_the_algorithm_cannot_have_is_refused(
    s3: "S3Client", bucket: str, algorithm: Any, type: Any
) -> None:
    """userguide/checking-object-integrity-upload: SHA cannot be combined, CRC64NVME must be."""
    with refused("InvalidRequest", 400):
        s3.create_multipart_upload(
            Bucket=bucket, Key="k", ChecksumAlgorithm=algorithm, ChecksumType=type
        )


def test_a_wrong_checksum_of_the_whole_does_not_complete(s3: "S3Client", bucket: str) -> None:
    started = s3.create_multipart_upload(
        Bucket=bucket, Key="k", ChecksumAlgorithm="CRC64NVME", ChecksumType="FULL_OBJECT"
    )
    upload = started["UploadId"]
    part = s3.upload_part(
        Bucket=bucket,
        Key="k",
        UploadId=upload,
        PartNumber=1,
        Body=b"data",
        ChecksumAlgorithm="CRC64NVME",
    )
    with refused("BadDigest", 400):
        s3.complete_multipart_upload(
            Bucket=bucket,
            Key="k",
            UploadId=upload,
            MultipartUpload={
                "Parts": [
                    {
                        "PartNumber": 1,
                        "ETag": part["ETag"],
                        "ChecksumCRC64NVME": part["ChecksumCRC64NVME"],
                    }
                ]
            },
            ChecksumCRC64NVME=checksum("CRC64NVME", b"other"),
        )
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")


def test_a_copy_can_get_another_algorithm(s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=b"data", ChecksumAlgorithm="CRC32")
    copied: Any = s3.copy_object(
        Bucket=bucket, Key="to", CopySource=f"{bucket}/from", ChecksumAlgorithm="SHA256"
    )
    assert copied["CopyObjectResult"]["ChecksumSHA256"] == checksum("SHA256", b"data")
    kept: Any = s3.copy_object(Bucket=bucket, Key="same", CopySource=f"{bucket}/from")
    assert kept["CopyObjectResult"]["ChecksumCRC32"] == checksum("CRC32", b"data")

"""boto3: multipart uploads, by hand and by its transfer manager."""

import io
from typing import TYPE_CHECKING, Any

import pytest
from boto3.s3.transfer import TransferConfig

from tests.clients.bodies import MIB, content, etag, sha256
from tests.clients.boto import refused

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

PART = 5 * MIB
SMALL_PARTS = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=4)


def _start(s3: "S3Client", bucket: str, key: str = "k", **options: Any) -> str:
    upload: str = s3.create_multipart_upload(Bucket=bucket, Key=key, **options)["UploadId"]
    return upload


def _part(s3: "S3Client", bucket: str, upload: str, number: int, data: bytes) -> Any:
    answer = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=data)
    assert answer["ETag"] == etag(data)
    return {"PartNumber": number, "ETag": answer["ETag"]}


def _complete(s3: "S3Client", bucket: str, upload: str, parts: list[Any], **more: Any) -> Any:
    return s3.complete_multipart_upload(
        Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": parts}, **more
    )


def test_the_transfer_manager_uploads_and_downloads_in_parts(s3: "S3Client", bucket: str) -> None:
    data = content(3 * PART + 12_345)
    s3.upload_fileobj(
        io.BytesIO(data),
        bucket,
        "dir/big",
        Config=SMALL_PARTS,
        ExtraArgs={"ContentType": "video/mp4", "Metadata": {"a": "1"}},
    )
    got = io.BytesIO()
    s3.download_fileobj(bucket, "dir/big", got, Config=SMALL_PARTS)
    assert sha256(got.getvalue()) == sha256(data)
    head = s3.head_object(Bucket=bucket, Key="dir/big")
    parts = [data[start : start + PART] for start in range(0, len(data), PART)]
    assert head["ETag"] == etag(*parts)
    assert (head["ContentType"], head["Metadata"]) == ("video/mp4", {"a": "1"})
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_the_transfer_manager_copies_in_parts(s3: "S3Client", bucket: str) -> None:
    data = content(2 * PART + 1)
    s3.put_object(Bucket=bucket, Key="from", Body=data)
    s3.copy({"Bucket": bucket, "Key": "from"}, bucket, "to", Config=SMALL_PARTS)
    got = s3.get_object(Bucket=bucket, Key="to")
    assert sha256(got["Body"].read()) == sha256(data)
    assert got["ETag"].endswith('-3"')


def test_parts_come_in_any_order_with_gaps_and_again(s3: "S3Client", bucket: str) -> None:
    upload = _start(s3, bucket)
    first, second, last = content(PART, 1), content(PART + 7, 2), content(9, 3)
    parts = [
        _part(s3, bucket, upload, 10_000, last),
        _part(s3, bucket, upload, 2, content(PART, 4)),
        _part(s3, bucket, upload, 7, second),
        _part(s3, bucket, upload, 2, first),
    ]
    chosen = [parts[3], parts[2], parts[0]]
    answer = _complete(s3, bucket, upload, chosen)
    assert answer["ETag"] == etag(first, second, last)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert sha256(got["Body"].read()) == sha256(first + second + last)


def test_a_part_left_out_is_not_in_the_object(s3: "S3Client", bucket: str) -> None:
    upload = _start(s3, bucket)
    one = _part(s3, bucket, upload, 1, content(PART, 1))
    _part(s3, bucket, upload, 2, content(PART, 2))
    three = _part(s3, bucket, upload, 3, content(5, 3))
    _complete(s3, bucket, upload, [one, three])
    got = s3.get_object(Bucket=bucket, Key="k")["Body"].read()
    assert sha256(got) == sha256(content(PART, 1) + content(5, 3))


def test_one_part_of_an_object_can_be_read(s3: "S3Client", bucket: str) -> None:
    upload = _start(s3, bucket)
    datas = [content(PART, 1), content(1000, 2)]
    _complete(s3, bucket, upload, [_part(s3, bucket, upload, n, d) for n, d in enumerate(datas, 1)])
    got = s3.get_object(Bucket=bucket, Key="k", PartNumber=2)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["PartsCount"] == 2
    assert got["ContentRange"] == f"bytes {PART}-{PART + 999}/{PART + 1000}"
    assert sha256(got["Body"].read()) == sha256(datas[1])
    assert s3.head_object(Bucket=bucket, Key="k", PartNumber=1)["ContentLength"] == PART
    with refused("InvalidPartNumber", 416):
        s3.get_object(Bucket=bucket, Key="k", PartNumber=3)


def test_what_completing_checks(s3: "S3Client", bucket: str) -> None:
    upload = _start(s3, bucket)
    one = _part(s3, bucket, upload, 1, content(1000, 1))
    two = _part(s3, bucket, upload, 2, content(PART, 2))
    with refused("InvalidPartOrder", 400):
        _complete(s3, bucket, upload, [two, one])
    with refused("InvalidPart", 400):
        _complete(s3, bucket, upload, [one, {"PartNumber": 3, "ETag": one["ETag"]}])
    with refused("InvalidPart", 400):
        _complete(s3, bucket, upload, [{"PartNumber": 1, "ETag": two["ETag"]}])
    with refused("EntityTooSmall", 400):
        _complete(s3, bucket, upload, [one, two])
    with refused("MalformedXML", 400):
        _complete(s3, bucket, upload, [])
    _complete(s3, bucket, upload, [two])
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == PART


@pytest.mark.parametrize("number", [0, 10_001])
def test_part_numbers_go_from_1_to_10000(s3: "S3Client", bucket: str, number: int) -> None:
    upload = _start(s3, bucket)
    with refused("InvalidArgument", 400):
        s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=b"")


def test_completing_twice_answers_the_same(s3: "S3Client", bucket: str) -> None:
    """API_CompleteMultipartUpload is idempotent, so that a lost answer can be asked for again."""
    upload = _start(s3, bucket)
    parts = [_part(s3, bucket, upload, 1, b"data")]
    first = _complete(s3, bucket, upload, parts)
    assert _complete(s3, bucket, upload, parts)["ETag"] == first["ETag"]


def test_an_aborted_upload_is_gone(s3: "S3Client", bucket: str) -> None:
    upload = _start(s3, bucket)
    _part(s3, bucket, upload, 1, b"data")
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)
    with refused("NoSuchUpload", 404):
        s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"")
    with refused("NoSuchUpload", 404):
        s3.list_parts(Bucket=bucket, Key="k", UploadId=upload)
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")


def test_an_upload_does_not_show_until_it_is_completed(s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    upload = _start(s3, bucket)
    parts = [_part(s3, bucket, upload, 1, b"after")]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"before"
    _complete(s3, bucket, upload, parts)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"after"


def test_a_range_of_an_object_is_copied_as_a_part(s3: "S3Client", bucket: str) -> None:
    data = content(2 * PART)
    s3.put_object(Bucket=bucket, Key="source ü+", Body=data)
    upload = _start(s3, bucket)
    source: Any = {"Bucket": bucket, "Key": "source ü+"}
    parts: list[Any] = []
    ranges = ("bytes=100-5242979", "bytes=0-9")
    for number, asked in enumerate(ranges, 1):
        copied = s3.upload_part_copy(
            Bucket=bucket,
            Key="k",
            UploadId=upload,
            PartNumber=number,
            CopySource=source,
            CopySourceRange=asked,
        )
        parts.append({"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]})
    _complete(s3, bucket, upload, parts)
    got = s3.get_object(Bucket=bucket, Key="k")["Body"].read()
    assert sha256(got) == sha256(data[100:5_242_980] + data[:10])
    with refused("NoSuchUpload", 404):
        s3.upload_part_copy(
            Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, CopySource=source
        )


def test_parts_are_listed_in_pages(s3: "S3Client", bucket: str) -> None:
    upload = _start(s3, bucket)
    for number in range(1, 8):
        _part(s3, bucket, upload, number, bytes([number]))
    pages = list(
        s3.get_paginator("list_parts").paginate(
            Bucket=bucket, Key="k", UploadId=upload, PaginationConfig={"PageSize": 3}
        )
    )
    assert [len(page["Parts"]) for page in pages] == [3, 3, 1]
    assert [each["PartNumber"] for page in pages for each in page["Parts"]] == list(range(1, 8))
    assert pages[0]["Parts"][0]["ETag"] == etag(bytes([1]))


def test_uploads_are_listed_by_prefix_delimiter_and_page(s3: "S3Client", bucket: str) -> None:
    keys = ["a/1", "a/2", "b", "b", "c d+é"]
    uploads = {(key, _start(s3, bucket, key)) for key in keys}
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 2}
    )
    listed = [each for page in pages for each in page["Uploads"]]
    assert [each["Key"] for each in listed] == keys
    assert {(each["Key"], each["UploadId"]) for each in listed} == uploads
    rolled = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [each["Prefix"] for each in rolled["CommonPrefixes"]] == ["a/"]
    assert [each["Key"] for each in rolled["Uploads"]] == ["b", "b", "c d+é"]
    below = s3.list_multipart_uploads(Bucket=bucket, Prefix="a/")
    assert [each["Key"] for each in below["Uploads"]] == ["a/1", "a/2"]


def test_attributes_tell_the_parts(s3: "S3Client", bucket: str) -> None:
    """API_GetObjectAttributes: parts are told for uploads made with a checksum."""
    upload = _start(s3, bucket, ChecksumAlgorithm="SHA256")
    parts: list[Any] = []
    for number, data in enumerate((content(PART), b"end"), 1):
        answer = s3.upload_part(
            Bucket=bucket,
            Key="k",
            UploadId=upload,
            PartNumber=number,
            Body=data,
            ChecksumAlgorithm="SHA256",
        )
        parts.append(
            {
                "PartNumber": number,
                "ETag": answer["ETag"],
                "ChecksumSHA256": answer["ChecksumSHA256"],
            }
        )
    _complete(s3, bucket, upload, parts)
    told = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts"])
    assert told["ObjectParts"]["TotalPartsCount"] == 2
    assert [each["Size"] for each in told["ObjectParts"]["Parts"]] == [PART, 3]
    page = s3.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts"], MaxParts=1
    )["ObjectParts"]
    assert (page["IsTruncated"], page["NextPartNumberMarker"]) == (True, 1)

"""boto3: conditional reads, writes and deletes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.clients.boto import refused

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

PAST = datetime(2001, 2, 3, tzinfo=UTC)


def test_reads_keep_their_conditions(s3: "S3Client", bucket: str) -> None:
    tag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=tag)["Body"].read() == b"x"
    assert s3.get_object(Bucket=bucket, Key="k", IfNoneMatch='"0"')["Body"].read() == b"x"
    assert s3.get_object(Bucket=bucket, Key="k", IfModifiedSince=PAST)["Body"].read() == b"x"
    with refused("PreconditionFailed", 412):
        s3.get_object(Bucket=bucket, Key="k", IfMatch='"0"')
    with refused("PreconditionFailed", 412):
        s3.get_object(Bucket=bucket, Key="k", IfUnmodifiedSince=PAST)
    with refused("304", 304):
        s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=tag)
    with refused("412", 412):
        s3.head_object(Bucket=bucket, Key="k", IfMatch='"0"')


def test_not_modified_is_answered_by_date(s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    written = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    with refused("304", 304):
        s3.get_object(Bucket=bucket, Key="k", IfModifiedSince=written)
    assert s3.get_object(Bucket=bucket, Key="k", IfUnmodifiedSince=written)["Body"].read() == b"x"


def test_an_entity_tag_goes_before_a_date(s3: "S3Client", bucket: str) -> None:
    """API_GetObject: If-Match true and If-Unmodified-Since false is 200; If-None-Match false and
    If-Modified-Since true is 304."""
    tag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=tag, IfUnmodifiedSince=PAST)["ETag"] == tag
    with refused("304", 304):
        s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=tag, IfModifiedSince=PAST)


def test_a_key_is_created_only_once(s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"first", IfNoneMatch="*")
    with refused("PreconditionFailed", 412):
        s3.put_object(Bucket=bucket, Key="k", Body=b"second", IfNoneMatch="*")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"first"
    s3.delete_object(Bucket=bucket, Key="k")
    s3.put_object(Bucket=bucket, Key="k", Body=b"third", IfNoneMatch="*")


def test_of_writers_who_create_at_once_one_wins(s3: "S3Client", bucket: str) -> None:
    def create(number: int) -> int:
        try:
            s3.put_object(Bucket=bucket, Key="k", Body=bytes([number]), IfNoneMatch="*")
        except ClientError as error:
            return error.response["ResponseMetadata"]["HTTPStatusCode"]
        return 200

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(create, range(16)))
    won = [number for number, status in enumerate(statuses) if status == 200]
    assert len(won) == 1
    # API_PutObject: 412, or 409 ConditionalRequestConflict while another is at it.
    assert set(statuses) <= {200, 409, 412}
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == bytes(won)


def test_a_write_can_ask_for_what_it_replaces(s3: "S3Client", bucket: str) -> None:
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=first)["ETag"]
    with refused("PreconditionFailed", 412):
        s3.put_object(Bucket=bucket, Key="k", Body=b"3", IfMatch=first)
    s3.put_object(Bucket=bucket, Key="k", Body=b"4", IfMatch=second.strip('"'))
    with refused("NoSuchKey", 404):
        s3.put_object(Bucket=bucket, Key="absent", Body=b"", IfMatch=first)


def test_completing_an_upload_keeps_conditions(s3: "S3Client", bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x")
    s3.put_object(Bucket=bucket, Key="k", Body=b"meanwhile")
    parts: Any = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    with refused("PreconditionFailed", 412):
        s3.complete_multipart_upload(
            Bucket=bucket, Key="k", UploadId=upload, MultipartUpload=parts, IfNoneMatch="*"
        )
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"meanwhile"


def test_a_delete_can_ask_for_what_it_deletes(s3: "S3Client", bucket: str) -> None:
    tag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    with refused("PreconditionFailed", 412):
        s3.delete_object(Bucket=bucket, Key="k", IfMatch='"0"')
    s3.delete_object(Bucket=bucket, Key="k", IfMatch=tag)
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")


def test_each_of_many_deletes_can_ask(s3: "S3Client", bucket: str) -> None:
    tag = s3.put_object(Bucket=bucket, Key="right", Body=b"x")["ETag"]
    s3.put_object(Bucket=bucket, Key="wrong", Body=b"y")
    answer = s3.delete_objects(
        Bucket=bucket,
        Delete={"Objects": [{"Key": "right", "ETag": tag}, {"Key": "wrong", "ETag": '"0"'}]},
    )
    assert [each["Key"] for each in answer["Deleted"]] == ["right"]
    assert [(each["Key"], each["Code"]) for each in answer["Errors"]] == [
        ("wrong", "PreconditionFailed")
    ]


@pytest.mark.parametrize("owner", ["111122223333"])
def test_another_expected_owner_is_refused(s3: "S3Client", bucket: str, owner: str) -> None:
    with refused("AccessDenied", 403):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ExpectedBucketOwner=owner)
    with refused("403", 403):
        s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=owner)

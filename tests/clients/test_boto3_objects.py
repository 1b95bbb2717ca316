"""boto3: objects written, read, copied, tagged and deleted."""

import gzip
import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients.bodies import KEYS, MIB, content, digests, etag, sha256
from tests.clients.boto import refused

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


@pytest.mark.parametrize("size", [0, 1, 4095, 65_537, 3 * MIB])
def test_what_is_put_is_what_is_got(s3: "S3Client", bucket: str, size: int) -> None:
    data = content(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=data)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert sha256(got["Body"].read()) == sha256(data)
    assert put["ETag"] == got["ETag"] == etag(data)
    assert got["ContentLength"] == size
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == size


def test_a_file_and_a_stream_are_put_too(s3: "S3Client", bucket: str) -> None:
    data = content(200_000)
    s3.put_object(Bucket=bucket, Key="file", Body=io.BytesIO(data))
    s3.upload_fileobj(io.BytesIO(data), bucket, "stream")
    for key in ("file", "stream"):
        got = io.BytesIO()
        s3.download_fileobj(bucket, key, got)
        assert sha256(got.getvalue()) == sha256(data)


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_any_key_is_kept_as_it_is(s3: "S3Client", bucket: str, key: str) -> None:
    """``../x`` too, which Amazon refuses (userguide/object-keys): here no key leaves its bucket."""
    data = key.encode()
    s3.put_object(Bucket=bucket, Key=key, Body=data, Metadata={"n": "1"})
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == data
    assert s3.head_object(Bucket=bucket, Key=key)["Metadata"] == {"n": "1"}
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert [each["Key"] for each in listed] == [key]
    s3.copy_object(Bucket=bucket, Key=f"{key[:5]}-copy", CopySource={"Bucket": bucket, "Key": key})
    assert s3.get_object(Bucket=bucket, Key=f"{key[:5]}-copy")["Body"].read() == data
    # Quiet, and HEAD: neither answer names the key, for botocore's parser does not take the
    # references to control characters (XML 1.1) that S3 answers with.
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}], "Quiet": True})
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key=key)


def test_all_those_keys_live_side_by_side(s3: "S3Client", bucket: str) -> None:
    keys = [*KEYS.values(), "a", "a/b", "a/b/c", "dir", "dir/x", "CASE", "case", "\u00e9", "É"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"of " + key.encode())
    listed = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert listed == sorted(set(keys), key=str.encode)
    got = {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in listed}
    assert digests(got) == digests({key: b"of " + key.encode() for key in listed})


def test_a_key_above_1024_bytes_is_refused(s3: "S3Client", bucket: str) -> None:
    with refused("KeyTooLongError", 400):
        s3.put_object(Bucket=bucket, Key="k" * 1025, Body=b"")


def test_headers_and_metadata_come_back(s3: "S3Client", bucket: str) -> None:
    expires = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
    s3.put_object(
        Bucket=bucket,
        Key="k",
        Body=gzip.compress(b"text", mtime=0),
        CacheControl="max-age=60",
        ContentDisposition='attachment; filename="a b.txt"',
        ContentEncoding="gzip",
        ContentLanguage="de",
        ContentType="text/plain; charset=utf-8",
        Expires=expires,
        Metadata={"plain": "value", "dash-and_underscore": "a  b", "empty": ""},
    )
    for got in (s3.head_object(Bucket=bucket, Key="k"), s3.get_object(Bucket=bucket, Key="k")):
        assert got["CacheControl"] == "max-age=60"
        assert got["ContentEncoding"] == "gzip"
        assert got["ContentLanguage"] == "de"
        assert got["ContentType"] == "text/plain; charset=utf-8"
        assert got["ContentDisposition"] == 'attachment; filename="a b.txt"'
        assert got["ResponseMetadata"]["HTTPHeaders"]["expires"] == "Mon, 03 Feb 2031 04:05:06 GMT"
        assert got["Metadata"] == {"plain": "value", "dash-and_underscore": "a  b", "empty": ""}
        assert got["AcceptRanges"] == "bytes"


def test_an_object_without_a_type_has_the_default(s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.head_object(Bucket=bucket, Key="k")["ContentType"] == "binary/octet-stream"


def test_metadata_above_2_kib_is_refused(s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="fits", Body=b"", Metadata={"n": "v" * 2047})
    with refused("MetadataTooLarge", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"", Metadata={"n": "v" * 2048})


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=990-", 990, 999),
        ("bytes=-10", 990, 999),
        ("bytes=-5000", 0, 999),
        ("bytes=500-9999", 500, 999),
    ],
)
def test_a_range_is_a_part_of_the_object(
    s3: "S3Client", bucket: str, asked: str, first: int, last: int
) -> None:
    data = content(1000)
    s3.put_object(Bucket=bucket, Key="k", Body=data)
    got = s3.get_object(Bucket=bucket, Key="k", Range=asked)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["ContentRange"] == f"bytes {first}-{last}/1000"
    assert got["Body"].read() == data[first : last + 1]
    assert s3.head_object(Bucket=bucket, Key="k", Range=asked)["ContentLength"] == last - first + 1


def test_a_range_beyond_the_end_is_refused(s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"short")
    with refused("InvalidRange", 416):
        s3.get_object(Bucket=bucket, Key="k", Range="bytes=5-")


@pytest.mark.parametrize("asked", ["bytes=9-3", "lines=0-1", "bytes=0-1,3-4"])
def test_a_range_s3_does_not_know_gets_the_whole(s3: "S3Client", bucket: str, asked: str) -> None:
    """API_GetObject: one range only; RFC 9110, 14.2: an invalid Range is ignored."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="k", Range=asked)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert got["Body"].read() == b"0123456789"


def test_an_answer_is_overridden_for_who_asks_so(s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/plain")
    got = s3.get_object(
        Bucket=bucket,
        Key="k",
        ResponseCacheControl="no-cache",
        ResponseContentDisposition="inline",
        ResponseContentEncoding="identity",
        ResponseContentLanguage="fr",
        ResponseContentType="application/json",
        ResponseExpires=datetime(2030, 1, 1, tzinfo=UTC),
    )
    names = ("cache-control", "content-disposition", "content-language", "content-type")
    headers = got["ResponseMetadata"]["HTTPHeaders"]
    assert [headers[name] for name in names] == ["no-cache", "inline", "fr", "application/json"]
    assert s3.head_object(Bucket=bucket, Key="k")["ContentType"] == "text/plain"


def test_a_copy_has_bytes_headers_metadata_and_tags(s3: "S3Client", bucket: str) -> None:
    data = content(100_000)
    s3.put_object(
        Bucket=bucket,
        Key="from",
        Body=data,
        ContentType="image/png",
        Metadata={"a": "1"},
        Tagging="t=1",
    )
    copied = s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from"})
    assert copied["CopyObjectResult"]["ETag"] == etag(data)
    got = s3.get_object(Bucket=bucket, Key="to")
    assert sha256(got["Body"].read()) == sha256(data)
    assert (got["ContentType"], got["Metadata"]) == ("image/png", {"a": "1"})
    assert s3.get_object_tagging(Bucket=bucket, Key="to")["TagSet"] == [{"Key": "t", "Value": "1"}]


def test_a_copy_can_replace_metadata_and_tags(s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=b"x", Metadata={"a": "1"}, Tagging="t=1")
    s3.copy_object(
        Bucket=bucket,
        Key="to",
        CopySource=f"{bucket}/from",
        MetadataDirective="REPLACE",
        Metadata={"b": "2"},
        ContentType="text/css",
        TaggingDirective="REPLACE",
        Tagging="u=2",
    )
    got = s3.head_object(Bucket=bucket, Key="to")
    assert (got["ContentType"], got["Metadata"]) == ("text/css", {"b": "2"})
    assert s3.get_object_tagging(Bucket=bucket, Key="to")["TagSet"] == [{"Key": "u", "Value": "2"}]


def test_a_copy_onto_itself_must_change_something(s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "1"})
    source: Any = {"Bucket": bucket, "Key": "k"}
    with refused("InvalidRequest", 400):
        s3.copy_object(Bucket=bucket, Key="k", CopySource=source)
    s3.copy_object(
        Bucket=bucket,
        Key="k",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"a": "2"},
    )
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["Metadata"], got["Body"].read()) == ({"a": "2"}, b"x")


def test_a_copy_keeps_its_conditions(s3: "S3Client", bucket: str) -> None:
    tag = s3.put_object(Bucket=bucket, Key="from", Body=b"x")["ETag"]
    source = f"{bucket}/from"
    s3.copy_object(Bucket=bucket, Key="to", CopySource=source, CopySourceIfMatch=tag)
    with refused("PreconditionFailed", 412):
        s3.copy_object(Bucket=bucket, Key="to", CopySource=source, CopySourceIfMatch='"0"')
    with refused("PreconditionFailed", 412):
        s3.copy_object(Bucket=bucket, Key="to", CopySource=source, CopySourceIfNoneMatch=tag)
    with refused("PreconditionFailed", 412):
        s3.copy_object(
            Bucket=bucket,
            Key="to",
            CopySource=source,
            CopySourceIfUnmodifiedSince=datetime(2001, 1, 1, tzinfo=UTC),
        )
    with refused("NoSuchKey", 404):
        s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/nothing")


def test_tags_are_put_read_replaced_and_deleted(s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"", Tagging="color=blue&gr%C3%B6%C3%9Fe=5%20m")
    first = s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    assert {each["Key"]: each["Value"] for each in first} == {"color": "blue", "größe": "5 m"}
    assert s3.head_object(Bucket=bucket, Key="k")["TagCount"] == 2
    s3.put_object_tagging(
        Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "k=v", "Value": "+-=._:/@"}]}
    )
    second = s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    assert second == [{"Key": "k=v", "Value": "+-=._:/@"}]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []


def test_more_than_ten_tags_are_refused(s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    tags: Any = [{"Key": f"t{n}", "Value": ""} for n in range(11)]
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags[:10]})
    with refused("BadRequest", 400):
        s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags})


def test_deleting_what_is_not_there_succeeds(s3: "S3Client", bucket: str) -> None:
    answer = s3.delete_object(Bucket=bucket, Key="never")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_a_thousand_objects_are_deleted_in_one_request(s3: "S3Client", bucket: str) -> None:
    stored = [f"n/{number:04}" for number in range(40)]
    for key in stored:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    keys = [*stored, *(f"absent/{number}" for number in range(960))]
    answer = s3.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": False}
    )
    assert sorted(each["Key"] for each in answer["Deleted"]) == sorted(keys)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    with refused("MalformedXML", 400):
        s3.delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": key} for key in [*keys, "more"]]}
        )


def test_quiet_deletion_names_only_what_failed(s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    answer: Any = s3.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": "k"}], "Quiet": True}
    )
    assert "Deleted" not in answer
    assert "Errors" not in answer


@pytest.mark.parametrize("algorithm", ["CRC32C", "SHA256", "CRC64NVME", "XXHASH3"])
def test_deleting_many_takes_any_checksum(s3: "S3Client", bucket: str, algorithm: Any) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    answer = s3.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": "k"}]}, ChecksumAlgorithm=algorithm
    )
    assert [each["Key"] for each in answer["Deleted"]] == ["k"]


def test_attributes_tell_size_etag_and_checksum(s3: "S3Client", bucket: str) -> None:
    data = content(5000)
    s3.put_object(Bucket=bucket, Key="k", Body=data, ChecksumAlgorithm="SHA256")
    got = s3.get_object_attributes(
        Bucket=bucket,
        Key="k",
        ObjectAttributes=["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"],
    )
    assert (got["ETag"], got["ObjectSize"]) == (etag(data).strip('"'), 5000)
    assert got["StorageClass"] == "STANDARD"
    assert got["Checksum"]["ChecksumType"] == "FULL_OBJECT"
    assert "ObjectParts" not in got


def test_waiters_see_what_exists(s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    s3.get_waiter("object_exists").wait(Bucket=bucket, Key="k")
    s3.delete_object(Bucket=bucket, Key="k")
    s3.get_waiter("object_not_exists").wait(Bucket=bucket, Key="k")


def test_what_is_missing_is_named(s3: "S3Client", bucket: str, unused_name: str) -> None:
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="nothing")
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="nothing")
    with refused("NoSuchBucket", 404):
        s3.get_object(Bucket=unused_name, Key="nothing")
    with refused("NoSuchBucket", 404):
        s3.put_object(Bucket=unused_name, Key="nothing", Body=b"x")

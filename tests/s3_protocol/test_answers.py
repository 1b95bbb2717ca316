"""Results as answers, judged by botocore's parser."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.s3 import answers, listings, results
from gateway.s3.message import Response
from gateway.s3.ranges import ByteRange
from tests.s3_protocol.botocore_answers import understood

_WHEN = 1_763_700_000
_DATE = datetime.fromtimestamp(_WHEN, UTC)
_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
# What an XML 1.0 document can hold; line ends and tabs too, as references.
_XML_TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\ufffe\uffff", min_codepoint=0x20)
    | st.sampled_from("\t\n\r&<>\"'%+ /"),
    max_size=30,
)
_ANY_KEY = st.text(
    st.characters(codec="utf-8") | st.sampled_from("\x00\x01\r\n+%& /~*"), min_size=1
)
_OWNER = results.Owner(id="o" * 64, display_name="A & B")


class _Bytes:
    """A stream that is only looked at."""

    first = 0
    length = 5

    async def chunks(self) -> AsyncIterator[bytes]:
        yield b"12345"

    def check(self) -> None:
        pass

    def descriptor(self) -> int | None:
        return None

    def can_splice(self) -> bool:
        return False

    def spliced(self, pipe: int) -> AsyncIterator[bytes | int]:
        raise AssertionError(pipe)

    async def aclose(self) -> None:
        """Nothing to release."""


def _listed(key: str, **more: Any) -> listings.ListedObject:
    return listings.ListedObject(
        key=key, modified_ns=_WHEN * 10**9 + 999_999_999, e_tag=_MD5, size=5, **more
    )


@given(st.lists(_XML_TEXT, max_size=5), st.lists(_XML_TEXT, max_size=5), _XML_TEXT)
def test_a_listing_is_read_back_by_botocore(
    keys: list[str], prefixes: list[str], prefix: str
) -> None:
    result = listings.ListObjectsV2Result(
        name="b",
        max_keys=1000,
        key_count=len(keys) + len(prefixes),
        is_truncated=True,
        contents=[_listed(key) for key in keys],
        owner=_OWNER,
        common_prefixes=prefixes,
        prefix=prefix,
        delimiter="/",
        next_continuation_token="t-_",
    )
    told = understood("ListObjectsV2", answers.list_objects_v2(result))
    assert [each["Key"] or "" for each in told.get("Contents", [])] == keys
    assert [each["Prefix"] or "" for each in told.get("CommonPrefixes", [])] == prefixes
    assert (told["Prefix"] or "") == prefix
    assert told["IsTruncated"] is True
    assert told["KeyCount"] == len(keys) + len(prefixes)
    assert told["NextContinuationToken"] == "t-_"
    for each in told.get("Contents", []):
        assert each["ETag"] == f'"{_MD5}"'
        assert each["Owner"] == {"ID": _OWNER.id, "DisplayName": "A & B"}
        assert (each["LastModified"], each["Size"]) == (_DATE, 5)


@given(st.lists(_XML_TEXT, max_size=5), st.lists(_XML_TEXT, max_size=5))
def test_a_listing_of_versions_is_read_back_by_botocore(
    keys: list[str], prefixes: list[str]
) -> None:
    result = listings.ListObjectVersionsResult(
        name="b",
        max_keys=1000,
        is_truncated=True,
        versions=[
            listings.ListedVersion(version_id="null", is_latest=True, object=_listed(key))
            for key in keys
        ],
        owner=_OWNER,
        common_prefixes=prefixes,
        next_key_marker="next",
        next_version_id_marker="null",
    )
    told = understood("ListObjectVersions", answers.list_object_versions(result))
    versions = told.get("Versions", [])
    assert [each["Key"] or "" for each in versions] == keys
    assert [each["Prefix"] or "" for each in told.get("CommonPrefixes", [])] == prefixes
    assert (told["NextKeyMarker"], told["NextVersionIdMarker"]) == ("next", "null")
    for each in versions:
        assert (each["VersionId"], each["IsLatest"]) == ("null", True)
        assert (each["ETag"], each["Size"]) == (f'"{_MD5}"', 5)
        assert each["LastModified"] == _DATE


@given(st.lists(_ANY_KEY, max_size=5), _ANY_KEY)
def test_any_key_is_read_back_with_encoding_type_url(keys: list[str], marker: str) -> None:
    result = listings.ListObjectsResult(
        name="b",
        max_keys=1000,
        is_truncated=True,
        contents=[_listed(key) for key in keys],
        common_prefixes=keys,
        prefix=marker,
        marker=marker,
        next_marker=marker,
        delimiter=marker,
        encoding_type="url",
    )
    told = understood("ListObjects", answers.list_objects(result))
    assert told["EncodingType"] == "url"
    assert [unquote_plus(each["Key"]) for each in told.get("Contents", [])] == keys
    assert [unquote_plus(each["Prefix"]) for each in told.get("CommonPrefixes", [])] == keys
    for name in ("Prefix", "Marker", "NextMarker", "Delimiter"):
        assert unquote_plus(told[name]) == marker


def test_url_encoding_keeps_slashes_and_writes_a_blank_so_that_all_read_it() -> None:
    result = listings.ListObjectsResult(
        name="b",
        max_keys=1,
        is_truncated=False,
        contents=[_listed("a b+c%/é~*\x01")],
        encoding_type="url",
    )
    told = understood("ListObjects", answers.list_objects(result))
    assert told["Contents"][0]["Key"] == "a%20b%2Bc%25/%C3%A9~*%01"


def test_control_characters_become_references_without_encoding_type() -> None:
    result = listings.ListObjectsResult(
        name="b", max_keys=1, is_truncated=False, contents=[_listed("a\x01\r\n\tb")]
    )
    assert b"<Key>a&#x1;&#xD;&#xA;&#x9;b</Key>" in _body(answers.list_objects(result))


def test_an_upload_to_a_key_no_document_can_hold_tells_its_id() -> None:
    created = results.CreateMultipartUploadResult(bucket="b", key="a\x00b", upload_id="u")
    told = understood("CreateMultipartUpload", answers.create_multipart_upload(created))
    assert (told["Key"], told["UploadId"]) == ("a\ufffdb", "u")


def _body(response: Response) -> bytes:
    assert isinstance(response.body, bytes)
    return response.body


def test_a_listing_as_it_stands() -> None:
    result = listings.ListObjectsV2Result(
        name="b",
        max_keys=2,
        key_count=2,
        is_truncated=False,
        contents=[
            _listed("k", checksum_algorithm="CRC32", checksum_type="FULL_OBJECT"),
            _listed("l", storage_class="GLACIER"),
        ],
        common_prefixes=["p/"],
        owner=_OWNER,
        start_after="a",
    )
    assert _body(answers.list_objects_v2(result)) == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>'
        b"<Prefix></Prefix><StartAfter>a</StartAfter><KeyCount>2</KeyCount><MaxKeys>2</MaxKeys>"
        b"<IsTruncated>false</IsTruncated><Contents><Key>k</Key>"
        b"<LastModified>2025-11-21T04:40:00.000Z</LastModified>"
        b"<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag>"
        b"<ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"
        b"<Size>5</Size>"
        b"<Owner><ID>" + b"o" * 64 + b"</ID><DisplayName>A &amp; B</DisplayName></Owner>"
        b"<StorageClass>STANDARD</StorageClass></Contents><Contents><Key>l</Key>"
        b"<LastModified>2025-11-21T04:40:00.000Z</LastModified>"
        b"<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>5</Size>"
        b"<Owner><ID>" + b"o" * 64 + b"</ID><DisplayName>A &amp; B</DisplayName></Owner>"
        b"<StorageClass>GLACIER</StorageClass></Contents>"
        b"<CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes></ListBucketResult>"
    )


def test_buckets_and_locations() -> None:
    buckets = results.ListBucketsResult(
        buckets=[results.ListedBucket(name="b", creation_date=_WHEN, bucket_region="eu-west-1")],
        owner=_OWNER,
        continuation_token="t",
        prefix="b",
    )
    assert understood("ListBuckets", answers.list_buckets(buckets)) == {
        "Buckets": [{"Name": "b", "CreationDate": _DATE, "BucketRegion": "eu-west-1"}],
        "Owner": {"ID": _OWNER.id, "DisplayName": "A & B"},
        "ContinuationToken": "t",
        "Prefix": "b",
    }
    for region in (None, "eu-west-1"):
        located = answers.get_bucket_location(
            results.GetBucketLocationResult(location_constraint=region)
        )
        assert _body(located).endswith(f"{region or ''}</LocationConstraint>".encode())
    created = answers.create_bucket(results.CreateBucketResult(location="/b"))
    assert understood("CreateBucket", created) == {"Location": "/b"}
    head = answers.head_bucket(results.HeadBucketResult(bucket_region="eu-west-1"))
    assert understood("HeadBucket", head)["BucketRegion"] == "eu-west-1"
    assert answers.delete_bucket(results.DeleteBucketResult()).status == 204


def _whole(**more: Any) -> results.GetObjectResult:
    return results.GetObjectResult(size=5, last_modified=_WHEN, e_tag=_MD5, body=_Bytes(), **more)


def test_a_plain_get_has_these_headers_and_no_others() -> None:
    response = answers.get_object(_whole())
    assert response.status == 200
    assert response.headers == {
        "Last-Modified": "Fri, 21 Nov 2025 04:40:00 GMT",
        "ETag": f'"{_MD5}"',
        "Accept-Ranges": "bytes",
        "Content-Type": "binary/octet-stream",
    }


def test_everything_told_of_an_object_is_understood() -> None:
    response = answers.get_object(
        _whole(
            headers={
                "content-type": "text/plain",
                "cache-control": "no-store",
                "content-disposition": "inline",
                "content-encoding": "gzip",
                "content-language": "de",
                "expires": "Fri, 21 Nov 2025 04:40:00 GMT",
                "x-amz-website-redirect-location": "/there",
            },
            metadata={"a": "b", "c": "d é"},
            checksums={"CRC64NVME": "AAAAAAAAAAA="},
            checksum_type="FULL_OBJECT",
            parts_count=3,
            tag_count=2,
            storage_class="GLACIER",
            restore='ongoing-request="false"',
            expiration="soon",
            version_id="null",
        )
    )
    told = understood("GetObject", response)
    del told["Body"]
    assert told == {
        "AcceptRanges": "bytes",
        "LastModified": _DATE,
        "ETag": f'"{_MD5}"',
        "ContentType": "text/plain",
        "CacheControl": "no-store",
        "ContentDisposition": "inline",
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "Expires": _DATE,
        "WebsiteRedirectLocation": "/there",
        "Metadata": {"a": "b", "c": "=?UTF-8?B?ZCDDqQ==?="},
        "ChecksumCRC64NVME": "AAAAAAAAAAA=",
        "ChecksumType": "FULL_OBJECT",
        "PartsCount": 3,
        "TagCount": 2,
        "StorageClass": "GLACIER",
        "Restore": 'ongoing-request="false"',
        "Expiration": "soon",
        "VersionId": "null",
    }


def test_a_part_of_an_object_is_206_with_its_place() -> None:
    response = answers.get_object(_whole(content_range=ByteRange(1, 3)))
    assert response.status == 206
    assert response.headers["Content-Range"] == "bytes 1-3/5"


def test_an_empty_part_is_206_without_a_place() -> None:
    response = answers.get_object(_whole(content_range=ByteRange(0, -1)))
    assert response.status == 206
    assert "Content-Range" not in response.headers


def test_head_tells_the_length_of_what_get_would_send() -> None:
    whole = results.HeadObjectResult(size=5, last_modified=_WHEN, e_tag=_MD5)
    response = answers.head_object(whole)
    assert (response.status, response.body) == (200, b"")
    assert response.headers["Content-Length"] == "5"
    part = answers.head_object(replace(whole, content_range=ByteRange(1, 3)))
    assert (part.status, part.headers["Content-Length"]) == (206, "3")
    assert understood("HeadObject", part)["ContentRange"] == "bytes 1-3/5"


def test_writes_answer_with_etag_and_checksum() -> None:
    put = results.PutObjectResult(
        e_tag=_MD5, checksums={"CRC32": "AAAAAA=="}, checksum_type="FULL_OBJECT", version_id="v"
    )
    assert understood("PutObject", answers.put_object(put)) == {
        "ETag": f'"{_MD5}"',
        "ChecksumCRC32": "AAAAAA==",
        "ChecksumType": "FULL_OBJECT",
        "VersionId": "v",
    }
    part = results.UploadPartResult(e_tag=_MD5, checksums={"XXHASH128": "x"})
    assert understood("UploadPart", answers.upload_part(part)) == {
        "ETag": f'"{_MD5}"',
        "ChecksumXXHASH128": "x",
    }
    copied = results.CopyObjectResult(
        e_tag=_MD5,
        last_modified=_WHEN,
        checksums={"SHA1": "x"},
        checksum_type="COMPOSITE",
        copy_source_version_id="s",
    )
    assert understood("CopyObject", answers.copy_object(copied)) == {
        "CopyObjectResult": {
            "ETag": f'"{_MD5}"',
            "LastModified": _DATE,
            "ChecksumSHA1": "x",
            "ChecksumType": "COMPOSITE",
        },
        "CopySourceVersionId": "s",
    }
    copied_part = results.UploadPartCopyResult(
        e_tag=_MD5, last_modified=_WHEN, checksums={"MD5": "x"}
    )
    assert understood("UploadPartCopy", answers.upload_part_copy(copied_part)) == {
        "CopyPartResult": {"ETag": f'"{_MD5}"', "LastModified": _DATE, "ChecksumMD5": "x"}
    }


def test_deletions() -> None:
    assert answers.delete_object(results.DeleteObjectResult()).status == 204
    marked = answers.delete_object(results.DeleteObjectResult(delete_marker=True, version_id="v"))
    assert understood("DeleteObject", marked) == {"DeleteMarker": True, "VersionId": "v"}
    many = results.DeleteObjectsResult(
        deleted=[results.DeletedObject(key="a&b"), results.DeletedObject(key="c", version_id="v")],
        errors=[results.DeleteError(key="d", code="AccessDenied", message="Access Denied")],
    )
    assert understood("DeleteObjects", answers.delete_objects(many)) == {
        "Deleted": [{"Key": "a&b"}, {"Key": "c", "VersionId": "v"}],
        "Errors": [{"Key": "d", "Code": "AccessDenied", "Message": "Access Denied"}],
    }
    assert understood("DeleteObjects", answers.delete_objects(results.DeleteObjectsResult())) == {}


def test_attributes_are_only_what_was_asked_for() -> None:
    parts = results.GetObjectAttributesParts(
        total_parts_count=2,
        next_part_number_marker=1,
        max_parts=1,
        is_truncated=True,
        parts=[results.ObjectPart(part_number=1, size=5, checksums={"CRC32": "x"})],
    )
    result = results.GetObjectAttributesResult(
        last_modified=_WHEN,
        e_tag=_MD5,
        checksums={"CRC32": "y-2"},
        checksum_type="COMPOSITE",
        object_parts=parts,
        storage_class="STANDARD",
        object_size=9,
    )
    assert understood("GetObjectAttributes", answers.get_object_attributes(result)) == {
        "LastModified": _DATE,
        "ETag": _MD5,
        "Checksum": {"ChecksumCRC32": "y-2", "ChecksumType": "COMPOSITE"},
        "ObjectParts": {
            "TotalPartsCount": 2,
            "PartNumberMarker": 0,
            "NextPartNumberMarker": 1,
            "MaxParts": 1,
            "IsTruncated": True,
            "Parts": [{"PartNumber": 1, "Size": 5, "ChecksumCRC32": "x"}],
        },
        "StorageClass": "STANDARD",
        "ObjectSize": 9,
    }
    bare = answers.get_object_attributes(results.GetObjectAttributesResult(last_modified=_WHEN))
    assert understood("GetObjectAttributes", bare) == {"LastModified": _DATE}


def test_multipart_uploads() -> None:
    created = results.CreateMultipartUploadResult(
        bucket="b", key="<k>", upload_id="u", checksum_algorithm="CRC32", checksum_type="COMPOSITE"
    )
    assert understood("CreateMultipartUpload", answers.create_multipart_upload(created)) == {
        "Bucket": "b",
        "Key": "<k>",
        "UploadId": "u",
        "ChecksumAlgorithm": "CRC32",
        "ChecksumType": "COMPOSITE",
    }
    completed = results.CompleteMultipartUploadResult(
        location="http://h/b/k?a&b",
        bucket="b",
        key="k",
        e_tag=f"{_MD5}-2",
        checksums={"CRC32": "x"},
    )
    assert understood("CompleteMultipartUpload", answers.complete_multipart_upload(completed)) == {
        "Location": "http://h/b/k?a&b",
        "Bucket": "b",
        "Key": "k",
        "ETag": f'"{_MD5}-2"',
        "ChecksumCRC32": "x",
    }
    aborted = answers.abort_multipart_upload(results.AbortMultipartUploadResult())
    assert (aborted.status, aborted.body) == (204, b"")


def test_listings_of_parts_and_uploads() -> None:
    parts = results.ListPartsResult(
        bucket="b",
        key="k",
        upload_id="u",
        max_parts=1,
        is_truncated=True,
        parts=[
            results.Part(
                part_number=7, last_modified=_WHEN, e_tag=_MD5, size=5, checksums={"SHA256": "x"}
            )
        ],
        part_number_marker=6,
        next_part_number_marker=7,
        initiator=_OWNER,
        owner=_OWNER,
    )
    owner = {"ID": _OWNER.id, "DisplayName": "A & B"}
    assert understood("ListParts", answers.list_parts(parts)) == {
        "Bucket": "b",
        "Key": "k",
        "UploadId": "u",
        "PartNumberMarker": 6,
        "NextPartNumberMarker": 7,
        "MaxParts": 1,
        "IsTruncated": True,
        "StorageClass": "STANDARD",
        "Initiator": owner,
        "Owner": owner,
        "Parts": [
            {
                "PartNumber": 7,
                "LastModified": _DATE,
                "ETag": f'"{_MD5}"',
                "Size": 5,
                "ChecksumSHA256": "x",
            }
        ],
    }
    uploads = results.ListMultipartUploadsResult(
        bucket="b",
        max_uploads=1,
        is_truncated=True,
        uploads=[results.MultipartUpload(key="a b", upload_id="u", initiated=_WHEN, owner=_OWNER)],
        common_prefixes=["p+/"],
        next_key_marker="a b",
        next_upload_id_marker="u",
        encoding_type="url",
    )
    told = understood("ListMultipartUploads", answers.list_multipart_uploads(uploads))
    assert told["Uploads"] == [
        {
            "Key": "a%20b",
            "UploadId": "u",
            "Owner": owner,
            "StorageClass": "STANDARD",
            "Initiated": _DATE,
        }
    ]
    assert told["CommonPrefixes"] == [{"Prefix": "p%2B/"}]
    assert (told["NextKeyMarker"], told["NextUploadIdMarker"]) == ("a%20b", "u")


@given(st.lists(st.tuples(_XML_TEXT, _XML_TEXT), max_size=4))
def test_tags_are_read_back(tags: list[tuple[str, str]]) -> None:
    result = results.GetObjectTaggingResult(tag_set=tags, version_id="v")
    told = understood("GetObjectTagging", answers.get_object_tagging(result))
    assert [(tag["Key"] or "", tag["Value"] or "") for tag in told["TagSet"]] == tags
    assert told["VersionId"] == "v"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (answers.put_object_tagging(results.PutObjectTaggingResult()), 200),
        (answers.delete_object_tagging(results.DeleteObjectTaggingResult()), 204),
        (answers.document(results.DocumentResult(document=b"<X/>")), 200),
    ],
)
def test_small_answers(answer: Response, status: int) -> None:
    assert answer.status == status

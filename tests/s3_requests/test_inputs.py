"""Inputs against the model, and what they make of requests."""

import importlib
import pkgutil
from dataclasses import MISSING, fields
from typing import Any

import pytest
from botocore import xform_name
from hypothesis import given
from hypothesis import strategies as st

import gateway.s3.inputs
from gateway.operations import BY_NAME
from gateway.s3.copy_source import CopySource
from gateway.s3.errors import S3Error
from gateway.s3.fields import (
    ALGORITHMS,
    Place,
    header,
    path,
    places,
    query,
    read,
    request_input,
    takes_document,
)
from gateway.s3.inputs.buckets import CreateBucket, HeadBucket, ListBuckets
from gateway.s3.inputs.configuration import BucketConfiguration, ObjectConfiguration
from gateway.s3.inputs.copying import CopyObject, UploadPartCopy
from gateway.s3.inputs.listing import ListObjects, ListObjectsV2, ListObjectVersions
from gateway.s3.inputs.multipart import (
    CompleteMultipartUpload,
    ListMultipartUploads,
    ListParts,
    UploadPart,
)
from gateway.s3.inputs.objects import (
    DeleteObject,
    DeleteObjects,
    GetObject,
    GetObjectAttributes,
    HeadObject,
    PutObject,
)
from gateway.s3.inputs.tagging import PutObjectTagging
from gateway.s3.parsers import STORAGE_CLASSES
from gateway.s3.refused_headers import ACCEPTED, FAMILIES, REFUSED
from gateway.s3.target import Target
from tests.s3_requests.s3_model import Member, operations

SHARED = {"BucketConfiguration", "ObjectConfiguration"}
BUILT = {
    "AbortMultipartUpload", "CompleteMultipartUpload", "CopyObject", "CreateBucket",
    "CreateMultipartUpload", "DeleteBucket", "DeleteObject", "DeleteObjectTagging",
    "DeleteObjects", "GetBucketLocation", "GetObject", "GetObjectAcl", "GetObjectAttributes",
    "GetObjectTagging", "HeadBucket", "HeadObject", "ListBuckets", "ListMultipartUploads",
    "ListObjectVersions", "ListObjects", "ListObjectsV2", "ListParts", "PutObject", "PutObjectTagging", "UploadPart",
    "UploadPartCopy",
}  # fmt: skip
OF_THE_WIRE = {"Content-Length"}


def input_classes() -> dict[str, type]:
    found: dict[str, type] = {}
    for module in pkgutil.iter_modules(gateway.s3.inputs.__path__):
        loaded = importlib.import_module(f"gateway.s3.inputs.{module.name}")
        found |= {
            name: value
            for name, value in vars(loaded).items()
            if isinstance(value, type) and value.__module__ == loaded.__name__
        }
    return found


INPUTS = input_classes()


def test_there_is_an_input_for_each_operation_that_is_built() -> None:
    assert set(INPUTS) == BUILT | SHARED


def place_of(member: Member, payload: str | None) -> tuple[str, str]:
    if member.name == payload:
        return "document", member.wire
    if member.wire.lower() in {f"x-amz-checksum-{name.lower()}" for name in ALGORITHMS}:
        return "checksums", "x-amz-checksum-"
    return member.location, member.wire


def field_of(member: Member) -> str:
    if place_of(member, None)[0] == "checksums":
        return "checksums"
    return xform_name(member.name)


@pytest.mark.parametrize("name", sorted(BUILT))
def test_an_input_has_the_model_s_fields_where_the_model_has_them(name: str) -> None:
    model = operations()[name]
    described = {field_of(m): place_of(m, model.payload) for m in model.members}
    declared = {field: (p.location, p.name) for field, p in places(INPUTS[name]).items()}
    assert declared.items() <= described.items()


@pytest.mark.parametrize("name", sorted(BUILT))
def test_what_an_input_lacks_is_refused_by_name_or_changes_nothing(name: str) -> None:
    model = operations()[name]
    declared = places(INPUTS[name])
    for member in model.members:
        if field_of(member) in declared or member.location == "" or member.wire in OF_THE_WIRE:
            continue
        wire = member.wire.lower()
        assert member.location == "header"
        assert wire in REFUSED or wire in ACCEPTED or wire.startswith(FAMILIES)


@pytest.mark.parametrize("name", sorted(BUILT))
def test_what_the_model_requires_is_required(name: str) -> None:
    model = operations()[name]
    required = {field_of(m) for m in model.members if m.required}
    if name == "CompleteMultipartUpload":
        required.add("multipart_upload")  # the model lets it out, S3 does not
    declared = {
        each.name
        for each in fields(INPUTS[name])
        if each.default is MISSING and each.default_factory is MISSING
    }
    assert declared == required


def test_the_model_s_values_are_known() -> None:
    members = [m for model in operations().values() for m in model.members]
    classes = {v for m in members if m.wire == "x-amz-storage-class" for v in m.values}
    assert classes == set(STORAGE_CLASSES)
    algorithms = {v for m in members if m.wire == "x-amz-sdk-checksum-algorithm" for v in m.values}
    assert algorithms == set(ALGORITHMS)


BUCKET = Target(bucket="bucket")
OBJECT = Target(bucket="bucket", key="key")


def refusal(cls: type, target: Target, headers: dict[str, str] | None = None) -> S3Error:
    with pytest.raises(S3Error) as refused:
        read(cls, target, headers or {})
    return refused.value


def test_an_input_is_read_from_path_query_and_headers() -> None:
    target = Target(bucket="b-b", key="k/é", params={"partNumber": "10000", "uploadId": "u"})
    headers = {
        "content-md5": "1B2M2Y8AsgTpgAmY7PhCfg==",
        "x-amz-sdk-checksum-algorithm": "crc32",
        "x-amz-checksum-crc32": "AAAAAA==",
        "x-amz-expected-bucket-owner": "me",
        "x-amz-unknown": "x",
    }
    assert read(UploadPart, target, headers) == UploadPart(
        bucket="b-b",
        key="k/é",
        upload_id="u",
        part_number=10000,
        content_md5="1B2M2Y8AsgTpgAmY7PhCfg==",
        checksum_algorithm="CRC32",
        checksums={"CRC32": "AAAAAA=="},
        expected_bucket_owner="me",
    )


def test_what_is_not_sent_has_its_default() -> None:
    assert read(PutObject, OBJECT, {}) == PutObject(bucket="bucket", key="key")
    assert read(ListObjectsV2, BUCKET, {}) == ListObjectsV2(
        bucket="bucket", max_keys=1000, fetch_owner=False, prefix=None
    )
    assert read(ListBuckets, Target(), {}) == ListBuckets()


def test_metadata_and_tags_are_read_by_their_own_modules() -> None:
    found = read(
        PutObject,
        OBJECT,
        {"x-amz-meta-colour": "red", "x-amz-tagging": "a=1&b=%32", "expires": "0"},
    )
    assert found.metadata == {"colour": "red"}
    assert found.tagging == (("a", "1"), ("b", "2"))
    assert found.expires == "0"


def test_a_response_header_of_the_query_is_kept_as_it_is() -> None:
    target = Target(
        bucket="bucket",
        key="key",
        params={"response-content-type": "text/a b", "response-expires": "", "versionId": "null"},
    )
    found = read(GetObject, target, {"range": "bytes=0-1", "if-match": '"x"'})
    assert found.response_content_type == "text/a b"
    assert found.response_expires == ""
    assert (found.version_id, found.range, found.if_match) == ("null", "bytes=0-1", '"x"')


@pytest.mark.parametrize(
    ("sent", "read_as"),
    [("0", 0), ("7", 7), ("007", 7), ("-0", 0), ("1000", 1000), ("1001", 1000), ("", 1000),
     ("2147483647", 1000), ("0" * 5000 + "5", 5)],
)  # fmt: skip
@pytest.mark.parametrize(
    ("cls", "name", "field"),
    [
        (ListObjects, "max-keys", "max_keys"),
        (ListObjectsV2, "max-keys", "max_keys"),
        (ListMultipartUploads, "max-uploads", "max_uploads"),
    ],
)
def test_a_page_size_is_capped(cls: type, name: str, field: str, sent: str, read_as: int) -> None:
    found: object = read(cls, Target(bucket="bucket", params={name: sent}), {})
    assert getattr(found, field) == read_as


NOT_NUMBERS = ["abc", "1.0", " 5", "5 ", "+5", "٣", "0x1", "--1", "-", "2147483648", "1" * 5000]


@pytest.mark.parametrize("sent", NOT_NUMBERS)
def test_a_page_size_that_is_no_number_is_refused_as_s3_does(sent: str) -> None:
    refused = refusal(ListObjects, Target(bucket="bucket", params={"max-keys": sent}))
    assert refused.code == "InvalidArgument"
    assert refused.message == "Provided max-keys not an integer or within integer range"
    assert refused.fields == {"ArgumentName": "max-keys", "ArgumentValue": sent}


@pytest.mark.parametrize(
    ("cls", "parameter", "called", "message"),
    [
        (
            ListObjects,
            "max-keys",
            "maxKeys",
            "Argument maxKeys must be an integer between 0 and {}",
        ),
        (
            ListObjectsV2,
            "max-keys",
            "maxKeys",
            "Argument maxKeys must be an integer between 0 and {}",
        ),
        (ListObjectVersions, "max-keys", "max-keys", "max-keys cannot be negative"),
        (
            ListMultipartUploads,
            "max-uploads",
            "max-uploads",
            "Argument max-uploads must be an integer between 0 and {}",
        ),
    ],
)
def test_a_negative_page_size_is_refused_as_s3_does(
    cls: type, parameter: str, called: str, message: str
) -> None:
    refused = refusal(cls, Target(bucket="bucket", params={parameter: "-1"}))
    assert refused.message == message.format(2**31 - 1)
    assert refused.fields == {"ArgumentName": called, "ArgumentValue": "-1"}


@pytest.mark.parametrize("sent", ["0", "10001", "-1", "", "abc", "1.5"])
@pytest.mark.parametrize("cls", [UploadPart, GetObject, HeadObject, UploadPartCopy])
def test_a_part_number_is_between_1_and_10000(cls: type, sent: str) -> None:
    target = Target(bucket="bucket", key="key", params={"partNumber": sent, "uploadId": "u"})
    refused = refusal(cls, target, {"x-amz-copy-source": "from/key"})
    assert refused.code == "InvalidArgument"
    assert refused.message == "Part number must be an integer between 1 and 10000, inclusive"
    assert refused.fields == {"ArgumentName": "partNumber", "ArgumentValue": sent}


@pytest.mark.parametrize(
    ("cls", "params", "headers", "code", "argument"),
    [
        (ListObjects, {"encoding-type": "base64"}, {}, "InvalidArgument", "encoding-type"),
        (ListObjects, {"encoding-type": ""}, {}, "InvalidArgument", "encoding-type"),
        (ListBuckets, {"max-buckets": "0"}, {}, "InvalidArgument", "max-buckets"),
        (ListBuckets, {"max-buckets": "10001"}, {}, "InvalidArgument", "max-buckets"),
        (GetObject, {"versionId": ""}, {}, "InvalidArgument", "versionId"),
        (GetObject, {"versionId": "test_file"}, {}, "InvalidArgument", "versionId"),
        (DeleteObject, {"versionId": "NULL"}, {}, "InvalidArgument", "versionId"),
        (PutObjectTagging, {"versionId": "v" * 1025}, {}, "InvalidArgument", "versionId"),
        (
            ListObjectVersions,
            {"key-marker": "k", "version-id-marker": "v"},
            {},
            "InvalidArgument",
            "version-id-marker",
        ),
        (UploadPart, {"partNumber": "1"}, {}, "InvalidArgument", "uploadId"),
        (ListParts, {"uploadId": "u", "max-parts": "x"}, {}, "InvalidArgument", "max-parts"),
        (
            ListParts,
            {"uploadId": "u", "part-number-marker": "-1"},
            {},
            "InvalidArgument",
            "part-number-marker",
        ),
        (GetObjectAttributes, {}, {}, "InvalidRequest", None),
        (GetObjectAttributes, {}, {"x-amz-object-attributes": ""}, "InvalidRequest", None),
        (GetObjectAttributes, {}, {"x-amz-object-attributes": " , "}, "InvalidRequest", None),
        (
            GetObjectAttributes,
            {},
            {"x-amz-object-attributes": "ETag,Colour"},
            "InvalidArgument",
            "x-amz-object-attributes",
        ),
        (CopyObject, {}, {}, "InvalidArgument", "x-amz-copy-source"),
        (
            CopyObject,
            {},
            {"x-amz-copy-source": "b-b/k", "x-amz-metadata-directive": "MERGE"},
            "InvalidArgument",
            "x-amz-metadata-directive",
        ),
        (
            CopyObject,
            {},
            {"x-amz-copy-source": "b-b/k", "x-amz-tagging-directive": ""},
            "InvalidArgument",
            "x-amz-tagging-directive",
        ),
        (PutObject, {}, {"content-type": "\udcff"}, "InvalidArgument", "content-type"),
        (GetObject, {}, {"x-amz-checksum-mode": "maybe"}, "InvalidArgument", "x-amz-checksum-mode"),
        (
            DeleteObject,
            {},
            {"x-amz-if-match-last-modified-time": "yesterday"},
            "InvalidArgument",
            "x-amz-if-match-last-modified-time",
        ),
        (DeleteObject, {}, {"x-amz-if-match-size": "-1"}, "InvalidArgument", "x-amz-if-match-size"),
        (
            CompleteMultipartUpload,
            {"uploadId": "u"},
            {"x-amz-mp-object-size": "size"},
            "InvalidRequest",
            None,
        ),
        (
            CompleteMultipartUpload,
            {"uploadId": "u"},
            {"x-amz-mp-object-size": "-1"},
            "InvalidRequest",
            None,
        ),
        (PutObject, {}, {"x-amz-storage-class": "COLD"}, "InvalidStorageClass", None),
        (PutObject, {}, {"x-amz-sdk-checksum-algorithm": "ADLER32"}, "InvalidRequest", None),
        (
            PutObject,
            {},
            {"x-amz-website-redirect-location": "javascript:alert(1)"},
            "InvalidRedirectLocation",
            None,
        ),
        (
            PutObject,
            {},
            {"x-amz-checksum-sha1": "x", "x-amz-checksum-crc32": "y"},
            "InvalidRequest",
            None,
        ),
        (DeleteObjects, {}, {}, "MissingRequestBodyError", None),
    ],
)
def test_what_is_malformed_or_missing_is_refused_by_name(
    cls: type, params: dict[str, str], headers: dict[str, str], code: str, argument: str | None
) -> None:
    refused = refusal(cls, Target(bucket="bucket", key="key", params=params), headers)
    assert refused.code == code
    assert refused.fields.get("ArgumentName") == argument


def test_an_input_without_its_bucket_or_key_is_refused() -> None:
    assert refusal(HeadBucket, Target()).code == "InvalidRequest"
    assert refusal(GetObject, BUCKET).code == "InvalidRequest"


def test_a_new_bucket_s_name_is_checked_whole() -> None:
    assert read(CreateBucket, BUCKET, {}).create_bucket_configuration is None
    assert refusal(CreateBucket, Target(bucket="xn--bucket")).code == "InvalidBucketName"


def test_only_true_fetches_owners() -> None:
    for sent, read_as in (("true", True), ("TRUE", False), ("1", False), ("", False)):
        found = read(ListObjectsV2, Target(bucket="bucket", params={"fetch-owner": sent}), {})
        assert found.fetch_owner is read_as


def test_attributes_are_a_list() -> None:
    found = read(
        GetObjectAttributes,
        OBJECT,
        {"x-amz-object-attributes": "ETag, ObjectSize,ETag", "x-amz-max-parts": "5000"},
    )
    assert (found.object_attributes, found.max_parts) == (("ETag", "ObjectSize"), 1000)


@pytest.mark.parametrize(("sent", "most"), [("-1", 1000), ("few", 1000), ("", 1000), ("7", 7)])
def test_a_number_of_parts_to_tell_that_is_none_counts_as_not_sent(sent: str, most: int) -> None:
    wanted = {"x-amz-object-attributes": "ObjectParts", "x-amz-max-parts": sent}
    assert read(GetObjectAttributes, OBJECT, wanted).max_parts == most


def test_a_copy_has_its_source_and_its_directives() -> None:
    found = read(CopyObject, OBJECT, {"x-amz-copy-source": "/from/a%20b?versionId=null"})
    assert found.copy_source == CopySource(bucket="from", key="a b", version_id="null")
    assert (found.metadata_directive, found.tagging_directive) == ("COPY", "COPY")


def test_the_conditions_of_a_delete_are_read() -> None:
    headers = {
        "x-amz-if-match-last-modified-time": "Sun, 06 Nov 1994 08:49:37 GMT",
        "x-amz-if-match-size": "12",
    }
    found = read(DeleteObject, OBJECT, headers)
    assert (found.if_match_last_modified_time, found.if_match_size) == (784111777, 12)


def test_a_document_is_read_from_the_body() -> None:
    body = b"<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"
    assert read(PutObjectTagging, OBJECT, {}, body).tagging == (("a", "1"),)
    wanting = {name for name, cls in INPUTS.items() if takes_document(cls)}
    assert wanting == {
        "CreateBucket", "DeleteObjects", "CompleteMultipartUpload", "PutObjectTagging",
    }  # fmt: skip
    assert wanting < set(BY_NAME)
    assert CompleteMultipartUpload in INPUTS.values()


def test_configurations_share_their_inputs() -> None:
    target = Target(bucket="bucket", params={"analytics": "", "id": "1"})
    assert read(BucketConfiguration, target, {}) == BucketConfiguration(bucket="bucket", id="1")
    assert read(ObjectConfiguration, OBJECT, {}) == ObjectConfiguration(bucket="bucket", key="key")


def test_an_input_declared_here_is_read_as_declared() -> None:
    @request_input
    class Example:
        bucket: str = path("Bucket")
        size: int = query("size", int)
        colour: str = header("X-Colour", default="red")

    assert places(Example) == {
        "bucket": places(Example)["bucket"],
        "size": Place(location="querystring", name="size", parse=int),
        "colour": places(Example)["colour"],
    }
    found = read(Example, Target(bucket="bucket", params={"size": "3"}), {"x-colour": "blue"})
    assert (found.bucket, found.size, found.colour) == ("bucket", 3, "blue")
    with pytest.raises(AttributeError):
        found.size = 4  # type: ignore[misc]  # that it is frozen is the point


def wires(location: str) -> list[str]:
    found = {
        p.name.lower() if location == "header" else p.name
        for cls in INPUTS.values()
        for p in places(cls).values()
        if p.location == location
    }
    return sorted(found)


anything = st.one_of(
    st.text(max_size=12),
    st.integers(-3, 20_000).map(str),
    st.sampled_from(["COPY", "url", "true", "bucket/key", "STANDARD", "CRC32", "\udcff", "a=b"]),
)


@given(
    cls=st.sampled_from(sorted(INPUTS.values(), key=lambda cls: cls.__name__)),
    params=st.dictionaries(st.sampled_from(wires("querystring")), st.text(max_size=12), max_size=4),
    headers=st.dictionaries(
        st.sampled_from([*wires("header"), "x-amz-meta-a", "x-amz-checksum-sha1"]),
        anything,
        max_size=5,
    ),
    body=st.one_of(st.just(b""), st.binary(max_size=60)),
)
def test_anything_is_read_or_refused(
    cls: type[Any], params: dict[str, str], headers: dict[str, str], body: bytes
) -> None:
    target = Target(bucket="bucket", key="key", params=params)
    try:
        found = read(cls, target, headers, body)
    except S3Error:
        return
    assert type(found) is cls
    for field in places(cls):
        value = getattr(found, field)
        if isinstance(value, str):
            assert value.encode().decode() == value

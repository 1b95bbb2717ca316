"""x-amz-copy-source."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.s3.copy_source import CopySource, parse_copy_source
from gateway.s3.errors import S3Error

keys = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=200)


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ("bucket/key", CopySource(bucket="bucket", key="key")),
        ("/bucket/key", CopySource(bucket="bucket", key="key")),
        ("bucket%2Fa%2Fb", CopySource(bucket="bucket", key="a/b")),
        ("%2Fbucket%2Fkey", CopySource(bucket="bucket", key="key")),
        ("bucket//key", CopySource(bucket="bucket", key="/key")),
        ("bucket/a%20b%2Bc+d", CopySource(bucket="bucket", key="a b+c d")),
        ("bucket/%2520", CopySource(bucket="bucket", key="%20")),
        ("bucket/a%3Fb", CopySource(bucket="bucket", key="a?b")),
        ("bucket/key?versionId=null", CopySource(bucket="bucket", key="key", version_id="null")),
        (
            "bucket/key?versionId=3sL4kqtJlcpXroDTDmJ%2BrmSpXd3d",
            CopySource(bucket="bucket", key="key", version_id="3sL4kqtJlcpXroDTDmJ+rmSpXd3d"),
        ),
        (
            "bucket/key%3FversionId=v",
            CopySource(bucket="bucket", key="key?versionId=v"),
        ),
        ("bucket/\udcc3\udca9", CopySource(bucket="bucket", key="é")),
    ],
)
def test_a_source_is_bucket_key_and_version(value: str, source: CopySource) -> None:
    assert parse_copy_source(value) == source


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", "InvalidArgument"),
        ("/", "InvalidArgument"),
        ("bucket", "InvalidArgument"),
        ("bucket/", "InvalidArgument"),
        ("//bucket/key", "InvalidArgument"),
        ("Bad_Bucket/key", "InvalidArgument"),
        ("bucket/%zz", "InvalidArgument"),
        ("bucket/%ff", "InvalidArgument"),
        ("bucket/\udcff", "InvalidArgument"),
        ("bucket/key?", "InvalidArgument"),
        ("bucket/key?versionId", "InvalidArgument"),
        ("bucket/key?versionId=", "InvalidArgument"),
        ("bucket/key?versionId=%zz", "InvalidArgument"),
        ("bucket/key?versionId=../../x", "InvalidArgument"),
        ("bucket/key?versionid=v", "InvalidArgument"),
        ("bucket/key?versionId=v&versionId=w", "InvalidArgument"),
        ("bucket/what?.txt", "InvalidArgument"),
        ("bucket/" + "k" * 1025, "KeyTooLongError"),
        ("arn:aws:s3:us-east-1:123456789012:accesspoint/p/object/key", "NotImplemented"),
        ("arn%3Aaws%3As3%3Aus-east-1%3A1%3Aaccesspoint/p/object/key", "NotImplemented"),
    ],
)
def test_a_source_that_names_no_object_is_refused(value: str, code: str) -> None:
    with pytest.raises(S3Error) as refused:
        parse_copy_source(value)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "Invalid copy source bucket name"),
        ("/", "Invalid copy source bucket name"),
        ("ab/key", "Invalid copy source bucket name"),
        ("bucket", "Invalid copy source object key"),
        ("/bucket/", "Invalid copy source object key"),
    ],
)
def test_what_is_wrong_with_a_source_is_said_as_s3_says_it(value: str, message: str) -> None:
    with pytest.raises(S3Error) as refused:
        parse_copy_source(value)
    assert refused.value.message == message


@given(key=keys, safe=st.sampled_from(["", "/~"]), slash=st.sampled_from(["", "/"]))
def test_every_key_comes_back_from_its_encoded_source(key: str, safe: str, slash: str) -> None:
    found = parse_copy_source(f"{slash}bucket/{quote(key, safe=safe)}?versionId=null")
    assert found == CopySource(bucket="bucket", key=key, version_id="null")


@given(st.text(max_size=40))
def test_any_text_is_a_source_or_refused(value: str) -> None:
    for each in (value, "bucket/" + value):
        try:
            found = parse_copy_source(each)
        except S3Error:
            continue
        assert found.key.encode()

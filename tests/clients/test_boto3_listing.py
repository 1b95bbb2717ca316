"""boto3: listings, both versions."""

from typing import TYPE_CHECKING

import pytest

from tests.clients.boto import refused

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

TREE = [
    "a", "a/", "a/b", "a/b/c", "a/b/d", "a0", "photos/2025/1.jpg", "photos/2026/1.jpg",
    "photos/2026/2.jpg", "photos/readme", "z+é &<x>", "\U0001f600",
]  # fmt: skip


@pytest.fixture
def tree(s3: "S3Client", bucket: str) -> str:
    """A bucket that holds TREE."""
    for key in TREE:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return bucket


def test_keys_are_in_the_order_of_their_bytes(s3: "S3Client", tree: str) -> None:
    listed = s3.list_objects_v2(Bucket=tree)
    assert [each["Key"] for each in listed["Contents"]] == sorted(TREE, key=str.encode)
    assert listed["KeyCount"] == len(TREE)
    assert (listed["IsTruncated"], listed["MaxKeys"], listed["Name"]) == (False, 1000, tree)
    first = listed["Contents"][0]
    assert (first["Size"], first["StorageClass"]) == (1, "STANDARD")
    assert first["ETag"] == s3.head_object(Bucket=tree, Key="a")["ETag"]
    assert (
        first["LastModified"].replace(microsecond=0)
        == (s3.head_object(Bucket=tree, Key="a")["LastModified"])
    )
    assert "Owner" not in first
    owned = s3.list_objects_v2(Bucket=tree, FetchOwner=True)["Contents"][0]
    assert owned["Owner"]["ID"]


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@pytest.mark.parametrize("prefix", ["", "a/", "photos/2026/"])
def test_pages_make_the_whole(s3: "S3Client", tree: str, size: int, prefix: str) -> None:
    wanted = sorted((key for key in TREE if key.startswith(prefix)), key=str.encode)
    for paginator in (
        s3.get_paginator("list_objects_v2").paginate(
            Bucket=tree, Prefix=prefix, PaginationConfig={"PageSize": size}
        ),
        s3.get_paginator("list_objects").paginate(
            Bucket=tree, Prefix=prefix, PaginationConfig={"PageSize": size}
        ),
    ):
        pages = list(paginator)
        assert [each["Key"] for page in pages for each in page["Contents"]] == wanted
        assert all(len(page["Contents"]) <= size for page in pages)


def test_a_delimiter_rolls_keys_up(s3: "S3Client", tree: str) -> None:
    top = s3.list_objects_v2(Bucket=tree, Delimiter="/")
    assert [each["Prefix"] for each in top["CommonPrefixes"]] == ["a/", "photos/"]
    assert [each["Key"] for each in top["Contents"]] == ["a", "a0", "z+é &<x>", "\U0001f600"]
    assert top["KeyCount"] == 6
    below = s3.list_objects_v2(Bucket=tree, Delimiter="/", Prefix="a/")
    assert [each["Prefix"] for each in below["CommonPrefixes"]] == ["a/b/"]
    assert [each["Key"] for each in below["Contents"]] == ["a/", "a/b"]
    other = s3.list_objects(Bucket=tree, Delimiter="20", Prefix="photos/")
    assert [each["Prefix"] for each in other["CommonPrefixes"]] == ["photos/20"]
    assert [each["Key"] for each in other["Contents"]] == ["photos/readme"]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_rolled_up_keys_count_and_page_too(s3: "S3Client", tree: str, size: int) -> None:
    pages = list(
        s3.get_paginator("list_objects_v2").paginate(
            Bucket=tree, Delimiter="/", PaginationConfig={"PageSize": size}
        )
    )
    prefixes = [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", [])]
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    assert prefixes == ["a/", "photos/"]
    assert keys == ["a", "a0", "z+é &<x>", "\U0001f600"]
    assert all(page["KeyCount"] <= size for page in pages)
    marker, seen = "", list[str]()
    for _ in range(10):
        page = s3.list_objects(Bucket=tree, Delimiter="/", MaxKeys=size, Marker=marker)
        seen += [each["Key"] for each in page.get("Contents", [])]
        seen += [each["Prefix"] for each in page.get("CommonPrefixes", [])]
        if not page["IsTruncated"]:
            break
        marker = page["NextMarker"]
    assert sorted(seen) == sorted([*prefixes, *keys])


def test_a_listing_starts_after_a_key(s3: "S3Client", tree: str) -> None:
    after = s3.list_objects_v2(Bucket=tree, StartAfter="photos/2026/1.jpg")
    assert [each["Key"] for each in after["Contents"]][:2] == ["photos/2026/2.jpg", "photos/readme"]
    assert after["StartAfter"] == "photos/2026/1.jpg"
    marked = s3.list_objects(Bucket=tree, Marker="a0")
    assert marked["Contents"][0]["Key"] == "photos/2025/1.jpg"


def test_zero_keys_can_be_asked_for(s3: "S3Client", tree: str) -> None:
    none = s3.list_objects_v2(Bucket=tree, MaxKeys=0)
    assert (none["KeyCount"], none["IsTruncated"]) == (0, False)
    assert "Contents" not in none


def test_nonsense_is_refused(s3: "S3Client", tree: str, unused_name: str) -> None:
    with refused("InvalidArgument", 400):
        s3.list_objects_v2(Bucket=tree, ContinuationToken="made up")
    with refused("InvalidArgument", 400):
        s3.list_objects_v2(Bucket=tree, MaxKeys=-1)
    with refused("NoSuchBucket", 404):
        s3.list_objects_v2(Bucket=unused_name)


def test_keys_come_as_asked_encoded(s3: "S3Client", tree: str) -> None:
    """botocore decodes what it asked for itself, and leaves alone what the caller asked for."""
    asked = s3.list_objects_v2(Bucket=tree, EncodingType="url", Prefix="z+é")
    assert asked["EncodingType"] == "url"
    # A space is "+" at Amazon; "%20" is read alike by those who decode "+" and those who do not.
    assert asked["Contents"][0]["Key"].replace("%20", "+") == "z%2B%C3%A9+%26%3Cx%3E"
    assert asked["Prefix"] == "z%2B%C3%A9"


def test_a_listing_below_nothing_is_empty(s3: "S3Client", tree: str) -> None:
    empty = s3.list_objects_v2(Bucket=tree, Prefix="nothing/", Delimiter="/")
    assert empty["KeyCount"] == 0
    assert "Contents" not in empty
    assert "CommonPrefixes" not in empty


def test_versions_of_a_bucket_without_versioning_are_the_null_ones(
    s3: "S3Client", bucket: str
) -> None:
    for key in ("a", "b/c", "ü x"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    pages = s3.get_paginator("list_object_versions").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 2}
    )
    versions = [version for page in pages for version in page["Versions"]]
    assert [(each["Key"], each["VersionId"], each["IsLatest"]) for each in versions] == [
        ("a", "null", True),
        ("b/c", "null", True),
        ("ü x", "null", True),
    ]

"""Inputs of the object listings. Page sizes are at most 1,000, whatever is asked for."""

from functools import partial

from gateway.s3.fields import Malformed, header, path, query, request_input
from gateway.s3.parsers import exactly_true, page_size, url_encoding, version_id_marker

MAX_KEYS = 1000
_OWNER = "x-amz-expected-bucket-owner"
_negative = partial(
    Malformed, "Argument {name} must be an integer between 0 and 2147483647", name="maxKeys"
)
_negative_of_versions = partial(Malformed, "{name} cannot be negative")
_keys = page_size(MAX_KEYS, negative=_negative)


@request_input
class ListObjects:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html"""

    bucket: str = path("Bucket")
    delimiter: str | None = query("delimiter", default=None)
    encoding_type: str | None = query("encoding-type", url_encoding, default=None)
    marker: str | None = query("marker", default=None)
    max_keys: int = query("max-keys", _keys, default=MAX_KEYS)
    prefix: str | None = query("prefix", default=None)
    expected_bucket_owner: str | None = header(_OWNER, default=None)


@request_input
class ListObjectsV2:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html"""

    bucket: str = path("Bucket")
    delimiter: str | None = query("delimiter", default=None)
    encoding_type: str | None = query("encoding-type", url_encoding, default=None)
    max_keys: int = query("max-keys", _keys, default=MAX_KEYS)
    prefix: str | None = query("prefix", default=None)
    continuation_token: str | None = query("continuation-token", default=None)
    fetch_owner: bool = query("fetch-owner", exactly_true, default=False)
    start_after: str | None = query("start-after", default=None)
    expected_bucket_owner: str | None = header(_OWNER, default=None)


@request_input
class ListObjectVersions:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html"""

    bucket: str = path("Bucket")
    delimiter: str | None = query("delimiter", default=None)
    encoding_type: str | None = query("encoding-type", url_encoding, default=None)
    key_marker: str | None = query("key-marker", default=None)
    max_keys: int = query(
        "max-keys", page_size(MAX_KEYS, negative=_negative_of_versions), default=MAX_KEYS
    )
    prefix: str | None = query("prefix", default=None)
    version_id_marker: str | None = query("version-id-marker", version_id_marker, default=None)
    expected_bucket_owner: str | None = header(_OWNER, default=None)

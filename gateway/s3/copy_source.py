"""x-amz-copy-source: the object a copy is made of."""

from dataclasses import dataclass

from gateway.s3.errors import S3Error
from gateway.s3.names import can_be_a_bucket, can_be_a_version
from gateway.s3.target import check_key, decode_form

HEADER = "x-amz-copy-source"


@dataclass(frozen=True, slots=True, kw_only=True)
class CopySource:
    """Bucket, key and, if named, version of the source."""

    bucket: str
    key: str
    version_id: str | None = None


def parse_copy_source(value: str) -> CopySource:
    """``[/]bucket/key[?versionId=id]``, URL-encoded (the slashes may be too), decoded once.

    As S3 does, ``+`` is read as a space (aws-cli #614, aws-sdk-js #1821): clients send ``%2B``. A
    bare ``?`` begins the query; anything but one ``versionId`` in it is refused rather than
    dropped, as another object would be copied. S3Error InvalidArgument, KeyTooLongError, and
    NotImplemented for the ARN of an access point.
    """
    path, mark, query = value.partition("?")
    try:
        path = decode_form(path).removeprefix("/")
    except S3Error:
        raise _refused("Invalid copy source encoding.", value) from None
    if path.startswith("arn:"):
        raise S3Error("NotImplemented", f"Access points are not implemented: {HEADER}.")
    bucket, _, key = path.partition("/")
    if not can_be_a_bucket(bucket):
        raise _refused("Invalid copy source bucket name", value)
    if not key:
        raise _refused("Invalid copy source object key", value)
    return CopySource(
        bucket=bucket, key=check_key(key), version_id=_version(query, value) if mark else None
    )


def _version(query: str, value: str) -> str:
    name, _, version = query.partition("=")
    if name != "versionId" or "&" in version:
        raise _refused("Invalid copy source object key", value)
    if not version:
        raise _refused("Version id cannot be the empty string", value)
    try:
        id = decode_form(version)
    except S3Error:
        raise _refused("Invalid copy source encoding.", value) from None
    if not can_be_a_version(id):
        raise _refused("Invalid version id specified", value)
    return id


def _refused(message: str, value: str) -> S3Error:
    shown = value.encode("ascii", "backslashreplace").decode("ascii")
    return S3Error("InvalidArgument", message, ArgumentName=HEADER, ArgumentValue=shown)

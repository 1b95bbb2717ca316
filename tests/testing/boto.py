"""boto3 clients of a server for tests."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


@contextmanager
def client(arguments: Mapping[str, str], **config: Any) -> Iterator["S3Client"]:
    """A client, closed at the end. ``config``: of botocore; three attempts unless it says otherwise."""
    config.setdefault("retries", {"total_max_attempts": 3})
    session = boto3.session.Session()
    given: dict[str, Any] = dict(arguments)
    s3 = session.client("s3", config=Config(signature_version="s3v4", **config), **given)
    try:
        yield s3
    finally:
        s3.close()
